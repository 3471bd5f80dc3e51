package budget

import "time"

const (
	// slotTrust is how long a process lets calls begin without hearing from the store.
	slotTrust = int64(20 * time.Second)
	// slotLease is how long the store counts what a process holds. It is longer by what the clocks of two processes may be
	// apart, so that no slot is given to others while its holder still counts on it.
	slotLease = slotTrust + int64(10*time.Second)
	// slotRenewal is how long after it was written a lease is renewed.
	slotRenewal = slotTrust / 3
	// spareSlots is the part of what is under way, and of what is free, that a process takes in addition at most.
	spareSlots = 4
)

// slots is the share of a limit of calls under way.
type slots struct {
	process string
	// inside is how many calls of this process are under way, held how many may be until the moment until.
	inside, held int64
	until        int64
	// peak is the most that were since the last time of tending, before that of the time before.
	peak, before int64
}

func (s *slots) look(d Draw, _, now int64) view {
	most := int64(d.Limit)
	return view{full: s.inside >= most, ask: s.inside < most && (s.inside >= s.held || now >= s.until)}
}

func (s *slots) take(_, _ int64) {
	s.inside++
	s.peak = max(s.peak, s.inside)
}

func (s *slots) leave() { s.inside = max(s.inside-1, 0) }

func (s *slots) empty() bool { return s.inside == 0 && s.held == 0 }

// propose never asks for less than is under way: that cannot be given back, even when the store counts on it no more.
func (s *slots) propose(d Draw, waiting, now int64) proposal {
	if now >= s.until {
		s.held = s.inside
	}
	if waiting == 0 {
		s.held = min(s.held, max(s.inside, s.peak, s.before))
	}
	return slotProposal{
		process: s.process, limit: int64(d.Limit), now: now, waiting: waiting, inside: s.inside, held: s.held,
	}
}

func (s *slots) recorded(a answer) {
	if !a.refused {
		s.held, s.until = a.lease.Held, a.now+slotTrust
	}
}

// tend gives back what was not used for two times of tending, and renews the rest.
func (s *slots) tend(now int64, closing bool) errand {
	if s.empty() {
		return rest
	}
	top := max(s.inside, s.peak, s.before)
	s.before, s.peak = s.peak, s.inside
	if closing {
		s.before, top = 0, s.inside
	}
	if s.held > top || now >= s.until-slotTrust+slotRenewal {
		return visit
	}
	return watch
}

// slotProposal is what a process holds and what it asks for.
type slotProposal struct {
	process string
	limit   int64
	now     int64
	// waiting is how many calls wait, 0 to ask for nothing; inside are under way, and held is relied on.
	waiting, inside, held int64
}

func (p slotProposal) on(r record) (record, answer) {
	now := max(p.now, r.At)
	_, found, others := r.split(p.process)
	leases, room := others[:0], p.limit
	for _, l := range others {
		if l.End > now {
			leases, room = append(leases, l), room-l.Held
		}
	}
	a := answer{now: now, changed: true}
	a.lease = lease{Process: p.process, Held: p.held, End: now + slotLease}
	if p.waiting > 0 {
		if room < p.inside+1 {
			return r, answer{now: now, refused: true}
		}
		spare := min(p.inside, max(room-p.inside-p.waiting, 0)) / spareSlots
		a.lease.Held = max(p.held, min(p.inside+p.waiting+spare, room))
	}
	if a.lease.Held > 0 {
		leases = append(leases, a.lease)
	} else {
		a.changed = found
	}
	return r.with(now, debt{}, leases), a
}
