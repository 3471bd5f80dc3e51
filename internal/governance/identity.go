package governance

import (
	"context"
	"errors"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/token"
)

// Tokens verifies bearer tokens.
type Tokens interface {
	// IsFor reports whether a token claims to be one of an issuer whose tokens speak for agents.
	IsFor(raw string) bool
	// Verify returns what a token proves, or why it proves nothing.
	Verify(raw string, now time.Time) (token.Claims, *identity.Refusal)
}

// identityStage turns evidence into the caller: a signature, a bearer token or the connection's own identity, of which
// the first that is there counts. A claim that does not verify is refused, never taken for no claim; no claim at all
// suffices to read a card, and for nothing else.
type identityStage struct {
	tokens Tokens
	// unknown is told of keyids that name no known key, so that the control plane can look for them; nil tells nobody.
	unknown func(keyID string)
}

func (s identityStage) Judge(_ context.Context, x *Exchange) Verdict {
	proof, err := s.prove(x)
	if err != nil {
		return unproven(err)
	}
	if proof.Caller.Anonymous() {
		return allow()
	}
	record, ok := x.Mesh.Agents.Agent(proof.Caller.Agent)
	if !ok {
		return deny(Unauthenticated, GatewaySide, "unknown-caller", "the evidence belongs to no registered agent")
	}
	x.Proof, x.Caller, x.CallerRecord = proof, proof.Caller, record
	return allow()
}

// unproven refuses evidence that does not verify.
func unproven(err error) Verdict {
	var refusal *identity.Refusal
	if errors.As(err, &refusal) {
		return refused(refusal)
	}
	return deny(Internal, GatewaySide, "identity-undecided", "the identity of the caller could not be decided")
}

// prove returns what the evidence proves. The proof of nobody is an anonymous caller that may do what it asks for.
func (s identityStage) prove(x *Exchange) (identity.Proof, error) {
	proof, err := identity.Verify(message(x.Request), (*keyring)(x), x.Moment)
	if x.unknown != "" && s.unknown != nil {
		s.unknown(x.unknown)
	}
	if err == nil {
		return proof, nil
	}
	var refusal *identity.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != identity.Missing {
		return identity.Proof{}, err
	}
	if raw, ok := bearer(x.Request.Header); ok && s.tokens != nil && s.tokens.IsFor(raw) {
		return s.byToken(x, raw)
	}
	if record, ok := x.Mesh.Agents.Workload(x.Request.Peer); ok {
		return identity.Proof{Caller: identity.WorkloadCaller(record.Name, x.Request.Peer)}, nil
	}
	if x.Operation.Method == a2a.GetAgentCard {
		return identity.Proof{}, nil
	}
	return identity.Proof{}, err
}

// keyring is an exchange that is asked for the keys of its mesh, and notes the keyid that names none.
type keyring Exchange

func (k *keyring) Signatory(keyID string, now time.Time) (identity.Signatory, bool) {
	signatory, ok := k.Mesh.Signatory(keyID, now)
	if !ok {
		k.unknown = keyID
	}
	return signatory, ok
}

func (s identityStage) byToken(x *Exchange, raw string) (identity.Proof, error) {
	claims, refusal := s.tokens.Verify(raw, x.Moment)
	if refusal != nil {
		return identity.Proof{}, refusal
	}
	record, ok := x.Mesh.Agents.Subject(claims.Issuer, claims.Subject)
	if !ok {
		return identity.Proof{}, &identity.Refusal{Reason: identity.UnknownCaller, Detail: "the token's subject is no registered agent"}
	}
	proof := claims.Proof(record.Name)
	proof.Caller.Subject = claims.Subject
	return proof, nil
}

// bearer returns the bearer token of a request. The fields stage has seen to it that there is one field at most.
func bearer(h identity.Header) (string, bool) {
	value, _ := h.Get("authorization")
	return token.Bearer(value)
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

// asserted takes the place of evidence where an administrator asks what would become of an agent's request.
type asserted struct {
	name agent.ID
}

func (s asserted) Judge(_ context.Context, x *Exchange) Verdict {
	record, ok := x.Mesh.Agents.Agent(s.name)
	if !ok {
		return deny(Unauthenticated, GatewaySide, "unknown-caller", "no agent of this name is registered")
	}
	x.CallerRecord = record
	x.Caller = identity.Caller{Agent: s.name, Assurance: identity.AssuranceAgent}
	for _, id := range record.DIDs {
		if signatory, ok := x.Mesh.Signatory(id, x.Moment); ok && signatory.Agent == s.name {
			x.Caller.DID, x.Caller.KeyID, x.Caller.Key = signatory.DID, id, string(signatory.Public)
			return allow()
		}
	}
	return deny(Unauthenticated, GatewaySide, "no-key", "the agent has no key that counts at present")
}
