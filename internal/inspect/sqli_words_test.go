package inspect

import (
	"regexp"
	"strings"
	"testing"
)

// FuzzLinked holds what is found by hand to the expression and the words that it stands for.
func FuzzLinked(f *testing.F) {
	link := regexp.MustCompile(`(?i)['"\s)]*(?:\bx?or\b|\band\b|\|\||&&)`)
	words := regexp.MustCompile(`[A-Za-z][0-9A-Z_a-z]*`)
	for _, s := range []string{"1' or 1=1", "a') AND x", "xor", "for or", "_or 'xOr b", "a ||b", "band", "x)\" \t&& y", "so the clause is here", "an2 1the _that", "é and", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := -1
		if at := link.FindStringIndex(s); at != nil {
			want = at[0]
		}
		if got := linked([]byte(s)); got != want {
			t.Errorf("linked(%q) = %d, want %d", s, got, want)
		}
		wantWord := 0
		for _, at := range words.FindAllStringIndex(s, -1) {
			if sqlGrammar[strings.ToLower(s[at[0]:at[1]])] {
				wantWord = at[0]
			}
		}
		if got := lastWord([]byte(s), sqlGrammar); got != wantWord {
			t.Errorf("lastWord(%q) = %d, want %d", s, got, wantWord)
		}
	})
}
