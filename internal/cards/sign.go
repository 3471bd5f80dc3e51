package cards

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/strictjson"
)

// Signer signs cards as the mesh, with EdDSA. It may be used by many goroutines at once.
type Signer struct {
	key    jose.JSONWebKey
	keySet []byte
}

// NewSigner returns a signer with the key. The previous keys are published beside it, so that clients can still
// verify cards that they keep.
func NewSigner(key ed25519.PrivateKey, previous ...ed25519.PublicKey) (*Signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, errors.New("making card signer: the key is no Ed25519 key")
	}
	private, err := meshKey(key)
	if err != nil {
		return nil, err
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}}
	for _, public := range previous {
		old, err := meshKey(public)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, old)
	}
	published, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encoding card keys: %w", err)
	}
	return &Signer{key: private, keySet: published}, nil
}

// meshKey names a key by its thumbprint (RFC 7638), so that a name never means two keys.
func meshKey(key any) (jose.JSONWebKey, error) {
	named := jose.JSONWebKey{Key: key, Algorithm: string(jose.EdDSA), Use: "sig"}
	sum, err := named.Thumbprint(crypto.SHA256)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("naming card key: %w", err)
	}
	named.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	return named, nil
}

// KeySet returns the public keys as a JWK set (RFC 7517 section 5). It is shared: do not change it.
func (s *Signer) KeySet() []byte { return s.keySet }

// Sign returns the card with signatures of the mesh in place of those it has (A2A 1.0 section 8.4.2): one over the
// specified form of all it says and, where that is another, one over the form in which SDKs verify cards. One of them
// is enough for a client. Origin is where agent.KeySetPath is found, without a trailing slash; empty names no place.
func (s *Signer) Sign(card []byte, origin string) ([]byte, error) {
	document, err := strictjson.Parse(card)
	if err != nil {
		return nil, fmt.Errorf("signing card: %w", err)
	}
	if document.Kind() != strictjson.Object {
		return nil, errors.New("signing card: it is no JSON object")
	}
	bare := unsigned(document)
	var signatures []strictjson.Value
	var covered []byte
	for _, form := range []strictjson.Value{cardMessage.present(bare), readable(bare)} {
		payload, err := canonical(form)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(payload, covered) {
			continue
		}
		covered = payload
		signature, err := s.sign(payload, origin)
		if err != nil {
			return nil, fmt.Errorf("signing card: %w", err)
		}
		signatures = append(signatures, signature)
	}
	return strictjson.ObjectOf(append(bare.Members(), strictjson.Member{Name: "signatures", Value: strictjson.ArrayOf(signatures)})), nil
}

func (s *Signer) sign(payload []byte, origin string) (strictjson.Value, error) {
	options := (&jose.SignerOptions{}).WithType("JOSE")
	if origin != "" {
		options = options.WithHeader("jku", origin+agent.KeySetPath)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: s.key}, options)
	if err != nil {
		return nil, err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return nil, err
	}
	compact, err := signed.DetachedCompactSerialize()
	if err != nil {
		return nil, err
	}
	protected, signature, _ := strings.Cut(compact, "..")
	return strictjson.ObjectOf([]strictjson.Member{
		{Name: "protected", Value: strictjson.Quote(protected)},
		{Name: "signature", Value: strictjson.Quote(signature)},
	}), nil
}
