package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// noon is the moment of every test.
var noon = time.Unix(1_795_000_000, 0).UTC()

const (
	acme   = "https://acme.example"
	globex = "https://globex.example/"
)

// The private keys of the issuers, drawn once.
var (
	edKey    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	otherKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	p384Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	shortKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 1024)) })
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// jwk returns a public key as a JWK with more members.
func jwk(public crypto.PublicKey, kid string, more ...string) string {
	members := map[string]any{}
	if err := json.Unmarshal(must(json.Marshal(jose.JSONWebKey{Key: public, KeyID: kid})), &members); err != nil {
		panic(err)
	}
	for i := 0; i < len(more); i += 2 {
		var value any
		if err := json.Unmarshal([]byte(more[i+1]), &value); err != nil {
			panic(err)
		}
		members[more[i]] = value
	}
	return string(must(json.Marshal(members)))
}

func keys(jwks ...string) string {
	set := `{"keys":[`
	for i, k := range jwks {
		if i > 0 {
			set += ","
		}
		set += k
	}
	return set + "]}"
}

// acmeKeys is the key set of acme.
func acmeKeys() string {
	return keys(
		jwk(edKey.Public(), "ed", "alg", `"Ed25519"`),
		jwk(ecKey().Public(), "ec", "use", `"sig"`),
		jwk(rsaKey().Public(), "rsa", "key_ops", `["verify"]`),
	)
}

func acmeConfig() IssuerConfig {
	return IssuerConfig{
		URL: acme, Audiences: []string{"https://mesh.example", "mesh"}, Algorithms: []string{"EdDSA", "ES256", "RS256"},
		KeySetURL: acme + "/keys",
	}
}

func globexConfig() IssuerConfig {
	return IssuerConfig{
		URL: globex, Audiences: []string{"mesh"}, Algorithms: []string{"Ed25519"}, SubjectClaim: "client_id", Once: true,
		MaxLifetime: 24 * time.Hour, KeySetFile: "globex.json",
	}
}

// source has key sets by URL or path.
type source struct {
	mu   sync.Mutex
	sets map[string]string
	gets int
	now  time.Time
}

func newSource() *source {
	return &source{now: noon, sets: map[string]string{
		acme + "/keys": acmeKeys(), "globex.json": keys(jwk(otherKey.Public(), "other"), jwk(edKey.Public(), "shared"), jwk(rsaKey().Public(), "rsa")),
	}}
}

func (s *source) get(place string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	set, ok := s.sets[place]
	if !ok {
		return nil, fmt.Errorf("%s: %w", place, fs.ErrNotExist)
	}
	return []byte(set), nil
}

func (s *source) set(place, set string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sets[place] = set
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gets
}

func (s *source) source() Source {
	return Source{
		Fetch:    func(_ context.Context, url string) ([]byte, error) { return s.get(url) },
		ReadFile: s.get,
		Now:      func() time.Time { return s.now },
		Random:   func(n int64) int64 { return n / 2 },
		Logger:   slog.New(slog.DiscardHandler),
	}
}

// loaded returns both issuers with their keys.
func loaded(tb testing.TB, from *source) *Issuers {
	tb.Helper()
	issuers, err := Compile([]IssuerConfig{acmeConfig(), globexConfig()})
	if err != nil {
		tb.Fatal(err)
	}
	reload(tb, issuers, from)
	return issuers
}

func reload(tb testing.TB, issuers *Issuers, from *source) {
	tb.Helper()
	var errs []error
	for _, one := range issuers.order {
		errs = append(errs, one.load(context.Background(), from.source()))
	}
	if err := errors.Join(errs...); err != nil {
		tb.Fatal(err)
	}
}

// draft is a token before it is signed.
type draft struct {
	header, claims map[string]any
	sign           func(input []byte) []byte
	headerText     string // empty derives it
	claimsText     string // empty derives it
}

// claims are those of a token of acme that verifies.
func claims(edits ...func(map[string]any)) map[string]any {
	c := map[string]any{
		"iss": acme, "sub": "svc:billing", "aud": "mesh", "iat": noon.Unix(), "exp": noon.Unix() + 600, "jti": "t-1",
	}
	for _, edit := range edits {
		edit(c)
	}
	return c
}

func signEd(key ed25519.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte { return ed25519.Sign(key, input) }
}

func signEC(input []byte) []byte {
	sum := sha256.Sum256(input)
	r, s, err := ecdsa.Sign(rand.Reader, ecKey(), sum[:])
	if err != nil {
		panic(err)
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

func signRSA(input []byte) []byte {
	sum := sha256.Sum256(input)
	return must(rsa.SignPKCS1v15(nil, rsaKey(), crypto.SHA256, sum[:]))
}

// good is a token of acme under each algorithm.
func good(alg string) draft {
	switch alg {
	case es256:
		return draft{header: map[string]any{"alg": es256, "kid": "ec", "typ": "JWT"}, claims: claims(), sign: signEC}
	case rs256:
		return draft{header: map[string]any{"alg": rs256, "kid": "rsa"}, claims: claims(), sign: signRSA}
	default:
		return draft{header: map[string]any{"alg": alg, "kid": "ed", "typ": "at+jwt"}, claims: claims(), sign: signEd(edKey)}
	}
}

// once is a token of globex, whose tokens count once.
func once(id string) draft {
	return draft{
		header: map[string]any{"alg": "Ed25519", "kid": "other"}, sign: signEd(otherKey),
		claims: map[string]any{
			"iss": globex, "client_id": "reports", "aud": []string{"x", "mesh"}, "iat": noon.Unix(), "exp": noon.Unix() + 86400, "jti": id,
		},
	}
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// String signs the token.
func (d draft) String() string {
	header, payload := d.headerText, d.claimsText
	if header == "" {
		header = string(must(json.Marshal(d.header)))
	}
	if payload == "" {
		payload = string(must(json.Marshal(d.claims)))
	}
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	return input + "." + encode(d.sign([]byte(input)))
}

func (d draft) with(name string, value any) draft {
	d.claims = maps.Clone(d.claims)
	d.claims[name] = value
	return d
}

func (d draft) without(name string) draft {
	d.claims = maps.Clone(d.claims)
	delete(d.claims, name)
	return d
}

func (d draft) headed(name string, value any) draft {
	d.header = maps.Clone(d.header)
	d.header[name] = value
	return d
}

// forget drops everything.
func (m *memory) forget() {
	for _, shard := range m.shards {
		shard.Purge()
	}
}
