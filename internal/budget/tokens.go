package budget

import (
	"sync/atomic"
	"time"
)

const (
	// tokenLease is how long a process may let calls through that it has taken from the store: for as long, what a process
	// that died had left is lost.
	tokenLease = int64(time.Second)
	// tokenSpan is for how long a process takes what it needs at a time. Where less than one call is given back in it, it
	// takes one call at a time.
	tokenSpan = int64(150 * time.Millisecond)
	// tokenIdle is how long nobody has to call before what is left goes back.
	tokenIdle = int64(100 * time.Millisecond)
	// leastSpan is the shortest time over which the need is measured.
	leastSpan = int64(time.Millisecond)
	// shareOfBurst is the part of a burst that a process takes at most, without anybody waiting for it.
	shareOfBurst = 4
)

// tokens is the share of a limit of calls in a time. It says which calls its lease let through, and when, the next time
// that it asks: only a lease that nobody asks about counts as used up.
type tokens struct {
	process string
	turns   *atomic.Uint64
	// lease is the one that the store has, as far as is known; turn 0 is none.
	lease lease
	// paid and held are what is left of it, paidUsed and heldUsed what was let through; last is when.
	paid, held         int64
	paidUsed, heldUsed int64
	last               int64
	// taken is how many calls were let through since the moment since: the need.
	taken, since int64
}

// look lets calls whose Take began before the lease through as those that are paid for: they counted at its beginning.
func (t *tokens) look(_ Draw, at, now int64) view {
	return view{ask: (t.paid == 0 || at > t.lease.From) && (t.held == 0 || now >= t.lease.End)}
}

func (t *tokens) take(at, now int64) {
	t.taken++
	if t.paid > 0 && at <= t.lease.From {
		t.paid--
		t.paidUsed++
		return
	}
	t.held--
	t.heldUsed++
	t.last = max(t.last, now, t.lease.From)
}

func (*tokens) leave() {}

func (t *tokens) empty() bool { return true }

func (t *tokens) propose(d Draw, waiting, now int64) proposal {
	p := tokenProposal{
		process: t.process, pace: paceOf(d), now: now, turn: t.turns.Add(1), waiting: waiting,
		lease: t.lease, paidUsed: t.paidUsed, heldUsed: t.heldUsed, last: t.last,
	}
	if waiting > 0 {
		p.need = t.need(p.pace, now)
	}
	t.paid, t.held = 0, 0
	return p
}

// need returns for how many calls to ask beyond those that wait: what the last while used in tokenSpan, at most twice as
// much as there was, nor more than a share of the burst.
func (t *tokens) need(p pace, now int64) int64 {
	if whole, _ := p.times(1); whole > tokenSpan {
		return 0
	}
	taken := min(t.taken, MaxLimit)
	return min(taken*tokenSpan/max(now-t.since, leastSpan), 2*taken, p.burst/shareOfBurst)
}

func (t *tokens) recorded(a answer) {
	t.lease, t.paid, t.held = a.lease, a.lease.Paid, a.lease.Held
	t.paidUsed, t.heldUsed, t.last = 0, 0, 0
	if a.lease.Turn != 0 {
		t.taken, t.since = 0, a.now
	}
}

// tend gives back what is left of a lease that nobody uses. One of which nothing can be left needs nothing: the store
// counts it as it was.
func (t *tokens) tend(now int64, closing bool) errand {
	unknown := t.lease.Held > 0 || t.lease.Paid > t.paidUsed
	switch {
	case t.lease.Turn == 0 || !unknown || now >= t.lease.End:
		return rest
	case closing || now >= max(t.last, t.lease.From)+tokenIdle:
		return visit
	default:
		return watch
	}
}

// tokenProposal settles the last lease of a process and asks for another one.
type tokenProposal struct {
	process string
	pace    pace
	now     int64
	turn    uint64
	// waiting is how many calls wait for it, 0 to ask for nothing; need is how many more are expected.
	waiting, need int64
	// lease is the one to settle, and the rest is what was let through with it.
	lease                    lease
	paidUsed, heldUsed, last int64
}

func (p tokenProposal) on(r record) (record, answer) {
	now := max(p.now, r.At)
	own, found, others := r.split(p.process)
	owed := r.debt().under(p.pace, now)
	owed, settled := p.settle(owed, own, found, now)
	for _, l := range others {
		if l.End <= now {
			owed = owed.add(p.pace, l.Paid, l.From)
		}
	}
	leases := others[:0]
	for _, l := range others {
		if l.End <= now {
			owed = owed.add(p.pace, l.Held, l.End)
		} else {
			leases = append(leases, l)
		}
	}
	a := answer{now: now, changed: settled}
	if p.waiting > 0 {
		p.grant(&a, owed, leases)
		if a.lease.Turn != 0 {
			leases = append(leases, a.lease)
			a.changed = true
		}
	}
	return r.with(now, owed, leases), a
}

// settle adds what was let through with the last lease to what is owed.
func (p tokenProposal) settle(owed debt, own lease, found bool, now int64) (debt, bool) {
	switch {
	case found && own.Turn == p.lease.Turn, !found && p.lease.Turn != 0 && now < p.lease.End:
		// The second is a lease that the store has lost. One that has ended was counted as used up, by whoever saw that.
		return owed.add(p.pace, p.paidUsed, p.lease.From).add(p.pace, p.heldUsed, p.last), true
	case found && own.End <= now:
		return own.spend(owed, p.pace), true
	default:
		// A lease of which this process never heard, as the answer was lost, let nothing through.
		return owed, found
	}
}

// grant gives the process a lease of what is left, or says when something will be.
func (p tokenProposal) grant(a *answer, owed debt, others []lease) {
	held := int64(0)
	for _, l := range others {
		owed, held = owed.add(p.pace, l.Paid, l.From), held+l.Held
	}
	room := owed.room(p.pace, a.now) - held
	if room < 1 {
		a.refused, a.wait = true, p.wait(owed, held, others, a.now)
		return
	}
	paid := min(p.waiting, room)
	a.lease = lease{
		Process: p.process, Turn: p.turn, Paid: paid, From: a.now, Held: min(p.need, (room-paid)/2), End: a.now + tokenLease,
	}
}

// wait returns after how long one more call fits, when all that others hold counts as used when their leases end.
func (p tokenProposal) wait(owed debt, held int64, others []lease, now int64) int64 {
	at := now
	for ending := others; ; {
		excess := owed.excess(p.pace, held+1, at)
		if excess <= 0 {
			return at - now
		}
		if excess <= max(owed.clear-at, 0) || len(ending) == 0 {
			return at + excess - now
		}
		at, held = ending[0].End, held-ending[0].Held
		owed = owed.add(p.pace, ending[0].Held, at)
		ending = ending[1:]
	}
}
