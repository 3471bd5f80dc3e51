package recall

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

// teller is an inspector whose findings tell everything that it was asked.
type teller struct {
	rules     string
	undecided bool
	clean     bool
	asked     atomic.Int64
}

func (t *teller) Hash() string { return t.rules }

func (t *teller) Scan(texts []a2a.Text, opts inspect.Options) []inspect.Finding {
	t.asked.Add(1)
	if t.clean {
		return nil
	}
	found := []inspect.Finding{{Rule: fmt.Sprintf("%s %d %q", t.rules, opts.Direction, opts.Prior), Class: "told"}}
	for i := range texts {
		found = append(found, inspect.Finding{Rule: fmt.Sprintf("%q %d %t %d", texts[i].Value, texts[i].Kind, texts[i].Key, texts[i].Author), Text: i})
	}
	if t.undecided {
		found = append(found, inspect.Finding{Class: "inspection"})
	}
	return found
}

func newScanner(tb testing.TB, inspector Inspector) *Scanner {
	tb.Helper()
	s, err := New(inspector, 8<<20)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

func TestWhatIsRememberedIsWhatAScanFinds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	inspector := &teller{rules: "one"}
	s := newScanner(t, inspector)
	for range 3000 {
		texts := make([]a2a.Text, r.IntN(4))
		for i := range texts {
			texts[i] = a2a.Text{
				Value: strings.Repeat("ab"[r.IntN(2):], r.IntN(3)), Kind: a2a.Kind(r.IntN(3)), Key: r.IntN(2) == 0, Author: a2a.Author(r.IntN(2)),
				Start: int32(r.IntN(9)), End: int32(r.IntN(9)),
			}
		}
		opts := inspect.Options{Direction: inspect.Direction(r.IntN(3)), Prior: strings.Repeat("a", r.IntN(3))}
		got := s.Scan(texts, opts)
		if diff := cmp.Diff((&teller{rules: "one"}).Scan(texts, opts), got); diff != "" {
			t.Fatalf("%v %v (-scan +memory):\n%s", texts, opts, diff)
		}
	}
	if stats := s.Stats(); stats.Hits == 0 || stats.Misses == 0 || int64(stats.Misses) != inspector.asked.Load() {
		t.Errorf("stats = %+v, asked %d times", stats, inspector.asked.Load())
	}
}

func TestMessagesThatDifferDoNotCollide(t *testing.T) {
	t.Parallel()
	text := func(values ...string) (texts []a2a.Text) {
		for _, v := range values {
			texts = append(texts, a2a.Text{Value: v})
		}
		return texts
	}
	long := strings.Repeat("x", 5000)
	type scan struct {
		rules string
		texts []a2a.Text
		opts  inspect.Options
	}
	scans := map[string]scan{
		"none":           {"r", nil, inspect.Options{}},
		"empty":          {"r", text(""), inspect.Options{}},
		"two-empty":      {"r", text("", ""), inspect.Options{}},
		"whole":          {"r", text("ab"), inspect.Options{}},
		"cut":            {"r", text("a", "b"), inspect.Options{}},
		"cut-at-the-end": {"r", text("ab", ""), inspect.Options{}},
		"prior":          {"r", text("b"), inspect.Options{Prior: "a"}},
		"rules":          {"ra", text("b"), inspect.Options{}},
		"other-rules":    {"s", text("ab"), inspect.Options{}},
		"direction":      {"r", text("ab"), inspect.Options{Direction: inspect.Card}},
		"kind":           {"r", []a2a.Text{{Value: "ab", Kind: a2a.KindURL}}, inspect.Options{}},
		"key":            {"r", []a2a.Text{{Value: "ab", Key: true}}, inspect.Options{}},
		"author":         {"r", []a2a.Text{{Value: "ab", Author: a2a.AuthorUser}}, inspect.Options{}},
		"long":           {"r", text(long), inspect.Options{}},
		"longer":         {"r", text(long + "x"), inspect.Options{}},
		"long-cut":       {"r", text(long[:2500], long[2500:]), inspect.Options{}},
		"ends-otherwise": {"r", text(long[1:] + "y"), inspect.Options{}},
	}
	names := map[string]string{}
	for name, c := range scans {
		sum := string(newDigest().of(make([]byte, 32), c.rules, c.texts, c.opts))
		if first, ok := names[sum]; ok {
			t.Errorf("%s and %s collide", first, name)
		}
		names[sum] = name
	}
}

// All that findings can depend on is part of the name of a scan: who adds a field decides here whether it is.
func TestNamesCoverAllFields(t *testing.T) {
	t.Parallel()
	fields := func(v any) (names []string) {
		for f := range reflect.TypeOf(v).NumField() {
			names = append(names, reflect.TypeOf(v).Field(f).Name)
		}
		return names
	}
	if diff := cmp.Diff([]string{"Direction", "Prior"}, fields(inspect.Options{})); diff != "" {
		t.Errorf("options (-covered +there):\n%s", diff)
	}
	// Start, End and Piece say where a text stands, which no rule sees.
	if diff := cmp.Diff([]string{"Value", "Start", "End", "Kind", "Key", "Author", "Piece"}, fields(a2a.Text{})); diff != "" {
		t.Errorf("texts (-covered +there):\n%s", diff)
	}
}

func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	a, b := newScanner(t, &teller{}), newScanner(t, &teller{})
	if a.memory.key == b.memory.key || a.memory.key == [32]byte{} {
		t.Error("two memories share a key")
	}
}

func TestUndecidedScansAreNotRemembered(t *testing.T) {
	t.Parallel()
	inspector := &teller{undecided: true}
	s := newScanner(t, inspector)
	for range 3 {
		s.Scan([]a2a.Text{{Value: "a"}}, inspect.Options{})
	}
	if n := inspector.asked.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}

func TestCallersCannotChangeWhatIsRemembered(t *testing.T) {
	t.Parallel()
	s := newScanner(t, &teller{rules: "r"})
	texts := []a2a.Text{{Value: "a"}}
	want := (&teller{rules: "r"}).Scan(texts, inspect.Options{})
	for range 3 {
		got := s.Scan(texts, inspect.Options{})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("findings (-want +got):\n%s", diff)
		}
		clear(got)
	}
}

func TestSetsOfRulesShareAMemoryButNotResults(t *testing.T) {
	t.Parallel()
	first, second, again := &teller{rules: "1"}, &teller{rules: "2"}, &teller{rules: "1"}
	s := newScanner(t, first)
	texts := []a2a.Text{{Value: "a"}}
	for _, inspector := range []*teller{first, second, again} {
		got := s.With(inspector).Scan(texts, inspect.Options{})
		if diff := cmp.Diff((&teller{rules: inspector.rules}).Scan(texts, inspect.Options{}), got); diff != "" {
			t.Errorf("rules %s (-want +got):\n%s", inspector.rules, diff)
		}
	}
	if first.asked.Load() != 1 || second.asked.Load() != 1 || again.asked.Load() != 0 {
		t.Errorf("asked %d, %d and %d times, want 1, 1 and 0", first.asked.Load(), second.asked.Load(), again.asked.Load())
	}
}

func TestWithoutRoomThereIsNoMemory(t *testing.T) {
	t.Parallel()
	for _, bytes := range []int64{0, -1} {
		if s, err := New(&teller{}, bytes); err == nil || s != nil {
			t.Errorf("New(%d) = %v, %v; want an error", bytes, s, err)
		}
	}
	s := newScanner(t, &teller{rules: "r"})
	s.Close()
	if got := s.Scan([]a2a.Text{{Value: "a"}}, inspect.Options{}); len(got) != 2 {
		t.Errorf("a closed memory answers %v", got)
	}
}

func TestScansGoOnWhileTheMemoryIsClosed(t *testing.T) {
	t.Parallel()
	s := newScanner(t, &teller{rules: "r"})
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 500 {
				if worker == 0 && i == 250 {
					s.Close()
				}
				if got := s.Scan([]a2a.Text{{Value: strings.Repeat("a", i%50)}}, inspect.Options{}); len(got) != 2 {
					t.Errorf("findings = %v", got)
				}
			}
		})
	}
	group.Wait()
}

func TestRememberedCleanTextsAllocateNothing(t *testing.T) {
	if raceDetector {
		t.Skip("allocations differ under the race detector")
	}
	texts := []a2a.Text{{Value: strings.Repeat("some words ", 180)}, {Value: "and more"}}
	s := newScanner(t, &teller{clean: true})
	if n := testing.AllocsPerRun(500, func() { s.Scan(texts, inspect.Options{Direction: inspect.DirectionUnknown}) }); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRemembered2k(b *testing.B) {
	texts := []a2a.Text{{Value: strings.Repeat("some words ", 187)[:2048]}}
	s := newScanner(b, &teller{clean: true})
	b.ReportAllocs()
	for b.Loop() {
		s.Scan(texts, inspect.Options{})
	}
}

func BenchmarkDigest2k(b *testing.B) {
	texts, d, key := []a2a.Text{{Value: strings.Repeat("some words ", 187)[:2048]}}, newDigest(), make([]byte, 32)
	for b.Loop() {
		d.of(key, strings.Repeat("0", 64), texts, inspect.Options{})
	}
}
