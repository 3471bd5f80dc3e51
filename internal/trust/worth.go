package trust

import "slices"

// worth is what an event would do to a state.
type worth uint8

const (
	nothing  worth = iota // the caps leave no room for it
	sometime              // it counts for nothing until another counterparty has seen the like
	atOnce                // it counts
)

// worth returns what the event would do at its moment. What does nothing is not worth a write of the store, and what does
// something only with others' evidence is not worth one of its own.
func (s *State) worth(e *Event, rules Rules) worth {
	if s.takes(e, rules) {
		return atOnce
	}
	if rules.Spared == 0 || !e.framable() {
		return nothing
	}
	at := min(max(e.At, s.At), maxTime)
	then := State{At: at, Bad: s.Bad.decay(at-s.At, rules.BadHalfLife), Framers: slices.Clone(s.Framers)}
	amount := min(max(e.Weight, 0), MaxEvidence).times(max(e.Count, 1)).times(rules.BadFactor)
	switch kept, counts := then.frame(e.Counterparty, amount, rules); {
	case counts >= rules.HourCap/100:
		return atOnce
	case kept >= rules.HourCap/100:
		return sometime
	}
	return nothing
}

// takes reports whether the event would count by itself at its moment.
func (s *State) takes(e *Event, rules Rules) bool {
	t := traits[e.Kind]
	at := min(max(e.At, s.At), maxTime)
	bad := s.Bad.decay(at-s.At, rules.BadHalfLife)
	switch {
	case e.Severe && !e.Framable && s.Latch == nil:
		return true
	case rules.Spared > 0 && e.framable():
		return false
	case !e.capped():
		// At the cap, every second would make room for a little.
		return bad < rules.BadCap-rules.BadCap/100
	case t.small && (s.StrayHour != at/hour || s.Strays < rules.Strays):
		return true
	}
	now := State{At: at, Good: s.Good.decay(at-s.At, rules.GoodHalfLife), Bad: bad}
	peer := Peer{At: at}
	if i, ok := find(s.Peers, e.Counterparty); ok {
		peer = s.Peers[i].at(at, rules)
	} else if i, ok := find(s.Peers, ""); ok && len(s.Peers) >= maxPeers {
		peer = s.Peers[i].at(at, rules)
	}
	return peer.room(&now, t.good, rules) >= rules.HourCap/100
}
