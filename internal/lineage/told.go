package lineage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// told is a call of this process in the shared memory, or many that are not told apart. What can change of it is guarded
// by the mutex of shared.
type told struct {
	callee agent.ID
	served Served
	number uint64
	key    string
	tasks  []string // once the call is over: those that go on, as far as it was answered
	ends   time.Time
	seen   chan struct{} // closed when this process has heard of it itself, and so of all that was written before
	heard  bool
	call   *Call // nil for a lump, and before it is known
	lump   bool
	// lingers reports that the call is over and may go on at its callee, over that it does not count any more, and missing that
	// its entry is gone.
	lingers, over, missing bool
}

// lump is what becomes of an agent's calls beyond those that are told apart: each makes a new entry for all of them.
type lump struct {
	latest   *told // counts in all before
	standing *told // the latest of those that others know of
}

// tell writes a call, and returns when this process knows all that others wrote before it.
func (s *shared) tell(ctx context.Context, callee agent.ID, served Served, ends, now time.Time) (*told, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	t, err := s.register(callee, served, ends, now)
	if err != nil {
		return nil, err
	}
	if err = s.write(ctx, t); err == nil {
		select {
		case <-t.seen:
			return s.stands(t), nil
		case <-ctx.Done():
			err = fmt.Errorf("%w: what others wrote is not known yet: %w", store.ErrUnavailable, ctx.Err())
		}
	}
	s.forget(t) // it may have been written all the same
	return nil, err
}

// register makes the entry for a call. Those beyond what is told apart have one for all, narrowed by each.
func (s *shared) register(callee agent.ID, served Served, ends, now time.Time) (*told, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, fmt.Errorf("%w: the process stops", store.ErrUnavailable)
	case now.Before(s.lostAt.Add(recovery)):
		return nil, fmt.Errorf("%w: the memory of what agents serve was lost a moment ago", store.ErrUnavailable)
	}
	s.number++
	t := &told{
		callee: callee, served: served, ends: ends, seen: make(chan struct{}), number: s.number, key: keyOf(callee, s.Process, s.number),
	}
	if s.counts[callee] >= maxServed {
		s.lump(t, now)
	} else {
		s.counts[callee]++
	}
	s.told[t.key] = t
	return t, nil
}

// lump has an entry stand for all calls of its callee that are not told apart. s.mu is held.
func (s *shared) lump(t *told, now time.Time) {
	t.lump = true
	var before Served
	l := s.lumps[t.callee]
	if l == nil {
		l = &lump{}
		s.lumps[t.callee] = l
	}
	if latest := l.latest; latest != nil && now.Before(latest.ends) {
		before = latest.served
		if latest.ends.After(t.ends) {
			t.ends = latest.ends
		}
	}
	t.served = before.join(t.served)
	l.latest = t
}

// stands returns what a call holds of which others know. A newer lump takes the place of an older one.
func (s *shared) stands(t *told) *told {
	if !t.lump {
		return t
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lumps[t.callee]
	if l == nil {
		return nil
	}
	older := l.standing
	if older != nil && older.number > t.number {
		older = t
	} else {
		l.standing = t
	}
	if older != nil {
		s.drop(older)
	}
	return nil
}

// write stores the entry unless it is there.
func (s *shared) write(ctx context.Context, t *told) error {
	s.mu.Lock()
	key, over, tasks, ends := t.key, t.over, t.tasks, t.ends
	s.mu.Unlock()
	value, err := encode(t.served, tasks, ends)
	if over || err != nil {
		return err
	}
	_, err = s.Bucket.Create(ctx, key, value, max(ends.Sub(s.Now()), time.Second))
	if errors.Is(err, store.ErrConflict) {
		err = nil
	}
	if s.gone(t, key) {
		s.queue(errand{key: key, ends: ends})
	}
	return err
}

// gone reports whether nothing is to stand under the key any more, which what was under way may have written again.
func (s *shared) gone(t *told, key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.over || t.key != key
}

// bind says which call it is that was told.
func (s *shared) bind(t *told, c *Call) {
	if t == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.call = c
}

// lingers notes that the call is over and that its callee may go on with it: with the tasks, of which every process that
// sees them end can take the entry out, or, where no answer told of any, with what nobody sees.
func (s *shared) lingers(t *told, running []string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.over {
		t.lingers, t.tasks, t.ends = true, append([]string(nil), running...), until
		s.enqueue(errand{told: t, ends: until})
	}
}

// finished notes that a task has ended, by which calls of this process are over, and maybe some of others.
func (s *shared) finished(callee agent.ID, id string, over []*told) {
	for _, t := range over {
		s.forget(t)
	}
	for _, e := range s.others.finished(callee, id, s.Now()) {
		s.queue(errand{key: e.key, ends: e.ends})
	}
}

// heard takes what became of an entry of this process. s.mu is held.
func (s *shared) heard(t *told, stands, lost bool) {
	switch {
	case stands && !t.heard:
		t.heard = true
		close(t.seen)
	case stands || lost: // what is lost is written again
	case t.lump, t.lingers:
		// Another process saw the tasks end, or the time is over.
		s.unregister(t)
		if t.call != nil {
			s.enqueue(errand{call: t.call, ends: t.ends})
		}
	default:
		t.missing, t.ends = true, s.Now().Add(s.Linger)
		s.rouse()
	}
}

// forget takes an entry out.
func (s *shared) forget(t *told) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(t)
}

// drop is forget with s.mu held.
func (s *shared) drop(t *told) {
	if !t.over {
		s.unregister(t)
		s.enqueue(errand{key: t.key, ends: t.ends})
	}
}

// unregister ends what is told. s.mu is held.
func (s *shared) unregister(t *told) {
	if t.over {
		return
	}
	t.over = true
	delete(s.told, t.key)
	if t.lump {
		if l := s.lumps[t.callee]; l != nil && l.latest == t {
			delete(s.lumps, t.callee)
		}
		return
	}
	if s.counts[t.callee]--; s.counts[t.callee] == 0 {
		delete(s.counts, t.callee)
	}
}
