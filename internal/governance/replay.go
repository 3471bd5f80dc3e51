package governance

import (
	"context"
	"errors"
	"time"

	"ringfence.dev/ringfence/internal/identity"
)

// Guard remembers nonces. Use returns nil the first time the key of a proof uses its nonce, and a *identity.Refusal after.
// Any other error says that this could not be decided.
type Guard interface {
	Use(ctx context.Context, proof identity.Proof, now time.Time) error
}

// replayStage lets each proof with a nonce through once. The profile of signatures demands one on everything but GET.
type replayStage struct {
	guard Guard
}

func (s replayStage) Judge(ctx context.Context, x *Exchange) Verdict {
	if x.Caller.Anonymous() || x.Proof.Nonce == "" {
		return allow()
	}
	if s.guard == nil {
		return deny(Unavailable, GatewaySide, "replay-undecided", "whether the request is new could not be decided; try again later")
	}
	err := s.guard.Use(ctx, x.Proof, x.Time)
	if err == nil {
		return allow()
	}
	var refusal *identity.Refusal
	switch {
	case errors.As(err, &refusal):
		return refused(refusal)
	default:
		v := deny(Unavailable, GatewaySide, "replay-undecided", "whether the request is new could not be decided; try again later")
		v.Evidence = []string{err.Error()}
		return v
	}
}
