package governance

import (
	"context"
	"errors"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/registry"
)

// identityStage turns evidence into the caller. A claim that does not verify is refused, never taken for no
// claim; no claim at all suffices to read a card, and for nothing else.
type identityStage struct{}

func (identityStage) Judge(_ context.Context, x *Exchange) Verdict {
	proof, err := identity.Verify(message(x.Request), keys{x.Snapshot}, x.Time)
	var refusal *identity.Refusal
	switch {
	case err == nil:
	case errors.As(err, &refusal) && refusal.Reason == identity.Missing:
		if x.Operation.Method == a2a.GetAgentCard {
			return allow()
		}
		return refused(refusal)
	case errors.As(err, &refusal):
		return refused(refusal)
	default:
		return deny(Internal, GatewaySide, "identity-undecided", "the identity of the caller could not be decided")
	}
	record, ok := x.Snapshot.Agent(proof.Caller.Agent)
	if !ok {
		return deny(Unauthenticated, GatewaySide, "unknown-caller", "the signing key belongs to no registered agent")
	}
	x.Proof, x.Caller, x.CallerRecord = proof, proof.Caller, record
	x.Authority = authority.Of(record)
	return allow()
}

func refused(r *identity.Refusal) Verdict {
	return deny(Unauthenticated, GatewaySide, r.Reason.String(), r.Detail)
}

func message(r Request) identity.Message {
	path, query, hasQuery := strings.Cut(r.Path, "?")
	length, _ := r.Header.Get("content-length")
	_, chunked := r.Header.Get("transfer-encoding")
	return identity.Message{
		Method:    r.Method,
		Scheme:    r.Scheme,
		Authority: r.Authority,
		Path:      path,
		RawQuery:  query,
		HasQuery:  hasQuery,
		Header:    r.Header,
		// A body without either field, which HTTP/2 allows, is caught by the digest stage.
		HasBody: len(r.Body) > 0 || chunked || (length != "" && length != "0"),
	}
}

// keys lets signatures be verified with the keys of registered agents.
type keys struct{ snapshot *registry.Snapshot }

func (k keys) Signatory(keyID string, now time.Time) (identity.Signatory, bool) {
	holder, ok := k.snapshot.Key(keyID)
	if !ok {
		return identity.Signatory{}, false
	}
	return identity.Signatory{Public: holder.Public, Agent: holder.Agent.Name, DID: holder.DID, Role: agent.AgentKey}, true
}

// Guard remembers nonces. Use returns nil the first time the key of a proof uses its nonce, and a *identity.Refusal after.
// Any other error says that this could not be decided.
type Guard interface {
	Use(ctx context.Context, proof identity.Proof, now time.Time) error
}

// replayStage lets each signature with a nonce through once. The profile demands a nonce on everything but GET.
type replayStage struct {
	guard Guard
}

func (s replayStage) Judge(ctx context.Context, x *Exchange) Verdict {
	if x.Caller.Anonymous() || x.Proof.Nonce == "" {
		return allow()
	}
	err := s.guard.Use(ctx, x.Proof, x.Time)
	var refusal *identity.Refusal
	switch {
	case err == nil:
		return allow()
	case errors.As(err, &refusal):
		return refused(refusal)
	default:
		return deny(Internal, GatewaySide, "replay-undecided", "whether the request is new could not be decided")
	}
}
