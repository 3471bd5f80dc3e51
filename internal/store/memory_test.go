package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/store/storetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) store.Store { return store.NewMemory(time.Now) })
}

// TestMemoryFollowsItsClock moves an injected clock by hand; no time passes.
func TestMemoryFollowsItsClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s := store.NewMemory(func() time.Time { return now })
	defer s.Close()
	b := openBucket(t, s)
	for key, ttl := range map[string]time.Duration{"second": time.Second, "rounded": 1001 * time.Millisecond, "day": 24 * time.Hour} {
		if _, err := b.Create(t.Context(), key, nil, ttl); err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		name    string
		advance time.Duration
		present map[string]bool
	}{
		{"just-before-the-first", time.Second - 1, map[string]bool{"second": true, "rounded": true, "day": true}},
		{"at-the-first", 1, map[string]bool{"second": false, "rounded": true, "day": true}},
		{"at-the-rounded", time.Second, map[string]bool{"second": false, "rounded": false, "day": true}},
		{"after-a-day", 24 * time.Hour, map[string]bool{"second": false, "rounded": false, "day": false}},
	}
	for _, step := range steps {
		now = now.Add(step.advance)
		for key, want := range step.present {
			_, err := b.Get(t.Context(), key)
			if got := err == nil; got != want || (err != nil && !errors.Is(err, store.ErrNotFound)) {
				t.Errorf("%s: Get(%s) = %v, want present %v", step.name, key, err, want)
			}
		}
	}
}

// TestMemoryTellsWatchersOfExpiry shows that no call is needed for an expiry to be seen.
func TestMemoryTellsWatchersOfExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := store.NewMemory(time.Now)
		defer s.Close()
		b := openBucket(t, s)
		for key, ttl := range map[string]time.Duration{"late": 3 * time.Second, "early": time.Second, "middle": 2 * time.Second} {
			if _, err := b.Create(ctx, key, nil, ttl); err != nil {
				t.Fatal(err)
			}
		}
		events, err := b.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		at := map[string]time.Duration{}
		for len(at) < 3 {
			if event := <-events; event.Deleted {
				at[event.Key] = time.Since(start)
			}
		}
		if at["early"] != time.Second || at["middle"] != 2*time.Second || at["late"] != 3*time.Second {
			t.Errorf("expiries after %v", at)
		}
	})
}

// TestMemoryWatchIsBounded shows that a reader that does not read costs one event for each key.
func TestMemoryWatchIsBounded(t *testing.T) {
	t.Parallel()
	s := store.NewMemory(time.Now)
	defer s.Close()
	b := openBucket(t, s)
	events, err := b.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var last uint64
	for range 1000 {
		if last, err = b.Put(t.Context(), "a", nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-events; !got.Synced {
		t.Errorf("first event %+v, want Synced", got)
	}
	if got := <-events; got.Revision != last {
		t.Errorf("second event has revision %d, want the last, %d", got.Revision, last)
	}
}
