package identity

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/dunglas/httpsfv"
)

// label is the dictionary key under which the Signer puts its signature. Verifiers take any.
const label = "agent"

// nonceBytes is the size of the nonces the Signer draws.
const nonceBytes = 16

// Signer signs requests under profile did-v1. It is safe for concurrent use when Now and Random are.
type Signer struct {
	// Key signs.
	Key ed25519.PrivateKey
	// KeyID is the DID URL of the key, such as the first of agent.Key.IDs.
	KeyID string
	// Now is the clock.
	Now func() time.Time
	// Random is where nonces come from; crypto/rand.Reader outside tests.
	Random io.Reader
	// Lifetime is the time from created to expires in whole seconds, at most MaxLifetime; 0 means MaxLifetime.
	Lifetime time.Duration
}

// Sign adds Content-Digest (when the request has a body, or by its method may have one), Signature-Input and
// Signature to the request's header. Body is the whole body; r.Body is not touched. The signature covers
// everything Verify demands, and Content-Type when present. A request that carries a signature is not signed
// again, and a Content-Digest that is already there has to match. On error the request is unchanged.
func (s Signer) Sign(r *http.Request, body []byte) error {
	if err := s.sign(r, body); err != nil {
		return fmt.Errorf("signing request: %w", err)
	}
	return nil
}

func (s Signer) sign(r *http.Request, body []byte) error {
	if err := s.valid(); err != nil {
		return err
	}
	m, err := outgoing(r, body)
	if err != nil {
		return err
	}
	components, err := signable(&m)
	if err != nil {
		return err
	}
	params, err := s.params(components)
	if err != nil {
		return err
	}
	base, err := appendBase(nil, &m, components, params)
	if err != nil {
		return err
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if digest, ok := m.Header.combined(contentDigest); ok {
		r.Header.Set("Content-Digest", digest)
	}
	r.Header.Set("Signature-Input", label+"="+params)
	r.Header.Set("Signature", label+"=:"+base64.StdEncoding.EncodeToString(ed25519.Sign(s.Key, base))+":")
	return nil
}

// Headers returns the fields that Sign would add to such a request, for clients that build their own: send
// them with the given header, method, URL and body, all unchanged. A Host in header replaces the URL's.
func (s Signer) Headers(method, rawURL string, header http.Header, body []byte) (http.Header, error) {
	r, err := http.NewRequest(method, rawURL, nil)
	if err != nil {
		return nil, errors.New("signing request: the method or the URL is not valid")
	}
	if r.URL.Host == "" || (r.URL.Scheme != "http" && r.URL.Scheme != "https") {
		return nil, errors.New("signing request: the URL must be absolute, http or https")
	}
	r.Header = header.Clone()
	if host := header.Get("Host"); host != "" {
		r.Host = host
	}
	if err := s.Sign(r, body); err != nil {
		return nil, err
	}
	added := http.Header{}
	for _, name := range []string{"Content-Digest", "Signature-Input", "Signature"} {
		if value := r.Header.Get(name); value != "" {
			added.Set(name, value)
		}
	}
	return added, nil
}

func (s Signer) valid() error {
	switch {
	case len(s.Key) != ed25519.PrivateKeySize:
		return errors.New("the signer has no Ed25519 key")
	case s.KeyID == "" || len(s.KeyID) > maxKeyID:
		return fmt.Errorf("the signer needs a key id of 1 to %d characters", maxKeyID)
	case s.Now == nil || s.Random == nil:
		return errors.New("the signer needs a clock and a source of random bytes")
	case s.Lifetime < 0 || s.Lifetime > MaxLifetime || s.Lifetime%time.Second != 0:
		return fmt.Errorf("the lifetime must be whole seconds, at most %s", MaxLifetime)
	}
	return nil
}

// params returns the serialized inner list of the components with a fresh nonce.
func (s Signer) params(components []string) (string, error) {
	var nonce [nonceBytes]byte
	if _, err := io.ReadFull(s.Random, nonce[:]); err != nil {
		return "", fmt.Errorf("drawing nonce: %w", err)
	}
	lifetime := s.Lifetime
	if lifetime == 0 {
		lifetime = MaxLifetime
	}
	list := httpsfv.InnerList{Params: httpsfv.NewParams()}
	for _, name := range components {
		list.Items = append(list.Items, httpsfv.NewItem(name))
	}
	created := s.Now().Unix()
	list.Params.Add("created", created)
	list.Params.Add("expires", created+int64(lifetime/time.Second))
	list.Params.Add("nonce", base64.RawURLEncoding.EncodeToString(nonce[:]))
	list.Params.Add("keyid", s.KeyID)
	list.Params.Add("alg", algorithm)
	list.Params.Add("tag", Tag)
	return httpsfv.Marshal(list)
}
