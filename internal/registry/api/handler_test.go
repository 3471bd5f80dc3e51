package api_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	guarded := []request{
		{method: "GET", path: "/v1/agents"},
		{method: "POST", path: "/v1/agents"},
		{method: "GET", path: "/v1/agents/a"},
		{method: "PUT", path: "/v1/agents/a"},
		{method: "DELETE", path: "/v1/agents/a"},
		{method: "GET", path: "/v1/events"},
		{method: "GET", path: "/v1/dids/" + key(1).Mesh},
		{method: "GET", path: "/nowhere"},
		{method: "GET", path: "/healthz/"},
		{method: "GET", path: "/v1/agents/../../healthz/x"},
	}
	for _, r := range guarded {
		for name, value := range map[string]string{
			"none": "", "wrong": "Bearer wrong", "empty": "Bearer ", "no-scheme": token, "basic": "Basic " + token,
			"prefix": "Bearer " + token[:len(token)-1], "longer": "Bearer " + token + "x", "two": "Bearer " + token + ", Bearer " + token,
		} {
			r.header = map[string]string{"Authorization": value}
			answer := f.do(t, r)
			if answer.StatusCode != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") != `Bearer realm="ringfence"` {
				t.Errorf("%s %s with %s token: status %d, %v", r.method, r.path, name, answer.StatusCode, answer.Header)
			}
			if lines := refusals(t, answer); len(lines) != 1 {
				t.Errorf("%v", lines)
			}
		}
	}
	for _, path := range []string{"/healthz", "/metrics", "/readyz", "/openapi.json", "/openapi.yaml"} {
		answer := f.do(t, request{"GET", path, "", map[string]string{"Authorization": ""}})
		same(t, path, http.StatusOK, answer.StatusCode)
	}
	answer := f.do(t, request{"GET", "/v1/agents", "", map[string]string{"Authorization": "bearer " + token}})
	same(t, "the scheme in lower case", http.StatusOK, answer.StatusCode)
}

func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, path := range []string{"/", "/v1", "/v1/agents/", "/v1/agents/a/b", "/docs", "/schemas/x.json", "/openapi-3.0.json", "/cards/path/a"} {
		same(t, path, []string{"404"}, refusals(t, f.do(t, request{method: "GET", path: path})))
	}
	answer := f.do(t, request{method: "PATCH", path: "/v1/agents/a"})
	same(t, "patch", []string{"405"}, refusals(t, answer))
	same(t, "allow", "DELETE, GET, HEAD, PUT", answer.Header.Get("Allow"))
}

func TestOperations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	tests := []struct {
		path, contentType, contains string
	}{
		{"/healthz", "application/json", `{"status":"ok"}`},
		{"/readyz", "application/json", `{"status":"ok"}`},
		{"/openapi.json", "application/openapi+json", `"openapi": "3.1.0"`},
		{"/openapi.yaml", "application/openapi+yaml", "openapi: 3.1.0"},
		{"/v1/dids/" + key(1).Mesh, "application/did+json", `{"id":"` + key(1).Mesh + `"}`},
	}
	for _, test := range tests {
		answer := f.do(t, request{method: "GET", path: test.path})
		same(t, test.path, http.StatusOK, answer.StatusCode)
		same(t, test.path, test.contentType, answer.Header.Get("Content-Type"))
		if got := content(t, answer); !strings.Contains(got, test.contains) {
			t.Errorf("%s answers %s", test.path, got)
		}
	}
	for _, did := range []string{key(2).Mesh, "did:web:example.com", "x", "did:mesh:"} {
		want := []string{"404", "path.did: belongs to no registered agent"}
		same(t, did, want, refusals(t, f.do(t, request{method: "GET", path: "/v1/dids/" + did})))
	}
	f.notReady = []string{"the store is away", "no Envoy has connected"}
	answer := f.do(t, request{method: "GET", path: "/readyz"})
	same(t, "retry", "2", answer.Header.Get("Retry-After"))
	if got := content(t, answer); answer.StatusCode != 503 || !strings.Contains(got, "not ready: the store is away; no Envoy has connected") {
		t.Errorf("status %d: %s", answer.StatusCode, got)
	}
	same(t, "alive all the same", http.StatusOK, f.do(t, request{method: "GET", path: "/healthz"}).StatusCode)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(t, body("a", ""))
	f.register(t, body("b", ""))
	f.do(t, request{method: "GET", path: "/v1/agents/none"})
	f.do(t, request{method: "GET", path: "/some/where"})
	f.do(t, request{method: "BREW", path: "/v1/agents"})
	f.do(t, request{"GET", "/v1/agents", "", map[string]string{"Authorization": ""}})
	got := content(t, f.do(t, request{method: "GET", path: "/metrics"}))
	for _, line := range []string{
		`ringfence_registry_requests_total{method="POST",route="/v1/agents",status="201"} 2`,
		`ringfence_registry_requests_total{method="GET",route="/v1/agents/{name}",status="404"} 1`,
		`ringfence_registry_requests_total{method="GET",route="unmatched",status="404"} 1`,
		`ringfence_registry_requests_total{method="other",route="unmatched",status="405"} 1`,
		`ringfence_registry_requests_total{method="GET",route="/v1/agents",status="401"} 1`,
		`ringfence_registry_request_seconds_count{method="POST",route="/v1/agents"} 2`,
		`ringfence_registry_agents{status="active"} 2`,
		`ringfence_registry_agents{status="quarantined"} 0`,
		`ringfence_registry_watchers 0`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("missing %s", line)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}
