package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

const (
	racers = 8
	rounds = 10
)

var raceCases = map[string]func(*testing.T, fixture){
	"one-create-wins": func(t *testing.T, f fixture) {
		oneWins(t, func(round, racer int) error {
			_, err := f.bucket.Create(f.ctx, fmt.Sprintf("key-%d", round), []byte(strconv.Itoa(racer)), time.Hour)
			return err
		}, store.ErrConflict)
	},
	"one-create-after-delete-wins": func(t *testing.T, f fixture) {
		for round := range rounds {
			f.put(t, fmt.Sprintf("key-%d", round), "")
			f.remove(t, fmt.Sprintf("key-%d", round))
		}
		oneWins(t, func(round, racer int) error {
			_, err := f.bucket.Create(f.ctx, fmt.Sprintf("key-%d", round), []byte(strconv.Itoa(racer)), 0)
			return err
		}, store.ErrConflict)
	},
	"one-compare-and-set-wins": func(t *testing.T, f fixture) {
		var revisions [rounds]uint64
		for round := range rounds {
			revisions[round] = f.put(t, fmt.Sprintf("key-%d", round), "")
		}
		oneWins(t, func(round, racer int) error {
			_, err := f.bucket.CompareAndSet(f.ctx, fmt.Sprintf("key-%d", round), []byte(strconv.Itoa(racer)), revisions[round])
			return err
		}, store.ErrConflict)
	},
	"one-delete-wins": func(t *testing.T, f fixture) {
		for round := range rounds {
			f.put(t, fmt.Sprintf("key-%d", round), "")
		}
		oneWins(t, func(round, _ int) error {
			return f.bucket.Delete(f.ctx, fmt.Sprintf("key-%d", round), 0)
		}, store.ErrNotFound)
	},
	"no-lost-update":          noLostUpdate,
	"puts-get-own-revision":   putsGetOwnRevision,
	"bucket-opened-by-many":   bucketOpenedByMany,
	"close-while-others-call": closeWhileCalling,
}

// oneWins lets racers make the same change at the same time and expects the others to lose.
func oneWins(t *testing.T, change func(round, racer int) error, loss error) {
	t.Helper()
	for round := range rounds {
		var wins atomic.Int32
		together(func(racer int) {
			switch err := change(round, racer); {
			case err == nil:
				wins.Add(1)
			case !errors.Is(err, loss):
				t.Errorf("loser's error = %v, want %v", err, loss)
			}
		})
		if wins.Load() != 1 {
			t.Errorf("round %d: %d winners, want 1", round, wins.Load())
		}
	}
}

func together(run func(racer int)) {
	var group sync.WaitGroup
	start := make(chan struct{})
	for racer := range racers {
		group.Go(func() {
			<-start
			run(racer)
		})
	}
	close(start)
	group.Wait()
}

func noLostUpdate(t *testing.T, f fixture) {
	f.put(t, "count", "0")
	together(func(int) {
		for range rounds {
			if err := increment(f); err != nil {
				t.Error(err)
				return
			}
		}
	})
	got, err := f.bucket.Get(f.ctx, "count")
	if want := strconv.Itoa(racers * rounds); err != nil || string(got.Value) != want {
		t.Errorf("count = %s, %v, want %s", got.Value, err, want)
	}
}

func increment(f fixture) error {
	for {
		e, err := f.bucket.Get(f.ctx, "count")
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(e.Value))
		if err != nil {
			return err
		}
		_, err = f.bucket.CompareAndSet(f.ctx, "count", []byte(strconv.Itoa(n+1)), e.Revision)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func putsGetOwnRevision(t *testing.T, f fixture) {
	var owners sync.Map
	together(func(racer int) {
		for round := range rounds {
			revision, err := f.bucket.Put(f.ctx, fmt.Sprintf("key-%d", racer%2), []byte{byte(racer), byte(round)})
			if err != nil {
				t.Errorf("Put() = %v", err)
			}
			if other, taken := owners.LoadOrStore(revision, racer); taken {
				t.Errorf("revision %d was given to racer %v and to %d", revision, other, racer)
			}
		}
	})
}

func bucketOpenedByMany(t *testing.T, f fixture) {
	together(func(racer int) {
		b, err := f.store.Bucket(f.ctx, "new")
		if err != nil {
			t.Errorf("Bucket() = %v", err)
			return
		}
		if _, err := b.Create(f.ctx, strconv.Itoa(racer), nil, 0); err != nil {
			t.Errorf("Create() = %v", err)
		}
	})
}

// closeWhileCalling wants every call to end, either done or with ErrUnavailable.
func closeWhileCalling(t *testing.T, f fixture) {
	var wrote sync.WaitGroup
	wrote.Add(racers)
	together(func(racer int) {
		if racer == 0 {
			wrote.Done()
			wrote.Wait()
			if err := f.store.Close(); err != nil {
				t.Errorf("Close() = %v", err)
			}
			return
		}
		_, err := f.bucket.Put(f.ctx, "a", nil)
		wrote.Done()
		for err == nil {
			_, err = f.bucket.Put(f.ctx, "a", nil)
		}
		wantError(t, "Put() during Close()", err, store.ErrUnavailable)
	})
}
