package governance

import (
	"context"

	"ringfence.dev/ringfence/internal/a2a"
)

// scopeStage holds the operation against the caller's capabilities. Reading a card is open to all: discovery
// is how callers come to know what to ask for. The resource is the callee as a whole: a declared skill is a
// claim, and a caller could otherwise claim its way into a scope that names only that skill.
type scopeStage struct{}

func (scopeStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.Operation.Method == a2a.GetAgentCard {
		return allow()
	}
	if x.Authority.Covers(string(x.Callee.Name), verbs(x)...) {
		return allow()
	}
	v := deny(Forbidden, CallerSide, "out-of-scope", "the caller holds no capability for this operation")
	v.Excused = x.Own.Covers(string(x.Callee.Name), verbs(x)...)
	switch x.Chain.Descent {
	case Own:
	case Delegated:
		refusing, _ := x.Chain.Witness.Refusing(x.Authority, string(x.Callee.Name), verbs(x)...)
		v.Evidence = []string{"scope of " + x.Chain.name(refusing)}
	default:
		v.Evidence = []string{"scope of " + x.boundOfScope()}
	}
	return v
}

// verbs are those that describe the operation, each of which a capability may grant.
func verbs(x *Exchange) []string {
	return []string{x.Effect.String(), string(x.Operation.Method), "call"}
}
