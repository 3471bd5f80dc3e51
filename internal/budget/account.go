package budget

// account is what a process knows of one limit. Its shard is locked whenever it is used.
type account struct {
	// debt and inside are the whole count, in a process that counts alone.
	debt   debt
	inside int
	// holding is what this process holds of a limit that several share.
	holding *holding
}

// view is what a process can say of one more call in a limit. The zero value lets it through.
type view struct {
	// full says that the limit refuses, for wait nanoseconds; 0 where nobody can tell.
	full bool
	wait int64
	// ask says that the store has to be asked, err that it does not answer.
	ask bool
	err error
}

// look is about a call whose Take began at the moment at; now is the latest moment seen.
func (a *account) look(d Draw, at, now int64) view {
	switch {
	case a.holding != nil:
		return a.holding.look(d, at, now)
	case d.underWay():
		return view{full: a.inside >= d.Limit}
	}
	wait := a.debt.excess(paceOf(d), 1, now)
	return view{full: wait > 0, wait: max(wait, 0)}
}

// take counts a call that look let through.
func (a *account) take(d Draw, at, now int64) {
	switch {
	case a.holding != nil:
		a.holding.take(at, now)
	case d.underWay():
		a.inside++
	default:
		a.debt = a.debt.add(paceOf(d), 1, now)
	}
}

func (a *account) leave() {
	if a.holding != nil {
		a.holding.share.leave()
		return
	}
	a.inside = max(a.inside-1, 0)
}

// idle reports that the account is as if it had never been.
func (a *account) idle(now int64) bool {
	if a.holding != nil {
		return a.holding.idle(now)
	}
	return a.inside == 0 && a.debt.paid(now)
}
