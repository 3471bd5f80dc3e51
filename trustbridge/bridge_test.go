package trustbridge_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/trustbridge"
)

func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func identityOf(t testing.TB, name string) *trustbridge.Identity {
	t.Helper()
	i, err := trustbridge.NewIdentity(keyOf(name))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// oneKey knows one agent.
type oneKey struct{ name string }

func (k oneKey) Signatory(keyID string, _ time.Time) (identity.Signatory, bool) {
	key := agent.NewKey(keyOf(k.name).Public().(ed25519.PublicKey))
	return identity.Signatory{Public: key.Public, Agent: agent.ID(k.name), DID: key.DID, Role: agent.AgentKey}, keyID == key.IDs()[0]
}

// verify returns who signed a request, as the mesh would see it.
func verify(r *http.Request, keys identity.Keys) (identity.Proof, error) {
	m := identity.Message{
		Method: r.Method, Scheme: "http", Authority: r.Host, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery,
		HasQuery: strings.Contains(r.RequestURI, "?"), HasBody: r.ContentLength > 0,
	}
	for name, values := range r.Header {
		for _, value := range values {
			m.Header = append(m.Header, identity.Field{Name: strings.ToLower(name), Value: value})
		}
	}
	return identity.Verify(m, keys, time.Now())
}

func TestTransportSigns(t *testing.T) {
	t.Parallel()
	broker := identityOf(t, "broker")
	chain, err := identityOf(t, "concierge").Delegate(trustbridge.Delegation{To: broker.DID(), Capabilities: []string{"call:*"}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proof, err := verify(r, oneKey{"broker"})
		body, _ := io.ReadAll(r.Body)
		if err == nil {
			err = identity.CheckDigest(proof.Caller.ContentDigest, body)
		}
		input := r.Header.Get("Signature-Input")
		if err != nil || r.Header.Get(trustbridge.DelegationField) != chain || !strings.Contains(input, `"agent-delegation" "agent-gate"`) ||
			r.Header.Get(trustbridge.GateField) != "metrics" || string(body) != "hello" {
			t.Errorf("%v, %v, %q", err, r.Header, body)
		}
		io.WriteString(w, string(proof.Caller.Agent)) //nolint:errcheck // the client notices
	}))
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &trustbridge.Transport{Identity: broker, Delegation: chain, Gate: "metrics"}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/agents/ledger?x=1", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if name, err := io.ReadAll(response.Body); err != nil || string(name) != "broker" {
		t.Errorf("signed by %q, %v", name, err)
	}
	if len(request.Header) > 0 {
		t.Errorf("the request was changed: %v", request.Header)
	}
}

func TestTransportNeedsAnIdentity(t *testing.T) {
	t.Parallel()
	body := &closing{Reader: strings.NewReader("x")}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:1/", body)
	if _, err := (&trustbridge.Transport{}).RoundTrip(request); err == nil || !body.closed {
		t.Errorf("%v, body closed: %v", err, body.closed)
	}
	if _, err := trustbridge.NewIdentity(nil); err == nil {
		t.Error("no key has an identity")
	}
	if _, err := identityOf(t, "a").As(""); err == nil {
		t.Error("an identity without a name")
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestIdentityHidesItsKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := identity.SaveKey(path, keyOf("broker")); err != nil {
		t.Fatal(err)
	}
	i, err := trustbridge.LoadIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	named, err := i.As("did:web:example.com#key")
	if err != nil || named.KeyID() != "did:web:example.com#key" || named.DID() != i.DID() || i.KeyID() == named.KeyID() {
		t.Errorf("%v, %v", named, err)
	}
	if i.String() != i.DID() || !strings.Contains(i.GoString(), i.DID()) || len(i.GoString()) > len(i.DID())+32 {
		t.Errorf("%v, %#v", i, i)
	}
}

func TestDelegateAndInspect(t *testing.T) {
	t.Parallel()
	a, b, c := identityOf(t, "a"), identityOf(t, "b"), identityOf(t, "c")
	root, err := a.Delegate(trustbridge.Delegation{To: b.DID(), Capabilities: []string{"read:*"}, Lifetime: time.Minute, Depth: 1, Audience: []string{"ledger"}})
	if err != nil {
		t.Fatal(err)
	}
	chain, err := b.Delegate(trustbridge.Delegation{To: c.DID(), Capabilities: []string{"read:ledger"}, Parent: root})
	if err != nil {
		t.Fatal(err)
	}
	links, err := trustbridge.Inspect(chain)
	if err != nil || len(links) != 2 {
		t.Fatalf("%+v, %v", links, err)
	}
	want := trustbridge.Link{
		ID: links[0].ID, From: a.DID(), To: b.DID(), Capabilities: []string{"read:*"}, Audience: []string{"ledger"},
		Issued: links[0].Issued, Expires: links[0].Issued.Add(time.Minute), Depth: 1,
	}
	if diff := cmp.Diff(want, links[0]); diff != "" {
		t.Errorf("root (-want +got):\n%s", diff)
	}
	if _, err := trustbridge.Inspect(chain[len(root)+1:]); err == nil {
		t.Error("a chain without its root has no fault")
	}
	for name, d := range map[string]trustbridge.Delegation{
		"wider": {To: c.DID(), Capabilities: []string{"write:ledger"}, Parent: root}, "to-nobody": {},
		"no-capability": {To: c.DID(), Capabilities: []string{"read"}}, "no-audience": {To: c.DID(), Audience: []string{"A B"}},
	} {
		if chain, err := b.Delegate(d); err == nil {
			t.Errorf("%s: %s", name, chain)
		}
	}
}

// answering serves fixed answers by path to who proves to be the administrator or the broker.
func answering(t *testing.T, status int, answers map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := verify(r, oneKey{"broker"})
		if r.Header.Get("Authorization") != "Bearer secret" && err != nil {
			t.Errorf("nobody asks: %v", err)
		}
		answer, ok := answers[r.Method+" "+r.URL.EscapedPath()]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if status == http.StatusFound {
			w.Header().Set("Location", "/v1/verify")
		}
		w.WriteHeader(status)
		io.WriteString(w, answer) //nolint:errcheck // the client notices
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestClientAsks(t *testing.T) {
	t.Parallel()
	base := answering(t, http.StatusOK, map[string]string{
		"POST /v1/verify": `{"verified":false,"agent":"ledger","did":"did:key:z6Mk","score":250,"ring":3,"status":"active",
			"reasons":[{"factor":"score","have":"250","need":"500"}]}`,
		"GET /v1/agents/ledger/trust":  `{"score":250,"ring":3,"quarantined":true,"good":1}`,
		"GET /v1/agents/a%2Fb/trust":   `{"score":1,"ring":2}`,
		"GET /v1/agents/nothing/trust": `{}`,
	})
	for name, client := range map[string]*trustbridge.Client{
		"administrator": {URL: base + "/", Token: "secret"}, "agent": {URL: base, Identity: identityOf(t, "broker"), HTTP: &http.Client{}},
	} {
		answer, err := client.Verify(t.Context(), trustbridge.Question{DID: "did:key:z6Mk", Score: 500})
		if err != nil || answer.Verified || answer.Agent != "ledger" || len(answer.Reasons) != 1 || answer.Reasons[0].String() != "score is 250, and 500 is required" {
			t.Errorf("%s: %+v, %v", name, answer, err)
		}
		standing, err := client.Trust(t.Context(), "ledger")
		if err != nil || standing.Score != 250 || standing.Ring != 3 || !standing.Quarantined || !json.Valid(standing.Raw) {
			t.Errorf("%s: %+v, %v", name, standing, err)
		}
		if standing, err := client.Trust(t.Context(), "a/b"); err != nil || standing.Ring != 2 {
			t.Errorf("%s: %+v, %v", name, standing, err)
		}
		if standing, err := client.Trust(t.Context(), "nothing"); err == nil {
			t.Errorf("%s: no answer is taken for %+v", name, standing)
		}
		if _, err := client.Verify(t.Context(), trustbridge.Question{DID: "did:key:other"}); err == nil {
			t.Errorf("%s: an answer about another agent is taken", name)
		}
	}
}

func TestClientTrustsNoOddAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		answer string
		says   string
	}{
		{"refused", 422, `{"title":"Unprocessable Entity","detail":"validation failed"}`, "422: validation failed"},
		{"no-problem-document", 500, "oops", "500"},
		{"not-json", 200, "yes", "reading the answer"},
		{"empty", 200, "", "reading the answer"},
		{"nothing", 200, "{}", "contradicts"},
		{"verified-and-not", 200, `{"verified":true,"agent":"a","did":"did:key:z6Mk","reasons":[{"factor":"score"}]}`, "contradicts"},
		{"verified-nobody", 200, `{"verified":true,"did":"did:key:z6Mk"}`, "contradicts"},
		{"redirect", 302, "", "302"},
		{"created", 201, `{"verified":true,"agent":"a","did":"did:key:z6Mk"}`, "201"},
		{"endless", 200, strings.Repeat(" ", 1<<20) + "{}", "exceeds"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := &trustbridge.Client{URL: answering(t, test.status, map[string]string{"POST /v1/verify": test.answer}), Token: "secret"}
			answer, err := client.Verify(t.Context(), trustbridge.Question{DID: "did:key:z6Mk"})
			if err == nil || answer.Verified || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%+v, %v", answer, err)
			}
			var problem *trustbridge.Problem
			if errors.As(err, &problem) != (test.status != 200) {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := (&trustbridge.Client{URL: "http://127.0.0.1:0"}).Verify(t.Context(), trustbridge.Question{}); err == nil {
		t.Error("nobody asked, and there is an answer")
	}
}
