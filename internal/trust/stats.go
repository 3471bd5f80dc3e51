package trust

import "sync/atomic"

// Stats say how the ledger does. All but Waiting and Patient only grow.
type Stats struct {
	// Waiting is the number of agents of which events wait to be stored, Patient that of agents of which one counterparty's
	// evidence, which counts for nothing alone, waits to be stored with something else.
	Waiting, Patient int
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
	waiting, patient, displaced := l.queue.waiting()
	return Stats{
		Waiting: waiting, Patient: patient, Stored: c.stored.Load(), Suppressed: c.suppressed.Load(), Dropped: c.dropped.Load() + displaced,
		Conflicts: c.conflicts.Load(), Failed: c.failed.Load(),
	}
}
