package inspect

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

type end struct {
	literal string
	pos     int
}

func run(a *automaton, literals []string, text string) []end {
	var all []end
	for pos, state := a.next([]byte(text), 0, 0); pos >= 0; pos, state = a.next([]byte(text), pos, state) {
		for _, id := range a.ends(state) {
			all = append(all, end{literals[id], pos})
		}
	}
	return all
}

// naive finds literals in text, which holds no two white bytes in a row, one by one.
func naive(literals []string, text string) []end {
	var all []end
	folded := strings.NewReplacer("\n", " ", "\t", " ").Replace(strings.ToLower(text))
	for pos := range len(folded) + 1 {
		var here []end
		for _, l := range literals {
			if strings.HasSuffix(folded[:pos], l) {
				here = append(here, end{l, pos})
			}
		}
		slices.SortStableFunc(here, func(a, b end) int { return len(b.literal) - len(a.literal) })
		all = append(all, here...)
	}
	return all
}

func TestAutomatonAgreesWithNaiveSearch(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	word := func(alphabet string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	for range 300 {
		var literals []string
		for range 1 + r.IntN(12) {
			l := strings.Join(strings.Fields(word("aab c", 1+r.IntN(6))), " ")
			if l != "" && !slices.Contains(literals, l) {
				literals = append(literals, l)
			}
		}
		if len(literals) == 0 {
			continue
		}
		a, err := newAutomaton(literals)
		if err != nil {
			t.Fatal(err)
		}
		text := word("aAbBcd", 20)
		for range 5 {
			text += word(" \n\t", 1) + word("aAbBcd", r.IntN(9)+1)
		}
		if diff := cmp.Diff(naive(literals, text), run(a, literals, text), cmp.AllowUnexported(end{})); diff != "" {
			t.Fatalf("literals %q in %q (-naive +automaton):\n%s", literals, text, diff)
		}
	}
}

func TestAutomatonReadsSpaceRunsAsOne(t *testing.T) {
	t.Parallel()
	literals := []string{"a b", "b c d"}
	a, err := newAutomaton(literals)
	if err != nil {
		t.Fatal(err)
	}
	got := run(a, literals, "a \n\tB   c \r d")
	if diff := cmp.Diff([]end{{"a b", 5}, {"b c d", 13}}, got, cmp.AllowUnexported(end{})); diff != "" {
		t.Errorf("run() (-want +got):\n%s", diff)
	}
}

func TestAutomatonRefusesTooManyStates(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	literals := make([]string, 3000)
	for i := range literals {
		b := make([]byte, 40)
		for j := range b {
			b[j] = byte('a' + r.IntN(26))
		}
		literals[i] = string(b)
	}
	if _, err := newAutomaton(literals); err == nil {
		t.Error("newAutomaton() takes more states than a table holds")
	}
}

func TestCleanTextsAllocateNothing(t *testing.T) {
	if raceDetector {
		t.Skip("allocations differ under the race detector")
	}
	s := builtin(t)
	for name, text := range map[string]string{
		"ascii":    strings.Repeat(plainParagraph, 5),
		"accented": strings.Repeat("Crème brûlée – the menu’s “best” dessert. ", 40),
	} {
		in := []a2a.Text{{Value: text}, {Value: text}}
		s.Scan(in, Options{Direction: Request})
		if n := testing.AllocsPerRun(200, func() { s.Scan(in, Options{Direction: Request}) }); n >= 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
