package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/trustbridge"
)

// TestTrustBridge lets agents and an administrator ask the mesh about agents.
func TestTrustBridge(t *testing.T) {
	t.Parallel()
	m := upWith(t, "up", "", generous)
	anna, bert := newCaller(t), newCaller(t)
	m.register(t, map[string]any{"name": "anna", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{anna.did}})
	m.register(t, map[string]any{"name": "bert", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{bert.did}, "ringCeiling": 2, "capabilities": []string{"read:*"}})
	m.register(t, map[string]any{"name": "callee", "card": jsonCard(echo(t))})
	who, err := trustbridge.NewIdentity(anna.signer.Key)
	if err != nil {
		t.Fatal(err)
	}
	ring := func(n int) *int { return &n }
	for name, client := range map[string]trustbridge.Client{
		"administrator": {URL: m.ready.APIURL, Token: m.ready.Token},
		"agent":         {URL: m.ready.APIURL, Identity: who},
	} {
		standing, err := client.Trust(t.Context(), "bert")
		if err != nil || standing.Score != 400 || standing.Ring != 2 || standing.Quarantined {
			t.Errorf("%s: trust of bert: %+v %v", name, standing, err)
		}
		for _, c := range []struct {
			name     string
			question trustbridge.Question
			missing  []string
		}{
			{"all-met", trustbridge.Question{DID: bert.did, Score: 400, Ring: ring(2), Capabilities: []string{"read:ledger"}}, nil},
			{"nothing-met", trustbridge.Question{DID: bert.did, Score: 401, Ring: ring(1), Capabilities: []string{"write:ledger"}}, []string{"score", "ring", "capability"}},
			{"unknown", trustbridge.Question{DID: newCaller(t).did}, []string{"agent"}},
		} {
			answer, err := client.Verify(t.Context(), c.question)
			var missing []string
			for _, reason := range answer.Reasons {
				missing = append(missing, reason.Factor)
			}
			if err != nil || answer.Verified != (c.missing == nil) || fmt.Sprint(missing) != fmt.Sprint(c.missing) {
				t.Errorf("%s, %s: %+v %v", name, c.name, answer, err)
			}
		}
	}
	m.turnAway(t, anna, bert)
	m.takeNoScore(t, bert)
}

// turnAway asks questions that are nobody's, or were asked before.
func (m *mesh) turnAway(t *testing.T, anna, bert *caller) {
	t.Helper()
	question := fmt.Sprintf(`{"did":%q}`, bert.did)
	ask := func(method, path, body string, sign func(*http.Request) error) (int, string) {
		t.Helper()
		r, err := http.NewRequest(method, m.ready.APIURL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		if sign != nil {
			if err := sign(r); err != nil {
				t.Fatal(err)
			}
		}
		status, answer, err := exchange(r)
		if err != nil {
			t.Fatal(err)
		}
		return status, answer
	}
	by := func(c *caller, body string) func(*http.Request) error {
		return func(r *http.Request) error { return c.signer.Sign(r, []byte(body)) }
	}
	var kept http.Header
	keep := func(r *http.Request) error {
		err := anna.signer.Sign(r, []byte(question))
		kept = r.Header.Clone()
		return err
	}
	again := func(r *http.Request) error { r.Header = kept; return nil }
	for _, c := range []struct {
		name, method, path, body string
		sign                     func(*http.Request) error
		want                     int
	}{
		{"unsigned-verify", http.MethodPost, "/v1/verify", question, nil, http.StatusUnauthorized},
		{"unsigned-trust", http.MethodGet, "/v1/agents/bert/trust", "", nil, http.StatusUnauthorized},
		{"signed", http.MethodPost, "/v1/verify", question, keep, http.StatusOK},
		{"replayed", http.MethodPost, "/v1/verify", question, again, http.StatusUnauthorized},
		{"about-another-body", http.MethodPost, "/v1/verify", question, by(anna, question+" "), http.StatusUnauthorized},
		{"by-a-stranger", http.MethodPost, "/v1/verify", question, by(newCaller(t), question), http.StatusUnauthorized},
		{"more-than-agents-may", http.MethodGet, "/v1/agents", "", by(anna, ""), http.StatusUnauthorized},
		{"to-clear-itself", http.MethodPost, "/v1/agents/anna/trust/clear", `{"reason":"r","by":"anna"}`, by(anna, `{"reason":"r","by":"anna"}`), http.StatusUnauthorized},
	} {
		if status, answer := ask(c.method, c.path, c.body, c.sign); status != c.want {
			t.Errorf("%s: %d %s", c.name, status, answer)
		}
	}
	m.api(t, http.MethodPut, "/v1/kill/agents/anna", "")
	if status, answer := ask(http.MethodPost, "/v1/verify", question, by(anna, question)); status != http.StatusUnauthorized {
		t.Errorf("a killed agent is answered %d %s", status, answer)
	}
}

// takeNoScore looks for a way to say what an agent's trust is: in what the API describes, in registrations and in what a
// caller sends.
func (m *mesh) takeNoScore(t *testing.T, bert *caller) {
	t.Helper()
	_, document := m.api(t, http.MethodGet, "/openapi.json", "")
	var described struct {
		Paths map[string]map[string]struct {
			RequestBody json.RawMessage `json:"requestBody"`
		} `json:"paths"`
		Components struct{ Schemas map[string]json.RawMessage } `json:"components"`
	}
	if err := json.Unmarshal([]byte(document), &described); err != nil || len(described.Paths) == 0 {
		t.Fatalf("%v in the description of the API", err)
	}
	looked := false // at a body that is known to ask for something
	// What is asked about a call that nobody makes may name any score: the answer changes nothing.
	delete(described.Paths, "/v1/policies/explain")
	for path, operations := range described.Paths {
		for method, operation := range operations {
			body := operation.RequestBody
			for name, schema := range described.Components.Schemas {
				if bytes.Contains(body, []byte(`"#/components/schemas/`+name+`"`)) {
					body = append(append(json.RawMessage{}, body...), schema...)
				}
			}
			looked = looked || bytes.Contains(body, []byte(`"requiredScore"`))
			for _, word := range []string{`"score"`, `"trust"`, `"base"`, `"good"`, `"bad"`, `"events"`} {
				if bytes.Contains(body, []byte(word)) {
					t.Errorf("%s %s takes %s: %s", method, path, word, body)
				}
			}
		}
	}
	if !looked {
		t.Error("the description shows no bodies of requests")
	}
	if status, answer := m.api(t, http.MethodPost, "/v1/agents", strings.Replace(registration("carl", "http://127.0.0.1:1/rpc"), "{", `{"trust":1000,`, 1)); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
		t.Errorf("registering with a score: %d %s", status, answer)
	}
	for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodPatch} {
		if status, answer := m.api(t, method, "/v1/agents/bert/trust", `{"score":1000}`); status != http.StatusMethodNotAllowed && status != http.StatusNotFound {
			t.Errorf("%s of a score: %d %s", method, status, answer)
		}
	}
	url := m.ready.GatewayURL + "/agents/callee"
	bert.expect(t, url, message("m", ""), http.StatusOK, "OUT_OF_SCOPE") // the route is there; it may only read
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(message("m", "")))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Ringfence-Trust": "1000", "Agent-Trust": "1000", "A2A-Trust": "1000"} {
		r.Header.Set(name, value)
	}
	if err := bert.signer.Sign(r, []byte(message("m", ""))); err != nil {
		t.Fatal(err)
	}
	if status, answer, err := exchange(r); err != nil || !strings.Contains(answer, "OUT_OF_SCOPE") {
		t.Errorf("who says how good it is: %d %s %v", status, answer, err)
	}
	if r := m.record(t, "the call", func(r audit.Record) bool { return r.Caller == "bert" }); r.Trust != 400 {
		t.Errorf("%+v", r)
	}
}
