package lineage

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

const (
	// errandsAtOnce is how many entries are worked on at once, errandQueue how many may wait. One that finds no room stays
	// until its time is over, and narrows until then.
	errandsAtOnce = 8
	errandQueue   = 1 << 14
	// attempt bounds one call of the store.
	attempt = 5 * time.Second
)

// errand is what is done about an entry when nobody waits for it: it is taken out, or written anew for a call that was
// told, or the call that it stood for is forgotten.
type errand struct {
	key  string
	told *told
	call *Call
	ends time.Time // when the entry has gone by itself
}

func (s *shared) queue(next errand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enqueue(next)
}

// enqueue never blocks. s.mu is held.
func (s *shared) enqueue(next errand) {
	if s.closed {
		return
	}
	select {
	case s.errands <- next:
		s.full = false
	default:
		if !s.full {
			s.full = true
			s.Logger.Warn("too much of what agents served waits to be taken out; it narrows until its time is over", slog.Int("waiting", errandQueue))
		}
	}
}

// run does what waits until the ledger is closed and nothing is left.
func (s *shared) run() {
	for next := range s.errands {
		if next.call != nil {
			s.ledger.drop(next.call, s.Now())
			continue
		}
		for delay := time.Duration(0); store.Pause(s.life, delay) && s.Now().Before(next.ends) && s.try(&next) != nil; {
			delay = store.NextRetry(delay)
		}
	}
}

// try makes one attempt. What is left of the errand is in next.
func (s *shared) try(next *errand) error {
	ctx, cancel := context.WithTimeout(s.life, attempt)
	defer cancel()
	if next.told != nil {
		before, err := s.rewrite(ctx, next.told)
		if err != nil || before == "" {
			return err
		}
		*next = errand{key: before, ends: next.ends}
	}
	err := s.Bucket.Delete(ctx, next.key, 0)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalidKey) {
		return nil
	}
	return err
}

// rewrite stores a call of which tasks go on under another key, and returns the one that is to be taken out then, so that
// there is no moment without; none when the call is over.
func (s *shared) rewrite(ctx context.Context, t *told) (before string, err error) {
	s.mu.Lock()
	if t.over {
		s.mu.Unlock()
		return "", nil
	}
	before = t.key
	s.number++
	after := keyOf(t.callee, s.Process, s.number)
	s.move(t, after)
	s.mu.Unlock()

	err = s.write(ctx, t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && !t.over {
		s.move(t, before)
		s.enqueue(errand{key: after, ends: t.ends}) // it may have been written all the same
		return "", err
	}
	return before, nil
}

// move has another entry stand for the call. s.mu is held.
func (s *shared) move(t *told, key string) {
	delete(s.told, t.key)
	t.key = key
	s.told[key] = t
}

// keep writes again what should stand in the memory and does not.
func (s *shared) keep() {
	for {
		select {
		case <-s.wake:
		case <-s.life.Done():
			return
		}
		for delay := time.Duration(0); store.Pause(s.life, delay) && s.restore() != nil; {
			delay = store.NextRetry(delay)
		}
	}
}

func (s *shared) restore() error {
	ctx, cancel := context.WithTimeout(s.life, attempt)
	defer cancel()
	if err := s.ensureEpoch(ctx); err != nil {
		return err
	}
	now := s.Now()
	s.others.sweep(now)
	s.mu.Lock()
	var missing []*told
	for _, t := range s.told {
		if t.missing {
			missing = append(missing, t)
		}
	}
	s.mu.Unlock()
	// They stand in the memory in the order in which they began, as before.
	slices.SortFunc(missing, func(a, b *told) int { return cmp.Compare(a.number, b.number) })
	for _, t := range missing {
		s.mark(t, false)
		if err := s.write(ctx, t); err != nil {
			s.mark(t, true)
			return err
		}
	}
	return nil
}

func (s *shared) mark(t *told, missing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.missing = missing
}
