package gate

import (
	"cmp"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/mirror"
)

// Image is the gates at one moment. The zero value has none.
type Image struct {
	image *mirror.Image[Gate]
}

// Get returns the gate of the name, open or not.
func (i Image) Get(id agent.ID) (Gate, bool) {
	value, ok := i.image.Get(string(id))
	return value.Value, ok
}

// All returns every gate, sorted by name.
func (i Image) All() []Gate {
	gates := make([]Gate, 0, i.image.Table().Len())
	for _, value := range i.image.Table().All() {
		gates = append(gates, value.Value)
	}
	slices.SortFunc(gates, func(a, b Gate) int { return cmp.Compare(a.ID, b.ID) })
	return gates
}

// Open returns the gate of the name when it is open from one agent to the other at the moment now: both owners have
// consented to it as it is, its time has not come, and both agents are active and the ones that it was declared for,
// not later ones of their names.
func (i Image) Open(id agent.ID, from, to *agent.Record, now time.Time) (Gate, bool) {
	g, ok := i.Get(id)
	if !ok || g.closed(from, to, now) != "" {
		return Gate{}, false
	}
	return g, true
}

// Closed says, for people who look after the mesh, why the gate of the name is not open from one agent to the other at the
// moment now. It is empty for a gate that Open returns.
func (i Image) Closed(id agent.ID, from, to *agent.Record, now time.Time) string {
	g, ok := i.Get(id)
	if !ok {
		return "no gate of this name"
	}
	if why := g.closed(from, to, now); why != "" {
		return "gate " + string(g.ID) + " " + why
	}
	return ""
}

func (g *Gate) closed(from, to *agent.Record, now time.Time) string {
	switch {
	case from == nil || to == nil || from.Name != g.From || to.Name != g.To:
		return "is for other agents"
	case !g.valid:
		return "is not accepted"
	case !now.Before(g.Until):
		return "is over"
	case from.Status != agent.Active || to.Status != agent.Active:
		return "is for agents that are not active"
	case from.Created.After(g.Declared.At) || to.Created.After(g.Declared.At):
		return "was declared before one of its agents was registered anew"
	default:
		return ""
	}
}
