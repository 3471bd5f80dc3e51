package governance

import (
	"hash/maphash"
	"sync"
	"time"
)

// Calls are bounded by the proxy: what it has not told by lateness after that bound, it will not tell any more. unbounded
// stands for the bound of calls that the governor sets none for.
const (
	lateness  = 30 * time.Second
	unbounded = time.Hour
)

// awaited is exchanges by their ids. The zero value holds none. Every method may be called by many goroutines at once.
type awaited struct {
	shards [openShards]awaitedShard
}

type awaitedShard struct {
	mu   sync.Mutex
	byID map[string]*Exchange

	_ [64]byte // keeps two shards out of one cache line
}

func (a *awaited) shard(id string) *awaitedShard {
	return &a.shards[maphash.String(openSeed, id)%openShards]
}

func (a *awaited) put(x *Exchange) {
	s := a.shard(x.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = make(map[string]*Exchange)
	}
	s.byID[x.ID] = x
}

// take returns the exchange with the id, nil when there is none, and holds it no more.
func (a *awaited) take(id string) *Exchange {
	s := a.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.byID[id]
	delete(s.byID, id)
	return x
}

// overdue takes the exchanges whose calls should be over for long.
func (a *awaited) overdue(now time.Time) []*Exchange {
	var over []*Exchange
	for i := range a.shards {
		s := &a.shards[i]
		s.mu.Lock()
		for id, x := range s.byID {
			limit := x.TimeLimit
			if limit <= 0 {
				limit = unbounded
			}
			if now.Sub(x.Time) > limit+lateness {
				over = append(over, x)
				delete(s.byID, id)
			}
		}
		s.mu.Unlock()
	}
	return over
}

func (a *awaited) len() int {
	n := 0
	for i := range a.shards {
		s := &a.shards[i]
		s.mu.Lock()
		n += len(s.byID)
		s.mu.Unlock()
	}
	return n
}
