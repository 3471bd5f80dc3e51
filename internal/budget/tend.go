package budget

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// tendEvery is how often leases are looked after, sweepEvery how often records that say nothing are looked for.
	tendEvery  = 100 * time.Millisecond
	sweepEvery = 5 * time.Minute
	// visitors is how many visits are made at a time beside those of calls.
	visitors = 16
	// farewell bounds giving everything back at the end.
	farewell = 2 * time.Second
)

// Run looks after what this process holds until ctx ends: it gives back what is not needed, renews what is, and removes
// what nobody needs from the store. When ctx has ended it gives back all but the calls under way, and returns.
func (m *Meter) Run(ctx context.Context) {
	if m.config.Bucket == nil {
		<-ctx.Done()
		return
	}
	tend, sweep := time.NewTicker(tendEvery), time.NewTicker(sweepEvery)
	defer tend.Stop()
	defer sweep.Stop()
	var sweeping sync.WaitGroup
	defer sweeping.Wait()
	var seen sightings
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), farewell, errNoAnswer)
			defer cancel()
			m.tend(last, m.config.Now(), true)
			return
		case <-tend.C:
			m.Tend(ctx, m.config.Now())
		case <-sweep.C:
			sweeping.Wait()
			sweeping.Go(func() { seen = m.sweep(ctx, seen, m.moment(m.config.Now())) })
		}
	}
}

// Tend is what Run does again and again: it gives back what no call needed for a while, and renews what is needed. It
// returns when the store has answered, or did not in time.
func (m *Meter) Tend(ctx context.Context, now time.Time) { m.tend(ctx, now, false) }

func (m *Meter) tend(ctx context.Context, now time.Time, closing bool) {
	due := make(chan *holding)
	var failed atomic.Bool
	var group sync.WaitGroup
	for range visitors {
		group.Go(func() {
			for h := range due {
				// While the store does not answer, there is no use in asking it about everything.
				if !failed.Load() && m.call(ctx, h) != nil {
					failed.Store(true)
				}
			}
		})
	}
	for i := range m.shards {
		for _, h := range m.shards[i].due(m.moment(now), closing) {
			due <- h
		}
	}
	close(due)
	group.Wait()
}

// call visits the store about a holding for which no call waits, unless another visit is under way.
func (m *Meter) call(ctx context.Context, h *holding) error {
	s := m.shard(h.name.key)
	s.mu.Lock()
	if h.flight != nil {
		s.mu.Unlock()
		return nil
	}
	p, r := h.depart(s.now)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, m.config.Wait, errNoAnswer)
	defer cancel()
	return m.visit(ctx, trip{h, p, r})
}

// due returns the holdings that need a visit, and forgets those that need none for now.
func (s *shard) due(at int64, closing bool) []*holding {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = max(s.now, at)
	var due []*holding
	left := s.leased[:0]
	for _, h := range s.leased {
		e := h.share.tend(s.now+h.shift, closing)
		if e == rest && h.flight == nil {
			h.listed = false
			continue
		}
		if left = append(left, h); e == visit {
			due = append(due, h)
		}
	}
	clear(s.leased[len(left):])
	s.leased = left
	return due
}
