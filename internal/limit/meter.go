package limit

import (
	"hash/maphash"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Meter counts what each agent uses in each ring. Agents that use nothing are forgotten, which no answer shows: memory
// is bounded by how many agents were active within the time that their bursts take to recover. Every method may be
// called by many goroutines at once.
type Meter struct {
	start  time.Time
	seed   maphash.Seed
	shards [shardCount]shard
}

// shardCount is above what a machine's cores use at once, and a power of two.
const shardCount = 64

// NewMeter returns a Meter that has counted nothing. now is the moment at which it begins, from the clock that Take is
// given too.
func NewMeter(now time.Time) *Meter {
	return &Meter{start: now, seed: maphash.MakeSeed()}
}

// key is whom a use counts for.
type key struct {
	name agent.ID
	ring agent.Ring
}

// shard holds the uses of a part of all agents.
type shard struct {
	mu    sync.Mutex
	uses  map[key]*use
	now   int64 // the latest moment seen, in nanoseconds since the meter's start
	sweep int   // how many uses there may be before those that are over are forgotten

	_ [64]byte // keeps two shards out of one cache line
}

// Take counts a call of the agent when the limits' PerSecond and Burst allow it, and reports whether they do: among all
// calls that are let through within any time t there are never more than Burst + PerSecond·t. If the call has to wait,
// wait is the time after which the same call would be let through; 0 says that none ever is.
//
// now is the moment of the call of Take. Moments before one that was seen already count as that one: where now carries
// Go's monotonic reading, setting the machine's clock changes nothing; where it does not, a clock that is set back
// delays what recovers, and never grants more.
func (m *Meter) Take(name agent.ID, ring agent.Ring, l Limits, now time.Time) (wait time.Duration, ok bool) {
	if l.PerSecond < 1 || l.Burst < 1 {
		return 0, false
	}
	rate, capacity := int64(min(l.PerSecond, MaxPerSecond)), int64(min(l.Burst, MaxBurst))*second
	s := m.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = max(s.now, int64(now.Sub(m.start)))
	return s.use(key{name, ring}).take(rate, capacity, s.now)
}

// Enter counts a call of the agent as under way, if fewer than limit were before, and returns how many are now; 0 when
// nothing was counted. Each Enter that counted has to be followed by one Leave with the same name and ring.
func (m *Meter) Enter(name agent.ID, ring agent.Ring, limit int) (inside int) {
	if limit < 1 {
		return 0
	}
	s := m.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.use(key{name, ring})
	if u.inside >= limit {
		return 0
	}
	u.inside++
	return u.inside
}

// Leave counts a call as no longer under way. More calls of Leave than of Enter count for nothing.
func (m *Meter) Leave(name agent.ID, ring agent.Ring) {
	s := m.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.uses[key{name, ring}]; u != nil && u.inside > 0 {
		u.inside--
	}
}

func (m *Meter) shard(name agent.ID) *shard {
	return &m.shards[maphash.String(m.seed, string(name))%shardCount]
}

// smallestSweep is how many uses a shard may hold before any is forgotten.
const smallestSweep = 16

// use returns the use of a key, a new one if there is none. Forgetting is paid for by what is added: after a sweep as
// many can be added as were left.
func (s *shard) use(k key) *use {
	if u := s.uses[k]; u != nil {
		return u
	}
	if len(s.uses) >= max(s.sweep, smallestSweep) {
		s.forget()
	}
	if s.uses == nil {
		s.uses = make(map[key]*use)
	}
	u := &use{}
	s.uses[k] = u
	return u
}

// forget drops the uses that are as if they had never been. What is left moves to a new map, as maps do not shrink.
func (s *shard) forget() {
	left := make(map[key]*use)
	for k, u := range s.uses {
		if u.inside > 0 || u.clear > s.now {
			left[k] = u
		}
	}
	s.uses, s.sweep = left, 2*len(left)
}
