package governance

import (
	"context"
	"strconv"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
	"ringfence.dev/ringfence/internal/delegation"
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/lineage"
)

// Descent says how it became known on whose behalf a caller acts. The zero value is that it acts for itself.
type Descent uint8

// The ways.
const (
	// Own: the caller acts for itself.
	Own Descent = iota
	// Delegated: the request carries a chain of delegation.
	Delegated
	// Linked: the request is part of a trace of which the caller serves other parts.
	Linked
	// LowWater: the caller serves others, and nothing says for which of them it acts; it has the rights of all in common.
	LowWater
	// Gated: the caller acts through a gate, where the chain begins anew.
	Gated
)

var descents = [...]string{Own: "own", Delegated: "delegated", Linked: "linked", LowWater: "low-water", Gated: "gated"}

// String returns own, delegated, linked, low-water or gated.
func (d Descent) String() string {
	if int(d) < len(descents) {
		return descents[d]
	}
	return descents[Own]
}

// Chain is on whose behalf a caller acts.
type Chain struct {
	// Descent says how that became known.
	Descent Descent
	// Holders are the agents of the chain, from the root to the caller. It is empty where there is none but the caller.
	Holders []agent.ID
	// Unchained reports that the caller serves others at the moment, and that its request says for none of them that it
	// is on its behalf.
	Unchained bool
	// Gate is the id of the gate of a Gated request.
	Gate string
	// Witness says which part of the chain bounds each component of the authority.
	Witness authority.Witness
}

// Missing says what becomes of a request without delegation whose caller serves others, when its trace does not tell for
// which of them it acts. The zero value judges it with the rights of all of them in common.
type Missing uint8

// The ways.
const (
	// StrictMissing takes the meet of all that the caller serves.
	StrictMissing Missing = iota
	// LenientMissing lets the caller act for itself, and says in the record that the request is unchained.
	LenientMissing
)

// The fields by which a caller says with what rights it acts.
const (
	delegationField = delegation.Field
	gateField       = gate.Field
)

// chainStage finds out on whose behalf the caller acts, and with what authority. It stands behind standing, which
// established what the caller holds by itself.
type chainStage struct {
	links   *delegation.Verifier
	lineage *lineage.Ledger // nil lets each request stand for itself
	missing Missing
	depths  authority.Depths
}

func (s chainStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.Caller.Anonymous() {
		return allow()
	}
	x.Own = authority.OfHolder(x.holding, s.depths)
	x.Authority, x.Chain = x.Own, Chain{}
	if field, ok := x.Request.Header.Get(delegationField); ok {
		if v := s.delegated(x, field); v.Decision != Allow {
			return v
		}
		if x.Chain.Holders[0] == x.Caller.Agent {
			// A chain that begins with the caller says of nobody else that the call is on its behalf.
			s.link(x)
		}
	} else {
		s.link(x)
	}
	if id, ok := x.Request.Header.Get(gateField); ok {
		return s.gated(x, id)
	}
	return allow()
}

// delegated takes the chain that the request carries.
func (s chainStage) delegated(x *Exchange, field string) Verdict {
	if s.links == nil {
		return deny(Internal, GatewaySide, "delegation-undecided", "whether the delegation holds could not be decided")
	}
	signatory, ok := x.signatory()
	if !ok {
		return deny(Unauthenticated, GatewaySide, "delegation-unsigned", "a delegation counts only on a request that is signed by whom it was given to")
	}
	chain, refusal := s.links.Verify(delegation.Presentation{
		Field: field, Agent: x.Caller.Agent, Key: signatory.Public, Callee: x.Callee.Name,
	}, x.Mesh, x.Moment)
	if refusal != nil {
		v := deny(Unauthenticated, CallerSide, "delegation-"+refusal.Reason.String(), "the delegation does not hold: "+refusal.Detail)
		v.Evidence = []string{"link " + strconv.Itoa(refusal.Link)}
		if refusal.Culprit != "" {
			v.Evidence = append(v.Evidence, "made by "+string(refusal.Culprit))
		}
		v.Culprit, v.Forged = refusal.Culprit, refusal.Own
		return v
	}
	return s.compose(x, chain)
}

// compose sets the authority to that of the chain, in which everybody has to take part.
func (s chainStage) compose(x *Exchange, chain delegation.Chain) Verdict {
	// Chains are short: what they are made of stays off the heap.
	var room [delegation.MaxLinks + 1]authority.Holding
	var given [delegation.MaxLinks]authority.Grant
	holders := room[:len(chain.Holders)]
	for i, name := range chain.Holders[:len(holders)-1] {
		if holders[i] = x.Mesh.holder(name, x.Moment); !holders[i].Active {
			v := deny(Forbidden, CallerSide, "holder-inactive", "an agent of the delegation is suspended")
			v.Evidence = []string{"holder " + strconv.Itoa(i) + " " + string(name)}
			return v
		}
	}
	holders[len(holders)-1] = x.holding
	composed, witness := authority.Compose(holders, chain.AppendGrants(given[:0]), s.depths)
	x.Authority = composed
	x.Chain = Chain{Descent: Delegated, Holders: chain.Holders, Witness: witness}
	if witness.TooDeep {
		v := deny(Forbidden, CallerSide, "delegation-too-deep", "the delegation has more links than its holders' rings allow")
		v.Evidence = []string{"depth of " + x.Chain.name(witness.Depth)}
		return v
	}
	return allow()
}

// gated lets the chain begin anew with the caller, within the gate that it names: the caller itself, as its signature says,
// and nobody on the way. What it is part of stays in the record.
func (s chainStage) gated(x *Exchange, id string) Verdict {
	if _, ok := x.signatory(); !ok {
		return deny(Unauthenticated, GatewaySide, "gate-unsigned", "a gate counts only on a request that is signed by the agent whose it is")
	}
	open, ok := x.Mesh.Gates.Open(agent.ID(id), x.CallerRecord, x.Callee, x.Moment)
	if !ok {
		v := deny(Forbidden, CalleeSide, "gate-closed", "there is no such gate from the caller to the callee that both have agreed on")
		v.Evidence = []string{x.Mesh.Gates.Closed(agent.ID(id), x.CallerRecord, x.Callee, x.Moment)}
		return v
	}
	x.Authority = authority.Through(open.Opening(), x.Own)
	x.Chain.Descent, x.Chain.Gate, x.Chain.Unchained = Gated, id, false
	return allow()
}

// name returns what a factor of the chain is, with the agent's name.
func (c Chain) name(f authority.Factor) string {
	text := f.String()
	if f.Index < len(c.Holders) {
		text += " " + string(c.Holders[f.Index])
	}
	return text
}

// expiryStage ends what was delegated when its time is over.
type expiryStage struct{}

func (expiryStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.Caller.Anonymous() || !x.Authority.Over(x.Moment) {
		return allow()
	}
	v := deny(Forbidden, CallerSide, "authority-over", "what the caller may do has ended")
	if x.Chain.Descent != Own {
		v.Evidence = []string{"until of " + x.boundOfUntil()}
	}
	return v
}
