package governance

import (
	"context"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/callback"
)

// Callbacks says where agents may be asked to push events to. It must be safe for concurrent use.
type Callbacks interface {
	// Check returns nil for an address that is acceptable.
	Check(ctx context.Context, url string) *callback.Refusal
}

// callbackStage judges every callback address in a request: the agent will connect to it on its own, past the mesh. An
// address can come with a push configuration or inside a message (A2A 1.0 sections 3.1.7 and 3.2.2), so the kind of the
// text tells, not the method.
type callbackStage struct {
	callbacks Callbacks
}

func (s callbackStage) Judge(ctx context.Context, x *Exchange) Verdict {
	for i := range x.Operation.Texts {
		t := &x.Operation.Texts[i]
		if t.Kind != a2a.KindCallback || t.Key || t.Value == "" {
			continue
		}
		if s.callbacks == nil {
			return deny(Forbidden, GatewaySide, "callback-denied", "the mesh takes no callback addresses")
		}
		if refusal := s.callbacks.Check(ctx, t.Value); refusal != nil {
			return deny(Forbidden, GatewaySide, refusal.Reason, refusal.Detail)
		}
	}
	return allow()
}
