package governance

import (
	"context"

	"ringfence.dev/ringfence/internal/agent"
)

// standingStage refuses agents that do not take part: quarantined or revoked, calling or called.
type standingStage struct{}

func (standingStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.Callee == nil || x.Callee.Status != agent.Active {
		return deny(NotFound, GatewaySide, "callee-inactive", "the agent takes no calls at present")
	}
	if x.Caller.Anonymous() {
		return allow()
	}
	if x.CallerRecord == nil || x.CallerRecord.Status != agent.Active {
		return deny(Forbidden, GatewaySide, "caller-inactive", "the calling agent is suspended")
	}
	// The key may have been withdrawn since the headers were judged.
	if holder, ok := x.Snapshot.Key(x.Caller.KeyID); !ok || holder.Agent.Name != x.CallerRecord.Name {
		return deny(Unauthenticated, GatewaySide, "unknown-caller", "the signing key belongs to no registered agent")
	}
	return allow()
}
