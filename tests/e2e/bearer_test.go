package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"ringfence.dev/ringfence/internal/audit"
)

// TestBearerTokens lets an agent call with a token of an issuer that the mesh knows.
func TestBearerTokens(t *testing.T) {
	t.Parallel()
	known, other := newIssuer(t, "https://issuer.example"), newIssuer(t, "https://issuer.example")
	m := upWith(t, "up", "", generous+"identity: {issuers: ["+known.settings(t)+"]}\n")
	m.register(t, map[string]any{
		"name": "anna", "card": jsonCard("http://127.0.0.1:1/rpc"), "ringCeiling": 2,
		"subjects": []map[string]string{{"issuer": known.url, "subject": "svc:anna"}},
	})
	m.register(t, map[string]any{"name": "writer", "card": jsonCard(echo(t))})
	m.routed(t, "writer")
	url := m.ready.GatewayURL + "/agents/writer"
	good := known.token(t, "svc:anna", meshAudience)
	eventually(t, "the token counts", func() error { return mismatch(http.StatusOK, `"done"`)(callAs(good, url, message("m", ""))) })
	r := m.record(t, "the call", func(r audit.Record) bool { return r.Caller == "anna" && r.Decision == "allow" })
	if r.Assurance != "bearer" || r.Ring.Number() != 2 {
		t.Errorf("%+v", r)
	}
	for _, c := range []struct{ name, token, reason string }{
		{"for-another-audience", known.token(t, "svc:anna", "https://other.example"), "WRONG_AUDIENCE"},
		{"about-nobody", known.token(t, "svc:bert", meshAudience), "UNKNOWN_CALLER"},
		{"by-another-key", other.token(t, "svc:anna", meshAudience), "BAD_SIGNATURE"},
		{"changed", good[:len(good)-8] + "AAAAAAAA", "BAD_SIGNATURE"},
	} {
		if err := mismatch(http.StatusUnauthorized, c.reason)(callAs(c.token, url, message("m", ""))); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// issuer makes bearer tokens.
type issuer struct {
	url string
	key ed25519.PrivateKey
}

func newIssuer(t *testing.T, url string) issuer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return issuer{url, key}
}

// settings writes the issuer's key set to a file, and returns the configuration that has the mesh take its tokens.
func (i issuer) settings(t *testing.T) string {
	t.Helper()
	public := jose.JSONWebKey{Key: i.key.Public(), KeyID: "k1", Algorithm: string(jose.EdDSA), Use: "sig"}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "issuer.json")
	if err := os.WriteFile(file, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("{issuer: %q, audiences: [%s], keys: %q}", i.url, meshAudience, file)
}

// meshAudience is what tokens that are meant for the mesh name.
const meshAudience = "https://mesh.example"

// token returns a token about a subject, for an audience, that counts for a minute.
func (i issuer) token(t *testing.T, subject, audience string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: i.key, KeyID: "k1"}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	signed, err := signer.Sign([]byte(fmt.Sprintf(`{"iss":%q,"sub":%q,"aud":%q,"iat":%d,"exp":%d}`, i.url, subject, audience, now, now+60)))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// callAs calls with a bearer token in place of a signature.
func callAs(token, url, body string) (int, string, error) {
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("A2A-Version", "1.0")
	r.Header.Set("Authorization", "Bearer "+token)
	return exchange(r)
}
