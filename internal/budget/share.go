package budget

// share is what a process holds of one limit: calls that it may let through, or that may be under way. Its moments are
// those of the record.
type share interface {
	// look says of one more call whether it is let through, refused, or a matter for the store.
	look(d Draw, at, now int64) view
	// take counts a call that look let through; leave counts one as no longer under way.
	take(at, now int64)
	leave()
	// propose returns what to ask the store for: enough for the calls that wait, or, if none does, to take back what is
	// not needed. What the proposal disposes of is not let through any more.
	propose(d Draw, waiting, now int64) proposal
	// recorded is told what became of the last proposal; an answer that is not known is not told.
	recorded(a answer)
	// tend says what to do at a moment without calls. Closing says that there will be none.
	tend(now int64, closing bool) errand
	// empty reports that nothing is held.
	empty() bool
}

// errand is what a share needs. The zero value needs nothing until a call takes from it.
type errand uint8

const (
	rest errand = iota
	watch
	visit
)

// proposal is a change of a record. It is immutable.
type proposal interface {
	// on returns the record after the change. It may be asked several times, about different records.
	on(r record) (record, answer)
}

// answer is what a proposal came to.
type answer struct {
	// now is the moment of the record.
	now int64
	// changed says that the record is another one.
	changed bool
	// refused says that there is nothing left; for wait nanoseconds, where that is above 0.
	refused bool
	wait    int64
	// lease is what the process has now.
	lease lease
}
