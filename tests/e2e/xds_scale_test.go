package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/sync/errgroup"

	"ringfence.dev/ringfence/internal/meshtest"
)

// TestManyAgents registers some hundred agents at once, and then holds that one more concerns Envoy like the first: one
// cluster and one route table come, and nothing else is built anew.
func TestManyAgents(t *testing.T) {
	t.Parallel()
	const count = 300
	m := up(t, "up", "")
	c := newCaller(t)
	m.register(t, map[string]any{"name": "caller", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{c.did}, "ringCeiling": 2})
	// Each agent answers with the path that it was asked at.
	agents := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":{"at":%q}}`, r.URL.Path)
	}))
	t.Cleanup(agents.Close)
	name := func(i int) string { return fmt.Sprintf("agent-%d", i) }
	register := func(i int) error {
		body, err := json.Marshal(map[string]any{"name": name(i), "card": jsonCard(agents.URL + "/" + name(i)), "effect": "read"})
		if err != nil {
			return err
		}
		status, answer, err := m.tryAPI(http.MethodPost, "/v1/agents", string(body))
		if err == nil && status != http.StatusCreated {
			err = fmt.Errorf("registering %s: %d %s", name(i), status, answer)
		}
		return err
	}
	var registering errgroup.Group
	registering.SetLimit(8)
	for i := range count {
		registering.Go(func() error { return register(i) })
	}
	if err := registering.Wait(); err != nil {
		t.Fatal(err)
	}
	reach := func(i int) {
		t.Helper()
		c.expect(t, m.ready.GatewayURL+"/agents/"+name(i), meshtest.Send("hi"), http.StatusOK, fmt.Sprintf(`"at":"/%s"`, name(i)))
	}
	for i := range count {
		reach(i)
	}
	before := m.built(t)
	if err := register(count); err != nil {
		t.Fatal(err)
	}
	reach(count)
	var anew []string
	for what, when := range m.built(t) {
		if before[what] != when {
			anew = append(anew, what)
		}
	}
	if len(before) < 2*count || len(anew) != 2 {
		t.Errorf("of %d clusters and route tables, one registration had Envoy build %v, want one of each", len(before), anew)
	}
	if status, answer := m.api(t, http.MethodDelete, "/v1/agents/"+name(7), ""); status != http.StatusNoContent {
		t.Fatalf("deleting: %d %s", status, answer)
	}
	c.expect(t, m.ready.GatewayURL+"/agents/"+name(7), meshtest.Send("hi"), http.StatusNotFound, "")
	for _, i := range []int{6, 8, 70, 77} {
		reach(i)
	}
	status, answer := m.api(t, http.MethodGet, "/v1/xds", "")
	var xds struct{ Rejections, Problems []any }
	if err := json.Unmarshal([]byte(answer), &xds); err != nil || status != http.StatusOK || len(xds.Rejections)+len(xds.Problems) > 0 {
		t.Errorf("the control plane says %d %s", status, answer)
	}
}

// built returns, by name, when the Envoy has built each of its clusters and route tables.
func (m *mesh) built(t *testing.T) map[string]string {
	t.Helper()
	times := map[string]string{}
	for resource, field := range map[string]string{"dynamic_active_clusters": "cluster", "dynamic_route_configs": "route_config"} {
		response, err := http.Get("http://" + m.ready.EnvoyAdmin + "/config_dump?resource=" + resource)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var dump struct{ Configs []map[string]json.RawMessage }
		if err := json.NewDecoder(response.Body).Decode(&dump); err != nil {
			t.Fatal(err)
		}
		for _, config := range dump.Configs {
			var named struct{ Name string }
			if err := json.Unmarshal(config[field], &named); err != nil {
				t.Fatalf("%s of %s: %v", field, config, err)
			}
			times[field+" "+named.Name] = string(config["last_updated"])
		}
	}
	return times
}
