package agent

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/mr-tron/base58"
)

// Prefixes of the DIDs by which the mesh knows agents.
const (
	// KeyMethod begins every did:key; the key in multibase follows.
	KeyMethod = "did:key:"
	// WebMethod begins every did:web.
	WebMethod = "did:web:"

	meshMethod = "did:mesh:"
)

// multicodecEd25519 is the multicodec varint of an Ed25519 public key (0xed), as did:key carries it.
const multicodecEd25519 = "\xed\x01"

// Key is one public key of an agent with the DID URLs under which signatures may name it.
type Key struct {
	// Public is the Ed25519 public key.
	Public ed25519.PublicKey
	// DID is the did:key of the key; Mesh is the did:mesh minted from it.
	DID, Mesh string
}

// NewKey returns the names of an Ed25519 public key.
func NewKey(public ed25519.PublicKey) Key {
	multibase := keyMultibase(public)
	return Key{Public: public, DID: KeyMethod + multibase, Mesh: MeshDID(public)}
}

// ParseKeyDID returns the key a did:key carries. Only Ed25519 keys are accepted (did:key method, section 3.1).
func ParseKeyDID(did string) (Key, error) {
	multibase, ok := strings.CutPrefix(did, KeyMethod)
	if !ok {
		return Key{}, errors.New("must begin with did:key and a colon")
	}
	encoded, ok := strings.CutPrefix(multibase, "z")
	if !ok || len(encoded) > 64 {
		return Key{}, errors.New("must be a base58btc multibase value, which begins with z")
	}
	raw, err := base58.Decode(encoded)
	if err != nil {
		return Key{}, errors.New("is not valid base58btc")
	}
	public, ok := strings.CutPrefix(string(raw), multicodecEd25519)
	if !ok || len(public) != ed25519.PublicKeySize {
		return Key{}, errors.New("must hold an Ed25519 public key; other key types are not accepted")
	}
	if weak(ed25519.PublicKey(public)) {
		return Key{}, errors.New("must not hold a point of small order, for which anyone can sign")
	}
	key := NewKey(ed25519.PublicKey(public))
	if key.DID != did {
		return Key{}, errors.New("is not in its canonical form")
	}
	return key, nil
}

// smallOrder are the encodings of Edwards25519 points whose order divides 8, without the sign bit.
var smallOrder = [...]string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

func weak(public ed25519.PublicKey) bool {
	unsigned := slices.Clone(public)
	unsigned[len(unsigned)-1] &= 0x7f
	return slices.Contains(smallOrder[:], hex.EncodeToString(unsigned))
}

// MeshDID returns the did:mesh of a key: did:mesh: and the base58btc SHA-256 of the public key.
func MeshDID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return meshMethod + base58.Encode(sum[:])
}

// ValidateDID returns an error unless did is a did:key or did:mesh in canonical form, or has the form of a did:web.
func ValidateDID(did string) error {
	switch {
	case strings.HasPrefix(did, KeyMethod):
		_, err := ParseKeyDID(did)
		return err
	case strings.HasPrefix(did, WebMethod):
		return checkWebDID(did)
	}
	encoded, ok := strings.CutPrefix(did, meshMethod)
	if !ok {
		return errors.New("must be a did:key, a did:mesh or a did:web")
	}
	if len(encoded) > 64 {
		return errors.New("is too long for a did:mesh")
	}
	raw, err := base58.Decode(encoded)
	if err != nil || len(raw) != sha256.Size || base58.Encode(raw) != encoded {
		return errors.New("must end in the base58btc SHA-256 of a public key")
	}
	return nil
}

// Fragment is the fragment of the key's DID URLs: the key in multibase, for both methods.
func (k Key) Fragment() string { return strings.TrimPrefix(k.DID, KeyMethod) }

// IDs returns every keyid by which a signature may name the key: both DIDs, bare and as DID URL.
func (k Key) IDs() []string {
	fragment := "#" + k.Fragment()
	return []string{k.DID + fragment, k.Mesh + fragment, k.DID, k.Mesh}
}

func keyMultibase(public ed25519.PublicKey) string {
	return "z" + base58.Encode(append([]byte(multicodecEd25519), public...))
}
