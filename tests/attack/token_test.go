package attack

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/token"
)

// Two issuers that the operator believes: the tokens of the second count once, and its key set is a file.
const (
	acme    = "https://acme.example"
	globex  = "https://globex.example"
	keyFile = "globex.json"
	here    = "https://mesh.example"
)

var (
	rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	ecKey  = sync.OnceValues(func() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })
	edKey  = meshtest.Private("issuer")
)

// issuer publishes the keys of both issuers.
type issuer struct {
	mu   sync.Mutex
	sets map[string]jose.JSONWebKeySet
}

func newIssuer() *issuer { return &issuer{sets: map[string]jose.JSONWebKeySet{}} }

// publishes sets the keys at a place, by their ids.
func (i *issuer) publishes(place string, keys map[string]crypto.PublicKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var set jose.JSONWebKeySet
	for id, key := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key, KeyID: id})
	}
	i.sets[place] = set
}

func (i *issuer) fetch(_ context.Context, url string) ([]byte, error) { return i.read(url) }

func (i *issuer) read(place string) ([]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	set, ok := i.sets[place]
	if !ok {
		return nil, errors.New("there are no keys")
	}
	return json.Marshal(set)
}

// believing has the operator believe both issuers.
func believing(w *world) {
	w.Helper()
	w.tokens = []token.IssuerConfig{
		{URL: acme, Audiences: []string{here}, Algorithms: []string{"EdDSA", "ES256", "RS256"}, KeySetURL: acme + "/keys"},
		{URL: globex, Audiences: []string{here}, Algorithms: []string{"EdDSA"}, KeySetFile: keyFile, Once: true},
	}
	w.issuer.publishes(acme+"/keys", acmeKeys(w))
	w.issuer.publishes(keyFile, map[string]crypto.PublicKey{"ed": edKey.Public()})
}

func acmeKeys(w *world) map[string]crypto.PublicKey {
	rsa, err := rsaKey()
	ec, problem := ecKey()
	if err = errors.Join(err, problem); err != nil {
		w.Fatal(err)
	}
	return map[string]crypto.PublicKey{"ed": edKey.Public(), "rsa": rsa.Public(), "ec": ec.Public()}
}

// bearer is a token before it is signed.
type bearer struct {
	header, claims map[string]any
	sign           func(input string) []byte
}

func byEd(key ed25519.PrivateKey) func(string) []byte {
	return func(input string) []byte { return ed25519.Sign(key, []byte(input)) }
}

func byRSA(input string) []byte {
	key, err := rsaKey()
	sum := sha256.Sum256([]byte(input))
	signed, problem := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if errors.Join(err, problem) != nil {
		return nil
	}
	return signed
}

// byMAC takes a secret that everybody knows: a public key in some encoding.
func byMAC(secret []byte) func(string) []byte {
	return func(input string) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return mac.Sum(nil)
	}
}

// issued is a token about amber that counts.
func issued(from string) bearer {
	now := time.Now().Unix()
	return bearer{
		header: map[string]any{"alg": "EdDSA", "kid": "ed", "typ": "JWT"}, sign: byEd(edKey),
		claims: map[string]any{"iss": from, "sub": "svc-1", "aud": here, "iat": now, "exp": now + 600, "jti": "j-1"},
	}
}

func (b bearer) claim(name string, value any) bearer {
	b.claims = maps.Clone(b.claims)
	b.claims[name] = value
	return b
}

func (b bearer) head(name string, value any) bearer {
	b.header = maps.Clone(b.header)
	b.header[name] = value
	return b
}

func (b bearer) by(sign func(string) []byte) bearer {
	b.sign = sign
	return b
}

func (b bearer) String() string {
	encode := base64.RawURLEncoding.EncodeToString
	header, _ := json.Marshal(b.header) // texts and numbers alone
	claims, _ := json.Marshal(b.claims)
	input := encode(header) + "." + encode(claims)
	return input + "." + encode(b.sign(input))
}

// bring returns a call that has a token for a proof, and no signature.
func (w *world) bring(b bearer) *wire {
	w.Helper()
	return w.sign(ask("").with("Authorization", "Bearer "+b.String()))
}

// speaking has subjects of both issuers speak for amber.
func speaking(w *world) *replica {
	r := w.replicas[0]
	w.replace(r, amber, func(g *registry.Registration) {
		g.Subjects = []agent.Subject{{Issuer: acme, Name: "svc-1"}, {Issuer: globex, Name: "svc-1"}}
	})
	return r
}

func TestForgedTokens(t *testing.T) {
	t.Parallel()
	spki := func(public crypto.PublicKey) []byte {
		der, _ := x509.MarshalPKIXPublicKey(public) // of a key that was just made
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}
	rsa, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	mallorys := byEd(privateKey(mallory))
	for _, c := range []struct {
		name   string
		attack func(bearer) bearer
		reason string
	}{
		{"alg-none", func(b bearer) bearer { return b.head("alg", "none").by(func(string) []byte { return []byte("x") }) }, "unsupported"},
		{"alg-none-spelled-otherwise", func(b bearer) bearer { return b.head("alg", "nOnE").by(func(string) []byte { return []byte("x") }) }, "unsupported"},
		{"hmac-with-the-public-rsa-key", func(b bearer) bearer { return b.head("alg", "HS256").head("kid", "rsa").by(byMAC(spki(rsa.Public()))) }, "unsupported"},
		{"hmac-with-the-public-ed-key", func(b bearer) bearer {
			return b.head("alg", "HS256").by(byMAC([]byte(edKey.Public().(ed25519.PublicKey))))
		}, "unsupported"},
		{"rsa-key-as-es256", func(b bearer) bearer { return b.head("alg", "ES256").head("kid", "rsa").by(byRSA) }, "unsupported"},
		{"rsa-signature-under-ec-key", func(b bearer) bearer { return b.head("alg", "ES256").head("kid", "ec").by(byRSA) }, "bad-signature"},
		{"rsa-signature-as-eddsa", func(b bearer) bearer { return b.head("alg", "EdDSA").head("kid", "rsa").by(byRSA) }, "unsupported"},
		{"own-key-under-their-kid", func(b bearer) bearer { return b.by(mallorys) }, "bad-signature"},
		{"own-key-in-the-header", func(b bearer) bearer {
			return b.head("jwk", map[string]string{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(publicKey(mallory).Public)}).by(mallorys)
		}, "unsupported"},
		{"own-key-set", func(b bearer) bearer { return b.head("jku", "https://mallory.example/keys").by(mallorys) }, "unsupported"},
		{"critical-extension", func(b bearer) bearer { return b.head("crit", []string{"x"}).head("x", 1) }, "unsupported"},
		{"unknown-kid", func(b bearer) bearer { return b.head("kid", "mallory").by(mallorys) }, "unknown-caller"},
		{"wrong-audience", func(b bearer) bearer { return b.claim("aud", "https://elsewhere.example") }, "wrong-audience"},
		{"expired", func(b bearer) bearer {
			return b.claim("iat", time.Now().Unix()-700).claim("exp", time.Now().Unix()-100)
		}, "expired"},
		{"from-the-future", func(b bearer) bearer { return b.claim("iat", time.Now().Unix()+60) }, "not-yet-valid"},
		{"over-long", func(b bearer) bearer { return b.claim("exp", time.Now().Unix()+86400) }, "malformed"},
		{"about-somebody-unknown", func(b bearer) bearer { return b.claim("sub", "svc-2") }, "unknown-caller"},
		{"made-for-another-use", func(b bearer) bearer { return b.head("typ", "aat+jwt") }, "malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			under(t, believing, func(w *world) {
				r := speaking(w)
				r.send(w.bring(c.attack(issued(acme)))).denied("identity", c.reason)
				if got := r.send(w.bring(issued(acme))).allowed(); got.x.Caller.Agent != amber {
					t.Errorf("the caller is %+v", got.x.Caller)
				}
			})
		})
	}
}

// TestForeignTokens brings a token of an issuer that nobody believes: it is for the agent, and proves nothing here.
func TestForeignTokens(t *testing.T) {
	under(t, believing, func(w *world) {
		r := speaking(w)
		r.send(w.bring(issued("https://mallory.example"))).denied("identity", "missing")
		r.send(w.bring(issued(acme))).allowed()
	})
}

// TestTokensThatCountOnce uses one again, in both processes and after a restart.
func TestTokensThatCountOnce(t *testing.T) {
	under(t, believing, func(w *world) {
		first := speaking(w)
		second := w.start()
		w.pass(2 * time.Second)
		b := issued(globex)
		first.send(w.bring(b)).allowed()
		first.send(w.bring(b)).denied("replay", "replayed")
		second.send(w.bring(b)).denied("replay", "replayed")
		second.send(w.bring(b.claim("jti", "j-2"))).allowed()
		second.kill()
		third := w.start()
		third.send(w.bring(b)).denied("replay", "before-boot")
		w.pass(2 * time.Second)
		third.send(w.bring(issued(globex).claim("jti", "j-3"))).allowed()
	})
}

// TestRemovedTokenKeys has the issuer take a key back with which a token was verified before.
func TestRemovedTokenKeys(t *testing.T) {
	under(t, believing, func(w *world) {
		r := speaking(w)
		r.send(w.bring(issued(acme).claim("exp", time.Now().Unix()+3000))).allowed()
		old := w.bring(issued(acme).claim("exp", time.Now().Unix()+3000))
		keys := acmeKeys(w)
		delete(keys, "ed")
		w.issuer.publishes(acme+"/keys", keys)
		w.pass(6 * time.Minute)
		r.send(old).denied("identity", "unknown-caller")
		r.send(w.bring(issued(acme).head("alg", "RS256").head("kid", "rsa").by(byRSA))).allowed()
	})
}

// TestTokensBehindBadSignatures holds that a signature that does not verify is not made up for by a token that does.
func TestTokensBehindBadSignatures(t *testing.T) {
	under(t, believing, func(w *world) {
		r := speaking(w)
		s := w.sign(ask(mallory).with("Authorization", "Bearer "+issued(acme).String()))
		honest := s.copy()
		s.edit("signature-input", publicKey(mallory).IDs()[0], publicKey(amber).IDs()[0])
		r.send(s).denied("identity", "bad-signature")
		if c := r.send(honest).allowed(); c.x.Caller.Agent != mallory {
			t.Errorf("the caller is %+v", c.x.Caller)
		}
	})
}
