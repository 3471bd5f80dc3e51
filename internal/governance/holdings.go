package governance

import (
	"sync"

	"ringfence.dev/ringfence/internal/agent"
)

// callerShare is the part of all that may be held that one caller may have held: a caller, perhaps with an agent of its
// own, must not be able to stop the answers of all others.
const callerShare = 4

// holdings bound what is held of all answers together until it can be judged. The limit of one answer bounds little
// where calls are many: who may open thousands of them could have each wait before its end. It is safe for concurrent
// use.
type holdings struct {
	limit int

	mu    sync.Mutex
	total int
	by    map[agent.ID]int // who holds anything at present
}

func newHoldings(limit int) *holdings { return &holdings{limit: limit, by: map[agent.ID]int{}} }

// change notes that more, or for a negative number less, is held for a caller, and reports whether that may be. What may
// not be is not noted.
func (h *holdings) change(caller agent.ID, by int) bool {
	if by == 0 {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	mine := h.by[caller] + by
	if by > 0 && (h.total+by > h.limit || mine > h.limit/callerShare) {
		return false
	}
	h.total += by
	if h.by[caller] = mine; mine <= 0 {
		delete(h.by, caller)
	}
	return true
}
