package identity

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// TestSignaturesThatLibrariesJudgeDifferently holds which of them count. The vectors are those of "Taming the many EdDSAs"
// (Chalkias, Garillot, Nikolaenko 2020, https://github.com/novifinancial/ed25519-speccheck): each is a signature that some
// library takes and another one refuses. Here the equation without the cofactor holds, S is below the order of the group,
// and R is compared byte by byte; another library has to judge every one of them the same
// (docs/decisions/0008-ed25519-of-the-standard-library.md).
func TestSignaturesThatLibrariesJudgeDifferently(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/speccheck.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Message   string `json:"message"`
		Key       string `json:"pub_key"`
		Signature string `json:"signature"`
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	var taken []int
	for i, c := range cases {
		var texts [3][]byte
		for j, text := range []string{c.Message, c.Key, c.Signature} {
			if texts[j], err = hex.DecodeString(text); err != nil {
				t.Fatal(err)
			}
		}
		var s signature
		if s.setValue(texts[2]) && s.by(texts[1], texts[0]) {
			taken = append(taken, i)
		}
	}
	// 0 to 3 satisfy the stricter equation with points of small or mixed order; 4 and 5 only that with the cofactor; S of 6
	// and 7 is too large; R of 8 and 9, and A of 10 and 11, are not encoded canonically.
	if want := []int{0, 1, 2, 3, 11}; len(cases) != 12 || !slices.Equal(taken, want) {
		t.Errorf("of %d, those count: %v, want %v", len(cases), taken, want)
	}
}
