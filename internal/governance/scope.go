package governance

import (
	"ringfence.dev/ringfence/internal/a2a"
)

// scopeStage holds the operation against the caller's capabilities. Reading a card is open to all: discovery
// is how callers come to know what to ask for.
type scopeStage struct{}

func (scopeStage) Judge(x *Exchange) Verdict {
	if x.Operation.Method == a2a.GetAgentCard {
		return allow()
	}
	resource := string(x.Callee.Name)
	if x.Operation.Skill != "" {
		resource += "/" + x.Operation.Skill
	}
	if x.Authority.Covers(resource, x.Effect.String(), string(x.Operation.Method), "call") {
		return allow()
	}
	return deny(Forbidden, CallerSide, "out-of-scope", "the caller holds no capability for this operation")
}
