package delegation

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// Presentation is a chain as a verified request brings it.
type Presentation struct {
	// Field is the value of the header Agent-Delegation.
	Field string
	// Agent is who signed the request, and Key the public key of that signature: the proof that the chain is the
	// sender's to present.
	Agent agent.ID
	Key   ed25519.PublicKey
	// Callee is the agent that is called.
	Callee agent.ID
}

// Verifier verifies chains. It remembers which signatures it found valid, by every byte of the link and the key, and
// nothing else: whose the keys are, whether they still count, times, order and audience are judged anew each time. The
// zero value remembers nothing. It is safe for concurrent use.
type Verifier struct {
	known *memory
}

// NewVerifier returns a Verifier that remembers about as many links as capacity says, of up to a quarter of MaxField each.
func NewVerifier(capacity int) *Verifier { return &Verifier{known: newMemory(capacity)} }

// Verify returns the chain of a presentation at the moment now, or why there is none. The request's signature must have
// been verified before.
func (v *Verifier) Verify(p Presentation, keys identity.Keys, now time.Time) (Chain, *Refusal) {
	n, refusal := length(p.Field)
	if refusal != nil {
		return Chain{}, refusal
	}
	var array [MaxLinks]*known
	links := array[:0]
	for compact := range strings.SplitSeq(p.Field, separator) {
		l, refusal := v.read(compact)
		if refusal != nil {
			refusal.Link = len(links)
			return Chain{}, refusal
		}
		links = append(links, l)
	}
	if p.Agent == "" || !links[n-1].heldBy(p.Key) {
		refusal := refuse(WrongHolder, "was not given to the key that signs the request")
		refusal.Link = n - 1
		return Chain{}, refusal
	}
	return v.chain(links, p, keys, now)
}

// chain judges the links one after the other.
func (v *Verifier) chain(links []*known, p Presentation, keys identity.Keys, now time.Time) (Chain, *Refusal) {
	chain := Chain{Links: make([]Link, len(links)), Holders: make([]agent.ID, len(links)+1)}
	var parent *link
	for i, l := range links {
		signatory, refusal := v.signatory(l, keys, now)
		if refusal == nil {
			refusal = judge(l.link, parent, signatory, p, now)
		}
		if refusal != nil {
			refusal.Link = i
			return Chain{}, refusal
		}
		parent = l.link
		chain.Links[i] = Link{Statement: &parent.Statement, Agent: signatory.Agent, Role: signatory.Role}
		chain.Holders[i] = signatory.Agent
	}
	chain.Holders[len(links)] = p.Agent
	return chain, nil
}

// signatory returns who signed the link.
func (v *Verifier) signatory(l *known, keys identity.Keys, now time.Time) (identity.Signatory, *Refusal) {
	signatory, ok := keys.Signatory(l.KeyID, now)
	if !ok || signatory.Agent == "" || signatory.Role == agent.NoKey || len(signatory.Public) != ed25519.PublicKeySize {
		return identity.Signatory{}, refuse(UnknownIssuer, "is signed by a key that is no registered agent's")
	}
	if !bytes.Equal(l.by, signatory.Public) {
		if !l.signedBy(signatory.Public) {
			return identity.Signatory{}, refuse(BadSignature, "is not signed by the key that its kid names")
		}
		v.known.keep(l.link, signatory.Public)
	}
	return signatory, nil
}

// blames reports whether a fault proves that who signed the link broke the rules: not where the link may have been put
// below another parent than its own, nor where a clock may have been wrong.
func blames(r Reason) bool { return r == Spliced || r == Widened || r == TooDeep }

// judge returns why a validly signed link does not count here.
func judge(l, parent *link, by identity.Signatory, p Presentation, now time.Time) *Refusal {
	refusal := l.follows(parent)
	if parent != nil && !parent.heldBy(by.Public) && (refusal == nil || refusal.Reason != BrokenHash) {
		refusal = refuse(Spliced, "is signed by a key that the link before it was not given to")
	}
	if refusal != nil {
		if blames(refusal.Reason) {
			refusal.Culprit, refusal.Own = by.Agent, bytes.Equal(by.Public, p.Key)
		}
		return refusal
	}
	if refusal := l.current(now); refusal != nil {
		return refusal
	}
	return l.meant(p.Callee)
}
