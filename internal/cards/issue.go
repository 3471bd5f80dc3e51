package cards

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// maxIssued bounds the cards that are kept signed, in bytes. Clients choose the host that stands in a card, so they
// must not choose how much is kept.
const maxIssued = 32 << 20

// Issued is a card as the mesh serves it.
type Issued struct {
	// Body is the document. It is shared: do not change it.
	Body []byte
	// Tag is the entity tag of the body, with its quotes.
	Tag string
}

// Issuer makes the cards that the mesh serves. A card is rewritten and signed once for each revision of its record
// and each base. It may be used by many goroutines at once.
type Issuer struct {
	signer *Signer
	policy Policy

	mu     sync.Mutex
	issued map[edition]issuedAt
	size   int // of all bodies
}

type edition struct {
	name agent.ID
	base agent.Base
}

type issuedAt struct {
	revision uint64
	card     Issued
}

// NewIssuer returns an issuer that signs with the signer what the policy takes.
func NewIssuer(signer *Signer, policy Policy) *Issuer {
	return &Issuer{signer: signer, policy: policy, issued: map[edition]issuedAt{}}
}

// Card returns the record's card as the mesh serves it at the base: rewritten, and signed as the mesh.
func (i *Issuer) Card(record *agent.Record, base agent.Base) (Issued, error) {
	key := edition{record.Name, base}
	i.mu.Lock()
	known, ok := i.issued[key]
	i.mu.Unlock()
	if ok && known.revision == record.Revision {
		return known.card, nil
	}
	served, err := record.Card.Served(base)
	if err != nil {
		return Issued{}, err
	}
	signed, err := i.sign(served, base)
	if err != nil {
		return Issued{}, err
	}
	card := issue(signed)
	i.keep(key, issuedAt{record.Revision, card})
	return card, nil
}

// Verbatim returns the record's card as the agent sent it, its own signatures untouched, where every URL in it leads
// to the base already: there a client reads it without leaving the mesh. It reports false anywhere else.
func (i *Issuer) Verbatim(record *agent.Record, base agent.Base) (Issued, bool) {
	if !record.Card.LeadsTo(base) {
		return Issued{}, false
	}
	return issue(record.Card.Raw), true
}

// Extended returns an extended card of the agent, which it answered a caller with, as the mesh passes it on at the
// base: treated as its public card is. What cannot be a card of this agent is an error, and so is a card that is not
// verified where the policy requires that: the mesh must not sign what nobody vouches for. Key sets are not fetched
// for it.
func (i *Issuer) Extended(record *agent.Record, extended []byte, base agent.Base, now time.Time) ([]byte, error) {
	served, err := record.Card.ServedExtended(extended, base)
	if err != nil {
		return nil, err
	}
	if i.policy.Mode == Require {
		var v agent.CardVerification
		if i.policy.Verifier != nil {
			v = i.policy.Verifier.Verify(extended, KeysOf(record), now)
		}
		if reason := i.policy.Refuses(v); reason != "" {
			return nil, fmt.Errorf("extended card %s", reason)
		}
	}
	return i.sign(served, base)
}

// KeySet returns the keys that verify what the issuer signs, as a JWK set.
func (i *Issuer) KeySet() Issued { return issue(i.signer.KeySet()) }

func (i *Issuer) sign(card []byte, base agent.Base) ([]byte, error) {
	u, err := url.Parse(base.URL)
	if err != nil {
		return nil, fmt.Errorf("signing card: %w", err)
	}
	return i.signer.Sign(card, u.Scheme+"://"+u.Host)
}

// keep remembers an issued card. Which ones go for it when there are too many does not matter: they are made again.
func (i *Issuer) keep(key edition, card issuedAt) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forget(key)
	i.issued[key] = card
	i.size += len(card.card.Body)
	for other := range i.issued {
		if i.size <= maxIssued {
			return
		}
		i.forget(other)
	}
}

func (i *Issuer) forget(key edition) {
	i.size -= len(i.issued[key].card.Body)
	delete(i.issued, key)
}

func issue(body []byte) Issued {
	sum := sha256.Sum256(body)
	return Issued{Body: body, Tag: `"` + hex.EncodeToString(sum[:16]) + `"`}
}
