package governance

import (
	"context"
	"fmt"

	"ringfence.dev/ringfence/internal/agent"
)

// ringStage holds the caller's ring against the one the effect needs. Before the operation is known it asks
// for what the least demanding operation needs, so that hopeless calls end before their body is read.
type ringStage struct {
	required Rings
}

func (s ringStage) Judge(_ context.Context, x *Exchange) Verdict {
	effect := agent.EffectRead
	if x.known() {
		effect = x.Effect
	}
	required := s.required.forEffect(effect)
	if x.Authority.Ring >= required {
		return allow()
	}
	return deny(Forbidden, CalleeSide, "ring-too-low", fmt.Sprintf(
		"a call with effect %s needs ring %s; the caller is in ring %s", effect, required, x.Authority.Ring))
}
