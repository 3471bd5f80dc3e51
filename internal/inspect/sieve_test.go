package inspect

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"testing"
)

func sieveOf(tb testing.TB, expression string) *sieve {
	tb.Helper()
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		tb.Skip(err)
	}
	if program, err := syntax.Compile(tree.Simplify()); err != nil || len(program.Inst) > maxProgram {
		tb.Skip("too large")
	}
	return newSieve(expression)
}

func TestSieveHoldsBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, expression, text string
		lead                   int
		want                   bool
	}{
		{"literal", `abc`, "xxabcx", -1, true},
		{"no-literal", `abc`, "xxabxc", -1, false},
		{"case", `(?i)abc`, "xABc", -1, true},
		{"kelvin", `(?i)k`, "\u212a", -1, true},
		{"high", `é+x`, "ééx", -1, true},
		{"negated-class-of-characters", `a[^b]c`, "a日c", -1, true},
		{"border-counts-as-met", `\bab\b`, "xaby", -1, true},
		{"end-counts-as-met", `^ab$`, "aby", -1, true},
		{"start", `^ab|cd`, "xabxc", -1, false},
		{"behind-the-start", `^ab|cd`, "xabxcd", -1, true},
		{"start-of-a-line", `(?m)^ab`, "x\nab", -1, true},
		{"within-lead", `ab`, "xxab", 2, true},
		{"behind-lead", `ab`, "xxxab", 2, false},
		{"lead-counts-characters", `ab`, "ééab", 2, true},
		{"lead-of-none", `ab`, "ab", 0, true},
		{"counted", `xa{8}y`, "xaaaaaaaay", -1, true},
		{"counted-loosely", `xa{8}y`, "xaaaay", -1, true},
		{"counted-too-few", `xa{8}y`, "xaaay", -1, false},
		{"empty-text", `ab`, "", 3, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := sieveOf(t, tt.expression).may([]byte(tt.text), tt.lead); got != tt.want {
				t.Errorf("may() = %t, want %t", got, tt.want)
			}
		})
	}
	if sieveOf(t, `a*`) != nil || !(*sieve)(nil).may(nil, 3) {
		t.Error("an expression that matches nothing at all is held back")
	}
}

// What a sieve holds back, the shipped expressions do not match: on windows that are cut from attacks and from benign
// texts, and pasted together.
func TestSievesOfShippedRulesAreSound(t *testing.T) {
	if raceDetector {
		t.Skip("it scans by one goroutine alone, and takes minutes under the race detector")
	}
	t.Parallel()
	s, r := builtin(t), rand.New(rand.NewPCG(7, 8))
	var corpus []string
	for _, a := range attacks(t) {
		corpus = append(corpus, a.text)
	}
	corpus = append(corpus, benignLines(t)...)
	piece := func() string {
		text := corpus[r.IntN(len(corpus))]
		from := r.IntN(len(text))
		return text[from:min(len(text), from+r.IntN(120))]
	}
	asked, held := 0, 0
	for range 4000 {
		window := []byte(piece() + piece())
		for i := range s.rules {
			rule := &s.rules[i]
			if rule.expression == nil {
				continue
			}
			lead := rule.lead
			if rule.groups > 1 {
				lead = -1
			}
			asked++
			if rule.sieve.may(window, lead) {
				continue
			}
			if held++; rule.expression.Match(window) {
				t.Fatalf("the sieve of %s holds back %q", rule.id, window)
			}
		}
	}
	if held*10 < asked*8 {
		t.Errorf("sieves hold back %d of %d windows", held, asked)
	}
}

// The patterns of verifiers match what their expressions match, on values that are cut from attacks.
func TestPatternsMatchWhatTheirExpressionsMatch(t *testing.T) {
	if raceDetector {
		t.Skip("it scans by one goroutine alone, and takes minutes under the race detector")
	}
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 10))
	corpus := attacks(t)
	patterns := []*pattern{
		shellSpace, shellNothing, shellCertain, shellCall, shellWild, shellAlone, scriptActs.whole, sqlAlways, sqlTail, sqlClause, sqlSevered,
		sqlEnded, pathOdd, pathTarget,
	}
	matched := 0
	for range 20_000 {
		text := corpus[r.IntN(len(corpus))].text
		from := r.IntN(len(text))
		value := []byte(text[from:min(len(text), from+r.IntN(100))])
		for _, p := range patterns {
			if p.get().exact.Match(value) {
				matched++
			}
			if p.Match(value) != p.get().exact.Match(value) {
				t.Fatalf("%q matches %q, and its sieve holds it back", p.expression, value)
			}
			if got, want := p.ReplaceAll(value, []byte("_")), p.get().exact.ReplaceAll(value, []byte("_")); !bytes.Equal(got, want) {
				t.Fatalf("ReplaceAll(%q) of %q = %q, want %q", value, p.expression, got, want)
			}
		}
	}
	if matched < 100 {
		t.Errorf("only %d matches were tried", matched)
	}
}

func FuzzSieve(f *testing.F) {
	f.Add(`(?i)a[^b]{2,4}|\bk$`, "xaK", uint8(3))
	f.Add(`(é|日本).*?x{1,3}`, "日本 \xff x", uint8(0))
	f.Fuzz(func(t *testing.T, expression, text string, lead uint8) {
		s := sieveOf(t, expression)
		if s.may([]byte(text), -1) && s.may([]byte(text), int(lead)) {
			return
		}
		anywhere, err := regexp.Compile(expression)
		if err != nil {
			t.Skip(err)
		}
		if !s.may([]byte(text), -1) && anywhere.MatchString(text) {
			t.Fatalf("%q in %q is held back", expression, text)
		}
		loc := anywhere.FindStringIndex(text)
		if loc != nil && len([]rune(text[:loc[0]])) <= int(lead) && !s.may([]byte(text), int(lead)) {
			t.Fatalf("%q in %q is held back at lead %d", expression, text, lead)
		}
	})
}
