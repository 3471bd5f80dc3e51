package delegation

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Order says what link to make.
type Order struct {
	// Key signs: for a root, a key of the agent that delegates; below a parent, the key that the parent was given to.
	Key ed25519.PrivateKey
	// KeyID is the DID URL of the key; empty for that of its did:key.
	KeyID string
	// Parent is the chain below which the link goes, as a header value; empty makes a root.
	Parent string
	// Holder is the key that may use the link: the one with which its agent signs requests.
	Holder ed25519.PublicKey
	// Capabilities are all that is granted; none grants nothing.
	Capabilities []agent.Capability
	// Lifetime is in whole seconds, at most MaxLifetime and no longer than the parent lasts; 0 means DefaultLifetime, or
	// what is left of the parent where that is less.
	Lifetime time.Duration
	// Depth is how many links may follow this one.
	Depth int
	// Audience are the callees that the link is meant for; empty for any.
	Audience []agent.ID
}

// nonceBytes is the size of a link's jti.
const nonceBytes = 16

// Issue makes one link and returns the header value of the chain that ends in it. It refuses to make a link that could
// never verify; whether the mesh knows the key, and what its holder may do, only the mesh can say.
func Issue(o Order, now time.Time, random io.Reader) (string, error) {
	field, err := issue(o, now, random)
	if err != nil {
		return "", fmt.Errorf("delegating: %w", err)
	}
	return field, nil
}

func issue(o Order, now time.Time, random io.Reader) (string, error) {
	if len(o.Key) != ed25519.PrivateKeySize {
		return "", errors.New("there is no Ed25519 key to sign with")
	}
	parent, err := o.parent(now)
	if err != nil {
		return "", err
	}
	claims, err := o.claims(parent, now, random)
	if err != nil {
		return "", err
	}
	compact, err := o.sign(claims)
	if err != nil {
		return "", err
	}
	field := compact
	if parent != nil {
		field = o.Parent + separator + compact
	}
	links, refusal := read(field)
	if refusal == nil {
		refusal = consistent(links)
	}
	if refusal != nil {
		return "", refusal
	}
	return field, nil
}

// parent returns the last link of the parent chain, or nil for a root.
func (o *Order) parent(now time.Time) (*link, error) {
	if o.Parent == "" {
		return nil, nil
	}
	links, refusal := read(o.Parent)
	if refusal == nil {
		refusal = consistent(links)
	}
	if refusal != nil {
		return nil, fmt.Errorf("reading the parent: %w", refusal)
	}
	for _, l := range links {
		if refusal := l.current(now); refusal != nil {
			return nil, fmt.Errorf("reading the parent: %w", refusal)
		}
	}
	last := links[len(links)-1]
	if !last.heldBy(o.Key.Public().(ed25519.PublicKey)) {
		return nil, errors.New("the parent was given to another key")
	}
	if len(links) == MaxLinks || last.Depth() < 1 {
		return nil, errors.New("the parent allows no link below it")
	}
	return last, nil
}

// claims are those of a link, in the order they are written.
type claims struct {
	Issuer       string       `json:"iss"`
	Confirmation confirmation `json:"cnf"`
	Issued       int64        `json:"iat"`
	Expires      int64        `json:"exp"`
	ID           string       `json:"jti"`
	Position     int          `json:"del_depth"`
	MaxDepth     int          `json:"del_max_depth"`
	ParentHash   string       `json:"par_hash,omitempty"`
	Audience     []agent.ID   `json:"aud,omitempty"`
	Details      [1]detail    `json:"authorization_details"`
}

type confirmation struct {
	JWK jwk `json:"jwk"`
}

type jwk struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
}

type detail struct {
	Type         string             `json:"type"`
	Capabilities []agent.Capability `json:"capabilities"`
}

func (o *Order) claims(parent *link, now time.Time, random io.Reader) (claims, error) {
	var id [nonceBytes]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return claims{}, fmt.Errorf("drawing the link's id: %w", err)
	}
	issued := now.Truncate(time.Second)
	if parent != nil && parent.Issued.After(issued) {
		issued = parent.Issued // its issuer's clock runs ahead of ours
	}
	expires, err := o.expiry(parent, issued)
	if err != nil {
		return claims{}, err
	}
	c := claims{
		Confirmation: confirmation{jwk{Type: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(o.Holder)}},
		Issued:       issued.Unix(), Expires: expires.Unix(), ID: base64.RawURLEncoding.EncodeToString(id[:]),
		MaxDepth: o.Depth, Audience: o.Audience,
		Details: [1]detail{{Type: detailType, Capabilities: append([]agent.Capability{}, o.Capabilities...)}},
	}
	if parent != nil {
		c.Position = parent.Position + 1
		c.MaxDepth += c.Position
		c.ParentHash = base64.RawURLEncoding.EncodeToString(parent.digest[:])
	}
	c.Issuer, _, _ = strings.Cut(o.keyID(), "#")
	return c, nil
}

func (o *Order) expiry(parent *link, issued time.Time) (time.Time, error) {
	if o.Lifetime < 0 || o.Lifetime%time.Second != 0 {
		return time.Time{}, errors.New("the lifetime must be whole seconds")
	}
	if o.Lifetime > 0 {
		return issued.Add(o.Lifetime), nil
	}
	expires := issued.Add(DefaultLifetime)
	if parent != nil && parent.Expires.Before(expires) {
		return parent.Expires, nil
	}
	return expires, nil
}

func (o *Order) keyID() string {
	if o.KeyID != "" {
		return o.KeyID
	}
	return agent.NewKey(o.Key.Public().(ed25519.PublicKey)).IDs()[0]
}

func (o *Order) sign(c claims) (string, error) {
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
		KeyID     string `json:"kid"`
	}{algorithm, tokenType, o.keyID()})
	if err != nil {
		return "", fmt.Errorf("writing the header: %w", err)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("writing the claims: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(header) + "." + encode(payload)
	return signed + "." + encode(ed25519.Sign(o.Key, []byte(signed))), nil
}
