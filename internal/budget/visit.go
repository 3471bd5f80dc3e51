package budget

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

const (
	// firstPause is that before a change is tried again which others overtook, before chance shortens it. It doubles up to
	// doublings times.
	firstPause = 500 * time.Microsecond
	doublings  = 5
)

// errNoAnswer is why a visit ends that the store did not answer in time.
var errNoAnswer = fmt.Errorf("%w: it did not answer in time", store.ErrUnavailable)

// gone reports that a visit ended because nobody waits for it any more, and not because the store did not answer.
func gone(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), errNoAnswer)
}

// takeShared is Take where the process has to ask the store about the draw at result.Refused.
func (m *Meter) takeShared(ctx context.Context, draws []Draw, at int64, result Result) Result {
	ctx, cancel := context.WithTimeoutCause(ctx, m.config.Wait, errNoAnswer)
	defer cancel()
	var queues []*holding
	defer func() {
		for _, h := range queues {
			s := m.shard(h.name.key)
			s.mu.Lock()
			h.waiting--
			s.mu.Unlock()
		}
	}()
	for ask := true; ask; result, ask = m.claim(draws, at) {
		h, err := m.await(ctx, draws[result.Refused], at, queues)
		if h != nil {
			queues = append(queues, h)
		}
		if err != nil {
			return Result{Refused: result.Refused, Err: err}
		}
	}
	return result
}

// await returns after a visit to the store about the draw: this call's own, or that of another call which is under way.
// The holding that it returns now counts the call as waiting; queues are those that do already.
func (m *Meter) await(ctx context.Context, d Draw, at int64, queues []*holding) (*holding, error) {
	s := m.shard(d.Key)
	s.mu.Lock()
	h := m.holding(s, d)
	queued := h
	if slices.Contains(queues, h) {
		queued = nil
	} else {
		h.waiting++
	}
	if v := h.look(d, at, s.now); !v.ask {
		s.mu.Unlock()
		return queued, nil
	}
	if f := h.flight; f != nil {
		s.mu.Unlock()
		select {
		case <-f.done:
			return queued, f.err
		case <-ctx.Done():
			return queued, fmt.Errorf("waiting for the store to count: %w: %w", store.ErrUnavailable, ctx.Err())
		}
	}
	h.draw = d
	p, r := h.depart(s.now)
	s.mu.Unlock()
	return queued, m.visit(ctx, trip{h, p, r})
}

// holding returns what is held of the draw's limit. The shard is locked.
func (m *Meter) holding(s *shard, d Draw) *holding {
	a := s.account(nameOf(d))
	if a.holding == nil {
		h := &holding{name: nameOf(d), draw: d, used: s.now}
		if d.underWay() {
			h.share = &slots{process: m.config.Process}
		} else {
			h.share = &tokens{process: m.config.Process, turns: &m.turns}
		}
		a.holding = h
	}
	return a.holding
}

// trip is one visit to the store that is about to begin.
type trip struct {
	holding  *holding
	proposal proposal
	route    route
}

// visit makes the trip and tells the holding, and all that wait, what came of it.
func (m *Meter) visit(ctx context.Context, t trip) error {
	route, a, err := m.exchange(ctx, t.route, t.proposal)
	now := m.moment(m.config.Now())
	m.note(ctx, err)
	h, s := t.holding, m.shard(t.holding.name.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	f := h.flight
	h.flight = nil
	defer close(f.done)
	if err == nil {
		h.land(a, route, now)
		if !h.listed && !a.refused {
			h.listed = true
			s.leased = append(s.leased, h)
		}
		return nil
	}
	if gone(ctx) {
		// Only the call that asked has gone. Those that wait ask themselves.
		h.revision = 0
		return err
	}
	h.lose(err, now)
	f.err = err
	return err
}

// route is where a record is, and how it was when it was last seen.
type route struct {
	key      string
	known    *record
	revision uint64
}

// exchange changes the record as proposed, and tries until ctx ends while others overtake it. An error says that nobody
// knows whether it was changed.
func (m *Meter) exchange(ctx context.Context, r route, p proposal) (route, answer, error) {
	fresh := false
	for pause := firstPause; ; {
		if r.revision == 0 && !fresh {
			if err := m.read(ctx, &r); err != nil {
				return r, answer{}, err
			}
			fresh = true
		}
		next, a := p.on(*r.known)
		if (a.refused || !a.changed) && !fresh {
			r.revision = 0
			continue
		}
		if !a.changed {
			return r, a, nil
		}
		err := m.write(ctx, &r, next)
		if err == nil {
			return r, a, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return r, answer{}, err
		}
		// What was remembered may be old; only who overtakes a change of what was read a moment ago is in the way.
		if fresh {
			if !store.Pause(ctx, pause-m.config.Jitter(pause)/2) {
				return r, answer{}, fmt.Errorf("counting a call: %w: others count all the time", store.ErrUnavailable)
			}
			pause = min(2*pause, firstPause<<doublings)
		}
		r.revision, fresh = 0, false
	}
}

// read reads the record. Where there is none, what was known of it last holds: a record is removed when it says no more
// than none would, and what the store has lost is known to somebody at best.
func (m *Meter) read(ctx context.Context, r *route) error {
	entry, err := m.config.Bucket.Get(ctx, r.key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		r.revision = 0
		if r.known == nil {
			r.known = &record{Version: recordVersion}
		}
		return nil
	case err != nil:
		return fmt.Errorf("reading a count: %w", err)
	}
	found, err := decode(entry.Value)
	if err != nil {
		return fmt.Errorf("reading a count: %w", err)
	}
	r.known, r.revision = &found, entry.Revision
	return nil
}

func (m *Meter) write(ctx context.Context, r *route, next record) error {
	value, err := next.encode()
	if err != nil {
		return err
	}
	var revision uint64
	if r.revision == 0 {
		revision, err = m.config.Bucket.Create(ctx, r.key, value, 0)
	} else {
		revision, err = m.config.Bucket.CompareAndSet(ctx, r.key, value, r.revision)
	}
	if err != nil {
		return fmt.Errorf("counting a call: %w", err)
	}
	r.known, r.revision = &next, revision
	return nil
}

// note logs when the store stops answering, and when it does again.
func (m *Meter) note(ctx context.Context, err error) {
	lost := err != nil
	if lost && gone(ctx) || lost == m.failing.Load() || !m.failing.CompareAndSwap(!lost, lost) {
		return
	}
	if lost {
		m.config.Logger.LogAttrs(ctx, slog.LevelWarn, "limits cannot be counted in the store", slog.Any("error", err))
		return
	}
	m.config.Logger.LogAttrs(ctx, slog.LevelInfo, "limits are counted in the store again")
}
