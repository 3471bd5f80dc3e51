package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRegisterAnswersTheAgent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	answer := f.do(t, request{method: "POST", path: "/v1/agents", body: body("weather",
		`,"dids":["`+key(1).DID+`"],"owner":"team","capabilities":["read:*"],"ringCeiling":2,"effect":"read","skillEffects":{"forecast":"write"},"cardKeys":["`+key(2).DID+`"]`)})
	got := content(t, answer)
	want := `{"name":"weather","card":` + card + `,"cardKeys":["` + key(2).DID + `"],"cardVerification":{"status":"unsigned",` +
		`"reason":"the card has no signature"},"dids":["` + key(1).DID + `","` + key(1).Mesh + `"],"owner":"team","capabilities":["read:*"],` +
		`"ringCeiling":2,"requiredRing":3,"requiredTrust":0,"effect":"read","skillEffects":{"forecast":"write"},"meshUrl":"https://mesh.test/agents/weather","ring":2,"trust":400,` +
		`"status":"active","createdAt":"2026-03-04T05:06:07Z","updatedAt":"2026-03-04T05:06:07Z"}` + "\n"
	same(t, "body", want, got)
	same(t, "status", http.StatusCreated, answer.StatusCode)
	same(t, "location", "/v1/agents/weather", answer.Header.Get("Location"))
	read := f.do(t, request{method: "GET", path: "/v1/agents/weather"})
	same(t, "read", want, content(t, read))
	same(t, "etag", answer.Header.Get("ETag"), read.Header.Get("ETag"))
	same(t, "content type", "application/json", read.Header.Get("Content-Type"))
}

func TestRegisterDefaults(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	tests := []struct {
		name, rest           string
		capabilities         []string
		ring, trust, ceiling int
		effect               string
	}{
		{"plain", ``, []string{"call:*"}, 3, 250, 1, "write"},
		{
			"nulls-are-absent", `,"dids":null,"owner":null,"capabilities":null,"ringCeiling":null,"effect":null,"skillEffects":null,"cardUrl":null,"cardKeys":null`,
			[]string{"call:*"},
			3, 250, 1, "write",
		},
		{"no-capabilities", `,"capabilities":[]`, []string{}, 3, 250, 1, "write"},
		{"kernel", `,"ringCeiling":0`, []string{"call:*"}, 0, 900, 0, "write"},
		{"supervisor", `,"ringCeiling":1`, []string{"call:*"}, 1, 700, 1, "write"},
		{"untrusted", `,"ringCeiling":3,"effect":"admin"`, []string{"call:*"}, 3, 250, 3, "admin"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f.register(t, body(test.name, test.rest))
			var got struct {
				Capabilities             []string
				DIDs                     []string
				Ring, Trust, RingCeiling int
				Effect, Status           string
			}
			answer := content(t, f.do(t, request{method: "GET", path: "/v1/agents/" + test.name}))
			if err := json.Unmarshal([]byte(answer), &got); err != nil {
				t.Fatal(err)
			}
			same(t, "capabilities", test.capabilities, got.Capabilities)
			same(t, "ring, trust, ceiling", []int{test.ring, test.trust, test.ceiling}, []int{got.Ring, got.Trust, got.RingCeiling})
			same(t, "effect and status", test.effect+" active", got.Effect+" "+got.Status)
			if got.DIDs == nil {
				t.Errorf("dids is null in %s", answer)
			}
		})
	}
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(t, body("taken", `,"dids":["`+key(1).DID+`"]`))
	tests := []struct {
		name, body string
		want       []string
	}{
		{"empty", "", []string{"415", "header.Content-Type: must be application/json"}},
		{"not-json", "{", []string{"400", "body: is not valid JSON: it ends too early"}},
		{"trailing", body("a", "") + "x", []string{"400", "body: has data after the JSON value"}},
		{"duplicate", `{"name":"a","n\u0061me":"b"}`, []string{"400", "body.name: appears more than once"}},
		{"duplicate-in-card", `{"card":{"skills":[{"id":"a","id":"b"}]}}`, []string{"400", "body.card.skills[0].id: appears more than once"}},
		{"bad-utf8", "{\"name\":\"\xff\"}", []string{"400", "body: is not valid JSON at byte 10"}},
		{"array", "[]", []string{"422", "body: must be a JSON object"}},
		{"nothing", "{}", []string{"422", "body.name: must not be empty", "body.card: is required, or cardUrl to fetch it from"}},
		{"unknown-fields", body("a", `,"trust":1000,"Name":"b"`), []string{
			"422", "body.trust: is not a field of a registration", "body.Name: is not a field of a registration",
		}},
		{"everything-at-once", `{"name":5,"card":{"name":"x","supportedInterfaces":[{"url":"/a"}],"skills":[{"id":"a"},{"id":"b"},{}]},"dids":["did:key:z6",7],
			"owner":[],"capabilities":"read:*","ringCeiling":"1","effect":"root","skillEffects":{"z":1},"x":0}`, []string{
			"422",
			"body.name: must be a string",
			"body.dids[1]: must be a string",
			"body.owner: must be a string",
			"body.capabilities: must be an array of strings",
			"body.ringCeiling: must be an integer",
			"body.skillEffects.z: must be a string",
			"body.x: is not a field of a registration",
			"body.card.supportedInterfaces[0].protocolBinding: is required",
			"body.card.skills[2].id: is required",
			"body.dids[0]: must hold an Ed25519 public key; other key types are not accepted",
			"body.effect: must be read, write or admin",
		}},
		{"card-of-wrong-type", `{"name":"a","card":"x"}`, []string{"422", "body.card: must be a JSON object"}},
		{"null-unknown", body("a", `,"x":null`), []string{"422", "body.x: is not a field of a registration"}},
		{"evidence", body("a", `,"sidecarDids":["did:web:a.example",7],"spiffeIds":"x","subjects":[{"issuer":"i","name":"a"},{"issuer":1,"subject":"a"},[]],"requiredRing":9,"requiredTrust":"0"`), []string{
			"422",
			"body.sidecarDids[1]: must be a string",
			"body.spiffeIds: must be an array of strings",
			"body.subjects[0].name: is not a field of a subject",
			"body.subjects[1].issuer: must be a string",
			"body.subjects[2]: must be an object with issuer and subject",
			"body.requiredTrust: must be an integer",
			"body.sidecarDids[0]: must begin with did:key and a colon",
			"body.subjects[0].subject: must have 1 to 512 bytes and no control characters",
			"body.requiredRing: must be 0, 1, 2 or 3",
		}},
		{"subjects-of-wrong-type", body("a", `,"subjects":{}`), []string{"422", "body.subjects: must be an array of objects with issuer and subject"}},
		{"fractional-ring", body("a", `,"ringCeiling":1.0`), []string{"422", "body.ringCeiling: must be an integer"}},
		{"ring-out-of-range", body("a", `,"ringCeiling":4`), []string{"422", "body.ringCeiling: must be 0, 1, 2 or 3"}},
		{"mesh-without-key", body("a", `,"dids":["`+key(2).Mesh+`"]`), []string{
			"422", "body.dids[0]: needs the did:key it was minted from beside it: a did:mesh alone carries no key",
		}},
		{"unknown-skill", body("a", `,"skillEffects":{"nope":"read"}`), []string{"422", "body.skillEffects.nope: must name a skill of the card"}},
		{"card-and-url", body("a", `,"cardUrl":"http://cards.test/weather"`), []string{"422", "body.cardUrl: must be left out when card is given"}},
		{"url-without-card", `{"name":"a","cardUrl":"http://elsewhere.test"}`, []string{
			"422", "body.cardUrl: leads to no card: first problem", "body.cardUrl: leads to no card: second problem",
		}},
		{"name-taken", body("taken", ""), []string{"409", "body.name: is taken by another agent"}},
		{"did-taken", body("a", `,"dids":["`+key(2).DID+`","`+key(1).DID+`"]`), []string{"409", "body.dids[1]: belongs to another agent"}},
		{"too-large", body("a", `,"owner":"`+strings.Repeat("a", 512<<10)+`"`), []string{"413"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := f.do(t, request{method: "POST", path: "/v1/agents", body: test.body})
			same(t, "problems", test.want, refusals(t, answer))
		})
	}
}

// TestRegisterEvidence holds that everything by which an agent may be known comes back as it was registered.
func TestRegisterEvidence(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(t, body("weather", `,"dids":["`+key(1).DID+`","did:web:agents.example.com%3A8443:weather"],"sidecarDids":["`+key(2).DID+`"],
		"spiffeIds":["spiffe://example.org/weather"],"subjects":[{"issuer":"https://issuer.example","subject":"weather"}],
		"requiredRing":1,"requiredTrust":700`))
	var got struct {
		DIDs, SidecarDIDs, SpiffeIDs []string
		Subjects                     []map[string]string
		RequiredRing, RequiredTrust  int
	}
	answer := content(t, f.do(t, request{method: "GET", path: "/v1/agents/weather"}))
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatal(err)
	}
	same(t, "dids", []string{key(1).DID, key(1).Mesh, "did:web:agents.example.com%3A8443:weather"}, got.DIDs)
	same(t, "sidecars", []string{key(2).DID}, got.SidecarDIDs)
	same(t, "workloads", []string{"spiffe://example.org/weather"}, got.SpiffeIDs)
	same(t, "subjects", []map[string]string{{"issuer": "https://issuer.example", "subject": "weather"}}, got.Subjects)
	same(t, "requirements", []int{1, 700}, []int{got.RequiredRing, got.RequiredTrust})
	taken := f.do(t, request{method: "POST", path: "/v1/agents", body: body("other", `,"dids":["did:web:agents.example.com%3A8443:weather","`+key(2).DID+`"],
		"sidecarDids":["`+key(1).DID+`"],"spiffeIds":["spiffe://example.org/weather"],"subjects":[{"issuer":"https://issuer.example","subject":"weather"}]`)})
	same(t, "conflicts", []string{
		"409", "body.dids[0]: belongs to another agent", "body.dids[1]: belongs to another agent", "body.sidecarDids[0]: belongs to another agent",
		"body.spiffeIds[0]: belongs to another agent", "body.subjects[0]: belongs to another agent",
	}, refusals(t, taken))
}

func TestRegisterByURL(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(t, `{"name":"a","cardUrl":"http://cards.test/weather"}`)
	got := content(t, f.do(t, request{method: "GET", path: "/v1/agents/a"}))
	if !strings.Contains(got, `"cardUrl":"http://cards.test/weather"`) || !strings.Contains(got, card) {
		t.Errorf("%s", got)
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i, kind := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"} {
		answer := f.do(t, request{"POST", "/v1/agents", body(fmt.Sprint("a", i), ""), map[string]string{"Content-Type": kind}})
		same(t, kind, http.StatusCreated, answer.StatusCode)
	}
	for _, kind := range []string{"", "text/plain", "application/xml", "application/json; charset=latin1", "application/a2a+json", "garbage/"} {
		answer := f.do(t, request{"POST", "/v1/agents", body("b", ""), map[string]string{"Content-Type": kind}})
		same(t, kind, http.StatusUnsupportedMediaType, answer.StatusCode)
		refusals(t, answer)
	}
	answer := f.do(t, request{"POST", "/v1/agents", body("b", ""), map[string]string{"Content-Encoding": "gzip"}})
	same(t, "gzip", []string{"415", "header.Content-Encoding: must be left out"}, refusals(t, answer))
}

func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	old := f.register(t, body("a", ""))
	replaced := f.do(t, request{"PUT", "/v1/agents/a", `{"card":` + card + `,"owner":"new"}`, map[string]string{"If-Match": old}})
	same(t, "replace", http.StatusOK, replaced.StatusCode)
	present := replaced.Header.Get("ETag")
	changed := []string{"412", "header.If-Match: is not the agent's present ETag"}
	absent := []string{"404", "path.name: names no registered agent"}
	tests := []struct {
		name, method, path, body, field, value string
		status                                 int
		problem                                []string
	}{
		{"get-none-match-present", "GET", "/v1/agents/a", "", "If-None-Match", present, 304, nil},
		{"get-none-match-weak", "GET", "/v1/agents/a", "", "If-None-Match", "W/" + present, 304, nil},
		{"get-none-match-any", "GET", "/v1/agents/a", "", "If-None-Match", "*", 304, nil},
		{"get-none-match-list", "GET", "/v1/agents/a", "", "If-None-Match", old + ", " + present, 304, nil},
		{"get-none-match-old", "GET", "/v1/agents/a", "", "If-None-Match", old, 200, nil},
		{"put-stale", "PUT", "/v1/agents/a", body("a", ""), "If-Match", old, 412, changed},
		{"put-weak", "PUT", "/v1/agents/a", body("a", ""), "If-Match", "W/" + present, 412, changed},
		{"put-garbage", "PUT", "/v1/agents/a", body("a", ""), "If-Match", "x", 412, changed},
		{"delete-stale", "DELETE", "/v1/agents/a", "", "If-Match", old, 412, changed},
		{"delete-zero", "DELETE", "/v1/agents/b", "", "If-Match", `"0"`, 412, changed},
		{"put-unknown", "PUT", "/v1/agents/b", body("b", ""), "", "", 404, absent},
		{"put-malformed-name", "PUT", "/v1/agents/B", body("b", ""), "", "", 404, absent},
		{"put-renames", "PUT", "/v1/agents/a", body("b", ""), "", "", 422, []string{"422", "body.name: must be the name in the path: agents are not renamed"}},
		{"get-unknown", "GET", "/v1/agents/b", "", "", "", 404, absent},
		{"get-escaped-slash", "GET", "/v1/agents/a%2Fb", "", "", "", 404, absent},
		{"delete-unknown", "DELETE", "/v1/agents/b", "", "", "", 404, absent},
		{"delete-malformed-name", "DELETE", "/v1/agents/-", "", "", "", 404, absent},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header := map[string]string{}
			if test.field != "" {
				header[test.field] = test.value
			}
			answer := f.do(t, request{test.method, test.path, test.body, header})
			same(t, "status", test.status, answer.StatusCode)
			if test.problem != nil {
				same(t, "problem", test.problem, refusals(t, answer))
			}
			if test.status == 304 {
				same(t, "etag", present, answer.Header.Get("ETag"))
				same(t, "body", "", content(t, answer))
			}
		})
	}
	list := map[string]string{"If-Match": `"9999", ` + present}
	same(t, "put with a list", http.StatusOK, f.do(t, request{"PUT", "/v1/agents/a", body("a", ""), list}).StatusCode)
	same(t, "put on any", http.StatusOK, f.do(t, request{"PUT", "/v1/agents/a", body("a", ""), map[string]string{"If-Match": "*"}}).StatusCode)
	same(t, "put at will", http.StatusOK, f.do(t, request{method: "PUT", path: "/v1/agents/a", body: body("a", "")}).StatusCode)
	last := f.do(t, request{method: "GET", path: "/v1/agents/a"}).Header.Get("ETag")
	deleted := f.do(t, request{"DELETE", "/v1/agents/a", "", map[string]string{"If-Match": last}})
	same(t, "delete", http.StatusNoContent, deleted.StatusCode)
	same(t, "delete has no body", "", content(t, deleted))
	same(t, "gone", http.StatusNotFound, f.do(t, request{method: "GET", path: "/v1/agents/a"}).StatusCode)
}

func TestList(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range 7 {
		f.register(t, body(fmt.Sprint("agent-", i), ""))
	}
	f.register(t, `{"name":"other","card":{"name":"o","url":"http://h","skills":[{"id":"s","tags":["weather"]},{"id":"t"}]}}`)
	page := func(query string) (names, next string) {
		t.Helper()
		var got struct {
			Agents        []struct{ Name, MeshURL string }
			NextPageToken *string
		}
		answer := content(t, f.do(t, request{method: "GET", path: "/v1/agents" + query}))
		if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Agents == nil || got.NextPageToken == nil {
			t.Fatalf("%v in %s", err, answer)
		}
		for _, a := range got.Agents {
			names += strings.TrimPrefix(a.Name, "agent-") + " "
		}
		return names, *got.NextPageToken
	}
	tests := map[string]string{
		"": "0 1 2 3 4 5 6 other ", "?skill=forecast": "0 1 2 3 4 5 6 ", "?skill=s": "other ", "?tag=weather": "0 1 2 3 4 5 6 other ", "?tag=eu&skill=forecast": "0 1 2 3 4 5 6 ",
		"?tag=eu&skill=s": "", "?skill=Forecast": "", "?tag=": "0 1 2 3 4 5 6 other ",
	}
	for query, want := range tests {
		names, next := page(query)
		same(t, query, want, names)
		same(t, query+" next", "", next)
	}
	all, token, pages := "", "", 0
	for ok := true; ok; ok = token != "" {
		names, next := page("?pageSize=3&tag=weather&pageToken=" + token)
		all, token, pages = all+names, next, pages+1
	}
	same(t, "pages", "0 1 2 3 4 5 6 other in 3", fmt.Sprintf("%sin %d", all, pages))
	_, token = page("?pageSize=3")
	same(t, "delete", http.StatusNoContent, f.do(t, request{method: "DELETE", path: "/v1/agents/agent-2"}).StatusCode)
	names, _ := page("?pageSize=2&pageToken=" + token)
	same(t, "the page after an agent that is gone", "3 4 ", names)
	refused := map[string][]string{
		"?pageSize=0":      {"422", "query.pageSize: expected number >= 1"},
		"?pageSize=501":    {"422", "query.pageSize: expected number <= 500"},
		"?pageSize=x":      {"422", "query.pageSize: invalid integer"},
		"?pageToken=%21":   {"422", "query.pageToken: must be the nextPageToken of another page"},
		"?pageToken=QQ":    {"422", "query.pageToken: must be the nextPageToken of another page"},
		"?limit=3":         {"422", "query.limit: unknown query parameter"},
		"?skill=a&skill=b": {"422", "query.skill: must be given once"},
		"?skill=%zz":       {"422", "query: is not a valid query string"},
		"?skill=a;tag=b":   {"422", "query: is not a valid query string"},
	}
	for query, want := range refused {
		same(t, query, want, refusals(t, f.do(t, request{method: "GET", path: "/v1/agents" + query})))
	}
}

func TestStoreFailureIs503(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(t, body("a", ""))
	f.bucket.faulty.Store(true)
	for _, r := range []request{
		{method: "POST", path: "/v1/agents", body: body("b", "")},
		{method: "PUT", path: "/v1/agents/a", body: body("a", "")},
		{method: "DELETE", path: "/v1/agents/a"},
	} {
		answer := f.do(t, r)
		same(t, r.method, []string{"503"}, refusals(t, answer))
		if answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", r.method)
		}
	}
	same(t, "reading goes on", http.StatusOK, f.do(t, request{method: "GET", path: "/v1/agents/a"}).StatusCode)
}

// FuzzRegister holds that no body is a failure of this side, and that every refusal says why.
func FuzzRegister(f *testing.F) {
	fixture := newFixture(f)
	f.Add([]byte(body("a", `,"dids":["`+key(1).DID+`"],"owner":"o","capabilities":["read:*"],"ringCeiling":2,"effect":"read","skillEffects":{"forecast":"write"}`)))
	f.Add([]byte(`{"name":"a","cardUrl":"http://cards.test/weather"}`))
	f.Add([]byte(`{"name":"a","card":{"name":"o","url":"http://h","protocolVersion":"0.3.0","skills":[{"id":"s"}]},"dids":[]}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/v1/agents", strings.NewReader(string(body)))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		fixture.handler.ServeHTTP(recorder, r)
		answer := recorder.Result()
		if answer.StatusCode == http.StatusCreated {
			if _, ok := fixture.registry.Snapshot().Agent(nameOf(t, answer)); !ok {
				t.Fatalf("acknowledged, but not in the snapshot: %s", body)
			}
			if gone := fixture.do(t, request{method: "DELETE", path: answer.Header.Get("Location")}); gone.StatusCode != http.StatusNoContent {
				t.Fatalf("deleting: %d", gone.StatusCode)
			}
			return
		}
		if answer.StatusCode >= 500 {
			t.Fatalf("status %d for %q", answer.StatusCode, body)
		}
		if lines := refusals(t, answer); len(lines) < 2 && answer.StatusCode != 413 && len(body) > 0 {
			t.Fatalf("a refusal without a reason: %v for %q", lines, body)
		}
	})
}
