package task

import "time"

// lifetime is how long a task is remembered at least after its last use.
func (l *Ledger) lifetime(s State) time.Duration {
	if s == Finished {
		return l.config.Finished
	}
	return l.config.Retention
}

// term is how long a record lives from the moment it is written. It reaches half a lifetime further than promised, and
// a record that has less than a lifetime left when it is used is written anew: a task in constant use costs one write
// each half lifetime, and not one each time.
func (l *Ledger) term(s State) time.Duration {
	lifetime := l.lifetime(s)
	return lifetime + lifetime/2
}

// expired reports whether the record has come to its end. The moment is in the record, so that all processes agree on
// it, and it passes before the store removes the record.
func (r record) expired(now time.Time) bool { return !now.Before(r.expires) }
