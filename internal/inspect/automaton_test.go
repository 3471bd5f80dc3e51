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
	known := make([]literal, len(literals))
	for id, l := range literals {
		known[id].text, known[id].role = l, uint16(id)
	}
	a.before = leading{}
	a.prepare(known)
	var all []end
	for pos, state := a.next([]byte(text), 0, 0); pos >= 0; pos, state = a.next([]byte(text), pos, state) {
		found, _ := a.found(nil, []byte(text), []hit{{uint32(pos), state}}, false)
		for _, o := range found {
			all = append(all, end{literals[o.role], int(o.end)})
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
			l := strings.Join(strings.Fields(word("aab c(){", 1+r.IntN(9)*r.IntN(3))), " ")
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
		text := word("aAbBcd()[", 20)
		for range 5 {
			text += word(" \n\t", 1) + word("aAbBcd()[", r.IntN(30)+1)
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

func TestAutomatonRefusesTooMuch(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	random := func(n int) []string {
		literals := make([]string, n)
		for i := range literals {
			b := make([]byte, 40)
			for j := range b {
				b[j] = byte('a' + r.IntN(26))
			}
			literals[i] = string(b)
		}
		return literals
	}
	for name, n := range map[string]int{"states": 60_000, "literals": 70_000} {
		if _, err := newAutomaton(random(n)); err == nil {
			t.Errorf("newAutomaton() takes more %s than a table holds", name)
		}
	}
}

// The table is read at every byte, so it has to stay in the cache that cores share, also with many more rules.
func TestTablesStaySmall(t *testing.T) {
	t.Parallel()
	s := builtin(t)
	for name, a := range map[string]*automaton{"words": s.words, "cues": s.cues} {
		size := 2 * len(a.delta)
		t.Logf("%s: %d KB in %d states of the last %d bytes of literals", name, size>>10, len(a.delta)>>rowShift, a.tail)
		if size > tableBytes {
			t.Errorf("the table %s has %d bytes", name, size)
		}
	}
}

// Reading in lanes finds what reading byte by byte finds, wherever lanes begin and however literals are cut.
func TestLanesAgreeWithOneReader(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	literals := []string{"ab", "a b", "abba", "b a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "b c a b", "ca"}
	a, err := newAutomaton(literals)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		text := make([]byte, r.IntN(2*laneBlock))
		spaces := r.IntN(12)
		for i := range text {
			text[i] = "aabbcAB \n"[r.IntN(9)]
			if i > 0 && white(text[i-1]) && r.IntN(12) < spaces {
				text[i] = ' '
			}
		}
		var want, got []hit
		for pos, state := a.next(text, 0, 0); pos >= 0; pos, state = a.next(text, pos, state) {
			want = append(want, hit{uint32(pos), state})
		}
		var l lanes
		state := uint16(0)
		for from := 0; from < len(text); from += laneBlock {
			state = a.read(&l, text, from, min(len(text), from+laneBlock), state)
			for lane := range laneCount {
				got = append(got, l.of(lane)...)
			}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(hit{})); diff != "" {
			t.Fatalf("%q (-one +lanes):\n%s", text, diff)
		}
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
		// Each of the runs is tried as a code that it is not.
		"numbers": "Order 000000004711 of 4f9d0e8a7b6c5d4e3f2a1b0c9d8e7f6a waits behind QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=4Z. " + plainParagraph,
	} {
		in := []a2a.Text{{Value: text}, {Value: text}}
		s.Scan(in, Options{Direction: Request})
		if n := testing.AllocsPerRun(200, func() { s.Scan(in, Options{Direction: Request}) }); n >= 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
