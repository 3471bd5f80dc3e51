package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	a2av0 "github.com/a2aproject/a2a-go/a2apb"
	a2av1 "github.com/a2aproject/a2a-go/v2/a2apb/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/identity"
)

func TestCardKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	dir, logger := t.TempDir(), slog.New(slog.DiscardHandler)
	first, err := cardKey("", dir, logger)
	if err != nil {
		t.Fatal(err)
	}
	again, err := cardKey("", dir, logger)
	if err != nil || !first.Equal(again) {
		t.Errorf("the key has changed, %v", err)
	}
	file := filepath.Join(dir, cardKeyFile)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if named, err := cardKey(file, t.TempDir(), logger); err != nil || !named.Equal(first) {
		t.Errorf("a key that the configuration names: %v", err)
	}
	if _, err := cardKey(filepath.Join(dir, "other.pem"), dir, logger); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key that is not there: %v", err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := cardKey("", dir, logger); err == nil {
		t.Error("a key that others can read was taken, or replaced")
	}
}

func TestNewCardPolicy(t *testing.T) {
	t.Parallel()
	c := config.Default()
	policy, err := newCardPolicy(c)
	if err != nil || policy.Mode != cards.Warn || policy.Holds([]agent.CardChange{agent.SkillsChange, agent.OtherChange}) {
		t.Errorf("%+v, %v", policy, err)
	}
	for _, class := range []agent.CardChange{agent.InterfacesChange, agent.SecurityChange, agent.KeysChange} {
		if !policy.Holds([]agent.CardChange{class}) {
			t.Errorf("changes of %s are not held by default", class)
		}
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, []byte(`{"keys":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{file, file + ".missing"} {
		c.Cards.TrustedKeys = bad
		if _, err := newCardPolicy(c); err == nil || !strings.Contains(err.Error(), "cards.trustedKeys") || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// administered is an API that answers every request alike and remembers it.
func administered(t *testing.T, answer string) (flags []string, requests *[]string) {
	t.Helper()
	requests = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*requests = append(*requests, r.Method+" "+r.URL.RequestURI()+" "+string(body))
		io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return []string{"--api", server.URL, "--token", "t"}, requests
}

func TestCardsCommands(t *testing.T) {
	t.Parallel()
	const digest = "sha256:0123"
	tests := []struct {
		name, want string
		args       []string
	}{
		{"show", "GET /v1/agents/weather/card null", []string{"cards", "show", "weather"}},
		{"refresh", "POST /v1/agents/weather/card:refresh null", []string{"cards", "refresh", "weather"}},
		{"approve", `POST /v1/agents/weather/card:approve {"digest":"sha256:0123"}`, []string{"cards", "approve", "weather", digest}},
		{"reject", `POST /v1/agents/weather/card:reject {"digest":"sha256:0123"}`, []string{"cards", "reject", "weather", digest}},
		{"odd-name", "GET /v1/agents/a%2Fb/card null", []string{"cards", "show", "a/b"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			flags, requests := administered(t, `{"name":"weather","document":{"z":"<a&b>","a":12345678901234567890}}`+"\n")
			out, err := run(t, append(test.args, flags...)...)
			const shown = `{
  "name": "weather",
  "document": {
    "z": "<a&b>",
    "a": 12345678901234567890
  }
}
`
			if diff := cmp.Diff(shown, out); err != nil || diff != "" {
				t.Errorf("%v, printed (-want +got)\n%s", err, diff)
			}
			if diff := cmp.Diff([]string{test.want}, *requests); diff != "" {
				t.Errorf("requests (-want +got)\n%s", diff)
			}
		})
	}
	for _, args := range [][]string{{"cards", "approve", "weather"}, {"cards", "show"}, {"cards", "list", "x"}} {
		if _, err := run(t, args...); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}

func TestCardsList(t *testing.T) {
	t.Parallel()
	flags, _ := administered(t, `{"agents":[{"name":"a","cardVerification":{"status":"verified"}},
		{"name":"weather","cardVerification":{"status":"unsigned"},"pendingCard":{"digest":"sha256:1","changes":["interfaces","keys"]}},{"name":"c"}]}`)
	for _, test := range []struct {
		more []string
		want string
	}{
		{nil, "AGENT    CARD       CHANGES          PENDING\na        verified   -                -\nweather  unsigned   interfaces,keys  sha256:1\nc        unchecked  -                -\n"},
		{[]string{"--pending"}, "AGENT    CARD      CHANGES          PENDING\nweather  unsigned  interfaces,keys  sha256:1\n"},
	} {
		out, err := run(t, append(append([]string{"cards", "list"}, flags...), test.more...)...)
		if diff := cmp.Diff(test.want, out); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	}
}

func TestRegisterSendsKeysAndEffects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, set := file("one.jwk", `{"kid":"a"}`), file("set.json", `{"keys":[{"kid":"b"},{"kid":"c"}]}`)
	flags, requests := administered(t, `{"name":"x","cardVerification":{"status":"unsigned"}}`)
	args := append([]string{
		"register", "x", "--card-url", "http://a.example", "--skill-effect", "fore=cast=read", "--skill-effect", "storm=admin",
		"--card-key", one, "--card-key", set, "--card-key", "did:key:z6",
	}, flags...)
	out, err := run(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, `"status": "unsigned"`) {
		t.Errorf("no word of what the card is worth: %s", out)
	}
	want := `POST /v1/agents {"name":"x","cardUrl":"http://a.example","cardKeys":[{"kid":"a"},{"kid":"b"},{"kid":"c"},"did:key:z6"],` +
		`"skillEffects":{"fore=cast":"read","storm":"admin"}}`
	if diff := cmp.Diff([]string{want}, *requests); diff != "" {
		t.Errorf("requests (-want +got)\n%s", diff)
	}
	for _, bad := range [][]string{
		{"--skill-effect", "read"}, {"--skill-effect", "=read"}, {"--card-key", one + ".missing"}, {"--card-key", file("bad", "-----BEGIN")},
	} {
		if _, err := run(t, append(append([]string{"register", "x", "--card-url", "http://a.example"}, flags...), bad...)...); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

// TestExtendedCards holds that an extended card leads where its caller found the agent, in every form and binding.
func TestExtendedCards(t *testing.T) {
	t.Parallel()
	card, err := agent.ParseCard([]byte(`{"name":"a","supportedInterfaces":[{"url":"http://h/rpc","protocolBinding":"JSONRPC","protocolVersion":"1.0"},
		{"url":"h:9000","protocolBinding":"GRPC","protocolVersion":"1.0"},{"url":"http://h/rpc","protocolBinding":"JSONRPC","protocolVersion":"0.3"},
		{"url":"h:9000","protocolBinding":"GRPC","protocolVersion":"0.3"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := cards.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := cards.ParseKeySet(signer.KeySet())
	if err != nil {
		t.Fatal(err)
	}
	e := extendedCards{cards.NewIssuer(signer, cards.Policy{Mode: cards.Warn}), func() cards.Addresses {
		return cards.Addresses{PublicURL: "https://mesh.test", Domain: "agents.test"}
	}}
	exchange := func(form governance.Form, below string) *governance.Exchange {
		return &governance.Exchange{
			Time: time.Unix(0, 0), Callee: &agent.Record{Name: "a", Card: card}, Below: below,
			Request: governance.Request{Form: form, Authority: "A.agents.test:8443"},
		}
	}
	for form, want := range map[governance.Form][2]string{
		governance.PathForm:  {"https://mesh.test/agents/a", "a.agents.test:443"},
		governance.HostForm:  {"https://a.agents.test:8443", "a.agents.test:8443"},
		governance.RouteForm: {"https://a.agents.test:8443", "a.agents.test:8443"},
		governance.RootForm:  {"https://mesh.test", "mesh.test:443"},
	} {
		got, err := e.Extended(exchange(form, ""), card.Raw)
		if err != nil || !bytes.Contains(got, []byte(`"`+want[0]+`"`)) || !bytes.Contains(got, []byte(`"`+want[1]+`"`)) {
			t.Errorf("form %d: %s, %v", form, got, err)
		}
		verifier := cards.NewVerifier(cards.VerifierConfig{Trusted: keys, Algorithms: []string{"EdDSA"}})
		if v := verifier.Verify(got, cards.Keys{}, time.Unix(0, 0)); !v.Verified() {
			t.Errorf("form %d: %+v", form, v)
		}
	}
	current := &a2av1.AgentCard{Name: "a", SupportedInterfaces: []*a2av1.AgentInterface{{Url: "h:9000", ProtocolBinding: "GRPC", ProtocolVersion: "1.0"}}}
	legacy := &a2av0.AgentCard{Name: "a", Url: "h:9000", PreferredTransport: "GRPC", ProtocolVersion: "0.3.0"}
	for below, message := range map[string]proto.Message{
		"/lf.a2a.v1.A2AService/GetExtendedAgentCard": current, "/a2a.v1.A2AService/GetAgentCard": legacy,
	} {
		wire, err := proto.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.ExtendedGRPC(exchange(governance.HostForm, below), wire)
		if err != nil {
			t.Errorf("%s: %v", below, err)
			continue
		}
		proto.Reset(message)
		if err := proto.Unmarshal(got, message); err != nil || !strings.Contains(fmt.Sprint(message), "a.agents.test:8443") || strings.Contains(fmt.Sprint(message), "h:9000") {
			t.Errorf("%s: %v, %v", below, message, err)
		}
	}
	if n := len(current.GetSignatures()); n == 0 || len(legacy.GetSignatures()) == 0 {
		t.Error("a card in protobuf has no signature of the mesh")
	}
	for _, bad := range [][]byte{{0xff}, nil} {
		if got, err := e.ExtendedGRPC(exchange(governance.HostForm, "/lf.a2a.v1.A2AService/GetExtendedAgentCard"), bad); err == nil {
			t.Errorf("%v is passed on as %v", bad, got)
		}
	}
	if _, err := e.Extended(&governance.Exchange{}, card.Raw); err == nil {
		t.Error("a card of nobody is passed on")
	}
}

func TestAddressesFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	c := config.Default()
	l := &listeners{gateway: "127.0.0.1:10000"}
	if got := cardAddresses(c, l); got != (cards.Addresses{PublicURL: "http://127.0.0.1:10000"}) {
		t.Errorf("%+v", got)
	}
	c.Mesh.Resolvable, c.Mesh.PublicURL = true, "https://mesh.example/"
	if got := cardAddresses(c, l); got != (cards.Addresses{PublicURL: "https://mesh.example", Domain: "mesh.local"}) {
		t.Errorf("%+v", got)
	}
}

// TestIdentityKeysSignCards holds that the key file of an identity can serve as the mesh's card key and stay published
// by its did:key after it was replaced.
func TestIdentityKeysSignCards(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old, err := identity.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Cards.PreviousKeys = []string{agent.NewKey(old.Public().(ed25519.PublicKey)).DID}
	issuer, err := newCardIssuer(c, lockedDir(dir), cards.Policy{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(issuer.KeySet().Body, &set); err != nil || len(set.Keys) != 2 {
		t.Errorf("%s, %v", issuer.KeySet().Body, err)
	}
}
