package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/meshtest"
)

// TestHostConfusion sends calls whose host and path point at different agents, or at none in an odd way, and wants
// the agent that answers to be the one that was judged.
func TestHostConfusion(t *testing.T) {
	t.Parallel()
	m := up(t, "up", "")
	c := newCaller(t)
	m.register(t, map[string]any{"name": "caller", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{c.did}, "ringCeiling": 2})
	for _, name := range []string{"a", "ab"} {
		agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":{"agent":%q}}`, name)
		}))
		t.Cleanup(agent.Close)
		rest := strings.Replace(fmt.Sprintf(card, agent.URL+"/rpc"), `"supportedInterfaces":[`,
			fmt.Sprintf(`"supportedInterfaces":[{"url":%q,"protocolBinding":"HTTP+JSON","protocolVersion":"1.0"},`, agent.URL+"/rest"), 1)
		m.register(t, map[string]any{"name": name, "card": json.RawMessage(rest), "effect": "read"})
		c.expect(t, m.ready.GatewayURL+"/agents/"+name, meshtest.Send("hi"), http.StatusOK, name)
	}
	_, port, _ := strings.Cut(m.ready.Gateway, ":")
	reached := 0
	for _, host := range []string{
		"", "a.mesh.local", "A.Mesh.Local:" + port, "ab.mesh.local:1", "a.mesh.local.", "a.mesh.local:", "x.a.mesh.local", "mesh.local",
		".mesh.local", "a..mesh.local", "a.mesh.local.mesh.local", "a.mesh.locale", "[::1]", "a.mesh.local:80:80", "user@a.mesh.local", "a%2emesh.local",
		"a.mesh.local:1]", "a.mesh.local:]", "ab.mesh.local:80]", "nobody.mesh.local",
	} {
		for _, path := range []string{
			"/", "/agents/a", "/agents/ab", "/agents/ab/", "/agents/a/tasks/1", "/agents/a/~0", "/agents/a/../ab", "/agents/a/%2e%2e/ab", "/agents/a%2fb",
			"/agents/a;x=/ab", "/agents//ab", "//agents/ab", "/agents/a?/agents/ab", "/AGENTS/ab", "/agents/AB", "/agents/a/agents/ab", "/tasks/1",
		} {
			if answered(t, m, c, host, path) {
				reached++
			}
		}
	}
	if reached < 10 {
		t.Errorf("only %d calls reached an agent: the test tests little", reached)
	}
}

// answered sends one signed call and reports whether an agent answered; that has to be the callee of the decision.
func answered(t *testing.T, m *mesh, c *caller, host, path string) bool {
	t.Helper()
	body := meshtest.Send("hi")
	if strings.Contains(path, "tasks") {
		body = ""
	}
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, m.ready.GatewayURL+path, strings.NewReader(body))
	if err != nil {
		return false // the client itself refuses to send it
	}
	if host != "" {
		r.Host = host
	}
	if err := c.signer.Sign(r, []byte(body)); err != nil {
		return false
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	var answer struct{ Result struct{ Agent string } }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Result.Agent == "" {
		return false
	}
	status, record := m.api(t, http.MethodGet, "/v1/decisions/"+response.Header.Get("ringfence-decision"), "")
	var decision struct{ Callee, Decision string }
	if err := json.Unmarshal([]byte(record), &decision); err != nil || status != http.StatusOK {
		t.Fatalf("%q %q: no decision: %d %s", host, path, status, record)
	}
	if decision.Callee != answer.Result.Agent || decision.Decision != "allow" {
		t.Errorf("%q %q: %s answered, judged was %+v", host, path, answer.Result.Agent, decision)
	}
	return true
}
