package inspect

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

func TestWordsThatMeanTheSameWidenTermsOfSeveralWords(t *testing.T) {
	t.Parallel()
	same := alike{}
	same.row([]string{"ignore", "set aside"})
	same.row([]string{"rule", "order"})
	same.row([]string{"order", "request"})
	for term, want := range map[string][]string{
		"ignore":           nil,
		"ignore rules":     {"ignore rules", "set aside rules"},
		"Ignore  each":     {"ignore each", "set aside each"},
		"each rule*":       {"each rule*", "each order*"},
		"then ignore*":     {"then ignore*", "then set aside"},
		"ignore the order": {"ignore the rule", "ignore the order", "set aside the rule", "set aside the order"},
		"an order":         {"an rule", "an order"},
		"a request":        {"a order", "a request"},
	} {
		got := same.of(term)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q widens (-want +got):\n%s", term, diff)
		}
	}
}

func TestOneTermStandsForABoundedNumberOfLiterals(t *testing.T) {
	t.Parallel()
	same := alike{}
	same.row([]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"})
	if got := len(same.of("a a a a a a")); got > maxVariants {
		t.Errorf("a term stands for %d literals, more than %d", got, maxVariants)
	}
	if got := same.of("a " + strings.Repeat("z", maxLiteral)); len(got) > 0 {
		t.Errorf("there are literals longer than %d bytes: %q", maxLiteral, got)
	}
}

func TestLaterLayersDecideWhatAWordMeans(t *testing.T) {
	t.Parallel()
	rules := func(row string) string {
		return "synonyms:\n  - [" + row + "]\n" + `rules:
  - {id: widened, class: words, severity: low, action: flag, prose: true, any: [burn the cake], tests: {hits: [burn the cake], misses: [the cake]}}
`
	}
	set, err := Load(layer("r.yaml", rules("burn, scorch")), layer("r.yaml", rules("burn, char")))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"Burn the cake.": true, "Char the cake.": true, "Scorch the cake.": false} {
		if got := len(set.Scan([]a2a.Text{{Value: text}}, Options{})) > 0; got != want {
			t.Errorf("%q is found: %t, want %t", text, got, want)
		}
	}
}
