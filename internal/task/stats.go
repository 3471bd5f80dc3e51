package task

import "sync/atomic"

// Stats say how the ledger does. All but Known and Queued only grow.
type Stats struct {
	// Known is how many tasks are in memory; Queued is how many of all wait to be written.
	Known, Queued int
	// Stored counts writes that came to an end, Failed those that were refused or have to be tried again.
	Stored, Failed uint64
	// Dropped counts writes that found the queue full; each is tried again when its task is used.
	Dropped uint64
	// Lost counts owners that left the memory without ever having been stored.
	Lost uint64
	// Conflicts counts owners that had to yield to the one another process had stored first.
	Conflicts uint64
	// Reads counts look-ups in the store, Refused those that an asker had no allowance for.
	Reads, Refused uint64
	// Swept counts expired records that this process removed from the store.
	Swept uint64
}

type counts struct {
	stored, failed, dropped, lost, conflicts, reads, refused, swept atomic.Uint64
	// down says that the store failed at the last attempt.
	down atomic.Bool
}

// Stats returns the present numbers.
func (l *Ledger) Stats() Stats {
	l.mu.Lock()
	known, queued := len(l.memory.items), len(l.memory.pending)
	l.mu.Unlock()
	c := &l.counts
	return Stats{
		Known: known, Queued: queued, Stored: c.stored.Load(), Failed: c.failed.Load(), Dropped: c.dropped.Load(), Lost: c.lost.Load(),
		Conflicts: c.conflicts.Load(), Reads: c.reads.Load(), Refused: c.refused.Load(), Swept: c.swept.Load(),
	}
}
