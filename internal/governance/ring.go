package governance

import (
	"context"
	"fmt"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
)

// ringStage holds the effective ring against the one that the effect and the callee need. Before the operation is known
// it asks for what the least demanding operation needs, so that hopeless calls end before their body is read.
type ringStage struct {
	required Rings
}

func (s ringStage) Judge(_ context.Context, x *Exchange) Verdict {
	required := s.requiredBy(x)
	if x.Authority.Ring >= required {
		return allow()
	}
	effect := agent.EffectRead
	if x.known() {
		effect = x.Effect
	}
	v := deny(Forbidden, CalleeSide, "ring-too-low", fmt.Sprintf(
		"a call with effect %s needs ring %s here; the caller acts in ring %s", effect, required, x.Authority.Ring))
	v.Excused = x.Own.Ring >= required
	if x.Chain.Descent != Own {
		v.Evidence = []string{"ring of " + x.boundOfRing()}
	}
	return v
}

// requiredBy returns the ring that the exchange needs, as far as it is known. Cards are for everybody.
func (s ringStage) requiredBy(x *Exchange) agent.Ring {
	if x.Operation.Method == a2a.GetAgentCard {
		return s.required.Read
	}
	effect := agent.EffectRead
	if x.known() {
		effect = x.Effect
	}
	return max(s.required.forEffect(effect), x.Callee.RequiredRing)
}

// trustStage holds the effective score against the one that the callee asks for.
type trustStage struct{}

func (trustStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.Authority.Trust >= x.Callee.RequiredTrust || x.Operation.Method == a2a.GetAgentCard {
		return allow()
	}
	v := deny(Forbidden, CalleeSide, "trust-too-low", fmt.Sprintf("the agent takes calls from a trust score of %d on", x.Callee.RequiredTrust))
	v.Excused = x.Own.Trust >= x.Callee.RequiredTrust
	if x.Chain.Descent != Own {
		v.Evidence = []string{"trust of " + x.boundOfTrust()}
	}
	return v
}
