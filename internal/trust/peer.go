package trust

import (
	"cmp"
	"slices"

	"ringfence.dev/ringfence/internal/agent"
)

// maxPeers bounds the counterparties that are told apart. All further ones count as one together, under the empty name,
// and share one cap: that is never more than each for itself would have.
const maxPeers = 64

// dust is the evidence below which a counterparty is forgotten when room is needed.
const dust = Point / 64

// Peer is the evidence that came of dealings with one counterparty, as far as it is capped.
type Peer struct {
	Name agent.ID `json:"name"`
	// Good and Bad are the evidence at the moment At.
	Good Evidence `json:"good,omitempty"`
	Bad  Evidence `json:"bad,omitempty"`
	At   int64    `json:"at"`
	// GoodHour and BadHour are what the hour of the clock that At lies in has brought.
	GoodHour Evidence `json:"goodHour,omitempty"`
	BadHour  Evidence `json:"badHour,omitempty"`
}

// find returns where the counterparty stands among the peers, or would have to.
func find(peers []Peer, name agent.ID) (int, bool) {
	return slices.BinarySearchFunc(peers, name, func(p Peer, name agent.ID) int { return cmp.Compare(p.Name, name) })
}

// peer returns the counterparty among the peers as it is at the state's moment, and makes room for a new one.
func (s *State) peer(peers *[]Peer, name agent.ID, rules Rules) *Peer {
	i, ok := find(*peers, name)
	if !ok && len(*peers) >= maxPeers {
		*peers = slices.DeleteFunc(*peers, func(p Peer) bool { return p.forgettable(s.At, rules) })
		i, ok = find(*peers, name)
	}
	if !ok && len(*peers) >= maxPeers {
		name = ""
		i, ok = find(*peers, name)
	}
	if !ok {
		*peers = slices.Insert(*peers, i, Peer{Name: name, At: s.At})
	}
	(*peers)[i] = (*peers)[i].at(s.At, rules)
	return &(*peers)[i]
}

// at returns the peer at a later moment.
func (p Peer) at(at int64, rules Rules) Peer {
	p.Good = p.Good.decay(at-p.At, rules.GoodHalfLife)
	p.Bad = p.Bad.decay(at-p.At, rules.BadHalfLife)
	if at/hour != p.At/hour {
		p.GoodHour, p.BadHour = 0, 0
	}
	p.At = at
	return p
}

// forgettable reports whether the caps would treat the peer as if it had never been there.
func (p Peer) forgettable(at int64, rules Rules) bool {
	now := p.at(at, rules)
	return now.Good+now.Bad < dust && now.GoodHour == 0 && now.BadHour == 0
}

// room is how much more evidence of the kind the counterparty may give. The peer and the state are of one moment.
func (p *Peer) room(s *State, good bool, rules Rules) Evidence {
	if good {
		return max(min(rules.HourCap-p.GoodHour, rules.share(s.Good)-p.Good, rules.GoodCap-s.Good), 0)
	}
	return max(min(rules.HourCap.times(rules.BadFactor)-p.BadHour, rules.share(s.Bad)-p.Bad, rules.BadCap-s.Bad), 0)
}

func (p *Peer) add(amount Evidence, good bool) {
	if good {
		p.Good, p.GoodHour = p.Good+amount, p.GoodHour+amount
	} else {
		p.Bad, p.BadHour = p.Bad+amount, p.BadHour+amount
	}
}
