package governance

import (
	"context"
	"strings"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/limit"
	"ringfence.dev/ringfence/internal/lineage"
)

// servingStage has it known, in every process of the mesh, that the callee acts for the caller from now on, if the request
// is one that makes it act. It stands last: what another factor denies is never served. What this process heard of others
// only now, the stages marked onServing judge afterwards.
type servingStage struct {
	lineage *lineage.Ledger // nil lets each request stand for itself
	limits  limit.Table
}

func (s servingStage) Judge(ctx context.Context, x *Exchange) Verdict {
	if s.lineage == nil || x.denied() || x.serving != nil || x.Caller.Anonymous() || x.Operation.Method.ReadOnly() {
		return allow()
	}
	if x.Callee == nil {
		return Verdict{}
	}
	holders := x.Chain.Holders
	if len(holders) == 0 || x.Chain.Descent == Gated {
		holders = []agent.ID{x.Caller.Agent}
	}
	parent, _ := x.Request.Header.Get("traceparent")
	served := lineage.Served{Trace: strings.Clone(lineage.TraceID(parent)), Holders: holders, Authority: x.Authority}
	var err error
	if x.serving, err = s.lineage.Serve(ctx, x.Callee.Name, served, s.limits.Of(x.Authority.Ring).Time, x.Moment); err != nil {
		v := deny(Unavailable, GatewaySide, "lineage-undecided", "what the agents serve could not be told to the whole mesh; try again later")
		v.Evidence = []string{err.Error()}
		return v
	}
	return allow()
}
