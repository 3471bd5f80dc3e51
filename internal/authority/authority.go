// Package authority holds the algebra of rights: what an agent may do at most, and how the rights of several
// holders combine. Combining only ever narrows.
package authority

import (
	"math"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Authority is an upper bound of rights. The zero value is ring 3, trust 0, covers nothing, is over already and
// lets nothing be passed on.
type Authority struct {
	// Ring is the ring held.
	Ring agent.Ring
	// Trust is the score held, 0 to 1000.
	Trust agent.Trust
	// Scope holds alternative sets of capabilities: an operation is in scope when every set grants it. No set
	// at all grants nothing.
	Scope [][]agent.Capability
	// Until is when the authority ends; the moment itself is outside.
	Until time.Time
	// Depth is how many links of delegation may follow.
	Depth int
}

// forever is the end of an authority that nothing ends: the last second that RFC 3339 can write.
var forever = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// everything covers every operation.
var everything = []agent.Capability{"*:*"}

// Top returns the authority that every other is within.
func Top() Authority {
	return Authority{
		Ring: agent.Kernel, Trust: agent.MaxTrust, Scope: [][]agent.Capability{everything}, Until: forever, Depth: math.MaxInt,
	}
}

// Meet returns the greatest authority that neither a nor b exceeds: the less privileged ring, the lower score, the
// operations that both cover, the earlier end and the smaller depth.
func (a Authority) Meet(b Authority) Authority {
	met := Authority{
		Ring: min(a.Ring, b.Ring), Trust: min(a.Trust, b.Trust), Until: earlier(a.Until, b.Until), Depth: min(a.Depth, b.Depth),
	}
	if len(a.Scope) > 0 && len(b.Scope) > 0 {
		met.Scope = append(append(make([][]agent.Capability, 0, len(a.Scope)+len(b.Scope)), a.Scope...), b.Scope...)
	}
	return met
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Within reports whether a exceeds b in nothing. It is sound and, for scopes, conservative: an operation that b does
// not cover is never covered by an a that is within b, but a scope that is contained only by the union of several
// capabilities, or by the overlap of several sets, counts as not contained.
func (a Authority) Within(b Authority) bool {
	return a.Ring <= b.Ring && a.Trust <= b.Trust && !a.Until.After(b.Until) && a.Depth <= b.Depth && a.scopeWithin(b)
}

func (a Authority) scopeWithin(b Authority) bool {
	if len(a.Scope) == 0 {
		return true
	}
	for _, outer := range b.Scope {
		if !a.anySetWithin(outer) {
			return false
		}
	}
	return len(b.Scope) > 0
}

func (a Authority) anySetWithin(outer []agent.Capability) bool {
	for _, set := range a.Scope {
		if ScopeWithin(set, outer) {
			return true
		}
	}
	return false
}

// Over reports whether the authority has ended at the moment now.
func (a Authority) Over(now time.Time) bool { return !now.Before(a.Until) }

// Covers reports whether the scope grants one of the verbs on the resource.
func (a Authority) Covers(resource string, verbs ...string) bool {
	_, refused := a.Refusing(resource, verbs...)
	return !refused
}

// Refusing returns the first set of the scope that grants none of the verbs on the resource, by its index; ok reports
// that there is one. A scope without sets refuses with -1.
func (a Authority) Refusing(resource string, verbs ...string) (set int, ok bool) {
	for i, set := range a.Scope {
		if !granted(set, resource, verbs) {
			return i, true
		}
	}
	return -1, len(a.Scope) == 0
}

func granted(set []agent.Capability, resource string, verbs []string) bool {
	for _, capability := range set {
		if capability.Grants(resource, verbs...) {
			return true
		}
	}
	return false
}
