package trust

import (
	"sync"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// backlog knows since when writes fail that have to be made again. Its zero value has none.
type backlog struct {
	// oldest is the first of these moments, in Unix nanoseconds; 0 for none.
	oldest atomic.Int64

	mu    sync.Mutex
	since map[agent.ID]int64
}

// fails notes that the write of the agent's events failed at the moment now.
func (b *backlog) fails(name agent.ID, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.since[name]; known {
		return
	}
	if b.since == nil {
		b.since = make(map[agent.ID]int64)
	}
	b.since[name] = now.UnixNano()
	b.sum()
}

// ends notes that the write of the agent's events waits no longer.
func (b *backlog) ends(name agent.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.since[name]; known {
		delete(b.since, name)
		b.sum()
	}
}

// sum finds the first of the moments. b.mu is held.
func (b *backlog) sum() {
	oldest := int64(0)
	for _, since := range b.since {
		if oldest == 0 || since < oldest {
			oldest = since
		}
	}
	b.oldest.Store(oldest)
}

// behind returns for how long the oldest of the writes has failed at the moment now: 0 when none does.
func (b *backlog) behind(now time.Time) time.Duration {
	oldest := b.oldest.Load()
	if oldest == 0 {
		return 0
	}
	return max(now.Sub(time.Unix(0, oldest)), 1)
}
