package token

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/identity"
)

// maxToken is the longest token that is read, in bytes.
const maxToken = 16 << 10

// verified is a token whose signature was found good, and with which key.
type verified struct {
	claims    Claims
	notBefore time.Time // zero without nbf
	print     [32]byte
}

// Verify returns what a token says at the moment now, or why it proves nothing: it must be a JWS in compact form
// (RFC 7515 section 7.1), canonical in every part, of a configured issuer, signed with the algorithm of the key that
// its kid names among the issuer's, meant for this mesh, and of its time. Whether it counts once and was used before
// is for the replay memory to say, and whom it speaks for is the registry's.
func (i *Issuers) Verify(raw string, now time.Time) (Claims, *identity.Refusal) {
	if i == nil || i.verified == nil {
		return Claims{}, refuse(identity.UnknownCaller, "the token is of no known issuer")
	}
	if len(raw) > maxToken {
		return Claims{}, refuse(identity.Malformed, "the token exceeds 16 KiB")
	}
	name := digest(sha256.Sum256([]byte(raw)))
	if v, ok := i.verified.get(name); ok {
		// Everything but the key and the time was settled by the same bytes before.
		if k, refusal := i.byURL[v.claims.Issuer].key(v.claims.KeyID, now); refusal == nil && k.print == v.print {
			return current(v, now)
		}
		i.verified.remove(name)
	}
	t, refusal := parse(raw)
	if refusal != nil {
		return Claims{}, refusal
	}
	v, refusal := i.verify(t, now)
	if refusal != nil {
		return Claims{}, refusal
	}
	claims, refusal := current(v, now)
	if refusal == nil {
		i.verified.add(name, v)
	}
	return claims, refusal
}

func current(v verified, now time.Time) (Claims, *identity.Refusal) {
	if refusal := v.claims.current(v.notBefore, now); refusal != nil {
		return Claims{}, refusal
	}
	return v.claims, nil
}

// verify checks all that does not depend on the time, but for the age of keys.
func (i *Issuers) verify(t jws, now time.Time) (verified, *identity.Refusal) {
	url, _ := t.claims["iss"].Text()
	from, ok := i.byURL[url]
	if !ok {
		return verified{}, refuse(identity.UnknownCaller, "the token is of no known issuer")
	}
	if !slices.Contains(from.algorithms, t.algorithm) {
		return verified{}, refuse(identity.Unsupported, "the alg of the token is none that its issuer signs with")
	}
	k, refusal := from.key(t.keyID, now)
	if refusal != nil {
		return verified{}, refusal
	}
	if k.algorithm != t.algorithm {
		return verified{}, refuse(identity.Unsupported, "the alg of the token is not that of its key")
	}
	if !k.verify(t.raw, t.signature, t.signed) {
		return verified{}, refuse(identity.BadSignature, "the signature of the token is not one of its key")
	}
	v := verified{print: k.print}
	if v.claims, refusal = from.read(t.claims); refusal != nil {
		return verified{}, refusal
	}
	v.claims.KeyID = t.keyID
	if claim, given := t.claims["nbf"]; given {
		seconds, ok := numericDate(claim)
		if !ok {
			return verified{}, refuse(identity.Malformed, "the claim nbf must be whole seconds since 1970")
		}
		v.notBefore = time.Unix(seconds, 0)
	}
	return v, nil
}

// key returns the key that a kid names among those of the issuer. A kid that it does not have sets off a fetch.
func (i *issuer) key(id string, now time.Time) (key, *identity.Refusal) {
	set := i.keys.Load()
	if set == nil || now.Sub(set.loaded) > i.MaxKeyAge {
		i.want()
		return key{}, refuse(identity.KeysUnavailable, "the keys of the token's issuer are not known, or too old; retry later")
	}
	k, ok := set.byID[id]
	if !ok || !k.expires.IsZero() && !now.Before(k.expires) {
		i.want()
		return key{}, refuse(identity.UnknownCaller, "the kid of the token names no key of its issuer")
	}
	return k, nil
}

// want asks Follow for the keys. It never waits.
func (i *issuer) want() {
	select {
	case i.wanted <- struct{}{}:
	default:
	}
}

func refuse(reason identity.Reason, format string, args ...any) *identity.Refusal {
	return &identity.Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
