package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/store"
)

var watchRaceCases = map[string]func(*testing.T, fixture){
	"ends-in-the-stored-state":     watchConverges,
	"synced-means-all-was-seen":    watchSyncedIsComplete,
	"each-event-is-a-real-write":   watchTellsTheTruth,
	"ends-while-others-still-push": watchCancelledUnderLoad,
}

const raceKeys = 12

// churn makes random changes to a few keys; a lost race is part of it.
func churn(f fixture, racer, changes int) {
	random := rand.New(rand.NewPCG(uint64(racer), 7))
	for n := range changes {
		key := fmt.Sprintf("key-%d", random.IntN(raceKeys))
		value := fmt.Appendf(nil, "%d-%d", racer, n)
		switch random.IntN(4) {
		case 0:
			_ = f.bucket.Delete(f.ctx, key, 0)
		case 1:
			_, _ = f.bucket.Create(f.ctx, key, value, 0)
		default:
			_, _ = f.bucket.Put(f.ctx, key, value)
		}
	}
}

// watchConverges starts watches at different moments of the same churn; all must end in the same state.
func watchConverges(t *testing.T, f fixture) {
	watches := make(chan *watching, 4)
	together(func(racer int) {
		if racer%2 == 0 {
			events, err := f.bucket.Watch(f.ctx)
			if err != nil {
				t.Errorf("Watch() = %v", err)
			}
			watches <- &watching{t: t, ctx: f.ctx, events: events}
		}
		churn(f, racer, 40)
	})
	close(watches)
	f.put(t, "end", "")
	want := map[string]store.Entry{}
	for i := range raceKeys {
		if e, err := f.bucket.Get(f.ctx, fmt.Sprintf("key-%d", i)); err == nil {
			want[e.Key] = e
		}
	}
	for w := range watches {
		got := map[string]store.Entry{}
		for event := w.next(); event.Key != "end"; event = w.next() {
			apply(got, event)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("state after all events (-want +got):\n%s", diff)
		}
	}
}

// watchSyncedIsComplete keeps rewriting keys that are all present; a watch begun at any moment has to deliver
// each of them before Synced.
func watchSyncedIsComplete(t *testing.T, f fixture) {
	for i := range raceKeys {
		f.put(t, fmt.Sprintf("key-%d", i), "")
	}
	ctx, stop := context.WithCancel(f.ctx)
	together(func(racer int) {
		if racer > 0 {
			for n := 0; ctx.Err() == nil; n++ {
				_, _ = f.bucket.Put(ctx, fmt.Sprintf("key-%d", (n+racer)%raceKeys), []byte("x"))
			}
			return
		}
		defer stop()
		for range 2 * rounds {
			events, err := f.bucket.Watch(f.ctx)
			if err != nil {
				t.Errorf("Watch() = %v", err)
				return
			}
			if got := countUntilSynced(f.ctx, events); got != raceKeys {
				t.Errorf("%d keys before Synced, want %d", got, raceKeys)
				return
			}
		}
	})
}

func countUntilSynced(ctx context.Context, events <-chan store.Event) int {
	seen := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return -1
		case event, ok := <-events:
			if !ok {
				return -1
			}
			if event.Synced {
				return len(seen)
			}
			seen[event.Key] = true
		}
	}
}

// watchTellsTheTruth compares every event with what the writer of its revision wrote.
func watchTellsTheTruth(t *testing.T, f fixture) {
	w := f.watch(t)
	type write struct {
		revision   uint64
		key, value string
	}
	results := make(chan write, racers*rounds)
	together(func(racer int) {
		for round := range rounds {
			key, value := fmt.Sprintf("key-%d", round%3), fmt.Sprintf("%d-%d", racer, round)
			revision, err := f.bucket.Put(f.ctx, key, []byte(value))
			if err != nil {
				t.Errorf("Put() = %v", err)
			}
			results <- write{revision, key, value}
		}
	})
	close(results)
	wrote := map[uint64]write{}
	for result := range results {
		wrote[result.revision] = result
	}
	f.put(t, "end", "")
	for event := w.next(); event.Key != "end"; event = w.next() {
		if event.Synced {
			continue
		}
		got := write{event.Revision, event.Key, string(event.Value)}
		if want := wrote[event.Revision]; got != want {
			t.Errorf("event %+v, but the write was %+v", got, want)
		}
	}
}

func watchCancelledUnderLoad(t *testing.T, f fixture) {
	together(func(racer int) {
		if racer%2 == 0 {
			churn(f, racer, 20)
			return
		}
		for range rounds {
			ctx, cancel := context.WithCancel(f.ctx)
			events, err := f.bucket.Watch(ctx)
			if err != nil {
				cancel()
				t.Errorf("Watch() = %v", err)
				return
			}
			<-events
			cancel()
			for range events {
			}
		}
	})
}
