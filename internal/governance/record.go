package governance

import (
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/authority"
	"ringfence.dev/ringfence/internal/policy"
)

// Record returns the decision record of the exchange, or of its answer, as it was decided at a moment.
func (x *Exchange) Record(phase string, at time.Time) audit.Record {
	record := audit.Record{
		ID:        x.ID,
		Phase:     phase,
		Time:      x.Time,
		Took:      at.Sub(x.Time),
		Revision:  x.Mesh.Agents.Revision(),
		Caller:    x.Caller.Agent,
		DID:       x.Caller.DID,
		Assurance: x.Caller.Assurance.String(),
		Ring:      x.Authority.Ring,
		Trust:     x.Authority.Trust,
		Method:    string(x.Operation.Method),
		Binding:   x.Binding.String(),
		Effect:    x.Effect.String(),
		Skill:     x.Operation.Skill,
		Decision:  x.Verdict.Decision.String(),
		Factor:    x.Verdict.Factor,
		Party:     string(x.Verdict.Party),
		Reason:    x.Verdict.Reason,
		Evidence:  x.Verdict.Evidence,
		Findings:  x.findings,
	}
	if x.Callee != nil {
		record.Callee = x.Callee.Name
	}
	parts := &recordParts{}
	if x.authority(&parts.authority) {
		record.Authority = &parts.authority
	}
	if x.judgedBy != "" {
		x.recorded(&parts.call)
		record.Call, record.Shadows = &parts.call, x.recordedShadows()
	}
	record.Epoch, record.Approval = x.judgedBy, x.Approval.ID
	return record
}

// recordParts are what a record points to, in one place.
type recordParts struct {
	authority audit.Authority
	call      audit.PolicyCall
}

// authority sets what the record says of the effective authority: what it is, and what bounds each component. It reports
// false for one that there is nothing to be said of, as the anonymous caller has.
func (x *Exchange) authority(a *audit.Authority) bool {
	if x.Caller.Anonymous() || x.Chain.Descent == Own && x.Authority.Ring == 0 && x.Authority.Trust == 0 && len(x.Authority.Scope) == 0 {
		return false
	}
	*a = audit.Authority{
		Descent: x.Chain.Descent.String(), Chain: x.Chain.Holders, Unchained: x.Chain.Unchained, Gate: x.Chain.Gate,
		Depth: x.Authority.Depth,
	}
	if x.Chain.Descent == Own {
		itself := x.boundOfRing()
		a.Witness = audit.Witness{Ring: itself, Trust: itself, Scope: itself, Depth: itself}
		return true
	}
	a.Witness = audit.Witness{Ring: x.boundOfRing(), Trust: x.boundOfTrust(), Scope: x.boundOfScope(), Depth: x.boundOfDepth()}
	if x.Authority.Until.Before(x.Own.Until) {
		until := x.Authority.Until.UTC()
		a.Until, a.Witness.Until = &until, x.boundOfUntil()
	}
	return true
}

// bound returns what bounds a component of the authority: a factor of the chain, or, where there is no chain of links,
// what narrowed what the caller holds by itself.
func (x *Exchange) bound(f authority.Factor, narrowed bool) string {
	switch {
	case x.Chain.Descent == Delegated:
		return x.Chain.name(f)
	case !narrowed:
		return "caller " + string(x.Caller.Agent)
	case x.Chain.Descent == Gated:
		return "gate " + x.Chain.Gate
	case len(x.Chain.Holders) > 0:
		return "served for " + names(x.Chain.Holders[:len(x.Chain.Holders)-1])
	default:
		return "all that the caller serves"
	}
}

func (x *Exchange) boundOfRing() string {
	return x.bound(x.Chain.Witness.Ring, x.Authority.Ring < x.Own.Ring)
}

func (x *Exchange) boundOfTrust() string {
	return x.bound(x.Chain.Witness.Trust, x.Authority.Trust < x.Own.Trust)
}

func (x *Exchange) boundOfScope() string {
	return x.bound(x.Chain.Witness.Scope, len(x.Authority.Scope) != len(x.Own.Scope))
}

func (x *Exchange) boundOfUntil() string {
	return x.bound(x.Chain.Witness.Until, x.Authority.Until.Before(x.Own.Until))
}

func (x *Exchange) boundOfDepth() string {
	return x.bound(x.Chain.Witness.Depth, x.Authority.Depth < x.Own.Depth)
}

func names(holders []agent.ID) string {
	texts := make([]string, len(holders))
	for i, name := range holders {
		texts[i] = string(name)
	}
	return strings.Join(texts, " > ")
}

// timeLimit is how long the call may take, its answer included; 0 when nothing bounds it.
func (g *Governor) timeLimit(x *Exchange) time.Duration {
	x.timed = policy.Ref{}
	if x.Caller.Anonymous() {
		return x.budgeted(0)
	}
	most := g.config.Policy.RingLimits.Of(x.Authority.Ring).Time
	if !x.Authority.Until.IsZero() {
		most = min(most, max(x.Authority.Until.Sub(x.Time), time.Millisecond))
	}
	return x.budgeted(most)
}
