package xds

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Rejection is one configuration that an Envoy refused (a NACK).
type Rejection struct {
	Node    string `json:"node"`
	Type    string `json:"type"`
	Version string `json:"version"`
	// Message is Envoy's own reason.
	Message string    `json:"message"`
	Time    time.Time `json:"time"`
}

// remembered bounds the rejections that Status shows.
const remembered = 16

// reject records that Envoy refused the response under way, and takes back what caused that. What it was sent beside the
// cause is sent again, as Envoy may not have taken it. The caller holds mu.
func (p *Publisher) reject(s *stream, typeURL, message string) {
	u := s.types[typeURL]
	f := u.flight
	u.flight = nil
	r := Rejection{
		Node: s.node.GetId(), Type: kinds[typeURL], Version: f.version, Message: message, Time: p.clock.Now().UTC(),
	}
	s.last = &r
	p.rejections = append(p.rejections, r)
	if len(p.rejections) > remembered {
		p.rejections = p.rejections[1:]
	}
	p.metrics.rejections.WithLabelValues(r.Type).Inc()
	p.log.Warn("configuration rejected by envoy", slog.String("node", r.Node), slog.String("type", r.Type),
		slog.String("version", f.version), slog.String("reason", message))
	groups := p.byOwner(f)
	causes := p.causes(s, groups, message)
	since := p.generation
	for _, g := range groups {
		for _, name := range g.names {
			u.known[name] = known{}
			if slices.Contains(causes, g.owner) {
				u.refused[name] = f.sent[name]
			} else {
				u.dirty[name] = true
			}
		}
	}
	if causes == nil {
		half := len(groups) / 2
		u.apart = append([][]string{namesOf(groups[:half]), namesOf(groups[half:])}, u.apart...)
	}
	for _, g := range groups {
		if slices.Contains(causes, g.owner) && p.suspected(typeURL, g, f) {
			p.hold(g.owner, message)
		}
	}
	p.published(since)
}

// group is what a response said about one agent, or with the owner "" about nobody.
type group struct {
	owner agent.ID
	names []string
}

// byOwner returns the parts of a response, sorted.
func (p *Publisher) byOwner(f *flight) []group {
	var groups []group
	at := map[agent.ID]int{}
	for _, name := range slices.Sorted(maps.Keys(f.sent)) {
		o := p.owner(name)
		n, ok := at[o]
		if !ok {
			n = len(groups)
			at[o] = n
			groups = append(groups, group{owner: o})
		}
		groups[n].names = append(groups[n].names, name)
	}
	return groups
}

func namesOf(groups []group) []string {
	var names []string
	for _, g := range groups {
		names = append(names, g.names...)
	}
	return names
}

// owner returns the agent that a resource exists for, which for the gateway's table is the agent at its root.
func (p *Publisher) owner(name string) agent.ID {
	if name == Gateway {
		return p.builder.settings.RootAgent
	}
	return owner(name)
}

// causes returns whom a rejection is due to: the agents that Envoy's message names, or else the only one there is. It
// returns nil where that is to be found out by sending the parts again, one half after the other. A state of the world
// cannot be sent in parts; and before any Envoy had all there is, there is nothing to go back to: then everything that
// was sent counts.
func (p *Publisher) causes(s *stream, groups []group, message string) []agent.ID {
	var named, all []agent.ID
	for _, g := range groups {
		all = append(all, g.owner)
		if g.owner != "" && mentions(message, g.owner) {
			named = append(named, g.owner)
		}
	}
	switch {
	case named != nil:
		return named
	case len(groups) > 1 && s.transport == delta && p.settled:
		return nil
	}
	return all
}

// suspected reports whether an agent is to be held for what was refused of it: not where something else is served by
// now, nor where another Envoy took it, as this one then keeps what it had.
func (p *Publisher) suspected(typeURL string, g group, f *flight) bool {
	for _, name := range g.names {
		i := p.catalogue.get(typeURL, name)
		if i == nil || i.version != f.sent[name] {
			continue
		}
		taken := false
		for s := range p.streams {
			if u := s.types[typeURL]; u != nil && u.acked(i) {
				taken = true
			}
		}
		if !taken {
			return true
		}
	}
	return false
}

// hold goes back to the agent's part that was acknowledged last. Before some Envoy had all there is, an agent that is
// not named stays: Envoy's own last configuration is the better one. The caller holds mu.
func (p *Publisher) hold(name agent.ID, message string) {
	record, ok := p.snap.Agent(name)
	if !ok || !p.settled && !mentions(message, name) || p.good[name] != nil && p.good[name] == p.shares[name] {
		return
	}
	h := hold{rejected: record, last: p.good[name], reason: "rejected by Envoy: " + message}
	p.holds[name] = h
	p.apply(name, h.last)
	p.problems[name] = h.reason
}

// credit notes which agents' parts a stream has whole now that it has acknowledged a response. The caller holds mu.
func (p *Publisher) credit(s *stream, f *flight) {
	for name := range f.sent {
		o := p.owner(name)
		if part := p.shares[o]; part != nil && p.good[o] != part && s.acked(part) {
			p.good[o] = part
		}
	}
}
