package registry_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/store"
)

// blindBucket shows no changes to those who watch, and lets its caller leave as soon as something is stored.
type blindBucket struct {
	store.Bucket
	leave func()
}

func (b *blindBucket) CompareAndSet(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	defer b.leave()
	return b.Bucket.CompareAndSet(ctx, key, value, revision)
}

func (b *blindBucket) Watch(ctx context.Context) (<-chan store.Event, error) {
	all, err := b.Bucket.Watch(ctx)
	if err != nil {
		return nil, err
	}
	listed := make(chan store.Event)
	go func() {
		defer close(listed)
		synced := false
		for event := range all {
			if !synced {
				listed <- event
			}
			synced = synced || event.Synced
		}
	}()
	return listed, nil
}

// TestWhatIsStoredIsLogged holds that a change of a card is told to the operator although the caller who caused it did
// not wait to see it.
func TestWhatIsStoredIsLogged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, want string
		act        func(context.Context, *registry.Registry, *server, string) error
	}{
		{"refreshed", `msg="the card of an agent has changed" agent=weather outcome=accepted`, func(ctx context.Context, r *registry.Registry, s *server, _ string) error {
			s.serve(skilled, "")
			_, _, err := r.RefreshCard(ctx, "weather")
			return err
		}},
		{"approved", `msg="a changed card was approved" agent=weather`, func(ctx context.Context, r *registry.Registry, _ *server, digest string) error {
			_, err := r.ApproveCard(ctx, "weather", digest)
			return err
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, shared := &server{}, newBucket(t)
			first := following(t, shared, s)
			s.serve(moved, "")
			digest := refresh(t, first, registry.CardHeld).Pending.Digest
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			var log strings.Builder
			r := followed(t, &blindBucket{shared, leave}, s, func(config *registry.Config) {
				config.Logger = slog.New(slog.NewTextHandler(&log, nil))
			})
			if err := test.act(ctx, r, s, digest); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%v, want the wait for the snapshot to end", err)
			}
			if !strings.Contains(log.String(), test.want) {
				t.Errorf("the log lacks %s:\n%s", test.want, log.String())
			}
		})
	}
}

// TestFollowCards fetches again after each pause, which differs from the configured one as told.
func TestFollowCards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		r := following(t, newBucket(t), s)
		fetched := func() int {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.asked)
		}
		registered := fetched()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.FollowCards(ctx, registry.Refresh{Every: time.Hour, AtOnce: 1, Jitter: func() time.Duration { return -time.Minute }})
		}()
		for round := range 3 {
			time.Sleep(59*time.Minute - time.Second)
			synctest.Wait()
			if got := fetched() - registered; got != round {
				t.Errorf("%d rounds before the pause was over, want %d", got, round)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if got := fetched() - registered; got != 3 {
			t.Errorf("%d rounds, want 3", got)
		}
		cancel()
		<-done
	})
}
