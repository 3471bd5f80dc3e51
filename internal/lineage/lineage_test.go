package lineage

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

const trace = "0af7651916cd43dd8448eb211c80319c"

func served(by agent.ID, trace string, ring agent.Ring) Served {
	return Served{Trace: trace, Holders: []agent.ID{by}, Authority: authority.Authority{Ring: ring}}
}

// by returns who the calls are served for.
func by(calls []Served) []agent.ID {
	var names []agent.ID
	for _, c := range calls {
		names = append(names, c.Holders...)
	}
	return names
}

func TestServing(t *testing.T) {
	t.Parallel()
	l := NewLedger(time.Minute)
	first := l.Begin("b", served("a", trace, agent.User), noon)
	second := l.Begin("b", served("c", "", agent.Untrusted), noon)
	other := l.Begin("other", served("d", trace, agent.Kernel), noon)
	traced, all := l.Traced("b", trace, noon, nil), l.All("b", noon, nil)
	if diff := cmp.Diff([][]agent.ID{{"a"}, {"a", "c"}}, [][]agent.ID{by(traced), by(all)}); diff != "" {
		t.Errorf("while both are served (-want +got)\n%s", diff)
	}
	if !l.Any("b", noon, nil) || l.Any("a", noon, nil) || !l.Any("b", noon, first) || l.Any("other", noon, other) {
		t.Error("what serves, and what does not, is not told apart")
	}
	if all := l.All("b", noon, first); cmp.Diff([]agent.ID{"c"}, by(all)) != "" || len(l.Traced("b", trace, noon, first)) != 0 {
		t.Errorf("besides the first %v are served", by(all))
	}
	if traced := l.Traced("b", "", noon, nil); len(traced) != 0 {
		t.Errorf("a request without trace is matched with %v", by(traced))
	}
	first.End(nil, noon)
	first.End(nil, noon)
	if all := l.All("b", noon, nil); cmp.Diff([]agent.ID{"c"}, by(all)) != "" {
		t.Errorf("after the first has ended %v are served", by(all))
	}
	second.End(nil, noon)
	if all := l.All("b", noon, nil); len(all) != 0 || len(l.shard("b").agents) != 0 && l.shard("b").agents["b"] != nil {
		t.Errorf("after both have ended %v are served, or remembered", by(all))
	}
}

func TestTasksGoOn(t *testing.T) {
	t.Parallel()
	l := NewLedger(time.Minute)
	call := l.Begin("b", served("a", trace, agent.User), noon)
	call.End([]string{"t1", "t2"}, noon)
	l.Finished("b", "t1", noon)
	l.Finished("elsewhere", "t2", noon)
	if traced := l.Traced("b", trace, noon, nil); len(traced) != 1 {
		t.Fatal("a call with a running task is not served any more")
	}
	if traced := l.Traced("b", trace, noon.Add(time.Minute+1), nil); len(traced) != 0 || l.Any("b", noon.Add(time.Minute+1), nil) {
		t.Error("a task counts for longer than it may linger")
	}
	l.Finished("b", "t2", noon)
	if traced := l.Traced("b", trace, noon, nil); len(traced) != 0 {
		t.Error("the call is served though its tasks have ended")
	}
}

// Beyond what is told apart, calls still narrow.
func TestManyCallsNarrowTogether(t *testing.T) {
	t.Parallel()
	l := NewLedger(time.Minute)
	for i := range maxServed {
		l.Begin("b", served(agent.ID(fmt.Sprint("a", i)), "", agent.Kernel), noon)
	}
	beyond := []*Call{l.Begin("b", served("x", trace, agent.User), noon), l.Begin("b", served("y", trace, agent.Untrusted), noon)}
	traced, all := l.Traced("b", trace, noon, nil), l.All("b", noon, nil)
	if len(traced) != 1 || len(all) != maxServed+1 {
		t.Fatalf("%d of %d calls are traced: one that nothing is told apart of may carry the trace", len(traced), len(all))
	}
	for _, lump := range []Served{traced[0], all[maxServed]} {
		if diff := cmp.Diff([]agent.ID{"x", "y"}, lump.Holders); diff != "" || lump.Authority.Ring != agent.Untrusted || !lump.Many {
			t.Errorf("what is beyond counts for ring %s (-want +got)\n%s", lump.Authority.Ring, diff)
		}
	}
	if traced := l.Traced("b", "", noon, nil); len(traced) != 0 {
		t.Errorf("a request without trace is matched with %v", by(traced))
	}
	beyond[0].End([]string{"t"}, noon)
	beyond[1].End(nil, noon)
	if all := l.All("b", noon, nil); len(all) != maxServed+1 {
		t.Error("a task that goes on does not count")
	}
	if all := l.All("b", noon.Add(time.Minute+1), nil); len(all) != maxServed {
		t.Error("what is over counts still")
	}
}

// However many calls are beyond, and however their scopes differ, what they narrow together stays small.
func TestManyScopesStaySmall(t *testing.T) {
	t.Parallel()
	l := NewLedger(time.Minute)
	for i := range maxServed + 1000 {
		of := served(agent.ID(fmt.Sprint("a", i)), trace, agent.User)
		of.Authority.Scope = [][]agent.Capability{{agent.Capability(fmt.Sprint("call:c", i))}}
		l.Begin("b", of, noon)
	}
	traced := l.Traced("b", trace, noon, nil)
	lump := traced[len(traced)-1]
	if len(lump.Authority.Scope) > authority.MaxSets || len(lump.Holders) > maxHolders {
		t.Errorf("the lump has %d sets and %d holders", len(lump.Authority.Scope), len(lump.Holders))
	}
	if lump.Authority.Covers("c4097", "call") {
		t.Error("the lump covers what only one of its calls does")
	}
}

// An agent need not notice that nobody waits for its answer any more.
func TestBrokenCallsLinger(t *testing.T) {
	t.Parallel()
	l := NewLedger(time.Minute)
	call := l.Begin("b", served("a", trace, agent.User), noon)
	call.Break(noon)
	call.End(nil, noon)
	l.Finished("b", "some task", noon)
	if traced := l.Traced("b", trace, noon.Add(time.Minute), nil); len(traced) != 1 {
		t.Error("a call that broke off is not served any more")
	}
	if traced := l.Traced("b", trace, noon.Add(time.Minute+1), nil); len(traced) != 0 {
		t.Error("a call that broke off counts for longer than it may linger")
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	l := NewLedger(time.Minute)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 200 {
				c := l.Begin("b", served("a", trace, agent.User), noon)
				l.Traced("b", trace, noon, nil)
				l.All("b", noon, nil)
				l.Any("b", noon, c)
				if j%2 == 0 {
					c.End([]string{fmt.Sprint(i, j)}, noon)
					l.Finished("b", fmt.Sprint(i, j), noon)
					continue
				}
				c.End(nil, noon)
			}
		})
	}
	group.Wait()
	if all := l.All("b", noon, nil); len(all) != 0 {
		t.Errorf("%d calls are left", len(all))
	}
}

// What one agent served is of use to the next, so that an agent that serves now and then costs as little as one that does
// all the time.
func TestServingTakesOneCall(t *testing.T) {
	l := NewLedger(time.Minute)
	s := served("a", trace, agent.User)
	l.Begin("b", s, noon).End(nil, noon)
	one := func() {
		c := l.Begin("b", s, noon)
		l.Traced("b", trace, noon, c)
		l.Any("b", noon, c)
		c.End(nil, noon)
	}
	if n := testing.AllocsPerRun(500, one); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestTraceID(t *testing.T) {
	t.Parallel()
	const parent = "b7ad6b7169203331"
	for _, c := range []struct{ name, field, want string }{
		{"sampled", "00-" + trace + "-" + parent + "-01", trace},
		{"later-version", "cc-" + trace + "-" + parent + "-01-more", trace},
		{"empty", "", ""},
		{"version-ff", "ff-" + trace + "-" + parent + "-01", ""},
		{"more-in-version-0", "00-" + trace + "-" + parent + "-01-more", ""},
		{"upper-case", "00-0AF7651916CD43DD8448EB211C80319C-" + parent + "-01", ""},
		{"all-zero", "00-00000000000000000000000000000000-" + parent + "-01", ""},
		{"short", "00-" + trace[:31] + "-" + parent + "-01", ""},
		{"no-hyphen", "00_" + trace + "-" + parent + "-01", ""},
		{"later-version-glued", "cc-" + trace + "-" + parent + "-01more", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := TraceID(c.field); got != c.want {
				t.Errorf("the trace id is %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzTraceID(f *testing.F) {
	f.Add("00-" + trace + "-b7ad6b7169203331-01")
	f.Fuzz(func(t *testing.T, field string) {
		if id := TraceID(field); id != "" && (len(id) != 32 || !hexadecimal(id)) {
			t.Errorf("%q is no trace id", id)
		}
	})
}

func BenchmarkServe(b *testing.B) {
	l := NewLedger(time.Minute)
	s := served("a", trace, agent.User)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Begin("b", s, noon).End(nil, noon)
		}
	})
}

// A caller that breaks off all it begins has its callee serve as many calls as are told apart; one ends for each that begins.
func BenchmarkServeAmongMany(b *testing.B) {
	l, now := NewLedger(time.Minute), noon
	s := served("a", trace, agent.User)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Minute / maxServed)
		l.Begin("b", s, now).Break(now)
	}
}

func BenchmarkTracedAmongMany(b *testing.B) {
	l := NewLedger(time.Minute)
	for i := range maxServed {
		l.Begin("b", served(agent.ID(fmt.Sprint("a", i%4)), fmt.Sprintf("%032d", i), agent.User), noon)
	}
	for b.Loop() {
		l.Traced("b", trace, noon, nil)
	}
}
