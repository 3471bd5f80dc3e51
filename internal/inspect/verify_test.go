package inspect

import (
	"strings"
	"testing"
)

// A match can end behind the stretch that the SQL verifier parses.
func TestVerifySQLTakesLongMatches(t *testing.T) {
	t.Parallel()
	b := []byte(strings.Repeat("'", 400))
	for _, at := range []span{{0, 300}, {0, 400}, {399, 400}} {
		verifySQL(b, at)
	}
}

func TestRulesOfShortValuesPassLongTexts(t *testing.T) {
	t.Parallel()
	s, err := Load(layer("r.yaml", strings.Replace(goodRule, "any:", "most: 16\n    any:", 1)))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"a probe": 1, "a probe in a long text": 0} {
		if got := len(s.Scan(one(text), Options{})); got != want {
			t.Errorf("%q has %d findings, want %d", text, got, want)
		}
	}
	if _, err := Load(layer("r.yaml", strings.Replace(goodRule, "any:", "most: 5000\n    any:", 1))); err == nil {
		t.Error("a rule of values as long as 5,000 bytes was loaded")
	}
}
