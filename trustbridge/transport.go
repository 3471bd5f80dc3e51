package trustbridge

import (
	"fmt"
	"net/http"

	"ringfence.dev/ringfence/internal/identity"
)

// The header fields that a Transport sets. The signature covers both.
const (
	DelegationField = "Agent-Delegation"
	GateField       = "Agent-Gate"
)

// Transport is an http.RoundTripper that signs every request as an agent (RFC 9421, Ed25519), with a Content-Digest of
// its body. It holds bodies in memory while it signs. A request must not be sent twice with one signature, so retries
// have to go through the Transport again.
type Transport struct {
	// Identity signs.
	Identity *Identity
	// Delegation is the chain that lets the agent act for another, as Delegate returned it to that one; empty when the
	// agent acts for itself.
	Delegation string
	// Gate is the gate that requests invoke; empty for none.
	Gate string
	// Base sends; nil means http.DefaultTransport.
	Base http.RoundTripper
	// MaxBody is the largest body in bytes; 0 means 16 MiB. Larger ones are an error.
	MaxBody int64
}

// RoundTrip signs a copy of the request and sends it. The request itself is not changed; its body is closed.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	signer, err := t.Identity.signer()
	if err != nil {
		if r.Body != nil {
			r.Body.Close() //nolint:errcheck // nothing was read from it
		}
		return nil, fmt.Errorf("signing request: %w", err)
	}
	outgoing := r.Clone(r.Context())
	if outgoing.Header == nil {
		outgoing.Header = http.Header{}
	}
	if t.Delegation != "" {
		outgoing.Header.Set(DelegationField, t.Delegation)
	}
	if t.Gate != "" {
		outgoing.Header.Set(GateField, t.Gate)
	}
	return (&identity.Transport{Signer: signer, Base: t.Base, MaxBody: t.MaxBody}).RoundTrip(outgoing)
}
