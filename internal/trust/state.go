package trust

import (
	"slices"

	"ringfence.dev/ringfence/internal/agent"
)

// always stands for the moment from which a ring is reached that an administrator vouched for: no dwell is left to wait.
const always = 1

// maxTime bounds the moments of events, so that no difference of two overflows.
const maxTime = 1 << 40

// ladder are the rings that have to be reached, from the least privileged.
var ladder = [3]agent.Ring{agent.User, agent.Supervisor, agent.Kernel}

// State is what is known of an agent's trust after its latest event. It changes by Apply alone. The zero value is that of
// an agent without any event.
type State struct {
	// Seq is the number of the latest event, At its moment in seconds of Unix time.
	Seq uint64 `json:"seq"`
	At  int64  `json:"at"`
	// Owner and Base are those of the latest registration: Base is the score without evidence.
	Owner agent.Owner `json:"owner,omitempty"`
	Base  agent.Trust `json:"base"`
	// Good and Bad are the evidence at the moment At.
	Good Evidence `json:"good"`
	Bad  Evidence `json:"bad"`
	// Reached says since when the score has been at or above the thresholds of the rings 2, 1 and 0, as far as events
	// tell; 0 means that it was not.
	Reached [3]int64 `json:"reached"`
	// StrayHour is the hour of the latest small violation, Strays how many of that hour cost nothing.
	StrayHour int64 `json:"strayHour,omitempty"`
	Strays    int64 `json:"strays,omitempty"`
	// Latch is why the agent is quarantined; nil when it is not.
	Latch *Latch `json:"latch,omitempty"`
	// Peers is the evidence by counterparty, sorted by name.
	Peers []Peer `json:"peers,omitempty"`
	// Framers is the framable evidence by counterparty, sorted by name. Of it, Bad has what counts.
	Framers []Peer `json:"framers,omitempty"`
}

// Latch is the severe event that quarantined an agent.
type Latch struct {
	Kind         Kind     `json:"kind"`
	Class        string   `json:"class,omitempty"`
	Counterparty agent.ID `json:"counterparty,omitempty"`
	Exchange     string   `json:"exchange,omitempty"`
	At           int64    `json:"at"`
}

// Apply returns the state after the event. It is deterministic and total: an event that is older than the state counts as
// of the state's moment, what is out of range counts as the nearest number in range, and a kind that is not known changes
// nothing but the moment.
func (s State) Apply(e Event, rules Rules) State {
	s.Peers, s.Framers = slices.Clone(s.Peers), slices.Clone(s.Framers)
	s.apply(&e, rules)
	return s
}

// Replay returns the state after the events, in their order.
func Replay(s State, events []Event, rules Rules) State {
	s.Peers, s.Framers = slices.Clone(s.Peers), slices.Clone(s.Framers)
	for i := range events {
		s.apply(&events[i], rules)
	}
	return s
}

// apply changes the state and its peers in place.
func (s *State) apply(e *Event, rules Rules) {
	at := min(max(e.At, s.At, 0), maxTime)
	first, vouched := s.Seq == 0, s.Base
	if first {
		vouched = -1
	}
	left := s.sum(at, rules)
	held := s.heldUntil(at, left, rules)
	s.Good, s.Bad = left.good, left.bad
	s.Seq, s.At = s.Seq+1, at
	switch _, signal := traits[e.Kind]; {
	case e.Kind == Registered:
		s.register(e, first, rules)
	case e.Kind == Cleared:
		s.Latch = nil
	case signal:
		s.count(e, rules)
	}
	now := sum{s.Good, s.Bad}.score(rules, s.Base)
	for i, ring := range ladder {
		switch {
		case now < ring.Floor():
			s.Reached[i] = 0
		case e.Kind == Registered && s.Base >= ring.Floor() && vouched < ring.Floor():
			s.Reached[i] = always
		case !held[i]:
			s.Reached[i] = at
		}
	}
}

// register takes over what a registration says. Another owner keeps what speaks against the agent alone: good evidence is
// its owner's, and cannot be bought with a name.
func (s *State) register(e *Event, first bool, rules Rules) {
	if !first && e.Owner != s.Owner {
		s.Good = 0
		for i := range s.Peers {
			s.Peers[i].Good = 0
		}
	}
	s.Owner, s.Base = e.Owner, min(max(e.Base, 0), agent.MaxTrust)
	if first {
		s.Bad = min(max(e.Inherited, 0), rules.BadCap)
	}
}

// count adds the evidence of a signal.
func (s *State) count(e *Event, rules Rules) {
	number, t := max(e.Count, 1), traits[e.Kind]
	if e.Severe && !e.Framable && !t.good {
		s.latch(e)
	}
	framed := rules.Spared > 0 && e.framable()
	if t.small && !framed {
		number -= s.stray(number, rules)
	}
	amount := min(max(e.Weight, 0), MaxEvidence).times(number)
	if !t.good {
		amount = amount.times(rules.BadFactor)
	}
	switch {
	case amount == 0:
	case framed:
		_, amount = s.frame(e.Counterparty, amount, rules)
	case e.capped():
		peer := s.peer(&s.Peers, e.Counterparty, rules)
		amount = min(amount, peer.room(s, t.good, rules))
		peer.add(amount, t.good)
	}
	if t.good {
		s.Good = s.Good.plus(amount, rules.GoodCap)
	} else {
		s.Bad = s.Bad.plus(amount, rules.BadCap)
	}
}

// latch keeps the first severe event: it is the one that a person has to look at.
func (s *State) latch(e *Event) {
	if s.Latch == nil {
		s.Latch = &Latch{Kind: e.Kind, Class: e.Class, Counterparty: e.Counterparty, Exchange: e.Exchange, At: s.At}
	}
}

// stray takes small violations out of what the hour has free, and returns how many were.
func (s *State) stray(number int64, rules Rules) int64 {
	if s.StrayHour != s.At/hour {
		s.StrayHour, s.Strays = s.At/hour, 0
	}
	free := min(number, max(rules.Strays-s.Strays, 0))
	s.Strays += free
	return free
}
