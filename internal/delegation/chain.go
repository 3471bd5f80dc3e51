// Package delegation makes and verifies chains of delegation: links by which one agent lets another act for it, with
// no more than it was given itself. Links are compact JWTs with the claims of draft-niyikiza-oauth-attenuating-agent-
// tokens-01, signed with Ed25519. What a chain is worth beyond that, its holders' standing says: see authority.Compose.
package delegation

import (
	"crypto/ed25519"
	"crypto/sha256"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
)

// Field is the name of the header that carries a chain: its links in compact form, root first, joined by tildes. The
// request's signature covers it.
const Field = "agent-delegation"

// Bounds of a chain.
const (
	// MaxLinks is the largest number of links.
	MaxLinks = authority.MaxLinks
	// MaxField is the longest header value, in bytes.
	MaxField = 6 << 10
	// MaxLifetime is the longest time from iat to exp of a link, DefaultLifetime that of one for which nobody chose.
	MaxLifetime     = 24 * time.Hour
	DefaultLifetime = time.Hour
	// maxSkew is how far in the future iat may be.
	maxSkew = 10 * time.Second
)

// separator stands between links. It is no character of base64url.
const separator = "~"

// Statement is what a link says. It is immutable.
type Statement struct {
	// ID is the link's jti.
	ID string
	// KeyID names the key that signed, Issuer is the DID in it.
	KeyID, Issuer string
	// Holder is the key to which the link was given.
	Holder ed25519.PublicKey
	// Issued and Expires bound the link's life, in whole seconds; the moment of expiry is outside.
	Issued, Expires time.Time
	// Position is the link's place in its chain, 0 for the root. MaxDepth is the last place that a link may have.
	Position, MaxDepth int
	// Capabilities are all that is granted.
	Capabilities []agent.Capability
	// Audience are the callees that the link is meant for; empty for any.
	Audience []agent.ID

	rooted bool
	parent [sha256.Size]byte
}

// Depth is how many links may follow this one.
func (s *Statement) Depth() int { return s.MaxDepth - s.Position }

// Link is one verified link.
type Link struct {
	*Statement
	// Agent is the agent that signed, and Role says whether it or its sidecar did.
	Agent agent.ID
	Role  agent.KeyRole
}

// Chain is a verified chain. The zero value passes nothing on.
type Chain struct {
	// Links are root first.
	Links []Link
	// Holders are the agents of the chain: who signed the root, who held each link and signed the next, and last who
	// signs the request. There is one more than there are links, and an agent may be there more than once.
	Holders []agent.ID
}

// AppendGrants appends what each link grants, for authority.Compose.
func (c Chain) AppendGrants(grants []authority.Grant) []authority.Grant {
	for _, link := range c.Links {
		grants = append(grants, authority.Grant{Capabilities: link.Capabilities, Until: link.Expires, Depth: link.Depth()})
	}
	return grants
}
