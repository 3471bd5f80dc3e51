package budget_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/store"
)

// mesh is several processes with one store and one time, from which each one's clock may be off.
type mesh struct {
	tb     testing.TB
	bucket store.Bucket
	begun  int
	clock  *atomic.Int64 // the latest time, since noon
}

func newMesh(tb testing.TB) *mesh {
	tb.Helper()
	s := store.NewMemory(func() time.Time { return noon })
	tb.Cleanup(func() { _ = s.Close() })
	b, err := s.Volatile(context.Background(), "budgets")
	if err != nil {
		tb.Fatal(err)
	}
	return &mesh{tb: tb, bucket: b, clock: new(atomic.Int64)}
}

// process is one of a mesh.
type process struct {
	*budget.Meter
	ahead time.Duration
	clock *atomic.Int64
}

// start begins a process whose clock is ahead. A busy machine does not hurry it.
func (m *mesh) start(ahead time.Duration) *process { return m.startOn(m.bucket, ahead, time.Minute) }

func (m *mesh) startOn(b store.Bucket, ahead, wait time.Duration) *process {
	m.tb.Helper()
	m.begun++
	meter, err := budget.New(budget.Config{
		Bucket: b, Process: fmt.Sprint("process-", m.begun), Now: func() time.Time { return noon.Add(time.Duration(m.clock.Load()) + ahead) },
		Wait: wait, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		m.tb.Fatal(err)
	}
	return &process{meter, ahead, m.clock}
}

// take draws on the limits at a moment of the mesh's time.
func (p *process) take(at time.Duration, draws ...budget.Draw) budget.Result {
	p.clock.Store(max(p.clock.Load(), int64(at)))
	return p.Take(context.Background(), draws, noon.Add(at+p.ahead))
}

func (p *process) tend(at time.Duration) {
	p.clock.Store(max(p.clock.Load(), int64(at)))
	p.Tend(context.Background(), noon.Add(at+p.ahead))
}

// repeat takes until it is refused, at most n times, and returns how often it was let through.
func (p *process) repeat(n int, at time.Duration, draws ...budget.Draw) int {
	for i := range n {
		if !p.take(at, draws...).OK {
			return i
		}
	}
	return n
}

// records is how many the store holds.
func (m *mesh) records() int {
	m.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	events, err := m.bucket.Watch(ctx)
	if err != nil {
		m.tb.Fatal(err)
	}
	n := 0
	for event := range events {
		if event.Synced {
			break
		}
		n++
	}
	return n
}

var errBroken = errors.New("the store is broken")

// faulty is a bucket that fails, or whose answers get lost, when its time has come.
type faulty struct {
	store.Bucket
	// fails is asked before each call; lost after each write that was made.
	fails, lost func() bool
	calls       int
}

func (f *faulty) Get(ctx context.Context, key string) (store.Entry, error) {
	if f.calls++; f.fails() {
		return store.Entry{}, errBroken
	}
	return f.Bucket.Get(ctx, key)
}

func (f *faulty) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	if f.calls++; f.fails() {
		return 0, errBroken
	}
	return f.answer(f.Bucket.Create(ctx, key, value, ttl))
}

func (f *faulty) CompareAndSet(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if f.calls++; f.fails() {
		return 0, errBroken
	}
	return f.answer(f.Bucket.CompareAndSet(ctx, key, value, revision))
}

func (f *faulty) answer(revision uint64, err error) (uint64, error) {
	if err == nil && f.lost() {
		return 0, errBroken
	}
	return revision, err
}

// silent is a bucket that does not answer.
type silent struct{ store.Bucket }

func (silent) Get(ctx context.Context, _ string) (store.Entry, error) {
	<-ctx.Done()
	return store.Entry{}, ctx.Err()
}

func never() bool { return false }
