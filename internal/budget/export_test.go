package budget

import (
	"context"
	"time"
)

// Keys returns how many limits the meter remembers.
func (m *Meter) Keys() int {
	n := 0
	for i := range m.shards {
		m.shards[i].mu.Lock()
		n += len(m.shards[i].accounts)
		m.shards[i].mu.Unlock()
	}
	return n
}

// Waiting returns how many calls wait for the store about a limit.
func (m *Meter) Waiting(d Draw) int {
	s := m.shard(d.Key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.accounts[nameOf(d)]; a != nil && a.holding != nil {
		return int(a.holding.waiting)
	}
	return 0
}

// Farewell gives everything back, as Run does at its end.
func (m *Meter) Farewell(ctx context.Context, now time.Time) { m.tend(ctx, now, true) }

// Sweeper looks for records that say nothing any more.
type Sweeper struct {
	m    *Meter
	seen sightings
}

func (m *Meter) Sweeper() *Sweeper { return &Sweeper{m: m} }

func (s *Sweeper) Sweep(ctx context.Context, now time.Time) {
	s.seen = s.m.sweep(ctx, s.seen, s.m.moment(now))
}
