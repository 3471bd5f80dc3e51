package trust

import "sync/atomic"

// Stats say how the ledger does. All but Waiting only grow.
type Stats struct {
	// Waiting is the number of agents of which events wait to be stored.
	Waiting int
	// Stored counts events that were stored, Suppressed signals that the caps would have swallowed.
	Stored, Suppressed uint64
	// Dropped counts signals and events that found no room, or were not stored before the ledger was closed.
	Dropped uint64
	// Conflicts counts writes that another process came before, Failed calls of the store that have to be made again.
	Conflicts, Failed uint64
}

type counts struct {
	stored, suppressed, dropped, conflicts, failed atomic.Uint64
	// down says that the store failed at the last attempt.
	down atomic.Bool
}

// Stats returns the present numbers.
func (l *Ledger) Stats() Stats {
	c := &l.counts
	return Stats{
		Waiting: l.queue.waiting(), Stored: c.stored.Load(), Suppressed: c.suppressed.Load(), Dropped: c.dropped.Load(),
		Conflicts: c.conflicts.Load(), Failed: c.failed.Load(),
	}
}
