package governance

import (
	"context"
	"net/url"
	"strconv"

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
			v := deny(Forbidden, GatewaySide, refusal.Reason, refusal.Detail)
			v.Evidence = callbackHost(t.Value)
			return v
		}
	}
	return allow()
}

// callbackHost returns the host of an address for the record, so that an administrator sees what to allow. Path and query
// may hold secrets, and what has no host that can be read is not repeated.
func callbackHost(address string) []string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || len(u.Host) > maxShownHost {
		return nil
	}
	return []string{"host " + strconv.QuoteToASCII(u.Host)}
}

// maxShownHost is the longest name that DNS has, with a port.
const maxShownHost = 253 + 6
