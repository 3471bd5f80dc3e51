package governance

import (
	"context"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/identity"
)

// freshnessStage lets nothing through when what is known of the mesh may be too old: what was revoked, killed or demoted
// meanwhile would still be let through.
type freshnessStage struct {
	bound time.Duration
}

func (s freshnessStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.Mesh.Behind <= s.bound {
		return allow()
	}
	v := deny(Unavailable, GatewaySide, "state-stale", "the mesh cannot tell what has changed lately; try again later")
	v.Evidence = []string{"behind by " + x.Mesh.Behind.Truncate(time.Second).String()}
	return v
}

// standingStage refuses agents that take no part, calling or called: killed by an operator, quarantined or revoked.
type standingStage struct{}

func (standingStage) Judge(_ context.Context, x *Exchange) Verdict {
	if holding, absence := x.Mesh.Standing(x.Callee, x.Moment); !holding.Active {
		v := deny(NotFound, GatewaySide, "callee-inactive", "the agent takes no calls at present")
		v.Evidence = []string{"callee: " + absence}
		return v
	}
	if x.Caller.Anonymous() {
		return allow()
	}
	holding, absence := x.Mesh.Standing(x.CallerRecord, x.Moment)
	if !holding.Active {
		v := deny(Forbidden, GatewaySide, "caller-inactive", "the calling agent is suspended")
		v.Evidence = []string{"caller: " + absence}
		return v
	}
	if !x.proven() {
		return deny(Unauthenticated, GatewaySide, "unknown-caller", "what proved the caller belongs to no registered agent any more")
	}
	x.holding = holding
	return allow()
}

// signatory returns whose the key is that signed the request, if it is still the caller's and the one it was then. What is
// proved otherwise has none.
func (x *Exchange) signatory() (identity.Signatory, bool) {
	s, ok := x.Mesh.Signatory(x.Caller.KeyID, x.Moment)
	return s, ok && s.Agent == x.Caller.Agent && string(s.Public) == x.Caller.Key
}

// proven reports whether what proved the caller still names it: a key may have been withdrawn since, or, in the document of
// a did:web, another put in its place under the same name.
func (x *Exchange) proven() bool {
	switch x.Caller.Assurance {
	case identity.AssuranceAgent, identity.AssuranceMesh:
		_, ok := x.signatory()
		return ok
	case identity.AssuranceWorkload:
		record, ok := x.Mesh.Agents.Workload(x.Caller.KeyID)
		return ok && record.Name == x.CallerRecord.Name
	case identity.AssuranceBearer:
		issuer, _, _ := strings.Cut(x.Caller.KeyID, "#") // no issuer has a fragment, and many a kid does
		record, ok := x.Mesh.Agents.Subject(issuer, x.Caller.Subject)
		return ok && record.Name == x.CallerRecord.Name
	default:
		return false
	}
}
