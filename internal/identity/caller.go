// Package identity turns evidence on a request into a Caller: who signed it, with which key, and how much the
// proof is worth. It refuses to know what a caller may do.
package identity

import "ringfence.dev/ringfence/internal/agent"

// Assurance says how strong the proof of a caller's identity is. The zero value is no proof at all.
type Assurance uint8

// The assurances, weakest first.
const (
	AssuranceNone     Assurance = iota // nothing: anonymous
	AssuranceBearer                    // a token from a configured issuer; the body is not bound
	AssuranceWorkload                  // the mTLS peer of this hop
	AssuranceMesh                      // a signature by the sidecar key in the agent's DID document
	AssuranceAgent                     // a signature by a key of the agent itself
)

// String returns none, bearer, workload, mesh or agent.
func (a Assurance) String() string {
	switch a {
	case AssuranceBearer:
		return "bearer"
	case AssuranceWorkload:
		return "workload"
	case AssuranceMesh:
		return "mesh"
	case AssuranceAgent:
		return "agent"
	default:
		return "none"
	}
}

// AssuranceNamed returns the assurance whose String is the name.
func AssuranceNamed(name string) (Assurance, bool) {
	for a := AssuranceNone; a <= AssuranceAgent; a++ {
		if a.String() == name {
			return a, true
		}
	}
	return AssuranceNone, false
}

// Caller is who sent a request, as far as evidence proves it. The zero value is the anonymous caller.
type Caller struct {
	// Agent is the registered agent that holds what was proved.
	Agent agent.ID
	// DID is the identifier whose key signed, without a fragment; empty when the proof is no signature.
	DID string
	// KeyID names what the proof was made with: the DID URL of the key, as the signature named it; the SPIFFE ID of the
	// connection's peer; or the issuer of a token, a #, and the key id.
	KeyID string
	// Key is the public key that signed, whatever the keyid names by now; empty when the proof is no signature.
	Key string
	// Subject is whom a token is about, as its issuer names it; empty when the proof is no token.
	Subject string
	// Assurance is how strong the proof is.
	Assurance Assurance
	// ContentDigest is the raw Content-Digest field the signature covers; empty when it covers none.
	ContentDigest string
}

// Anonymous reports whether nothing was proved about the caller.
func (c Caller) Anonymous() bool { return c.Assurance == AssuranceNone }
