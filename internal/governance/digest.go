package governance

import (
	"context"

	"ringfence.dev/ringfence/internal/identity"
)

// digestStage binds the body to the signature: the digest the signature covers must be that of the body the
// mesh inspects. A body that no digest covers was not signed.
type digestStage struct{}

func (digestStage) Judge(_ context.Context, x *Exchange) Verdict {
	covered := x.Caller.ContentDigest
	if x.Caller.Assurance == identity.AssuranceBearer || x.Caller.Assurance == identity.AssuranceWorkload {
		return allow() // tokens and connections bind no body, which is what their assurance is worth less for
	}
	if covered == "" {
		if len(x.Request.Body) > 0 {
			return deny(Unauthenticated, GatewaySide, "body-unsigned", "the signature must cover content-digest when there is a body")
		}
		return allow()
	}
	if err := identity.CheckDigest(covered, x.Request.Body); err != nil {
		return deny(Unauthenticated, GatewaySide, "digest-mismatch", "the body is not the one that was signed")
	}
	return allow()
}
