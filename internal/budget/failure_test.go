package budget_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/store"
)

// TestStoreDown loses the store: what a process has counts until it ends, then nothing is let through.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	down := false
	f := &faulty{Bucket: m.bucket, fails: func() bool { return down }, lost: never}
	a := m.startOn(f, 0, time.Minute)
	calls, slots := rate("k", 100, time.Second, 100), underWay("k", 100)
	for range 7 { // in leases of 1, 3 and 7
		a.take(0, calls)
	}
	a.repeat(20, 0, slots)
	for range 5 {
		a.Leave([]budget.Draw{slots})
	}
	down = true
	if n := a.repeat(99, 0, calls); n != 4 {
		t.Errorf("%d calls are let through, want the 4 that are left", n)
	}
	got := a.take(0, calls)
	if got.OK || got.Wait != 0 || !errors.Is(got.Err, errBroken) {
		t.Errorf("%+v, want the store's error", got)
	}
	if n := a.repeat(99, 19*time.Second, slots); n < 5 || n > 10 {
		t.Errorf("%d calls are let in, want those that fit into what the process has", n)
	}
	a.Leave([]budget.Draw{slots})
	if got := a.take(20*time.Second, slots); got.OK || got.Err == nil {
		t.Errorf("when the lease has ended: %+v", got)
	}
	before := f.calls
	for range 50 {
		a.take(20*time.Second+99*time.Millisecond, slots)
	}
	if f.calls != before {
		t.Errorf("%d calls of a store that is down", f.calls-before)
	}
	a.tend(20 * time.Second)
	down = false
	if got := a.take(21*time.Second, calls); !got.OK {
		t.Errorf("when the store is back: %+v", got)
	}
	if got := a.take(21*time.Second, slots); !got.OK {
		t.Errorf("when the store is back: %+v", got)
	}
}

// TestStoreSilent has a store that does not answer: nobody waits for longer than they are willing to.
func TestStoreSilent(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	a := m.startOn(silent{m.bucket}, 0, 10*time.Millisecond)
	d := rate("k", 1, time.Second, 1)
	if got := a.take(0, d); got.OK || !errors.Is(got.Err, context.DeadlineExceeded) && !errors.Is(got.Err, store.ErrUnavailable) {
		t.Errorf("%+v", got)
	}
	// Who gives up early does not stop others.
	b := m.startOn(silent{m.bucket}, 0, time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if got := b.Take(ctx, []budget.Draw{d}, noon); got.OK || got.Err == nil {
		t.Errorf("%+v", got)
	}
}

// TestStoreLost empties the store: who knew something says so, and no more than a burst is let through twice.
func TestStoreLost(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	lost := newMesh(t)
	bucket := &losable{m.bucket}
	a, b := m.startOn(bucket, 0, time.Minute), m.startOn(bucket, 0, time.Minute)
	d, slots := rate("k", 1, time.Minute, 10), underWay("k", 10)
	a.repeat(4, 0, d)
	a.repeat(4, 0, slots)
	bucket.Bucket = lost.bucket
	if n := a.repeat(99, 0, d); n != 6 {
		t.Errorf("%d calls are let through by who knew, want 6", n)
	}
	if n := a.repeat(99, 0, slots); n != 6 {
		t.Errorf("%d calls are let in by who knew, want 6", n)
	}
	if n := b.repeat(99, 0, d) + b.repeat(99, 0, slots); n != 0 {
		t.Errorf("%d calls are let through by who did not, afterwards", n)
	}
}

// losable is a bucket that can turn into another one.
type losable struct{ store.Bucket }

// TestUnreadable finds a record of a version that this process does not know.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	a, b := m.start(0), m.start(0)
	d := rate("k", 1, time.Minute, 10)
	a.take(0, d)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events, err := m.bucket.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.bucket.Put(ctx, (<-events).Key, []byte(`{"version":2}`)); err != nil {
		t.Fatal(err)
	}
	if got := b.take(0, d); got.OK || got.Err == nil {
		t.Errorf("%+v", got)
	}
}
