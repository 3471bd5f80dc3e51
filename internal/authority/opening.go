package authority

import (
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Opening is what a gate lets through. The zero value lets nothing through.
type Opening struct {
	// Ring is the most privileged ring that counts inside.
	Ring agent.Ring
	// Capabilities are all that is covered inside.
	Capabilities []agent.Capability
	// Until is when the gate closes.
	Until time.Time
}

// Through returns the authority of a call that its caller makes through a gate of its own: what the caller holds by
// itself, narrowed by the gate. The chain on whose behalf the caller acts does not count inside, which is the one
// amplification there is, and never one beyond what the caller may do for itself.
func Through(gate Opening, own Authority) Authority {
	bound := Top()
	bound.Ring, bound.Scope, bound.Until = gate.Ring, [][]agent.Capability{gate.Capabilities}, gate.Until
	return own.Meet(bound)
}

// MaxSets bounds the sets of a scope that LowWater returns: who asks an agent for much, each time with other
// capabilities, must not make every decision about that agent slow.
const MaxSets = 64

// LowWater returns the authority of a caller that does not say for whom it calls: what it holds by itself, and no more
// than any of those it may be calling for. Sets of a scope that others imply are left out; a scope of more than MaxSets
// covers nothing.
func LowWater(own Authority, served []Authority) Authority {
	mark := own
	for _, a := range served {
		scope := mark.Scope
		mark = mark.Meet(Authority{Ring: a.Ring, Trust: a.Trust, Until: a.Until, Depth: a.Depth})
		mark.Scope = absorb(scope, a.Scope)
	}
	return mark
}

// absorb returns the intersection of two scopes without the sets of the second that the first implies.
func absorb(scope, more [][]agent.Capability) [][]agent.Capability {
	if len(scope) == 0 || len(more) == 0 {
		return nil
	}
	both := scope[:len(scope):len(scope)]
	for _, set := range more {
		if implied(both, set) {
			continue
		}
		if len(both) >= MaxSets {
			return nil
		}
		both = append(both, set)
	}
	return both
}

func implied(scope [][]agent.Capability, by []agent.Capability) bool {
	for _, set := range scope {
		if ScopeWithin(set, by) {
			return true
		}
	}
	return false
}
