package governance

import (
	"context"

	"ringfence.dev/ringfence/internal/identity"
)

// hopStage binds a proof to the connection that brings it, where that has an identity (mTLS with a SPIFFE ID): an agent's
// requests come from its own workload or from a proxy that may carry those of all.
type hopStage struct {
	carriers []identity.WorkloadPattern
}

func (s hopStage) Judge(_ context.Context, x *Exchange) Verdict {
	peer := x.Request.Peer
	if peer == "" || x.Caller.Anonymous() || s.carries(peer) {
		return allow()
	}
	record, bound := x.Mesh.Agents.Workload(peer)
	if bound && record.Name == x.Caller.Agent {
		return allow()
	}
	if !bound && len(x.CallerRecord.Workloads) == 0 {
		return allow() // neither end of the connection is bound to anybody
	}
	v := deny(Unauthenticated, GatewaySide, "hop-mismatch", "the connection is not one that may carry this agent's requests")
	v.Evidence = []string{"peer " + peer}
	return v
}

func (s hopStage) carries(peer string) bool {
	for _, pattern := range s.carriers {
		if pattern.Match(peer) {
			return true
		}
	}
	return false
}
