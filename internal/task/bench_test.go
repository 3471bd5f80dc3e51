package task_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/task"
)

func openReal(tb testing.TB, s store.Store, limit int, wait bool) *task.Ledger {
	tb.Helper()
	bucket, err := s.Bucket(tb.Context(), "tasks")
	if err != nil {
		tb.Fatal(err)
	}
	return task.Open(tb.Context(), task.Config{
		Bucket: bucket, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Memory: limit, Retention: 30 * day, Finished: day, WaitForStore: wait,
	})
}

func openEmbedded(tb testing.TB, dir string) *store.NATS {
	tb.Helper()
	s, err := store.OpenNATS(context.Background(), store.NATSConfig{Dir: dir})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestEmbeddedStore restarts a ledger on the store that is used by default.
func TestEmbeddedStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for run := range 2 {
		s := openEmbedded(t, dir)
		for _, wait := range []bool{false, true} {
			ledger := openReal(t, s, 1000, wait)
			for i := range 20 {
				ref := task.Ref{Callee: "booking", Task: fmt.Sprint(wait, i)}
				if run == 1 {
					wantOwner(t, ledger, ref, "alice")
				}
				name := by("alice")
				if run == 1 {
					name = by("mallory")
				}
				if got := learn(t, ledger, ref, name); got != "alice" {
					t.Errorf("run %d: task %d belongs to %s", run, i, got)
				}
				ledger.Finish(ref)
			}
			if err := closeWithin(ledger, 10*time.Second); err != nil {
				t.Errorf("Close() = %v", err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkOwner(b *testing.B) {
	s := store.NewMemory(time.Now)
	ledger := openReal(b, s, 100_000, false)
	refs := make([]task.Ref, 100_000)
	for i := range refs {
		refs[i] = task.Ref{Callee: "booking", Task: fmt.Sprintf("3f0c1a52-7e64-4d0a-9a55-%012d", i)}
	}
	fill := func(n int) {
		for _, ref := range refs[:n] {
			if _, err := ledger.Learn(b.Context(), ref, by("alice"), task.Running); err != nil {
				b.Fatal(err)
			}
		}
	}
	ask := func(b *testing.B, n int) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := ledger.Owner(b.Context(), "alice", refs[i*7919%n]); err != nil {
				b.Fatal(err)
			}
		}
	}
	settle := func() {
		for ledger.Stats().Queued > 0 {
			runtime.Gosched()
		}
	}
	fill(1000)
	settle()
	b.Run("hit-of-1000", func(b *testing.B) { ask(b, 1000) })
	for n := 10_000; n <= len(refs); n += 10_000 { // less than the queue takes, at a time
		fill(n)
		settle()
	}
	b.Run("hit-of-100000", func(b *testing.B) { ask(b, len(refs)) })
	b.Run("unowned", func(b *testing.B) {
		for b.Loop() {
			ledger.Owner(b.Context(), "alice", task.Ref{Callee: "booking", Task: "x"}) //nolint:errcheck // nobody owns it
		}
	})
	closeWithin(ledger, 0) //nolint:errcheck // what is not stored is no matter here
	if err := s.Close(); err != nil {
		b.Error(err)
	}
}

// BenchmarkLearn learns new tasks, within what the memory holds.
func BenchmarkLearn(b *testing.B) {
	for _, wait := range []bool{false, true} {
		b.Run(map[bool]string{false: "memory", true: "store"}[wait], func(b *testing.B) {
			s := openEmbedded(b, b.TempDir())
			ledger := openReal(b, s, 1<<22, wait)
			for ref := (task.Ref{Callee: "booking", Task: "first"}); ; runtime.Gosched() { // until the store is listed
				if _, err := ledger.Owner(b.Context(), "alice", ref); wait || errors.Is(err, task.ErrUnowned) {
					break
				}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := ledger.Learn(b.Context(), task.Ref{Callee: "booking", Task: fmt.Sprint(i)}, by("alice"), task.Running); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if got := ledger.Stats(); got.Dropped > 0 {
				b.ReportMetric(float64(got.Dropped)/float64(b.N), "dropped/op")
			}
			closeWithin(ledger, 0) //nolint:errcheck // what is not stored is no matter here
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}

// BenchmarkWrites measures how fast the background writers store what was learned, on the embedded store.
func BenchmarkWrites(b *testing.B) {
	s := openEmbedded(b, b.TempDir())
	ledger := openReal(b, s, 100_000, false)
	begun := time.Now()
	const many = 4000
	for i := range many {
		if _, err := ledger.Learn(b.Context(), task.Ref{Callee: "booking", Task: fmt.Sprint(i)}, by("alice"), task.Running); err != nil {
			b.Fatal(err)
		}
	}
	if err := closeWithin(ledger, time.Minute); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(many)/time.Since(begun).Seconds(), "stored/s")
	if err := s.Close(); err != nil {
		b.Error(err)
	}
}
