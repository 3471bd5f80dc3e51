package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/audit"
)

// TestPoliciesByAPI creates, tries, replaces and deletes a policy through the API, and looks at what calls come to.
func TestPoliciesByAPI(t *testing.T) {
	t.Parallel()
	m, anna, _, url := pair(t, "", steady, &taskAgent{})
	passes, refused := anna.answers(url, message("m", ""), http.StatusOK, `"result"`), anna.answers(url, message("m", ""), http.StatusOK, "POLICY_FORBIDS")
	eventually(t, "the agent is reached", passes)
	guard := document("guard", "callee", "targets: {agents: [callee]}", "forbid: {message: not here}")
	want := func(what string, status int, part string, got int, answer string) {
		t.Helper()
		if got != status || !strings.Contains(answer, part) {
			t.Errorf("%s: %d %s, not %d with %s", what, got, answer, status, part)
		}
	}
	holds := func(what string, condition func() error) {
		t.Helper()
		if err := condition(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}

	// A trial says what would come of it, and changes nothing.
	status, _, answer := m.policies(t, http.MethodPut, "/guard?dryRun=true", guard)
	want("a trial", http.StatusOK, `"dryRun":true`, status, answer)
	var tried struct {
		InForce bool
		Flips   struct{ Compared, Flipped int }
	}
	if err := json.Unmarshal([]byte(answer), &tried); err != nil || !tried.InForce || tried.Flips.Flipped == 0 || tried.Flips.Flipped > tried.Flips.Compared {
		t.Errorf("a trial says %s %v", answer, err)
	}
	holds("after a trial", passes)
	status, _, answer = m.policies(t, http.MethodGet, "/guard", "")
	want("after a trial", http.StatusNotFound, "", status, answer)

	// A write is in force when it is acknowledged.
	status, tag, answer := m.policies(t, http.MethodPut, "/guard", guard, "If-None-Match", "*")
	want("a new policy", http.StatusCreated, `"inForce":true`, status, answer)
	holds("after the write", refused)
	if _, said, err := anna.call(url, message("m", "")); err != nil || !strings.Contains(said, "not here") || !strings.Contains(said, `"party":"callee"`) || strings.Contains(said, "guard") {
		t.Errorf("the caller is told %s %v", said, err)
	}
	status, _, answer = m.policies(t, http.MethodPut, "/guard", guard, "If-None-Match", "*")
	want("one that is to be new", http.StatusPreconditionFailed, "", status, answer)
	status, same, answer := m.policies(t, http.MethodGet, "/guard", "", "Accept", "application/yaml")
	if status != http.StatusOK || same != tag || answer != guard {
		t.Errorf("the policy is read as %d %s %s, not %s %s", status, same, answer, tag, guard)
	}
	status, _, _ = m.policies(t, http.MethodGet, "/guard", "", "If-None-Match", tag)
	want("what is known already", http.StatusNotModified, "", status, "")

	// Whoever writes what somebody else has changed meanwhile is told.
	narrow := document("guard", "callee", "targets: {agents: [callee]}", "forbid: {methods: [CancelTask]}")
	status, newer, answer := m.policies(t, http.MethodPut, "/guard", narrow, "If-Match", tag)
	want("a replacement", http.StatusOK, `"version":2`, status, answer)
	holds("after the replacement", passes)
	status, _, answer = m.policies(t, http.MethodPut, "/guard", guard, "If-Match", tag)
	want("a late write", http.StatusPreconditionFailed, "", status, answer)
	status, _, answer = m.policies(t, http.MethodDelete, "/guard", "", "If-Match", tag)
	want("a late deletion", http.StatusPreconditionFailed, "", status, answer)
	holds("after late writes", anna.answers(url, rpc("CancelTask", `{"id":"x"}`), http.StatusOK, "POLICY_FORBIDS"))

	// What is refused names the line, and leaves everything as it is.
	for part, broken := range map[string]string{
		"nobody":          strings.Replace(guard, "[callee]", "[nobody]", 1),
		"whom":            strings.Replace(guard, "targets", "whom", 1),
		"what ring 3 may": document("guard", "callee", "targets: {agents: [callee]}\n  subjects: {rings: [2]}", "forbid"),
		"line 9":          guard + "    - rate_limit: {requests: 0}\n",
	} {
		status, _, answer = m.policies(t, http.MethodPut, "/guard", broken, "If-Match", newer)
		want("a broken policy", http.StatusUnprocessableEntity, `"location":"line `, status, answer)
		want("a broken policy", http.StatusUnprocessableEntity, part, status, answer)
	}
	holds("after broken policies", passes)
	status, _, answer = m.policies(t, http.MethodDelete, "/guard", "", "If-Match", newer)
	want("a deletion", http.StatusNoContent, "", status, answer)
	holds("after the deletion", anna.answers(url, rpc("CancelTask", `{"id":"x"}`), http.StatusOK, `"result"`))
	status, _, answer = m.policies(t, http.MethodGet, "", "")
	want("the list", http.StatusOK, `"policies":[]`, status, answer)
	r, err := http.NewRequest(http.MethodPut, m.ready.APIURL+"/v1/policies/guard", strings.NewReader(guard))
	if err != nil {
		t.Fatal(err)
	}
	if status, answer, err := exchange(r); err != nil || status != http.StatusUnauthorized {
		t.Errorf("a write without a token: %d %s %v", status, answer, err)
	}
}

// TestPoliciesInShadow has policies that only tell what they would do.
func TestPoliciesInShadow(t *testing.T) {
	t.Parallel()
	m, anna, _, url := pair(t, "", steady, &taskAgent{})
	eventually(t, "the agent is reached", anna.answers(url, message("m", ""), http.StatusOK, `"result"`))
	shadowed := func(name, rules string) string {
		return strings.Replace(document(name, "callee", "targets: {agents: [callee]}", rules), "  rules:", "  mode: shadow\n  rules:", 1)
	}
	m.put(t, "closing", shadowed("closing", "permit: {methods: [GetTask]}"))
	m.put(t, "strict", shadowed("strict", strings.Join([]string{
		"forbid: {actions: [delete]}", "require_approval: {actions: [pay], groups: [finance]}", "content: {classes: [prompt-injection], in: [request]}",
		"rate_limit: {requests: 1, per: 1h, burst: 1, actions: [often]}",
	}, "\n    - ")))
	declare := func(action, text string) string {
		return rpc("SendMessage", fmt.Sprintf(`{"message":{"messageId":"m","role":"ROLE_USER","metadata":{"https://ringfence.dev/ext/action/v1":{"action":%q}},"parts":[{"text":%q}]}}`, action, text))
	}
	type told struct{ Policy, Kind, Reason string }
	closing := told{"closing", "permit", "policy-permits-nothing"}
	for _, c := range []struct {
		action, text string
		want         []told
	}{
		{"report", "hello", []told{closing}},
		{"delete", "hello", []told{closing, {"strict", "forbid", "policy-forbids"}}},
		{"pay", "hello", []told{closing, {"strict", "require_approval", "approval-required"}}},
		{"read", injecting, []told{closing, {"strict", "content", "policy-content"}}},
		{"often", "hello", []told{closing}},
		{"often", "again", []told{closing, {"strict", "rate_limit", "policy-rate-exceeded"}}},
	} {
		if err := anna.answers(url, declare(c.action, c.text), http.StatusOK, `"result"`)(); err != nil {
			t.Errorf("%s: %v", c.action, err)
		}
		r := m.record(t, "the call", func(r audit.Record) bool { return r.Call != nil && r.Call.Action == c.action })
		var got []told
		for _, s := range r.Shadows {
			got = append(got, told{s.Policy, s.Kind, s.Reason})
		}
		if diff := cmp.Diff(c.want, got); diff != "" || r.Decision != "allow" {
			t.Errorf("%s %s: %s\n%s", c.action, c.text, r.Decision, diff)
		}
	}
	_, metrics, err := get(m.ready.APIURL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`ringfence_policy_shadow_total{policy="strict",reason="policy-forbids"} 1`,
		`ringfence_policy_shadow_total{policy="strict",reason="policy-rate-exceeded"} 1`,
		`ringfence_policy_shadow_total{policy="closing",reason="policy-permits-nothing"} 6`,
		`ringfence_policy_documents 2`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("no %s in\n%s", line, strings.Join(regexp.MustCompile(`(?m)^ringfence_policy.*$`).FindAllString(metrics, -1), "\n"))
		}
	}
}
