package lineage

import (
	"context"
	"errors"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/store"
)

// epochKey holds what tells the shared memory from one that lost everything. No agent has such a name.
const epochKey = "EPOCH"

// epochOf returns the epoch that the mirror has under the key.
func epochOf(key string) (string, bool) { return strings.CutPrefix(key, epochKey+".") }

// ensureEpoch writes what the memory is begun with, unless it is there.
func (s *shared) ensureEpoch(ctx context.Context) error {
	_, err := s.Bucket.Create(ctx, epochKey, []byte(s.Process+"."+s.Now().UTC().Format(time.RFC3339Nano)), 0)
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// followed is the bucket as the mirror follows it.
type followed struct{ store.Bucket }

// Watch has each epoch under a key of its own: in a memory that was made anew revisions begin anew, so that the mirror
// could take another epoch of the same revision for the one it knows. A bucket that is no more is made anew when a call
// finds it missing, and following one is no such call.
func (f followed) Watch(ctx context.Context) (<-chan store.Event, error) {
	events, err := f.Bucket.Watch(ctx)
	if err != nil {
		_, _ = f.Get(ctx, epochKey) // what it says, the next attempt finds out
		return nil, err
	}
	out := make(chan store.Event)
	go func() {
		defer close(out)
		epoch := ""
		for e := range events {
			if e.Key == epochKey {
				if !e.Deleted {
					epoch = string(e.Value)
				}
				e.Key += "." + epoch
			}
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// lost reports whether the memory has lost what it knew, as what it was begun with is not there. What others have told
// counts until its time is over then: they tell it again, or it stays. s.mu is held.
func (s *shared) lost(image *mirror.Image[*elsewhere]) bool {
	if _, same := image.Get(epochKey + "." + s.epoch); same {
		return false
	}
	for key := range image.Table().All() {
		if epoch, ok := epochOf(key); ok {
			s.epoch = epoch
		}
	}
	now := s.Now()
	if now.After(s.lostAt.Add(recovery)) {
		s.Logger.Warn("the memory of what agents serve was lost, and is made anew")
	}
	s.lostAt = now
	for key, t := range s.told {
		if _, stands := image.Get(key); !stands {
			t.missing = true
		}
	}
	s.rouse()
	return true
}

// rouse has the keeper look what is missing.
func (s *shared) rouse() {
	select {
	case s.wake <- struct{}{}:
	default: // it will, and sees this too
	}
}
