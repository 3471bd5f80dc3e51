package budget_test

import (
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/budget"
)

// TestSharedRate plays scenes in which it is known to the call what each process is let do.
func TestSharedRate(t *testing.T) {
	t.Parallel()
	t.Run("burst-is-shared", func(t *testing.T) {
		t.Parallel()
		m := newMesh(t)
		a, b := m.start(0), m.start(0)
		d := rate("k", 3, time.Minute, 5)
		if n := a.repeat(2, 0, d) + b.repeat(9, 0, d) + a.repeat(9, 0, d); n != 5 {
			t.Errorf("%d calls are let through at once, want 5", n)
		}
		for _, p := range []*process{a, b} {
			if got, want := p.take(time.Second, d), (budget.Result{Wait: 19 * time.Second}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
		if n := a.repeat(9, 20*time.Second, d) + b.repeat(9, 40*time.Second, d) + b.repeat(9, 40*time.Second, d); n != 2 {
			t.Errorf("%d calls are let through as time passes, want 2", n)
		}
	})
	t.Run("what-is-left-goes-back", func(t *testing.T) {
		t.Parallel()
		m := newMesh(t)
		a, b := m.start(0), m.start(0)
		d := rate("k", 100, time.Second, 100)
		for range 7 {
			a.take(0, d) // of leases of 1, 3 and 7
		}
		a.tend(99 * time.Millisecond)
		a.tend(100 * time.Millisecond)
		if n := b.repeat(200, 100*time.Millisecond, d); n != 100 {
			t.Errorf("%d calls are let through, want 100", n)
		}
	})
	t.Run("what-a-dead-process-had-is-back-after-a-second", func(t *testing.T) {
		t.Parallel()
		m := newMesh(t)
		a, b := m.start(0), m.start(0)
		d := rate("k", 10, time.Second, 100)
		for range 8 {
			a.take(0, d)
		}
		first := b.repeat(200, 0, d)
		if first > 92 || first < 80 {
			t.Errorf("%d calls are let through, want at most 92 and not much less", first)
		}
		if n := b.repeat(200, time.Hour, d); n != 100 {
			t.Errorf("%d calls are let through later, want 100", n)
		}
	})
	t.Run("limit-is-raised", func(t *testing.T) {
		t.Parallel()
		m := newMesh(t)
		a := m.start(0)
		if n := a.repeat(9, 0, rate("k", 1, time.Hour, 2)); n != 2 {
			t.Errorf("%d calls are let through", n)
		}
		raised := rate("k", 1, time.Second, 3)
		if n := a.repeat(9, 2*time.Second, raised); n != 1 {
			t.Errorf("%d calls are let through when the limit is raised, want the one that the burst has more", n)
		}
		if n := a.repeat(9, 4*time.Second, raised); n != 2 {
			t.Errorf("%d calls are let through two seconds later, want 2", n)
		}
	})
	t.Run("refused-ones-do-not-ask-the-store", func(t *testing.T) {
		t.Parallel()
		m := newMesh(t)
		f := &faulty{Bucket: m.bucket, fails: never, lost: never}
		a := m.startOn(f, 0, time.Minute)
		d := rate("k", 1, time.Hour, 1)
		a.repeat(2, 0, d)
		before := f.calls
		for i := range 100 {
			a.take(time.Duration(i)*time.Millisecond, d)
		}
		if f.calls != before {
			t.Errorf("%d calls of the store", f.calls-before)
		}
	})
}

// TestSharedAllOrNone has another limit refuse again and again: what it refuses costs the first limit nothing.
func TestSharedAllOrNone(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	a, b := m.start(0), m.start(0)
	for _, wide := range []budget.Draw{rate("rate", 20, time.Hour, 20), underWay("slots", 20)} {
		narrow := rate("narrow"+wide.Key, 1, time.Hour, 1)
		a.take(0, narrow)
		at := time.Duration(0)
		for range 100 {
			if at += 1500 * time.Millisecond; a.take(at, wide, narrow).OK {
				t.Fatal("a call is let through twice")
			}
			for range 4 {
				at += 100 * time.Millisecond
				a.tend(at)
			}
		}
		if n := b.repeat(99, at, wide); n != 20 {
			t.Errorf("%s: %d calls are let through elsewhere, want 20", wide.Key, n)
		}
	}
}

// TestSharedBound walks at random with several processes, which die and come back, do not give back what they have, and
// whose answers from the store get lost. Their clocks are apart. Never is more let through than within the bound.
func TestSharedBound(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 5))
			m := newMesh(t)
			skew := []time.Duration{0, 0, 300 * time.Millisecond, 5 * time.Second}[random.IntN(4)]
			d := rate("k", 1+random.IntN(200), []time.Duration{time.Second, 10 * time.Second, time.Minute}[random.IntN(3)], 1+random.IntN(60))
			f := &faulty{Bucket: m.bucket, fails: never, lost: never}
			if random.IntN(2) == 0 {
				f.fails = func() bool { return random.IntN(40) == 0 }
				f.lost = func() bool { return random.IntN(20) == 0 }
			}
			ahead := func() time.Duration { return time.Duration(random.Int64N(int64(skew) + 1)) }
			processes := make([]*process, 1+random.IntN(4))
			for i := range processes {
				processes[i] = m.startOn(f, ahead(), time.Minute)
			}
			slack := new(big.Rat).Mul(big.NewRat(int64(skew), int64(d.Per)), big.NewRat(int64(d.Limit), 1))
			var model bucket
			passed, interval := 0, int64(d.Per)/int64(d.Limit)
			for now, i := time.Duration(0), 0; i < 4000; i++ {
				switch random.IntN(100) {
				case 0:
					processes[random.IntN(len(processes))] = m.startOn(f, ahead(), time.Minute)
				case 1:
					now += time.Duration(random.Int64N(interval * int64(d.Burst)))
				case 2, 3, 4, 5:
					processes[random.IntN(len(processes))].tend(now)
				}
				now += time.Duration(random.Int64N(interval))
				if !processes[random.IntN(len(processes))].take(now, d).OK {
					continue
				}
				if passed++; !model.let(d, now, slack) {
					t.Fatalf("call %d at %s, with %+v and skew %s, is above the bound: %s", passed, now, d, skew, model.debt.FloatString(2))
				}
			}
			if passed < 100 {
				t.Errorf("%d calls are let through of 4000", passed)
			}
		})
	}
}

// TestClockFarAhead has one clock be years ahead: it grants a burst at most, and stops nobody.
func TestClockFarAhead(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	wrong, right := m.start(3*365*24*time.Hour), m.start(0)
	d := rate("k", 10, time.Second, 5)
	n := right.repeat(9, 0, d) + wrong.repeat(9, 0, d) + right.repeat(9, 0, d) + wrong.repeat(9, 0, d)
	if n != 10 {
		t.Errorf("%d calls are let through, want two bursts", n)
	}
	for i := range 100 {
		n += right.repeat(9, time.Duration(i)*100*time.Millisecond, d)
		n += wrong.repeat(9, time.Duration(i)*100*time.Millisecond, d)
	}
	if n < 10+95 || n > 10+100 {
		t.Errorf("%d calls are let through within 9.9 s, want about 100 and two bursts", n)
	}
	n = 0
	for i := range 100 {
		n += right.repeat(9, time.Duration(100+i)*100*time.Millisecond, d)
	}
	if n < 95 || n > 101 {
		t.Errorf("%d calls are let through within 9.9 s by the clock that is right, want about 100", n)
	}
}

// TestSharedUnderWay counts exactly what is under way while processes come, go, and hold slots.
func TestSharedUnderWay(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 6))
		m := newMesh(t)
		d := underWay("k", 1+random.IntN(40))
		processes, inside := make([]*process, 1+random.IntN(3)), make([]int, 4)
		for i := range processes {
			processes[i] = m.start(time.Duration(random.Int64N(int64(10 * time.Second))))
		}
		most, total := 0, 0
		for now, i := time.Duration(0), 0; i < 5000; i, now = i+1, now+time.Duration(random.Int64N(int64(40*time.Millisecond))) {
			at := random.IntN(len(processes))
			switch n := random.IntN(10); {
			case n < 5 && processes[at].take(now, d).OK:
				inside[at]++
				total++
			case n >= 5 && n < 9 && inside[at] > 0:
				processes[at].Leave([]budget.Draw{d})
				inside[at]--
				total--
			case n == 9:
				for _, p := range processes {
					p.tend(now)
				}
			}
			if most = max(most, total); total > d.Limit {
				t.Fatalf("seed %d: %d calls are under way, limit %d", seed, total, d.Limit)
			}
		}
		if most < min(d.Limit, 10) {
			t.Errorf("seed %d: at most %d calls were under way of %d", seed, most, d.Limit)
		}
		checkEmpty(t, m, processes, inside, d)
	}
}

// checkEmpty ends all calls: then every slot is free.
func checkEmpty(t *testing.T, m *mesh, processes []*process, inside []int, d budget.Draw) {
	t.Helper()
	const later = time.Hour
	for i, p := range processes {
		for range inside[i] {
			p.Leave([]budget.Draw{d})
		}
	}
	for range 3 {
		for _, p := range processes {
			p.tend(later)
		}
	}
	if n := m.start(0).repeat(99, later, d); n != d.Limit {
		t.Errorf("%d slots are free in the end, want %d", n, d.Limit)
	}
}

// TestSlotsOfOthers frees slots: who was refused has them, though it remembers that there were none.
func TestSlotsOfOthers(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	a, b := m.start(0), m.start(0)
	d := underWay("k", 3)
	if a.repeat(1, 0, d)+b.repeat(9, 0, d)+a.repeat(9, 0, d) != 3 {
		t.Fatal("not all are let in, or too many")
	}
	b.Leave([]budget.Draw{d})
	for range 3 {
		b.tend(time.Second)
	}
	if n := a.repeat(9, time.Second, d); n != 1 {
		t.Errorf("%d slots are free, want 1", n)
	}
}

func TestSlotsOfTheDead(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	dead, cut, b := m.start(0), m.start(0), m.start(0)
	d := underWay("k", 6)
	if dead.repeat(2, 0, d)+cut.repeat(3, 0, d) != 5 {
		t.Fatal("not all are let in")
	}
	if n := b.repeat(9, 29*time.Second, d); n != 1 {
		t.Errorf("%d slots are free before the leases end, want 1", n)
	}
	if n := b.repeat(9, 31*time.Second, d); n != 5 {
		t.Errorf("%d slots are free afterwards, want 5", n)
	}
	// What is under way with a process that was cut off stays so, and counts again when the process is back.
	if got := cut.take(32*time.Second, d); got.OK || got.Err != nil {
		t.Errorf("the process that was cut off: %+v", got)
	}
	cut.tend(32 * time.Second)
	for over := 1; over <= 4; over++ {
		b.Leave([]budget.Draw{d})
		for range 3 {
			b.tend(33 * time.Second)
		}
		if got, want := m.start(0).take(34*time.Second, d).OK, over == 4; got != want {
			t.Errorf("when %d of 9 calls are over, another is let in: %v", over, got)
		}
	}
}

// TestRenewal keeps calls under way for long.
func TestRenewal(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	a, b := m.start(0), m.start(0)
	d := underWay("k", 4)
	a.repeat(4, 0, d)
	for at := time.Duration(0); at < 5*time.Minute; at += 5 * time.Second {
		a.tend(at)
		if b.take(at, d).OK {
			t.Fatalf("a slot is free after %s", at)
		}
	}
}

// TestFarewell ends a process: what it does not need is free at once.
func TestFarewell(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	a, b := m.start(0), m.start(0)
	slots, calls := underWay("k", 40), rate("k", 10, time.Second, 40)
	a.repeat(30, 0, slots, calls)
	for range 20 {
		a.Leave([]budget.Draw{slots})
	}
	a.Farewell(context.Background(), noon)
	if n := b.repeat(99, 0, slots); n != 30 {
		t.Errorf("%d slots are free, want 30", n)
	}
	if n := b.repeat(99, 0, calls); n != 10 {
		t.Errorf("%d calls are let through, want 10", n)
	}
}

// TestSweep removes records of which nothing is left, and no others.
func TestSweep(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	a, b := m.start(0), m.start(-5*time.Second)
	long, short, inside := rate("long", 1, time.Hour, 2), rate("short", 10, time.Second, 2), underWay("inside", 1)
	a.repeat(1, 0, long, short, inside)
	s := b.Sweeper()
	sweep := func(at time.Duration, want int) {
		t.Helper()
		s.Sweep(t.Context(), noon.Add(at+b.ahead))
		if n := m.records(); n != want {
			t.Errorf("after %s there are %d records, want %d", at, n, want)
		}
	}
	sweep(0, 3)
	sweep(time.Second, 3) // the lease of a second is of the past then, but by less than a nanosecond
	sweep(1100*time.Millisecond, 2)
	a.tend(15 * time.Second)
	sweep(40*time.Second, 2)
	sweep(75*time.Second, 1)
	if n := b.repeat(9, 30*time.Minute, long); n != 1 {
		t.Errorf("%d calls are let through", n)
	}
	sweep(80*time.Minute, 1)
	sweep(81*time.Minute, 1)
	sweep(4*time.Hour, 0)
	if n := b.repeat(9, 4*time.Hour, long); n != 2 {
		t.Errorf("%d calls are let through in the end", n)
	}
}

// TestSharedMemoryIsBounded comes with ever new limits.
func TestSharedMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	a := m.start(0)
	for i := range 30_000 {
		at := time.Duration(i) * 100 * time.Millisecond
		if !a.take(at, rate(fmt.Sprint(i), 10, time.Second, 10)).OK {
			t.Fatal("a call is not let through")
		}
		if i%10 == 0 {
			a.tend(at)
		}
	}
	// Each limit is remembered for a minute, in which 600 come.
	if n := a.Keys(); n > 64*16+2*600 {
		t.Errorf("%d limits are remembered", n)
	}
}
