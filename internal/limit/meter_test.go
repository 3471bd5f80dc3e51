package limit_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/limit"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func TestTake(t *testing.T) {
	t.Parallel()
	type step struct {
		at   time.Duration
		wait time.Duration
		ok   bool
	}
	cases := []struct {
		name   string
		limits limit.Limits
		steps  []step
	}{
		{"zero-limits-let-nothing-through", limit.Limits{}, []step{{0, 0, false}, {time.Hour, 0, false}}},
		{"no-burst", limit.Limits{PerSecond: 5}, []step{{0, 0, false}}},
		{"negative-rate", limit.Limits{PerSecond: -1, Burst: 5}, []step{{0, 0, false}}},
		{"burst-then-rate", limit.Limits{PerSecond: 10, Burst: 2}, []step{
			{0, 0, true},
			{0, 0, true},
			{0, 100 * time.Millisecond, false},
			{100*time.Millisecond - 1, 1, false},
			{100 * time.Millisecond, 0, true},
			{100 * time.Millisecond, 100 * time.Millisecond, false},
			{time.Hour, 0, true},
			{time.Hour, 0, true},
			{time.Hour, 100 * time.Millisecond, false},
		}},
		// A third of a second is no whole number of nanoseconds: what is rounded is the wait, never the rate.
		{"rate-that-does-not-divide", limit.Limits{PerSecond: 3, Burst: 1}, []step{
			{0, 0, true},
			{0, 333_333_334, false},
			{333_333_333, 1, false},
			{333_333_334, 0, true},
			{666_666_667, 1, false},
			{666_666_668, 0, true},
			{1_000_000_000, 2, false},
		}},
		{"clock-set-back", limit.Limits{PerSecond: 1, Burst: 1}, []step{
			{10 * time.Second, 0, true}, {0, time.Second, false}, {10 * time.Second, time.Second, false}, {11 * time.Second, 0, true},
		}},
		{"before-the-start", limit.Limits{PerSecond: 1, Burst: 1}, []step{{-time.Hour, 0, true}, {-time.Hour, time.Second, false}, {time.Second, 0, true}}},
		{"largest", limit.Limits{PerSecond: 1 << 30, Burst: 1 << 30}, []step{{0, 0, true}, {100 * 365 * 24 * time.Hour, 0, true}}},
		{"ages-later", limit.Limits{PerSecond: 1, Burst: limit.MaxBurst}, []step{{0, 0, true}, {290 * 365 * 24 * time.Hour, 0, true}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := limit.NewMeter(noon)
			for i, s := range c.steps {
				if wait, ok := m.Take("a", agent.User, c.limits, noon.Add(s.at)); wait != s.wait || ok != s.ok {
					t.Errorf("step %d at %s: %s %v, want %s %v", i, s.at, wait, ok, s.wait, s.ok)
				}
			}
		})
	}
}

func TestAgentsAndRingsAreApart(t *testing.T) {
	t.Parallel()
	m := limit.NewMeter(noon)
	once := limit.Limits{PerSecond: 1, Burst: 1}
	for _, name := range []agent.ID{"", "a", "b"} {
		for _, ring := range []agent.Ring{agent.User, agent.Untrusted} {
			if _, ok := m.Take(name, ring, once, noon); !ok {
				t.Errorf("%q in ring %s pays for others", name, ring)
			}
			if _, ok := m.Take(name, ring, once, noon); ok {
				t.Errorf("%q in ring %s may twice", name, ring)
			}
		}
	}
}

// bucket is the model of Take: a bucket of tokens with rational numbers, filled up at every look at it.
type bucket struct {
	tokens *big.Rat
	at     int64
}

func (b *bucket) take(l limit.Limits, now int64) bool {
	burst := big.NewRat(int64(l.Burst), 1)
	if b.tokens == nil {
		b.tokens, b.at = burst, now
	}
	now = max(now, b.at)
	b.tokens = new(big.Rat).Add(b.tokens, big.NewRat((now-b.at)*int64(l.PerSecond), int64(time.Second)))
	if b.at = now; b.tokens.Cmp(burst) > 0 {
		b.tokens = burst
	}
	if b.tokens.Cmp(big.NewRat(1, 1)) < 0 {
		return false
	}
	b.tokens = new(big.Rat).Sub(b.tokens, big.NewRat(1, 1))
	return true
}

// TestTakeIsTheBucket compares Take with the model on random walks, among other agents that come and go, so that
// forgetting takes place, and whose clocks are behind. It also checks the promise of Take for each pair of calls that
// are let through, and that a call is let through after the wait that it was told, and no sooner.
func TestTakeIsTheBucket(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		l := limit.Limits{PerSecond: 1 + random.IntN(200), Burst: 1 + random.IntN(20)}
		interval := int64(time.Second) / int64(l.PerSecond)
		m, forgot := limit.NewMeter(noon), 0
		var model bucket
		var passed []int64
		for now := int64(0); len(passed) < 300; now += random.Int64N(2 * interval) {
			if random.IntN(50) == 0 {
				now += int64(l.Burst) * interval
			}
			before := m.Uses()
			for i := range 40 {
				other := agent.ID(fmt.Sprint("other-", random.IntN(5000), "-", i))
				behind := time.Duration(now - random.Int64N(now+1))
				m.Take(other, agent.User, limit.Limits{PerSecond: 1000, Burst: 1}, noon.Add(behind))
			}
			if m.Uses() < before {
				forgot++
			}
			wait, ok := m.Take("a", agent.User, l, noon.Add(time.Duration(now)))
			if want := model.take(l, now); ok != want {
				t.Fatalf("seed %d: at %d the meter says %v, the bucket %v", seed, now, ok, want)
			}
			if !ok {
				checkWait(t, model, l, now, wait)
				continue
			}
			passed = append(passed, now)
			checkBound(t, passed, l)
		}
		if forgot == 0 {
			t.Errorf("seed %d: nothing was forgotten, so that the test did not try it", seed)
		}
	}
}

func checkWait(t *testing.T, model bucket, l limit.Limits, now int64, wait time.Duration) {
	t.Helper()
	early, late := model, model
	if wait <= 0 || early.take(l, now+int64(wait)-1) || !late.take(l, now+int64(wait)) {
		t.Fatalf("at %d with %+v the wait %s is not the shortest that helps", now, l, wait)
	}
}

// checkBound looks at every span of time that ends with the last call.
func checkBound(t *testing.T, passed []int64, l limit.Limits) {
	t.Helper()
	last := passed[len(passed)-1]
	for i, first := range passed {
		n, span := int64(len(passed)-i), last-first
		if (n-int64(l.Burst))*int64(time.Second) > span*int64(l.PerSecond) {
			t.Fatalf("%d calls passed within %d ns with %+v", n, span, l)
		}
	}
}

// TestTakeFromManySides has many goroutines, whose clocks are not in step, take at once.
func TestTakeFromManySides(t *testing.T) {
	t.Parallel()
	m := limit.NewMeter(noon)
	l := limit.Limits{PerSecond: 1000, Burst: 50}
	var clock, passed atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 5000 {
				now := clock.Add(10_000)
				if _, ok := m.Take("a", agent.User, l, noon.Add(time.Duration(now))); ok {
					passed.Add(1)
				}
			}
		})
	}
	group.Wait()
	// In the end 40,000 steps of 10 µs have passed, 0.4 s.
	if got := passed.Load(); got > 450 || got < 400 {
		t.Errorf("%d calls passed, want at most 50 + 400, and about as many", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := limit.NewMeter(noon)
	l := limit.Limits{PerSecond: 10, Burst: 10}
	for i := range 50_000 {
		m.Take(agent.ID(fmt.Sprint("agent-", i)), agent.User, l, noon.Add(time.Duration(i)*time.Millisecond))
	}
	// Each agent is remembered for 100 ms, in which 100 come.
	if n := m.Uses(); n > 64*16+400 {
		t.Errorf("%d agents are remembered", n)
	}
	m = limit.NewMeter(noon)
	for i := range 20_000 {
		name := agent.ID(fmt.Sprint("agent-", i))
		if m.Enter(name, agent.User, 1) == 0 {
			t.Fatal("an agent cannot enter")
		}
		m.Leave(name, agent.User)
	}
	if n := m.Uses(); n > 64*16 {
		t.Errorf("%d agents that left are remembered", n)
	}
	for i := range 10_000 {
		m.Enter(agent.ID(fmt.Sprint("agent-", i)), agent.User, 1)
	}
	for i := range 10_000 {
		if m.Enter(agent.ID(fmt.Sprint("agent-", i)), agent.User, 1) > 0 {
			t.Fatalf("agent %d, which is inside, was forgotten", i)
		}
	}
}

func TestEnterAndLeave(t *testing.T) {
	t.Parallel()
	m := limit.NewMeter(noon)
	enter := func(want bool) {
		t.Helper()
		if (m.Enter("a", agent.User, 2) > 0) != want {
			t.Errorf("entering says %v", !want)
		}
	}
	m.Leave("a", agent.User) // never entered
	enter(true)
	enter(true)
	enter(false)
	if m.Enter("a", agent.User, 0) > 0 || m.Enter("a", agent.User, -1) > 0 {
		t.Error("entered where nobody may")
	}
	if m.Enter("a", agent.Untrusted, 1) == 0 || m.Enter("b", agent.User, 1) == 0 {
		t.Error("another ring or agent is counted too")
	}
	m.Leave("a", agent.User)
	enter(true)
	enter(false)
	for range 5 {
		m.Leave("a", agent.User)
	}
	enter(true)
	enter(true)
	enter(false)
}

// TestConcurrentUseIsExact holds that there are never more inside than may be, and none in the end.
func TestConcurrentUseIsExact(t *testing.T) {
	t.Parallel()
	m := limit.NewMeter(noon)
	const most = 3
	var inside, entered atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 2000 {
				if m.Enter("a", agent.User, most) == 0 {
					continue
				}
				entered.Add(1)
				if n := inside.Add(1); n > most {
					t.Errorf("%d are inside", n)
				}
				inside.Add(-1)
				m.Leave("a", agent.User)
			}
		})
	}
	group.Wait()
	for range most {
		if m.Enter("a", agent.User, most) == 0 {
			t.Fatal("somebody is inside still")
		}
	}
	if m.Enter("a", agent.User, most) > 0 || entered.Load() == 0 {
		t.Error("the count is off")
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	m := limit.NewMeter(noon)
	l := limit.Defaults()[agent.User]
	if n := testing.AllocsPerRun(1000, func() {
		m.Take("a", agent.User, l, noon)
		m.Enter("a", agent.User, l.Concurrent)
		m.Leave("a", agent.User)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTake(b *testing.B) {
	m := limit.NewMeter(noon)
	l := limit.Defaults()[agent.User]
	names := make([]agent.ID, 1000)
	for i := range names {
		names[i] = agent.ID(fmt.Sprint("agent-", i))
	}
	b.ReportAllocs()
	var next atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		i := int(next.Add(7919))
		for pb.Next() {
			i++
			name := names[i%len(names)]
			m.Take(name, agent.User, l, noon.Add(time.Duration(i)))
			if m.Enter(name, agent.User, l.Concurrent) > 0 {
				m.Leave(name, agent.User)
			}
		}
	})
}
