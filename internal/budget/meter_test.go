package budget_test

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/budget"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// alone returns a meter that counts in its process alone.
func alone(tb testing.TB, keys int) *budget.Meter {
	tb.Helper()
	m, err := budget.New(budget.Config{Now: func() time.Time { return noon }, Keys: keys})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func rate(key string, limit int, per time.Duration, burst int) budget.Draw {
	return budget.Draw{Key: key, Limit: limit, Per: per, Burst: burst}
}

func underWay(key string, limit int) budget.Draw { return budget.Draw{Key: key, Limit: limit} }

func TestNew(t *testing.T) {
	t.Parallel()
	if _, err := budget.New(budget.Config{}); err == nil {
		t.Error("a meter has no clock")
	}
}

func TestTake(t *testing.T) {
	t.Parallel()
	type step struct {
		at   time.Duration
		wait time.Duration
		ok   bool
	}
	cases := []struct {
		name  string
		draw  budget.Draw
		steps []step
	}{
		{"zero-lets-nothing-through", budget.Draw{}, []step{{0, 0, false}, {time.Hour, 0, false}}},
		{"no-burst", rate("k", 5, time.Second, 0), []step{{0, 0, false}}},
		{"negative-limit", rate("k", -1, time.Second, 5), []step{{0, 0, false}}},
		{"negative-time", rate("k", 1, -time.Second, 5), []step{{0, 0, false}}},
		{"limit-too-large", rate("k", budget.MaxLimit+1, time.Second, 5), []step{{0, 0, false}}},
		{"time-too-long", rate("k", 1, budget.MaxPer+1, 5), []step{{0, 0, false}}},
		{"none-under-way", underWay("k", -1), []step{{0, 0, false}}},
		{"burst-then-rate", rate("k", 10, time.Second, 2), []step{
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
		{"per-hour", rate("k", 7, time.Hour, 1), []step{
			// 3600 s divided by 7 is no whole number of nanoseconds: what is rounded is the wait, never the rate.
			{0, 0, true},
			{0, 514_285_714_286, false},
			{514_285_714_285, 1, false},
			{514_285_714_286, 0, true},
			{514_285_714_286, 514_285_714_286, false},
			{1_028_571_428_572, 0, true},
			{1_542_857_142_857, 1, false},
			{1_542_857_142_858, 0, true},
		}},
		{"clock-set-back", rate("k", 1, time.Second, 1), []step{
			{10 * time.Second, 0, true}, {0, time.Second, false}, {10 * time.Second, time.Second, false}, {11 * time.Second, 0, true},
		}},
		{"before-the-start", rate("k", 1, time.Second, 1), []step{{-time.Hour, 0, true}, {-time.Hour, time.Second, false}, {time.Second, 0, true}}},
		{"ages-later", rate("k", 1, budget.MaxPer, budget.MaxLimit), []step{{0, 0, true}, {280 * 365 * 24 * time.Hour, 0, true}}},
		{"two-under-way", underWay("k", 2), []step{{0, 0, true}, {0, 0, true}, {time.Hour, 0, false}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := alone(t, 0)
			for i, s := range c.steps {
				got := m.Take(t.Context(), []budget.Draw{c.draw}, noon.Add(s.at))
				if want := (budget.Result{OK: s.ok, Wait: s.wait}); got != want {
					t.Errorf("step %d at %s: %+v, want %+v", i, s.at, got, want)
				}
			}
		})
	}
}

func TestAllOrNone(t *testing.T) {
	t.Parallel()
	m := alone(t, 0)
	wide, narrow, inside := rate("wide", 1, time.Hour, 3), rate("narrow", 1, time.Minute, 1), underWay("wide", 2)
	take := func(want budget.Result, draws ...budget.Draw) {
		t.Helper()
		if got := m.Take(t.Context(), draws, noon); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	ok := budget.Result{OK: true}
	take(ok)
	take(ok, wide, narrow, inside)
	for range 10 {
		take(budget.Result{Refused: 1, Wait: time.Minute}, wide, narrow, inside)
		take(budget.Result{Refused: 2, Wait: time.Minute}, wide, inside, narrow)
		take(budget.Result{Refused: 1}, wide, budget.Draw{})
	}
	take(ok, wide, inside)
	take(budget.Result{Refused: 1}, wide, inside)
	m.Leave([]budget.Draw{wide, inside})
	take(ok, wide, inside)
	m.Leave([]budget.Draw{inside})
	take(budget.Result{Refused: 0, Wait: time.Hour}, wide, inside)
	// The same limit several times is one limit.
	twice := underWay("twice", 2)
	take(ok, twice, twice, twice)
	m.Leave([]budget.Draw{twice, twice, twice})
	take(ok, twice)
	take(ok, twice)
	take(budget.Result{}, twice)
	m.Leave([]budget.Draw{twice, twice})
	take(ok, twice)
	take(budget.Result{}, twice)
}

// bucket is the model of a limit in rational numbers.
type bucket struct {
	debt *big.Rat
	at   time.Duration
}

// pay gives back what the limit gives in the time since the last moment.
func (b *bucket) pay(d budget.Draw, now time.Duration) {
	if b.debt == nil {
		b.debt, b.at = new(big.Rat), now
	}
	back := new(big.Rat).Mul(big.NewRat(int64(max(now, b.at)-b.at), 1), big.NewRat(int64(d.Limit), int64(d.Per)))
	if b.debt, b.at = back.Sub(b.debt, back), max(now, b.at); b.debt.Sign() < 0 {
		b.debt = new(big.Rat)
	}
}

// let counts a call that was let through, and reports whether that keeps the promise of a limit with the slack on top.
func (b *bucket) let(d budget.Draw, now time.Duration, slack *big.Rat) bool {
	b.pay(d, now)
	b.debt = new(big.Rat).Add(b.debt, big.NewRat(1, 1))
	return b.debt.Cmp(new(big.Rat).Add(big.NewRat(int64(d.Burst), 1), slack)) <= 0
}

// TestTakeIsTheBucket walks at random among several limits, of which each call draws some, while others come and go, so
// that forgetting takes place: a call is let through if and only if each model lets it through, and counts in all or none.
func TestTakeIsTheBucket(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 1))
		m, forgot := alone(t, 0), 0
		draws := make([]budget.Draw, 4)
		for i := range draws {
			per := []time.Duration{time.Second, time.Minute, time.Hour, 7 * time.Second}[i]
			draws[i] = rate(fmt.Sprint("limit-", i), 1+random.IntN(int(40*per/time.Second)), per, 1+random.IntN(20))
		}
		models := make([]bucket, len(draws))
		for now, i := time.Duration(0), 0; i < 1500; i, now = i+1, now+time.Duration(random.Int64N(int64(100*time.Millisecond))) {
			if random.IntN(50) == 0 {
				now += time.Minute
			}
			before := m.Keys()
			for j := range 20 {
				behind := noon.Add(time.Duration(random.Int64N(int64(now) + 1)))
				m.Take(t.Context(), []budget.Draw{rate(fmt.Sprint("other-", random.IntN(9999), "-", j), 1000, time.Second, 1)}, behind)
			}
			if m.Keys() < before {
				forgot++
			}
			walk(t, m, draws, models, random, now)
		}
		if forgot == 0 {
			t.Errorf("seed %d: nothing was forgotten, so that the test did not try it", seed)
		}
	}
}

func walk(t *testing.T, m *budget.Meter, draws []budget.Draw, models []bucket, random *rand.Rand, now time.Duration) {
	t.Helper()
	var chosen []budget.Draw
	refused := -1
	for i := range draws {
		if random.IntN(2) == 0 {
			continue
		}
		models[i].pay(draws[i], now)
		if trial := models[i]; refused < 0 && !trial.let(draws[i], now, new(big.Rat)) {
			refused = len(chosen)
		}
		chosen = append(chosen, draws[i])
	}
	got := m.Take(t.Context(), chosen, noon.Add(now))
	if got.OK != (refused < 0) || !got.OK && got.Refused != refused {
		t.Fatalf("at %s: %+v, want the refusal of %d", now, got, refused)
	}
	for i := range draws {
		for j := range chosen {
			if chosen[j].Key != draws[i].Key {
				continue
			}
			if got.OK {
				models[i].let(draws[i], now, new(big.Rat))
			} else if j == refused {
				early, late := models[i], models[i]
				if got.Wait <= 0 || early.let(draws[i], now+got.Wait-1, new(big.Rat)) || !late.let(draws[i], now+got.Wait, new(big.Rat)) {
					t.Fatalf("at %s the wait %s is not the shortest that helps", now, got.Wait)
				}
			}
		}
	}
}

// TestTakeFromManySides has many goroutines take from the same limits in different orders.
func TestTakeFromManySides(t *testing.T) {
	t.Parallel()
	m := alone(t, 0)
	draws := []budget.Draw{rate("a", 60_000, time.Minute, 50), rate("b", 1000, time.Second, 50), underWay("c", 3)}
	var clock, passed, inside atomic.Int64
	var group sync.WaitGroup
	for side := range 8 {
		group.Go(func() {
			mine := []budget.Draw{draws[side%3], draws[(side+1)%3], draws[(side+2)%3]}
			for range 5000 {
				now := clock.Add(10_000)
				if !m.Take(t.Context(), mine, noon.Add(time.Duration(now))).OK {
					continue
				}
				passed.Add(1)
				if n := inside.Add(1); n > 3 {
					t.Errorf("%d are under way", n)
				}
				inside.Add(-1)
				m.Leave(mine)
			}
		})
	}
	group.Wait()
	// In the end 40,000 steps of 10 µs have passed, 0.4 s.
	if got := passed.Load(); got > 450 || got < 350 {
		t.Errorf("%d calls passed, want at most 50 + 400, and about as many", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := alone(t, 0)
	for i := range 50_000 {
		m.Take(t.Context(), []budget.Draw{rate(fmt.Sprint(i), 10, time.Second, 10)}, noon.Add(time.Duration(i)*time.Millisecond))
	}
	// Each limit is remembered for 100 ms, in which 100 come.
	if n := m.Keys(); n > 64*16+400 {
		t.Errorf("%d limits are remembered", n)
	}
	m = alone(t, 0)
	for i := range 20_000 {
		draws := []budget.Draw{underWay(fmt.Sprint(i), 1)}
		if !m.Take(t.Context(), draws, noon).OK {
			t.Fatal("a call is not let through")
		}
		m.Leave(draws)
	}
	if n := m.Keys(); n > 64*16 {
		t.Errorf("%d limits of calls that are over are remembered", n)
	}
}

// TestFull fills the memory of a meter: limits that are counted go on, new ones are refused until others have recovered.
func TestFull(t *testing.T) {
	t.Parallel()
	m := alone(t, 64*100)
	one := func(i int) []budget.Draw { return []budget.Draw{rate(fmt.Sprint(i), 1, time.Hour, 2)} }
	full := 0
	for i := range 20_000 {
		if got := m.Take(t.Context(), one(i), noon); errors.Is(got.Err, budget.ErrFull) && !got.OK {
			full++
		} else if !got.OK {
			t.Fatalf("%+v", got)
		}
	}
	if n := m.Keys(); n != 6400 || full != 20_000-6400 {
		t.Errorf("%d limits are remembered and %d refused", n, full)
	}
	if got := m.Take(t.Context(), one(0), noon); !got.OK {
		t.Errorf("a limit that is counted: %+v", got)
	}
	if got := m.Take(t.Context(), one(30_000), noon.Add(2*time.Hour)); !got.OK {
		t.Errorf("when the others have recovered: %+v", got)
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	m := alone(t, 0)
	draws := []budget.Draw{rate("a", 1000, time.Second, 10), rate("b", 1, time.Hour, 1000), underWay("c", 5)}
	if n := testing.AllocsPerRun(1000, func() {
		m.Take(t.Context(), draws, noon)
		m.Leave(draws)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
