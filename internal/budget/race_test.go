package budget_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/store/storetest"
)

// race has processes draw on the same limits from many sides, while they are looked after. The clock stands still but for
// what each call adds, so that what may be let through is known.
func race(t *testing.T, clock *atomic.Int64, processes []*budget.Meter, sides, calls int) {
	t.Helper()
	d, other, slots := rate("calls", 1000, time.Second, 100), rate("other", 1_000_000, time.Second, 1_000_000), underWay("slots", 5)
	var passed, inside, failed atomic.Int64
	const step = int64(20 * time.Microsecond)
	over := make(chan struct{})
	var tending, calling sync.WaitGroup
	for i, m := range processes {
		tending.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					m.Tend(t.Context(), noon.Add(time.Duration(clock.Load())))
				}
			}
		})
		for side := range sides {
			calling.Go(func() {
				draws := []budget.Draw{d, other, slots}
				if side%2 == 1 {
					draws = []budget.Draw{slots, d}
				}
				for range calls {
					got := m.Take(t.Context(), draws, noon.Add(time.Duration(clock.Add(step))))
					if got.Err != nil {
						failed.Add(1)
					}
					if !got.OK {
						continue
					}
					passed.Add(1)
					if n := inside.Add(1); n > 5 {
						t.Errorf("process %d: %d calls are under way", i, n)
					}
					inside.Add(-1)
					m.Leave(draws)
				}
			})
		}
	}
	calling.Wait()
	close(over)
	tending.Wait()
	most := 100 + clock.Load()*1000/int64(time.Second)
	if got := passed.Load(); got > most || got < most/4 {
		t.Errorf("%d calls are let through, want at most %d and not much less", got, most)
	}
	if n := failed.Load(); n > 0 {
		t.Errorf("%d calls could not be counted", n)
	}
}

func TestRace(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	race(t, m.clock, []*budget.Meter{m.start(0).Meter, m.start(0).Meter, m.start(0).Meter}, 6, 1500)
}

// client is a process with a connection of its own.
func client(tb testing.TB, url, process string, now func() time.Time) *budget.Meter {
	tb.Helper()
	s, err := store.OpenNATS(context.Background(), store.NATSConfig{URL: url})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	bucket, err := s.Volatile(context.Background(), "budgets")
	if err != nil {
		tb.Fatal(err)
	}
	m, err := budget.New(budget.Config{
		Bucket: bucket, Process: process, Now: now, Wait: 10 * time.Second, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestRaceOnNATS(t *testing.T) {
	t.Parallel()
	url := storetest.StartServer(t, &server.Options{StoreDir: t.TempDir()}).ClientURL()
	var clock atomic.Int64
	now := func() time.Time { return noon.Add(time.Duration(clock.Load())) }
	race(t, &clock, []*budget.Meter{client(t, url, "one", now), client(t, url, "two", now)}, 4, 500)
}

// TestEmbedded counts in the store that a process has by default.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	s, err := store.OpenNATS(t.Context(), store.NATSConfig{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m := &mesh{tb: t, clock: new(atomic.Int64)}
	if m.bucket, err = s.Volatile(t.Context(), "budgets"); err != nil {
		t.Fatal(err)
	}
	a, b := m.start(0), m.start(0)
	d, slots := rate("k", 1, time.Hour, 10), underWay("k", 10)
	if n := a.repeat(4, 0, d, slots) + b.repeat(99, 0, slots, d); n != 10 {
		t.Errorf("%d calls are let through, want 10", n)
	}
	a.Farewell(t.Context(), noon)
	c := b.Sweeper()
	c.Sweep(t.Context(), noon)
	c.Sweep(t.Context(), noon.Add(11*time.Hour))
	if n := m.records(); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

// TestWaitersShareAVisit has many calls wait for one visit to the store.
func TestWaitersShareAVisit(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	gate := &gated{Bucket: m.bucket, open: make(chan struct{})}
	a := m.startOn(gate, 0, time.Minute)
	d := rate("k", 1, time.Hour, 30)
	var passed atomic.Int64
	var group sync.WaitGroup
	for range 40 {
		group.Go(func() {
			if a.take(0, d).OK {
				passed.Add(1)
			}
		})
	}
	for a.Waiting(d) < 40 {
		time.Sleep(time.Millisecond)
	}
	close(gate.open)
	group.Wait()
	if passed.Load() != 30 || gate.reads.Load() > 4 {
		t.Errorf("%d calls are let through with %d visits, want 30 with few", passed.Load(), gate.reads.Load())
	}
	if got := a.Waiting(d); got != 0 {
		t.Errorf("%d calls wait in the end", got)
	}
}

// gated is a bucket that answers no read before it opens.
type gated struct {
	store.Bucket
	open  chan struct{}
	reads atomic.Int64
}

func (g *gated) Get(ctx context.Context, key string) (store.Entry, error) {
	g.reads.Add(1)
	<-g.open
	return g.Bucket.Get(ctx, key)
}

// TestRun looks after leases by the machine's clock, until it is told to end.
func TestRun(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	d := underWay("k", 4)
	meter, err := budget.New(budget.Config{
		Bucket: m.bucket, Process: "runs", Now: time.Now, Wait: time.Minute, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { meter.Run(ctx) })
	if !meter.Take(t.Context(), []budget.Draw{d}, time.Now()).OK {
		t.Fatal("not let in")
	}
	meter.Leave([]budget.Draw{d})
	cancel()
	running.Wait()
	b := m.start(time.Until(noon) * -1)
	if n := b.repeat(9, 0, d); n != 4 {
		t.Errorf("%d slots are free when the process has ended, want 4", n)
	}
	alone, err := budget.New(budget.Config{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	alone.Run(ctx)
}
