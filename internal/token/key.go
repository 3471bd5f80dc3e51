package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"ringfence.dev/ringfence/internal/strictjson"
)

// The algorithms, as JWS names them (RFC 7518 section 3.1, RFC 8037 section 3.1).
const (
	edDSA = "EdDSA"
	es256 = "ES256"
	rs256 = "RS256"
)

var supported = [...]string{edDSA, es256, rs256}

// Bounds of a key set.
const (
	maxSetBytes = 256 << 10
	maxSetKeys  = 64
	maxKeyID    = 512 // bytes
	minRSABits  = 2048
	maxRSABits  = 8192
)

// key is a public key of an issuer. Its type decides the one algorithm it verifies, whatever a token says.
type key struct {
	public    crypto.PublicKey
	algorithm string
	// print tells the key from every other one, so that a token verified with it can be told from one whose key id
	// names another key by now.
	print   [32]byte
	expires time.Time // zero when it does not
}

// keySet are the keys of an issuer at one moment. It is immutable.
type keySet struct {
	byID   map[string]key
	loaded time.Time
}

// parseKeySet reads a JWK set (RFC 7517 section 5). Keys that can verify no token are passed over, as section 5 wants,
// and so are those without a kid. Where two keys have one kid, neither has it. A set without keys is one: its issuer
// took them all back.
func parseKeySet(raw []byte, loaded time.Time) (*keySet, error) {
	if len(raw) > maxSetBytes {
		return nil, fmt.Errorf("must have at most %d bytes", maxSetBytes)
	}
	document, err := strictjson.Parse(raw)
	if err != nil {
		return nil, errors.New("is not valid JSON")
	}
	members := document.Members()
	n := slices.IndexFunc(members, func(m strictjson.Member) bool { return m.Name == "keys" })
	if n < 0 || members[n].Value.Kind() != strictjson.Array {
		return nil, errors.New("is no JWK set")
	}
	elements := members[n].Value.Elements()
	if len(elements) > maxSetKeys {
		return nil, fmt.Errorf("must have at most %d keys", maxSetKeys)
	}
	set := &keySet{byID: map[string]key{}, loaded: loaded}
	disputed := map[string]bool{}
	for _, element := range elements {
		id, k, err := parseKey(element)
		if err != nil {
			continue
		}
		if before, taken := set.byID[id]; taken && before.print != k.print {
			disputed[id] = true
		}
		set.byID[id] = k
	}
	for id := range disputed {
		delete(set.byID, id)
	}
	return set, nil
}

// Members of a JWK: those that make the public key, and those that a public key must not have.
var (
	publicMembers  = []string{"kty", "crv", "x", "y", "n", "e"}
	privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
)

func parseKey(value strictjson.Value) (id string, k key, err error) {
	var public []strictjson.Member
	given := map[string]strictjson.Value{}
	for _, member := range value.Members() {
		given[member.Name] = member.Value
		if slices.Contains(privateMembers, member.Name) {
			return "", key{}, errors.New("has secret members")
		}
		if slices.Contains(publicMembers, member.Name) {
			public = append(public, member)
		}
	}
	id, _ = given["kid"].Text()
	if id == "" || len(id) > maxKeyID {
		return "", key{}, errors.New("has no kid, or too long a one")
	}
	// Certificates and the like stay out: what they say about the key is not looked at.
	var parsed jose.JSONWebKey
	if err := json.Unmarshal(strictjson.ObjectOf(public), &parsed); err != nil {
		return "", key{}, errors.New("is no public key")
	}
	if k, err = newKey(parsed.Key); err != nil {
		return "", key{}, err
	}
	return id, k, k.restrict(given)
}

func newKey(public crypto.PublicKey) (key, error) {
	k := key{public: public}
	switch public := public.(type) {
	case ed25519.PublicKey: // of no small order, which the parser has seen to
		k.algorithm = edDSA
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return key{}, errors.New("is not on the curve P-256")
		}
		k.algorithm = es256
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return key{}, errors.New("has too few bits, or too many")
		}
		k.algorithm = rs256
	default:
		return key{}, errors.New("is of another type")
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return key{}, fmt.Errorf("naming key: %w", err)
	}
	k.print = sha256.Sum256(der)
	return k, nil
}

// restrict reads what the JWK says about its own use (RFC 7517 section 4).
func (k *key) restrict(given map[string]strictjson.Value) error {
	if alg, ok := given["alg"].Text(); given["alg"] != nil && (!ok || normal(alg) != k.algorithm) {
		return errors.New("is for another algorithm")
	}
	if use, ok := given["use"].Text(); given["use"] != nil && (!ok || use != "sig") {
		return errors.New("is not for signatures")
	}
	if operations := given["key_ops"]; operations != nil {
		verifies := func(v strictjson.Value) bool { name, _ := v.Text(); return name == "verify" }
		if !slices.ContainsFunc(operations.Elements(), verifies) {
			return errors.New("is not for verification")
		}
	}
	if expiry := given["exp"]; expiry != nil {
		seconds, ok := numericDate(expiry)
		if !ok {
			return errors.New("has an exp that is no time")
		}
		k.expires = time.Unix(seconds, 0)
	}
	return nil
}

// normal returns the algorithm that a name means: Ed25519 is what RFC 9864 calls EdDSA with that curve.
func normal(alg string) string {
	if alg == "Ed25519" {
		return edDSA
	}
	return alg
}

// verify reports whether the signature is the key's over the first two parts of the token. The token's alg must have
// been found to be the key's.
func (k key) verify(raw string, signature []byte, signed int) bool {
	if public, ok := k.public.(ed25519.PublicKey); ok {
		return ed25519.Verify(public, []byte(raw[:signed]), signature)
	}
	parsed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.algorithm)})
	if err != nil {
		return false
	}
	_, err = parsed.Verify(k.public)
	return err == nil
}
