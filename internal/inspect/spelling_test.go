package inspect

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The survey may miss no word of the rules in another spelling, and takes none for one that stands as it is.
func TestSuspectsAreWordsInOtherSpellings(t *testing.T) {
	t.Parallel()
	v := builtin(t).vocabulary
	r := rand.New(rand.NewPCG(1, 2))
	for _, w := range v.words {
		turned, rot13, scrambled := []byte(w), []byte(w), []byte(w)
		slices.Reverse(turned)
		for i := range rot13 {
			rot13[i] = rotated(rot13[i])
		}
		inside := scrambled[1 : len(w)-1]
		r.Shuffle(len(inside), func(i, j int) { inside[i], inside[j] = inside[j], inside[i] })
		for _, other := range [][]byte{turned, rot13, scrambled, []byte(strings.ToUpper(string(scrambled)))} {
			b := slices.Concat([]byte("- "), other, []byte(" and more"))
			if at := (span{2, 2 + len(other)}); v.has(other) == v.suspects(b, at) {
				t.Errorf("%q for %q: suspected %t, known as it stands %t", other, w, v.suspects(b, at), v.has(other))
			}
		}
		if !v.has([]byte(w)) || v.suspects([]byte(w), span{0, len(w)}) {
			t.Errorf("%q is not known as it stands", w)
		}
	}
}

func TestStopsAreAllBytesThatAreNoLetters(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for size := range stopBlock + 1 {
		block, want := make([]byte, size), []uint8(nil)
		for i := range block {
			if block[i] = byte(r.IntN(256)); r.IntN(4) > 0 {
				block[i] = 'A' + byte(r.IntN(26)) | byte(r.IntN(2))<<5
			}
			if !letter(block[i]) {
				want = append(want, uint8(i))
			}
		}
		var s stops
		if got := s[:s.find(block)]; !slices.Equal(got, want) {
			t.Fatalf("%q: stops at %v, want %v", block, got, want)
		}
	}
}
