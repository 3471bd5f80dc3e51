package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(t, body("a", `,"dids":["`+key(1).DID+`"],"sidecarDids":["`+key(2).DID+`"]`))
	list := func() string {
		return content(t, f.do(t, request{method: "GET", path: "/v1/agents/a/keys"}))
	}
	one := func(k agent.Key, role, state, rest string) string {
		return `{"did":"` + k.DID + `","didMesh":"` + k.Mesh + `","role":"` + role + `","state":"` + state + `"` + rest + `}`
	}
	same(t, "registered", `{"keys":[`+one(key(1), "agent", "active", "")+`,`+one(key(2), "sidecar", "active", "")+"]}\n", list())

	added := f.do(t, request{method: "POST", path: "/v1/agents/a/keys", body: `{"did":"` + key(3).DID + `","overlap":"24h"}`})
	same(t, "status", http.StatusOK, added.StatusCode)
	rotated := `{"keys":[` + one(key(1), "agent", "retiring", `,"retiresAt":"2026-03-05T05:06:07Z"`) + `,` +
		one(key(3), "agent", "active", "") + `,` + one(key(2), "sidecar", "active", "") + "]}\n"
	same(t, "rotated", rotated, content(t, added))
	same(t, "listed", rotated, list())
	same(t, "etag", f.do(t, request{method: "GET", path: "/v1/agents/a"}).Header.Get("ETag"), added.Header.Get("ETag"))

	revoked := f.do(t, request{method: "DELETE", path: "/v1/agents/a/keys/" + key(2).Mesh + "?reason=lost%20laptop"})
	same(t, "status", http.StatusNoContent, revoked.StatusCode)
	revoked = f.do(t, request{method: "DELETE", path: "/v1/agents/a/keys/" + key(1).DID})
	same(t, "status", http.StatusNoContent, revoked.StatusCode)
	var got struct {
		Keys []struct {
			DID, Role, State string
			Revocation       *struct{ At, Reason string }
		}
	}
	if err := json.Unmarshal([]byte(list()), &got); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, k := range got.Keys {
		line := k.DID + " " + k.Role + " " + k.State
		if k.Revocation != nil {
			line += " " + k.Revocation.At + " " + k.Revocation.Reason
		}
		lines = append(lines, line)
	}
	// Keys revoked in one second are listed by name.
	same(t, "after revoking", []string{
		key(3).DID + " agent active", key(1).DID + " agent revoked 2026-03-04T05:06:07Z ", key(2).DID + " sidecar revoked 2026-03-04T05:06:07Z lost laptop",
	}, lines)
	again := f.do(t, request{method: "POST", path: "/v1/agents/a/keys", body: `{"did":"` + key(2).DID + `"}`})
	same(t, "again", []string{"409", "body.did: is revoked, and never accepted again"}, refusals(t, again))
}

func TestKeysRefuse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(t, body("a", `,"dids":["`+key(1).DID+`"]`))
	f.register(t, body("b", `,"dids":["`+key(2).DID+`"]`))
	tests := []struct {
		name, method, path, body string
		want                     []string
	}{
		{"list-nobody", "GET", "/v1/agents/c/keys", "", []string{"404", "path.name: names no registered agent"}},
		{"add-to-nobody", "POST", "/v1/agents/c/keys", `{"did":"` + key(3).DID + `"}`, []string{"404", "path.name: names no registered agent"}},
		{"add-to-no-name", "POST", "/v1/agents/C/keys", `{"did":"` + key(3).DID + `"}`, []string{"404", "path.name: names no registered agent"}},
		{"foreign", "POST", "/v1/agents/a/keys", `{"did":"` + key(2).DID + `"}`, []string{"409", "body.did: belongs to another agent"}},
		{"other-role", "POST", "/v1/agents/a/keys", `{"did":"` + key(1).DID + `","role":"sidecar"}`, []string{"422", "body.did: is a key of the agent in the other role"}},
		{"no-key", "POST", "/v1/agents/a/keys", `{"did":"did:web:a.example"}`, []string{"422", "body.did: must begin with did:key and a colon"}},
		{"overlap", "POST", "/v1/agents/a/keys", `{"did":"` + key(3).DID + `","overlap":"tomorrow"}`, []string{"422", "body.overlap: must be a duration, such as 24h"}},
		{"long-overlap", "POST", "/v1/agents/a/keys", `{"did":"` + key(3).DID + `","overlap":"2161h"}`, []string{"422", "body.overlap: must be 0 to 2160h0m0s"}},
		{"role", "POST", "/v1/agents/a/keys", `{"did":"` + key(3).DID + `","role":"none"}`, []string{"422", "body.role: expected value to be one of \"agent, sidecar\""}},
		{"no-body", "POST", "/v1/agents/a/keys", "", []string{"415", "header.Content-Type: must be application/json"}},
		{"revoke-of-nobody", "DELETE", "/v1/agents/c/keys/" + key(1).DID, "", []string{"404", "path.name: names no registered agent"}},
		{"revoke-foreign", "DELETE", "/v1/agents/a/keys/" + key(2).DID, "", []string{"404", "path.did: names no key of the agent"}},
		{"revoke-unknown", "DELETE", "/v1/agents/a/keys/x", "", []string{"404", "path.did: names no key of the agent"}},
		{"bad-reason", "DELETE", "/v1/agents/a/keys/" + key(1).DID + "?reason=%00", "", []string{"422", "query.reason: must have at most 256 bytes and no control characters"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := f.do(t, request{method: test.method, path: test.path, body: test.body})
			same(t, "problems", test.want, refusals(t, answer))
		})
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(t, body("a", ""))
	set := func(body string) *http.Response {
		return f.do(t, request{method: "PUT", path: "/v1/agents/a/status", body: body})
	}
	type answer struct {
		Status       string
		StatusChange *struct{ At, Reason string }
	}
	read := func(response *http.Response) (a answer) {
		t.Helper()
		same(t, "status", http.StatusOK, response.StatusCode)
		if err := json.Unmarshal([]byte(content(t, response)), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	first := read(f.do(t, request{method: "GET", path: "/v1/agents/a"}))
	if first.Status != "active" || first.StatusChange != nil {
		t.Errorf("a new agent is %+v", first)
	}
	for _, status := range []string{"quarantined", "active", "revoked", "revoked"} {
		got := read(set(`{"status":"` + status + `","reason":"because"}`))
		if got.Status != status || got.StatusChange == nil || got.StatusChange.Reason != "because" || got.StatusChange.At != "2026-03-04T05:06:07Z" {
			t.Errorf("%s: %+v", status, got)
		}
	}
	same(t, "released", []string{"409"}, refusals(t, set(`{"status":"active","reason":"because"}`)))
	same(t, "replaced", []string{"409"}, refusals(t, f.do(t, request{method: "PUT", path: "/v1/agents/a", body: body("a", "")})))
	same(t, "no reason", []string{"422", "body.reason: expected length >= 1"}, refusals(t, set(`{"status":"active","reason":""}`)))
	same(t, "no such status", []string{"422", `body.status: expected value to be one of "active, quarantined, revoked"`}, refusals(t, set(`{"status":"x","reason":"y"}`)))
	nobody := f.do(t, request{method: "PUT", path: "/v1/agents/b/status", body: `{"status":"active","reason":"y"}`})
	same(t, "nobody", []string{"404", "path.name: names no registered agent"}, refusals(t, nobody))
	same(t, "deleted", http.StatusNoContent, f.do(t, request{method: "DELETE", path: "/v1/agents/a"}).StatusCode)
	again := f.do(t, request{method: "POST", path: "/v1/agents", body: body("a", "")})
	same(t, "name", []string{"409", "body.name: is that of a revoked agent, and never given again"}, refusals(t, again))
}
