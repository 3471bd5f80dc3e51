package authority

import (
	"strings"

	"ringfence.dev/ringfence/internal/agent"
)

// ScopeWithin reports whether each capability of inner is within one of outer. It is sound, and conservative where
// only several capabilities of outer together grant what one of inner does. For one capability of each it is exact.
func ScopeWithin(inner, outer []agent.Capability) bool {
	for _, capability := range inner {
		if !withinAny(capability, outer) {
			return false
		}
	}
	return true
}

// withinAny reports whether a capability of outer grants whatever inner grants. One that is not verb:resource grants
// nothing, and is within everything.
//
// Read as text, a star of inner is a character that no literal of outer can be, for stars of outer are never
// literal. So outer matches that text only where its own stars take in the stars of inner, and they take in anything
// else just as well.
func withinAny(inner agent.Capability, outer []agent.Capability) bool {
	verb, resource, ok := strings.Cut(string(inner), ":")
	for _, capability := range outer {
		if ok && capability.Grants(resource, verb) {
			return true
		}
	}
	return !ok
}
