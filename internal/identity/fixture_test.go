package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// noon is the moment of every test.
var noon = time.Unix(1_795_000_000, 0).UTC()

// alice signs; mallory is known to nobody.
var (
	alice   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	mallory = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))
)

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func names(key ed25519.PrivateKey) agent.Key { return agent.NewKey(public(key)) }

// keyring knows alice under every spelling of her key.
type keyring struct{}

func (keyring) Signatory(keyID string, _ time.Time) (Signatory, bool) {
	if !slices.Contains(names(alice).IDs(), keyID) {
		return Signatory{}, false
	}
	did, _, _ := strings.Cut(keyID, "#")
	return Signatory{Public: public(alice), Agent: "alice", DID: did, Role: agent.AgentKey}, true
}

const sampleBody = `{"jsonrpc":"2.0","id":1,"method":"SendMessage"}`

// sample is a request with everything that has to be covered.
func sample() Message {
	return Message{
		Method: "POST", Scheme: "https", Authority: "billing.mesh.example", Path: "/a2a/v1%20x",
		RawQuery: "tenant=acme&x=%2F", HasQuery: true, HasBody: true,
		Header: Header{
			{"user-agent", "test"},
			{"authorization", "Bearer abc"},
			{"content-type", "application/json"},
			{"content-digest", DigestOf([]byte(sampleBody))},
			{"a2a-version", "1.0"},
			{"a2a-extensions", "https://one.example"},
			{"a2a-extensions", "https://two.example"},
			{"x-a2a-extensions", "https://old.example"},
			{"agent-delegation", "a.b.c~d.e.f"},
			{"agent-gate", "reports.publish"},
		},
	}
}

// draft is a signature before it is made. Its zero value is filled in by newDraft.
type draft struct {
	key        ed25519.PrivateKey
	components []string
	params     string
	input      string // the Signature-Input field; empty derives it
	value      string // the Signature field; empty derives it
}

func newDraft(m Message) draft {
	return draft{key: alice, components: covered(&m), params: params(noon, time.Minute)}
}

const sampleNonce = "AAECAwQFBgcICQoLDA0ODw"

func params(created time.Time, lifetime time.Duration) string {
	return fmt.Sprintf(`;created=%d;expires=%d;nonce="%s";keyid="%s";tag="a2a-agent"`,
		created.Unix(), created.Add(lifetime).Unix(), sampleNonce, names(alice).IDs()[0])
}

// apply signs the message with whatever the draft says, right or wrong.
func (d draft) apply(m Message) Message {
	inner := `("` + strings.Join(d.components, `" "`) + `")`
	if len(d.components) == 0 {
		inner = "()"
	}
	base, err := appendBase(nil, &m, d.components, inner+d.params)
	if err != nil {
		base = nil
	}
	if d.input == "" {
		d.input = "sig=" + inner + d.params
	}
	if d.value == "" {
		d.value = "sig=:" + base64.StdEncoding.EncodeToString(ed25519.Sign(d.key, base)) + ":"
	}
	m.Header = append(slices.Clone(m.Header), Field{"signature-input", d.input}, Field{"signature", d.value})
	return m
}

func signer() Signer {
	return Signer{
		Key: alice, KeyID: names(alice).IDs()[0],
		Now:    func() time.Time { return noon },
		Random: bytes.NewReader(bytes.Repeat([]byte{7, 11, 13}, 1000)),
	}
}

// received is the message a server sees of a request.
func received(r *http.Request, scheme string) Message {
	m := Message{Method: r.Method, Scheme: scheme, Authority: r.Host, HasBody: r.ContentLength != 0}
	m.Path, m.RawQuery, m.HasQuery = strings.Cut(r.RequestURI, "?")
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			m.Header = append(m.Header, Field{strings.ToLower(name), value})
		}
	}
	return m
}

func wantRefusal(t *testing.T, err error, want Reason) {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("got error %v, want a refusal: %s", err, want)
	}
	if refusal.Reason != want {
		t.Errorf("got %q, want reason %s", err, want)
	}
}
