package governance

import (
	"slices"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
	"ringfence.dev/ringfence/internal/lineage"
)

// behalf is for whom a request was found to be made of which no delegation says so. It holds for as long as the call is
// under way: what its caller comes to serve later has no part in it, and what it served then still has.
type behalf struct {
	chain Chain
	// bound is what those who are served may do together, as that was when their calls began.
	bound authority.Authority
	// holders are all who have a part in them, sorted, each once.
	holders []agent.ID
}

var (
	// itself is the behalf of a caller that serves nobody.
	itself = &behalf{}
	// unchained is that of one that does, and is taken at its word that it acts for itself.
	unchained = &behalf{chain: Chain{Unchained: true}}
)

// link narrows the caller's authority to that of those for whom it may be acting, as they stand now.
func (s chainStage) link(x *Exchange) {
	if s.lineage == nil {
		return
	}
	if x.behalf == nil {
		x.behalf = s.find(x)
	}
	found := x.behalf
	if found.chain.Descent == Own {
		x.Chain.Unchained = found.chain.Unchained
		return
	}
	bounds := make([]authority.Authority, 0, 1+len(found.holders))
	bounds = append(bounds, found.bound)
	for _, name := range found.holders {
		bounds = append(bounds, authority.OfHolder(x.Mesh.holder(name, x.Moment), s.depths))
	}
	x.Authority, x.Chain = authority.LowWater(x.Authority, bounds), found.chain
}

// find looks for what the caller serves.
func (s chainStage) find(x *Exchange) *behalf {
	caller := x.Caller.Agent
	parent, _ := x.Request.Header.Get("traceparent")
	if traced := s.lineage.Traced(caller, lineage.TraceID(parent), x.Moment, x.serving); len(traced) > 0 {
		return behalfOf(traced, Chain{Descent: Linked}, caller)
	}
	if s.missing == LenientMissing {
		if s.lineage.Any(caller, x.Moment, x.serving) {
			return unchained
		}
		return itself
	}
	if all := s.lineage.All(caller, x.Moment, x.serving); len(all) > 0 {
		return behalfOf(all, Chain{Descent: LowWater, Unchained: true}, caller)
	}
	return itself
}

func behalfOf(served []lineage.Served, chain Chain, caller agent.ID) *behalf {
	found := &behalf{chain: chain, bound: served[0].Authority}
	more := make([]authority.Authority, 0, len(served)-1)
	for i, call := range served {
		if i > 0 {
			more = append(more, call.Authority)
		}
		found.holders = append(found.holders, call.Holders...)
	}
	found.bound = authority.LowWater(found.bound, more)
	if len(served) == 1 && !served[0].Many {
		found.chain.Holders = append(slices.Clip(found.holders), caller)
	}
	slices.Sort(found.holders)
	found.holders = slices.Compact(found.holders)
	return found
}
