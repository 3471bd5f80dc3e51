// Package trustbridge is what an agent written in Go needs to take part in a Ringfence mesh: an Identity that signs its
// requests and delegates to others, and a Client that asks the mesh about peers before talking to them.
//
// An agent that talks to others through the mesh needs the Transport alone; any A2A client takes it in its http.Client.
// An agent whose requests are signed by a sidecar or by `ringfence proxy` needs nothing of this package.
package trustbridge

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// Identity is an agent's Ed25519 key with the name under which its signatures are known. It is immutable and safe for
// concurrent use.
type Identity struct {
	key   ed25519.PrivateKey
	keyID string
	did   string
}

// NewIdentity returns the identity of a key. Register the agent with its DID.
func NewIdentity(key ed25519.PrivateKey) (*Identity, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, errors.New("making an identity: not an Ed25519 private key")
	}
	names := agent.NewKey(key.Public().(ed25519.PublicKey))
	return &Identity{key: key, keyID: names.IDs()[0], did: names.DID}, nil
}

// LoadIdentity reads a key file as `ringfence identity new` writes it: PKCS#8 in PEM, readable by its owner alone.
func LoadIdentity(path string) (*Identity, error) {
	key, err := identity.LoadKey(path)
	if err != nil {
		return nil, err
	}
	return NewIdentity(key)
}

// As returns the same key under another name: the DID URL of a key of a did:mesh or a did:web, with its fragment.
func (i *Identity) As(keyID string) (*Identity, error) {
	if keyID == "" {
		return nil, errors.New("naming an identity: the key id is empty")
	}
	named := *i
	named.keyID = keyID
	return &named, nil
}

// DID returns the did:key of the identity's key, which others name when they delegate to it.
func (i *Identity) DID() string { return i.did }

// KeyID returns the DID URL under which the identity signs.
func (i *Identity) KeyID() string { return i.keyID }

func (i *Identity) signer() (identity.Signer, error) {
	if i == nil {
		return identity.Signer{}, errors.New("there is no identity to sign with")
	}
	return identity.Signer{Key: i.key, KeyID: i.keyID, Now: time.Now, Random: rand.Reader}, nil
}

// String returns the DID: a key that is printed by mistake does not show.
func (i *Identity) String() string { return i.did }

// GoString returns what String does.
func (i *Identity) GoString() string { return fmt.Sprintf("trustbridge.Identity(%s)", i.did) }
