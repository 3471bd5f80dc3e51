package identity

import (
	"crypto/ed25519"
	"net/http"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Tag marks the signatures of profile did-v1 (RFC 9421 section 2.3): the only ones that are verified.
const Tag = "a2a-agent"

// The validity window of a signature.
const (
	// MaxLifetime is the longest time from created to expires, and so the greatest age of a signature.
	MaxLifetime = 60 * time.Second
	// maxSkew is how far in the future created may be.
	maxSkew = 10 * time.Second
)

// Signatory is whose key a keyid names.
type Signatory struct {
	// Public verifies signatures.
	Public ed25519.PublicKey
	// Agent holds the key.
	Agent agent.ID
	// DID is the identifier that the keyid names, without fragment.
	DID string
	// Role says whether the agent itself signs with the key or the sidecar in front of it.
	Role agent.KeyRole
}

// assurance returns how strong a signature by the key is as a proof.
func (s Signatory) assurance() Assurance {
	switch s.Role {
	case agent.AgentKey:
		return AssuranceAgent
	case agent.SidecarKey:
		return AssuranceMesh
	default:
		return AssuranceNone
	}
}

// Keys knows the keys of agents.
type Keys interface {
	// Signatory returns whose key keyID names at the moment now; ok reports that it names one that counts then.
	Signatory(keyID string, now time.Time) (Signatory, bool)
}

// Proof is what a verified signature proves, or other evidence that was made at one moment, such as a token.
type Proof struct {
	// Caller is who made it.
	Caller Caller
	// Key is the signing key, the same however the signature spelled its keyid: nonces are remembered by it.
	Key string
	// Nonce counts once for the key. Of signatures it is empty only for GET; other evidence that counts often has none.
	Nonce string
	// Created and Expires bound the proof's life, in whole seconds.
	Created, Expires time.Time
}

// Verify proves who sent the message at the moment now, under profile did-v1: one RFC 9421 signature with
// tag="a2a-agent", by an Ed25519 key that keys knows, over everything the profile demands. Every error is a
// *Refusal; Missing means that the message carries no signature at all. Whether the nonce is new and the body
// matches its digest is for Replay and CheckDigest to say.
func Verify(m Message, keys Keys, now time.Time) (Proof, error) {
	var s signature
	if err := s.read(m.Header); err != nil {
		return Proof{}, err
	}
	if err := s.covers(&m); err != nil {
		return Proof{}, err
	}
	if err := s.current(now); err != nil {
		return Proof{}, err
	}
	if err := s.fresh(m.Method); err != nil {
		return Proof{}, err
	}
	signatory, ok := keys.Signatory(s.keyID, now)
	assurance := signatory.assurance()
	if !ok || len(signatory.Public) != ed25519.PublicKeySize || assurance == AssuranceNone {
		return Proof{}, refuse(UnknownCaller, "the parameter keyid names no key of a known agent")
	}
	if err := s.verify(&m, signatory.Public); err != nil {
		return Proof{}, err
	}
	key := string(signatory.Public)
	proof := Proof{
		Caller:  Caller{Agent: signatory.Agent, DID: signatory.DID, KeyID: s.keyID, Key: key, Assurance: assurance},
		Key:     key,
		Nonce:   s.nonce,
		Created: time.Unix(s.created, 0).UTC(),
		Expires: time.Unix(s.expires, 0).UTC(),
	}
	if slices.Contains(s.components(), contentDigest) {
		proof.Caller.ContentDigest, _ = m.Header.combined(contentDigest)
	}
	return proof, nil
}

func (s *signature) verify(m *Message, public ed25519.PublicKey) error {
	base, err := appendBase(make([]byte, 0, 1024), m, s.components(), s.params)
	if err != nil {
		return err
	}
	if !s.by(public, base) {
		return refuse(BadSignature, "the signature is not one of this key over this request")
	}
	return nil
}

// by reports whether the key made the signature over the base.
func (s *signature) by(public ed25519.PublicKey, base []byte) bool {
	return s.sized && ed25519.Verify(public, base, s.value[:])
}

func (s *signature) covers(m *Message) error {
	for name := range m.required() {
		if !slices.Contains(s.components(), name) {
			return refuse(Uncovered, "the signature must cover %q", name)
		}
	}
	return nil
}

// current checks the window, whose bounds are inside it. How old a signature may be follows from its expiry.
func (s *signature) current(now time.Time) error {
	if s.created == 0 || s.expires == 0 {
		return refuse(Malformed, "the parameters created and expires are required")
	}
	created, expires := time.Unix(s.created, 0), time.Unix(s.expires, 0)
	switch {
	case s.expires <= s.created || s.expires-s.created > int64(MaxLifetime/time.Second):
		return refuse(Malformed, "the parameter expires must be 1 to 60 seconds after created")
	case expires.Before(now):
		return refuse(Expired, "the signature has expired")
	case created.After(now.Add(maxSkew)):
		return refuse(NotYetValid, "the parameter created is in the future; check the sender's clock")
	}
	return nil
}

// fresh checks the form of the nonce; only a GET may do without.
func (s *signature) fresh(method string) error {
	if s.nonce == "" {
		if method == http.MethodGet {
			return nil
		}
		return refuse(Malformed, "the parameter nonce is required")
	}
	if !validNonce(s.nonce) {
		return refuse(Malformed, "the parameter nonce must be base64 of 16 to 96 bytes")
	}
	return nil
}
