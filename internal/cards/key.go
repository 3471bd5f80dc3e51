package cards

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/strictjson"
)

// Bounds of keys.
const (
	maxKeyBytes  = 16 << 10
	maxSetBytes  = 256 << 10
	maxSetKeys   = 64
	minRSABits   = 2048
	maxRSABits   = 8192
	maxKeyIDName = 512 // bytes
)

// Key is a public key that may sign cards. Its type decides the one algorithm it verifies, so that no signature can
// choose another for it. The zero value verifies nothing.
type Key struct {
	ids       []string
	public    crypto.PublicKey
	algorithm jose.SignatureAlgorithm
	expires   time.Time // zero when it does not
}

// ParseKey reads a key as JSON: a string that is a did:key, or a JWK (RFC 7517) with a kid. Ed25519, P-256 and RSA
// keys of 2048 to 8192 bits are taken. Private and symmetric keys are refused.
func ParseKey(raw []byte) (Key, error) {
	if len(raw) > maxKeyBytes {
		return Key{}, fmt.Errorf("must have at most %d bytes", maxKeyBytes)
	}
	value, err := strictjson.Parse(raw)
	if err != nil {
		return Key{}, errors.New("is not valid JSON")
	}
	switch value.Kind() {
	case strictjson.String:
		did, _ := value.Text()
		return DIDKey(did)
	case strictjson.Object:
		return parseJWK(value)
	}
	return Key{}, errors.New("must be a did:key or a JWK")
}

// DIDKey returns the key of a did:key. Signatures may name it by any of its DIDs and DID URLs.
func DIDKey(did string) (Key, error) {
	key, err := agent.ParseKeyDID(did)
	if err != nil {
		return Key{}, err
	}
	return Key{ids: key.IDs(), public: key.Public, algorithm: jose.EdDSA}, nil
}

// Keys are those that may have signed one card, beside the trusted ones.
type Keys struct {
	// Pinned were named for this agent: where there are any, no other key counts, trusted ones neither.
	Pinned []Key
	// Own are those that the agent signs its requests with.
	Own []Key
	// Sets are the key sets that were fetched, by URL.
	Sets map[string][]Key
}

// KeysOf returns the keys of an agent. Registrations with keys that cannot be read are refused; were one stored all
// the same, it verifies nothing and shuts out other keys all the same.
func KeysOf(record *agent.Record) Keys {
	var keys Keys
	for _, raw := range record.CardKeys {
		key, err := ParseKey(raw)
		if err != nil {
			key = Key{}
		}
		keys.Pinned = append(keys.Pinned, key)
	}
	for _, did := range record.DIDs {
		if key, err := DIDKey(did); err == nil {
			keys.Own = append(keys.Own, key)
		}
	}
	return keys
}

// ParseKeySet reads a JWK set (RFC 7517 section 5). Keys that cannot sign cards are passed over, as section 5
// wants; a set without any that can is an error.
func ParseKeySet(raw []byte) ([]Key, error) {
	if len(raw) > maxSetBytes {
		return nil, fmt.Errorf("must have at most %d bytes", maxSetBytes)
	}
	document, err := strictjson.Parse(raw)
	if err != nil {
		return nil, errors.New("is not valid JSON")
	}
	var keys []Key
	for _, member := range document.Members() {
		if member.Name != "keys" {
			continue
		}
		elements := member.Value.Elements()
		if len(elements) > maxSetKeys {
			return nil, fmt.Errorf("must have at most %d keys", maxSetKeys)
		}
		for _, element := range elements {
			if key, err := ParseKey(element); err == nil && element.Kind() == strictjson.Object {
				keys = append(keys, key)
			}
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("must be a JWK set with a public key that has a kid: Ed25519, P-256 or RSA")
	}
	return keys, nil
}

// Members of a JWK: those that make the public key, and those that a public key must not have.
var (
	publicMembers  = []string{"kty", "crv", "x", "y", "n", "e"}
	privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
)

func parseJWK(value strictjson.Value) (Key, error) {
	var public []strictjson.Member
	given := map[string]strictjson.Value{}
	for _, member := range value.Members() {
		given[member.Name] = member.Value
		if slices.Contains(privateMembers, member.Name) {
			return Key{}, errors.New("must be a public key alone: this JWK has secret members")
		}
		if slices.Contains(publicMembers, member.Name) {
			public = append(public, member)
		}
	}
	kid, _ := given["kid"].Text()
	if kid == "" || len(kid) > maxKeyIDName {
		return Key{}, fmt.Errorf("must have a kid of 1 to %d bytes: signatures name their key by it", maxKeyIDName)
	}
	var parsed jose.JSONWebKey
	if err := json.Unmarshal(strictjson.ObjectOf(public), &parsed); err != nil {
		return Key{}, errors.New("is not a public key that can be read")
	}
	key := Key{ids: []string{kid}, public: parsed.Key}
	if err := key.classify(); err != nil {
		return Key{}, err
	}
	return key, key.restrict(given)
}

// classify gives the key the one algorithm of its type.
func (k *Key) classify() error {
	switch public := k.public.(type) {
	case ed25519.PublicKey: // of no small order, which the parser has seen to
		k.algorithm = jose.EdDSA
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return errors.New("must be on the curve P-256")
		}
		k.algorithm = jose.ES256
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("must have %d to %d bits", minRSABits, maxRSABits)
		}
		k.algorithm = jose.RS256
	default:
		return errors.New("must be an Ed25519, P-256 or RSA key")
	}
	return nil
}

// restrict reads what the JWK says about its own use.
func (k *Key) restrict(given map[string]strictjson.Value) error {
	if alg, ok := given["alg"].Text(); given["alg"] != nil && (!ok || normal(alg) != k.algorithm) {
		return fmt.Errorf("must have the alg of its type, %s, or none", k.algorithm)
	}
	if use, ok := given["use"].Text(); given["use"] != nil && (!ok || use != "sig") {
		return errors.New("must have the use sig, or none")
	}
	if operations := given["key_ops"]; operations != nil {
		verifies := func(v strictjson.Value) bool { name, _ := v.Text(); return name == "verify" }
		if !slices.ContainsFunc(operations.Elements(), verifies) {
			return errors.New("must have verify among its key_ops, or no key_ops")
		}
	}
	if expiry := given["exp"]; expiry != nil {
		seconds, ok := expiry.Int()
		if !ok || seconds <= 0 {
			return errors.New("must have an exp in whole seconds since 1970, or none")
		}
		k.expires = time.Unix(int64(seconds), 0)
	}
	return nil
}

// named reports whether a signature may name the key so.
func (k Key) named(kid string) bool { return slices.Contains(k.ids, kid) }

// expired reports whether the key can no longer be used: from the second of its exp on (RFC 7519 section 4.1.4).
func (k Key) expired(now time.Time) bool { return !k.expires.IsZero() && !now.Before(k.expires) }

// normal returns the algorithm that a name means: Ed25519 is what RFC 9864 calls EdDSA with that curve.
func normal(alg string) jose.SignatureAlgorithm {
	if alg == "Ed25519" {
		return jose.EdDSA
	}
	return jose.SignatureAlgorithm(alg)
}
