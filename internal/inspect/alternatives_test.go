package inspect

import (
	"math/rand/v2"
	"regexp"
	"testing"
)

func TestAlternativesMatchWhatTheirExpressionMatches(t *testing.T) {
	// Not parallel: patterns are listed before anything else runs.
	expressions := map[string]int{
		`(?i)\bunion\b\s*(?:all|distinct)?\s*select\b`:                                     1,
		`(?i)select\s|\b(?:insert\s+into|delete\s+from\b|update\s+\S+\s+set)`:              4,
		`(?i)['"]\s*(?:or|and)\s*(?:'|"|\d\s*(?:=|<|>))|--\s*$|^\s*;`:                      4,
		`(?i)\b(?:select\s+[^;]*?\bfrom|where\s+\w+\s*[=<>]|alter\s+table)\b|\(\s*select$`: 4,
		`a|b|c`:              1,
		`x(?:ab|ac)(?:d|e)*`: 1,
	}
	const alphabet = "'\"; =-(1<a"
	words := []string{"union", "select", "insert into", "delete from", "update t set", "or", "and", "where x", "from", "alter table", "xac", "--", "b"}
	r := rand.New(rand.NewPCG(5, 6))
	for expression, ways := range expressions {
		whole, all := regexp.MustCompile(expression), newAlternatives(expression)
		if len(all.ways) < ways {
			t.Errorf("%q has %d ways", expression, len(all.ways))
		}
		for range 4000 {
			var value []byte
			for range r.IntN(8) {
				if r.IntN(2) == 0 {
					value = append(value, words[r.IntN(len(words))]...)
				} else {
					value = append(value, alphabet[r.IntN(len(alphabet))])
				}
				if r.IntN(2) == 0 {
					value = append(value, ' ')
				}
			}
			want := whole.Match(value)
			if got := all.Match(value); got != want || all.MatchString(string(value)) != want || want && !all.may(value) {
				t.Fatalf("%q matches %q: %t, want %t", expression, value, got, want)
			}
		}
	}
}
