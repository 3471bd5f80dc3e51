package task

import (
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// lookupsPerSecond is how often in one second an asker may make the store be read. One page of a list of tasks can take
// 100 (A2A 1.0 section 3.1.4).
const lookupsPerSecond = 250

// lookups bound how often the store is read because somebody asks for tasks that are not in memory. Ids are chosen
// by whoever asks, so remembering the ones that do not exist would stop nobody: each attempt takes a new id. It would
// be unsafe too, because an answer "unowned" becomes wrong when another process of the mesh learns the task, and
// would let its guesser use the task of another until it is given up. Therefore each asker has an allowance of its
// own, and one that spends it slows down nobody else: askers are agents whose names were verified, and all anonymous
// ones together are one. The memory is one number for each agent that asked in the running second.
type lookups struct {
	mu     sync.Mutex
	second int64
	made   map[agent.ID]int
}

// take reports whether the asker may make one more look-up.
func (l *lookups) take(asker agent.ID, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if second := now.Unix(); second != l.second || l.made == nil {
		l.second, l.made = second, map[agent.ID]int{}
	}
	if l.made[asker] >= lookupsPerSecond {
		return false
	}
	l.made[asker]++
	return true
}
