package token

import (
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/strictjson"
)

const (
	maxSubject = 512     // bytes
	maxTokenID = 512     // bytes
	maxTime    = 1 << 40 // seconds since 1970; any later is a mistake
)

// Claims is what a verified token says.
type Claims struct {
	// Issuer and Subject are whom the token is about: an agent.Subject.
	Issuer, Subject string
	// ID is the jti; empty when there is none.
	ID string
	// Once says that the token counts once: whoever uses it has to have its nonce remembered.
	Once bool
	// Issued and Expires are iat and exp.
	Issued, Expires time.Time
	// KeyID is the kid of the key that signed.
	KeyID string
}

// About returns whom the token is about, as records name them.
func (c Claims) About() agent.Subject { return agent.Subject{Issuer: c.Issuer, Name: c.Subject} }

// Proof is what the token proves once the registry has found that its subject speaks for the holder. It has a nonce
// when the token counts once, and lives as long as the token does, with the clock's error.
func (c Claims) Proof(holder agent.ID) identity.Proof {
	proof := identity.Proof{
		Caller:  identity.Caller{Agent: holder, KeyID: c.Issuer + "#" + c.KeyID, Assurance: identity.AssuranceBearer},
		Key:     "jwt\x00" + c.Issuer + "\x00" + c.KeyID,
		Created: c.Issued,
		Expires: c.Expires.Add(Skew),
	}
	if c.Once {
		proof.Nonce = c.ID
	}
	return proof
}

// payload is the claims set of a token that nobody has verified.
type payload map[string]strictjson.Value

func readPayload(raw []byte) (payload, bool) {
	value, err := strictjson.Parse(raw)
	if err != nil || value.Kind() != strictjson.Object {
		return nil, false
	}
	members := value.Members()
	claims := make(payload, len(members))
	for _, member := range members {
		claims[member.Name] = member.Value
	}
	return claims, true
}

// read takes the claims that have to be there, whatever the time is.
func (i *issuer) read(p payload) (Claims, *identity.Refusal) {
	c := Claims{Issuer: i.URL, Once: i.Once}
	var ok bool
	if c.Subject, ok = p[i.SubjectClaim].Text(); !ok || c.Subject == "" || len(c.Subject) > maxSubject {
		return Claims{}, refuse(identity.Malformed, "the token needs a subject of 1 to 512 bytes")
	}
	if !i.meant(p["aud"]) {
		return Claims{}, refuse(identity.WrongAudience, "the token is not meant for this mesh: its aud names others, or nobody")
	}
	if id, given := p["jti"]; given {
		if c.ID, ok = id.Text(); !ok || c.ID == "" || len(c.ID) > maxTokenID {
			return Claims{}, refuse(identity.Malformed, "the claim jti must be a string of 1 to 512 bytes")
		}
	}
	if i.Once && c.ID == "" {
		return Claims{}, refuse(identity.Malformed, "the token needs a jti, as tokens of this issuer count once")
	}
	issued, okIssued := numericDate(p["iat"])
	expires, okExpires := numericDate(p["exp"])
	switch {
	case !okIssued || !okExpires:
		return Claims{}, refuse(identity.Malformed, "the token needs iat and exp in whole seconds since 1970")
	case expires <= issued || expires-issued > int64(i.MaxLifetime/time.Second):
		return Claims{}, refuse(identity.Malformed, "the token lives longer than tokens of this issuer may, or not at all")
	}
	c.Issued, c.Expires = time.Unix(issued, 0).UTC(), time.Unix(expires, 0).UTC()
	return c, nil
}

// meant reports whether an aud, a string or an array of them (RFC 7519 section 4.1.3), names the mesh.
func (i *issuer) meant(audience strictjson.Value) bool {
	if name, ok := audience.Text(); ok {
		return slices.Contains(i.Audiences, name)
	}
	found := false
	for _, element := range audience.Elements() {
		name, ok := element.Text()
		if !ok {
			return false
		}
		found = found || slices.Contains(i.Audiences, name)
	}
	return found
}

// current checks the claims against the clock, with the skew on both sides. NotBefore is the zero time without nbf.
func (c Claims) current(notBefore, now time.Time) *identity.Refusal {
	ahead := now.Add(Skew)
	switch {
	case !now.Before(c.Expires.Add(Skew)):
		return refuse(identity.Expired, "the token has expired")
	case c.Issued.After(ahead):
		return refuse(identity.NotYetValid, "the claim iat is in the future; check the issuer's clock")
	case notBefore.After(ahead):
		return refuse(identity.NotYetValid, "the token is not valid yet")
	}
	return nil
}

// numericDate reads whole seconds since 1970. RFC 7519 allows fractions, which readers round differently.
func numericDate(v strictjson.Value) (int64, bool) {
	n, ok := v.Int()
	return int64(n), ok && n > 0 && n < maxTime
}
