package inspect

import (
	"os"
	"strings"
	"sync"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

var loadBuiltin = sync.OnceValues(func() (*Set, error) { return Load(Builtin()) })

func builtin(tb testing.TB) *Set {
	tb.Helper()
	s, err := loadBuiltin()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// lines reads a corpus: one text a line, # for comments, \n for a line break.
func lines(tb testing.TB, file string) []string {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if line != "" && !strings.HasPrefix(line, "# ") {
			all = append(all, strings.NewReplacer(`\\`, `\`, `\n`, "\n").Replace(line))
		}
	}
	return all
}

func benignLines(tb testing.TB) []string { return lines(tb, "testdata/benign.txt") }

type attack struct{ class, text string }

func attacks(tb testing.TB) []attack {
	tb.Helper()
	var all []attack
	for _, line := range lines(tb, "testdata/attacks.txt") {
		class, text, ok := strings.Cut(line, "\t")
		if !ok {
			tb.Fatalf("attack without a class: %q", line)
		}
		all = append(all, attack{class, text})
	}
	return all
}

func one(text string) []a2a.Text { return []a2a.Text{{Value: text}} }

// blocks returns the first blocking finding.
func blocks(findings []Finding) (Finding, bool) {
	for _, f := range findings {
		if f.Action == Block {
			return f, true
		}
	}
	return Finding{}, false
}

func TestBenignCorpusIsNotBlocked(t *testing.T) {
	t.Parallel()
	s, corpus, flagged := builtin(t), benignLines(t), 0
	if len(corpus) < 150 {
		t.Fatalf("the corpus has only %d texts", len(corpus))
	}
	for _, direction := range []Direction{Request, Response, Card, DirectionUnknown} {
		for _, text := range corpus {
			findings := s.Scan(one(text), Options{Direction: direction})
			if f, ok := blocks(findings); ok {
				t.Errorf("%s: %s blocks %q in view %s", direction, f.Rule, text, f.View)
			} else if len(findings) > 0 {
				flagged++
			}
		}
	}
	if flagged > 0 {
		t.Errorf("%d benign texts are flagged", flagged)
	}
}

// Parts of one message are judged joined, so unrelated texts must not add up to an attack.
func TestBenignCorpusJoinedIsNotBlocked(t *testing.T) {
	t.Parallel()
	s, corpus := builtin(t), benignLines(t)
	for i := range corpus {
		texts := []a2a.Text{{Value: corpus[i]}, {Value: "text/plain"}, {Value: corpus[(i*7+3)%len(corpus)]}}
		if f, ok := blocks(s.Scan(texts, Options{Direction: Request})); ok {
			t.Errorf("%s blocks line %d in view %s", f.Rule, i+1, f.View)
		}
	}
}

func TestAttackCorpusRecall(t *testing.T) {
	t.Parallel()
	const least = 0.95
	s, corpus := builtin(t), attacks(t)
	if len(corpus) < 120 {
		t.Fatalf("the corpus has only %d texts", len(corpus))
	}
	found, total := map[string]int{}, map[string]int{}
	for _, a := range corpus {
		total[a.class]++
		if _, ok := blocks(s.Scan(one(a.text), Options{Direction: Request})); ok {
			found[a.class]++
		} else {
			t.Logf("missed %s: %q", a.class, a.text)
		}
	}
	hits := 0
	for class, n := range total {
		hits += found[class]
		t.Logf("%-20s %3d of %3d", class, found[class], n)
	}
	if recall := float64(hits) / float64(len(corpus)); recall < least {
		t.Errorf("recall is %.3f, want at least %.2f", recall, least)
	}
}
