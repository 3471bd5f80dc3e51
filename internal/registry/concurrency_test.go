package registry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

// TestParallelWritersReadTheirWrites lets many writers fight over few names and DIDs. Each sees its own write at
// once, each snapshot is consistent, and no DID ever belongs to two agents.
func TestParallelWritersReadTheirWrites(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 40 {
				name := fmt.Sprintf("agent-%d", (w*7+i)%6)
				record, err := r.Register(t.Context(), registration(name, key(i%5).DID))
				if err == nil {
					if seen, ok := r.Snapshot().Agent(record.Name); ok && seen.Revision < record.Revision {
						t.Errorf("registered revision %d, the snapshot has %d", record.Revision, seen.Revision)
					}
					if r.Snapshot().Revision() < record.Revision {
						t.Errorf("registered revision %d, the snapshot is at %d", record.Revision, r.Snapshot().Revision())
					}
					err = r.Delete(t.Context(), record.Name, record.Revision)
					if seen, ok := r.Snapshot().Agent(record.Name); err == nil && ok && seen.Revision == record.Revision {
						t.Errorf("deleted revision %d is still there", record.Revision)
					}
				}
				var conflict *registry.ConflictError
				if err != nil && !errors.As(err, &conflict) && !errors.Is(err, registry.ErrChanged) && !errors.Is(err, registry.ErrNotFound) {
					t.Errorf("unexpected: %v", err)
				}
			}
		})
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				checkConsistent(t, r.Snapshot())
			}
		}
	})
	writers.Wait()
	close(stop)
	readers.Wait()
	if n := len(r.Snapshot().Agents()); n != 0 {
		t.Errorf("%d agents are left", n)
	}
}

func checkConsistent(t *testing.T, s *registry.Snapshot) {
	t.Helper()
	previous := agent.ID("")
	for _, record := range s.Agents() {
		if record.Name <= previous {
			t.Fatalf("%s after %s", record.Name, previous)
		}
		previous = record.Name
		if found, ok := s.Agent(record.Name); !ok || found != record {
			t.Fatalf("%s is listed but not found", record.Name)
		}
		for _, did := range record.DIDs {
			if holder, ok := s.Key(did); !ok || holder.Agent != record {
				t.Fatalf("%s of %s belongs to another or to nobody", did, record.Name)
			}
		}
		if record.Revision > s.Revision() {
			t.Fatalf("revision %d in a snapshot of revision %d", record.Revision, s.Revision())
		}
	}
}

// TestOnlyOneOfManyGetsAName lets writers race for one name, then for one revision.
func TestOnlyOneOfManyGetsAName(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	race := func(do func(i int) error) int32 {
		var won atomic.Int32
		var group sync.WaitGroup
		for i := range 16 {
			group.Go(func() {
				if do(i) == nil {
					won.Add(1)
				}
			})
		}
		group.Wait()
		return won.Load()
	}
	if n := race(func(int) error { _, err := r.Register(t.Context(), registration("a")); return err }); n != 1 {
		t.Errorf("%d writers got one name", n)
	}
	sharedDID := func(i int) error {
		_, err := r.Register(t.Context(), registration(fmt.Sprintf("b%d", i), key(1).DID))
		return err
	}
	if n := race(sharedDID); n != 1 {
		t.Errorf("%d agents got one DID", n)
	}
	a, err := r.Get("a")
	if err != nil {
		t.Fatal(err)
	}
	replace := func(int) error {
		_, err := r.Replace(t.Context(), "a", registration("a"), a.Revision)
		return err
	}
	if n := race(replace); n != 1 {
		t.Errorf("%d writers replaced one revision", n)
	}
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	ctx, cancel := context.WithCancel(t.Context())
	changes := r.Subscribe(ctx)
	first, err := r.Register(t.Context(), registration("a"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Replace(t.Context(), "a", registration("a"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), "a", 0); err != nil {
		t.Fatal(err)
	}
	want := []registry.Change{
		{Kind: registry.Registered, Name: "a", Revision: first.Revision},
		{Kind: registry.Replaced, Name: "a", Revision: second.Revision},
		{Kind: registry.Deleted, Name: "a", Revision: second.Revision + 1},
	}
	for _, w := range want {
		if got := <-changes; got != w {
			t.Errorf("change %+v, want %+v", got, w)
		}
	}
	cancel()
	if _, open := <-changes; open {
		t.Error("a change after the subscription ended")
	}
	other := r.Subscribe(t.Context())
	r.Close()
	if _, open := <-other; open {
		t.Error("a change after the registry closed")
	}
	if _, open := <-r.Subscribe(t.Context()); open {
		t.Error("a closed registry has subscribers")
	}
	if r.Healthy() == nil {
		t.Error("a closed registry is healthy")
	}
}

// TestSlowSubscriberIsToldToResync never reads until many changes have passed: writers are not held up, and the
// end of what it reads leads it to the present.
func TestSlowSubscriberIsToldToResync(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	ctx, cancel := context.WithCancel(t.Context())
	changes := r.Subscribe(ctx)
	var last uint64
	for i := range 600 {
		record, err := r.Register(t.Context(), registration(fmt.Sprintf("agent-%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		last = record.Revision
	}
	cancel()
	n := 0
	var final registry.Change
	for change := range changes {
		n, final = n+1, change
	}
	if n != 257 || final.Kind != registry.Resync || final.Name != "" {
		t.Errorf("%d changes, the last one %+v", n, final)
	}
	if got := r.Snapshot(); got.Revision() < last || len(got.Agents()) != 600 {
		t.Errorf("the snapshot is at %d with %d agents", got.Revision(), len(got.Agents()))
	}
}

// BenchmarkRegister measures one registration with 10,000 agents present, from the call to the snapshot.
func BenchmarkRegister(b *testing.B) {
	r := open(b, newBucket(b))
	for i := range 10_000 {
		if _, err := r.Register(b.Context(), registration(fmt.Sprintf("agent-%d", i), key(i).DID)); err != nil {
			b.Fatal(err)
		}
	}
	g := registration("agent-0", key(0).DID)
	g.Owner = strings.Repeat("x", 10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Replace(b.Context(), "agent-0", g, 0); err != nil {
			b.Fatal(err)
		}
	}
}
