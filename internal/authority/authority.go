// Package authority holds the algebra of rights: what an agent may do at most, and how the rights of several
// holders combine. Combining only ever narrows.
package authority

import (
	"ringfence.dev/ringfence/internal/agent"
)

// Authority is an upper bound of rights. The zero value is ring 3, trust 0, and covers nothing.
type Authority struct {
	// Ring is the ring held.
	Ring agent.Ring
	// Trust is the score held, 0 to 1000.
	Trust agent.Trust
	// Scope holds alternative sets of capabilities: an operation is in scope when every set grants it. No set
	// at all grants nothing.
	Scope [][]agent.Capability
}

// Of returns the authority a registered agent holds by itself. A nil record, which is the anonymous caller,
// holds none.
func Of(record *agent.Record) Authority {
	if record == nil {
		return Authority{}
	}
	trust, ring := record.Standing()
	return Authority{Ring: ring, Trust: trust, Scope: [][]agent.Capability{record.Capabilities}}
}

// Meet returns the greatest authority that neither a nor b exceeds: the less privileged ring, the lower score,
// and the operations that both cover.
func (a Authority) Meet(b Authority) Authority {
	met := Authority{Ring: min(a.Ring, b.Ring), Trust: min(a.Trust, b.Trust)}
	if len(a.Scope) > 0 && len(b.Scope) > 0 {
		met.Scope = append(append(make([][]agent.Capability, 0, len(a.Scope)+len(b.Scope)), a.Scope...), b.Scope...)
	}
	return met
}

// Covers reports whether the scope grants one of the verbs on the resource.
func (a Authority) Covers(resource string, verbs ...string) bool {
	for _, set := range a.Scope {
		if !granted(set, resource, verbs) {
			return false
		}
	}
	return len(a.Scope) > 0
}

func granted(set []agent.Capability, resource string, verbs []string) bool {
	for _, capability := range set {
		if capability.Grants(resource, verbs...) {
			return true
		}
	}
	return false
}
