package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/rulebook"
	"ringfence.dev/ringfence/internal/store"
)

// ruled serves the API about policies of a mesh with the agents concierge and ledger, whose directory has one policy.
type ruled struct {
	flags  []string
	dir    string
	book   *rulebook.Book
	trail  *audit.Trail
	memory *store.Memory
}

var ruledAt = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// guard is a document that lets nobody but privileged callers write to the ledger.
const guard = `apiVersion: ringfence.dev/v1
kind: Policy
metadata:
  name: guard
spec:
  party: callee
  targets:
    agents: [ledger]
  rules:
    - require_ring: {ring: 1}
tests:
  - name: ring 2 is refused
    call: {caller: concierge, callee: ledger, ring: 2}
    expect: {decision: deny, rule: require_ring}
`

const filed = `apiVersion: ringfence.dev/v1
kind: Policy
metadata: {name: filed}
spec:
  party: organisation
  rules:
    - max_body: {bytes: 1KiB}
`

func newRuled(t *testing.T) *ruled {
	t.Helper()
	r := &ruled{dir: t.TempDir(), memory: store.NewMemory(time.Now)}
	t.Cleanup(func() { r.memory.Close() })
	bucket, err := r.memory.Bucket(t.Context(), rulebook.BucketName)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "filed.yaml"), []byte(filed), 0o600); err != nil {
		t.Fatal(err)
	}
	agents := rulebook.NamedAgents{"concierge": "team a", "ledger": "team b"}
	now := func() time.Time { return ruledAt }
	r.book, err = rulebook.Open(t.Context(), rulebook.Config{
		Dir: r.dir, Bucket: bucket, Agents: func() policy.Agents { return agents }, Now: now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.book.Close)
	r.trail = audit.NewTrail(audit.TrailConfig{Out: io.Discard, Recent: 10, Queue: 10, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { r.trail.Close() })
	for i, ring := range []agent.Ring{agent.User, agent.Supervisor, agent.Untrusted} {
		r.trail.Record(audit.Record{
			ID: fmt.Sprint("d-", i), Time: ruledAt, Caller: "concierge", Assurance: "agent", Ring: ring, Trust: 500, Callee: "ledger",
			Method: "SendMessage", Effect: "write", Decision: "allow", Call: &audit.PolicyCall{CallerOwner: "team a", CalleeOwner: "team b", Origin: "concierge"},
		})
	}
	r.trail.Record(audit.Record{ID: "d-early", Time: ruledAt, Decision: "deny", Factor: "identity", Reason: "signature-invalid"})
	mux := http.NewServeMux()
	api := bareAPI(mux)
	policyReview{book: r.book, recorded: r.trail.Latest, now: now, logger: slog.New(slog.DiscardHandler)}.register(api)
	inspection{trail: r.trail}.register(api)
	mux.HandleFunc("GET /v1/agents", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"agents":[{"name":"concierge","owner":"team a"},{"name":"ledger","owner":"team b"}]}`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r.flags = []string{"--api", server.URL, "--token", "t"}
	return r
}

// ask sends a request and returns status, ETag and body.
func (r *ruled) ask(t *testing.T, method, path, body string, fields ...string) (status int, tag, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.flags[1]+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", yamlType)
	for i := 0; i < len(fields); i += 2 {
		request.Header.Set(fields[i], fields[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("ETag"), string(data)
}

func TestPolicyConditions(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	const path = "/v1/policies/guard"
	other := strings.Replace(guard, "ring: 1}", "ring: 0}", 1)
	put := func(name, text string, want int, fields ...string) string {
		t.Helper()
		status, tag, body := r.ask(t, http.MethodPut, path, text, fields...)
		if status != want {
			t.Fatalf("%s: %d, want %d: %s", name, status, want, body)
		}
		return tag
	}
	put("match-none-there", guard, 412, "If-Match", "*")
	first := put("create", guard, 201, "If-None-Match", "*")
	put("create-again", guard, 412, "If-None-Match", "*")
	put("the-same", guard, 200)
	put("weak-tag", other, 412, "If-Match", "W/"+first)
	second := put("replace", other, 200, "If-Match", `"7777", `+first)
	put("replace-what-was", guard, 412, "If-Match", first)
	put("odd-none-match", guard, 400, "If-None-Match", first)
	if status, tag, body := r.ask(t, http.MethodGet, path, "", "Accept", yamlType); status != 200 || body != other || tag != second {
		t.Errorf("%d %s\n%s", status, tag, body)
	}
	if status, tag, _ := r.ask(t, http.MethodGet, path, "", "If-None-Match", "W/"+second); status != 304 || tag != second {
		t.Errorf("%d %s", status, tag)
	}
	if status, _, _ := r.ask(t, http.MethodDelete, path, "", "If-Match", first); status != 412 {
		t.Errorf("deleting what was: %d", status)
	}
	if status, _, body := r.ask(t, http.MethodDelete, path, "", "If-Match", second); status != 204 {
		t.Errorf("deleting: %d %s", status, body)
	}
	if status, _, _ := r.ask(t, http.MethodDelete, path, ""); status != 404 {
		t.Errorf("deleting again: %d", status)
	}
}

func TestPolicyRefusals(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	for _, test := range []struct {
		name, method, path, body, media string
		status                          int
		says                            []string
	}{
		{"unknown-field", "PUT", "/v1/policies/guard", strings.Replace(guard, "rules:", "rulez:", 1), yamlType, 422, []string{`"location":"line 9"`}},
		{"unknown-agent", "PUT", "/v1/policies/guard", strings.Replace(guard, "[ledger]", "[nobody]", 1), yamlType, 422, []string{`"location":"line 8"`, "nobody"}},
		{"failing-test", "PUT", "/v1/policies/guard", strings.Replace(guard, "decision: deny, rule: require_ring", "decision: allow", 1), yamlType, 422, []string{`"location":"line 12"`, "ring 2 is refused"}},
		{"no-document", "PUT", "/v1/policies/guard", "", yamlType, 400, nil},
		{"other-name", "PUT", "/v1/policies/other", guard, yamlType, 422, []string{"guard"}},
		{"bad-name", "PUT", "/v1/policies/Not_One", guard, yamlType, 422, []string{"lower-case"}},
		{"taken-name", "PUT", "/v1/policies/schema", guard, yamlType, 422, []string{"path.name"}},
		{"in-a-file", "PUT", "/v1/policies/filed", filed, yamlType, 409, []string{"policy directory"}},
		{"delete-in-a-file", "DELETE", "/v1/policies/filed", "", yamlType, 409, []string{"policy directory"}},
		{"other-type", "PUT", "/v1/policies/guard", guard, "text/plain", 415, []string{"header.Content-Type"}},
		{"other-charset", "PUT", "/v1/policies/guard", guard, yamlType + "; charset=latin1", 415, nil},
		{"no-json", "PUT", "/v1/policies/guard", `{"a":1,"a":2}`, jsonType, 422, []string{"more than once"}},
		{"long-name-of-a-person", "PUT", "/v1/policies/guard?by=" + strings.Repeat("x", 300), guard, yamlType, 422, []string{"query.by"}},
		{"not-there", "GET", "/v1/policies/guard", "", yamlType, 404, nil},
		{"explain-nothing", "POST", "/v1/policies/explain", `{}`, jsonType, 422, []string{"callee"}},
		{"explain-other-effect", "POST", "/v1/policies/explain", `{"callee":"ledger","effect":"x"}`, jsonType, 422, []string{"body.effect"}},
		{"diff-refused", "POST", "/v1/policies/diff", strings.Replace(guard, "[ledger]", "[nobody]", 1), yamlType, 422, []string{`"location":"line 8"`}},
		{"diff-no-yaml", "POST", "/v1/policies/diff", "[", yamlType, 422, []string{`line 1`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, _, body := r.ask(t, test.method, test.path, test.body, "Content-Type", test.media)
			if status != test.status {
				t.Errorf("%d, want %d: %s", status, test.status, body)
			}
			for _, says := range test.says {
				if !strings.Contains(body, says) {
					t.Errorf("%s is not in %s", says, body)
				}
			}
		})
	}
	if n := len(r.book.Entries()); n != 1 {
		t.Errorf("%d policies are held", n)
	}
}

func TestPolicyAsJSON(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	document := `{"apiVersion":"ringfence.dev\/v1","kind":"Policy","metadata":{"name":"guard","description":"\u00fcber \ud83d\ude00"},
	"spec":{"party":"callee","rules":[{"forbid":{}}]}}`
	if status, _, body := r.ask(t, http.MethodPut, "/v1/policies/guard", document, "Content-Type", jsonType); status != 201 {
		t.Fatalf("%d: %s", status, body)
	}
	var got policyBody
	_, _, body := r.ask(t, http.MethodGet, "/v1/policies/guard", "")
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := policyBody{
		Name: "guard", Party: "callee", Mode: "enforce", Description: "über 😀", Rules: 1, State: "live", Source: "api", ETag: `"1"`, Version: 1,
		At: &ruledAt, Text: got.Text,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !json.Valid([]byte(got.Text)) {
		t.Errorf("kept as\n%s", got.Text)
	}
}

func TestPolicyDryRun(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	status, _, body := r.ask(t, http.MethodPut, "/v1/policies/guard?dryRun=true", guard)
	var got applied
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if status != 200 || !got.DryRun || !got.Created || !got.InForce || got.Epoch == r.book.Image().Epoch() || got.Policy.State != "waiting" {
		t.Errorf("%d: %+v", status, got)
	}
	if f := got.Flips; f == nil || f.Flipped != 2 || f.Compared != 3 || f.Untold != 1 || f.Flips[0].ID != "d-2" || f.Flips[0].New.String() != "callee guard rules[0] require_ring (policy-ring-too-low)" {
		t.Errorf("flips %+v", got.Flips)
	}
	if status, _, _ := r.ask(t, http.MethodGet, "/v1/policies/guard", ""); status != 404 {
		t.Errorf("after a dry run: %d", status)
	}
	if status, _, _ := r.ask(t, http.MethodGet, "/v1/policies/schema", ""); status != 200 {
		t.Errorf("schema: %d", status)
	}
}

func TestPolicyPages(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	for _, name := range []string{"a", "b", "z"} {
		if status, _, body := r.ask(t, http.MethodPut, "/v1/policies/"+name, strings.Replace(guard, "name: guard", "name: "+name, 1)); status != 201 {
			t.Fatalf("%d: %s", status, body)
		}
	}
	for _, query := range []string{"pageSize=2", "pageSize=2&inForce=true", "pageSize=4", "pageSize=500"} {
		var names []string
		for token := ""; ; {
			var page struct {
				policyListing
				NextPageToken string
			}
			_, _, body := r.ask(t, http.MethodGet, "/v1/policies?"+query+"&pageToken="+token, "")
			if err := json.Unmarshal([]byte(body), &page); err != nil {
				t.Fatal(err)
			}
			for _, p := range page.Policies {
				names = append(names, p.Name)
				if (p.Text != "") != strings.Contains(query, "inForce") {
					t.Errorf("%s: the text of %s is %q", query, p.Name, p.Text)
				}
			}
			if token = page.NextPageToken; token == "" {
				break
			}
		}
		if diff := cmp.Diff([]string{"a", "b", "filed", "z"}, names); diff != "" {
			t.Errorf("%s (-want +got)\n%s", query, diff)
		}
	}
}

func TestPoliciesWithoutAStore(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	if err := r.memory.Close(); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		if status, _, body := r.ask(t, method, "/v1/policies/guard", guard); status != 503 {
			t.Errorf("%s: %d: %s", method, status, body)
		}
	}
	if status, _, _ := r.ask(t, http.MethodGet, "/v1/policies", ""); status != 200 {
		t.Errorf("what is in force cannot be read: %d", status)
	}
}
