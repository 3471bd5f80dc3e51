package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/audit"
)

// pageCommand is a command of a page that stands alone on its line.
var pageCommand = regexp.MustCompile(`(?m)^    (ringfence .*?)(\s+#.*)?$`)

// commandsOf returns the commands of pages below docs, and fails unless they are those that are known.
func commandsOf(t *testing.T, known map[string]block, pages ...string) {
	t.Helper()
	seen := map[string]bool{}
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range pageCommand.FindAllStringSubmatch(string(text), -1) {
			if seen[found[1]] = true; known[found[1]].code == "" {
				t.Errorf("nobody runs %q of %s", found[1], page)
			}
		}
	}
	for command := range known {
		if !seen[command] {
			t.Errorf("no page has %q any more", command)
		}
	}
}

// TestPolicyCommands runs every command of the pages about policies, approvals and limits, with the policy of the first of
// them, against a mesh and what it has decided.
func TestPolicyCommands(t *testing.T) {
	t.Parallel()
	known := map[string]block{
		"ringfence identity new --out ada.pem": {code: "ringfence identity new --out ada.pem", want: "did:key:z6Mk"},
		"ringfence policy test DIR":            {code: "ringfence policy test DIR", want: "nothing is deleted"},
		"ringfence policy explain":             {code: `ringfence policy explain --decision "$DELETED"`, want: "decided then: allow\nno rule speaks of it"},
		"ringfence policy diff DIR":            {code: "ringfence policy diff DIR", want: "allow -> deny\nallow -> approve\n2 turn"},
		"ringfence policy schema":              {code: "ringfence policy schema | head -c 500", want: "ringfence.dev/v1"},
		"ringfence approvals list":             {code: "ringfence approvals list", want: "0/2…planner calls SendMessage of ledger to do \"transfer\""},
		"ringfence approvals show APPROVAL":    {code: `ringfence approvals show "$APPROVAL"`, want: "pending\n2 of finance, for callee policy ledger-guard"},
		"ringfence approvals approve APPROVAL --key ada.pem --reason 'see ticket 4711'": {
			code: `ringfence approvals approve "$APPROVAL" --key ada.pem --reason 'see ticket 4711'`, want: "1 approved\nada approve: see ticket 4711",
		},
		"ringfence approvals deny APPROVAL --key ada.pem": {code: `ringfence approvals deny "$APPROVAL" --key ada.pem`, want: "denied"},
	}
	commandsOf(t, known, "policies.md", "approvals.md", "limits.md")

	dir := t.TempDir()
	preamble := fmt.Sprintf("export PATH=%q:$PATH\n", bin)
	run := func(more string, commands ...string) {
		t.Helper()
		blocks := make([]block, len(commands))
		for i, command := range commands {
			if blocks[i] = known[command]; blocks[i].code == "" {
				blocks[i] = block{code: command}
			}
			blocks[i].line = i
		}
		play(t, dir, preamble+more, blocks)
	}
	run("", "ringfence identity new --out ada.pem")
	var ada struct{ DID string }
	if err := json.Unmarshal([]byte(ringfence(t, false, "identity", "show", filepath.Join(dir, "ada.pem"))), &ada); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "policies.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, _ = strings.Cut(text, "```\n")
	if err := os.Mkdir(filepath.Join(dir, "DIR"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "DIR", "guard.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	m := upWith(t, "up", "", steady+fmt.Sprintf("approvals: {approvers: [{name: ada, groups: [finance], key: %q}]}\n", ada.DID))
	preamble += fmt.Sprintf("export RINGFENCE_API=%q RINGFENCE_TOKEN=%q\n", m.ready.API, m.ready.Token)
	planner := newCaller(t)
	m.register(t, map[string]any{"name": "planner", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{planner.did}, "ringCeiling": 2, "owner": "team planner"})
	m.register(t, map[string]any{"name": "ledger", "card": jsonCard(echo(t)), "owner": "team ledger"})
	m.routed(t, "ledger")
	say := func(action, part string) (answer string) {
		t.Helper()
		body := rpc("SendMessage", fmt.Sprintf(`{"message":{"messageId":"m","role":"ROLE_USER","metadata":{"https://ringfence.dev/ext/action/v1":{"action":%q}},"parts":[{"text":"hello"}]}}`, action))
		status, answer, err := planner.call(m.ready.GatewayURL+"/agents/ledger", body)
		if err := mismatch(http.StatusOK, part)(status, answer, err); err != nil {
			t.Fatalf("%s: %v", action, err)
		}
		return answer
	}
	decided := func(action, decision string) string {
		return m.record(t, action, func(r audit.Record) bool { return r.Call != nil && r.Call.Action == action && r.Decision == decision }).ID
	}
	for _, action := range []string{"delete", "transfer", "report"} {
		say(action, `"done"`)
	}
	deleted := decided("delete", "allow")
	run("DELETED="+deleted+"\n", "ringfence policy test DIR", "ringfence policy explain", "ringfence policy diff DIR", "ringfence policy schema")

	// The other ways to say it.
	log := filepath.Join(m.dir, "state", "decisions.jsonl")
	known["diff-of-the-log"] = block{code: fmt.Sprintf("ringfence policy diff --decisions %q --fail DIR || echo it turns $?", log), want: "2 turn\nit turns 1"}
	known["apply-dry"] = block{code: "ringfence policy apply -f DIR --dry-run", want: "ledger-guard…created (dry run)…2 of "}
	known["apply"] = block{code: "ringfence policy apply -f DIR --by test", want: "ledger-guard…created"}
	known["list"] = block{code: "ringfence policy list", want: "ledger-guard…callee…enforce…live…api, version 1…test\n1 policy is in force"}
	known["show"] = block{code: "ringfence policy show", want: "forbid"}
	known["explain"] = block{
		code: "ringfence policy explain --from planner --ring 2 --trust 500 --action delete ledger",
		want: "deny by callee ledger-guard rules[3] forbid (policy-forbids)\ncallee ledger-guard rules[0]…require_assurance…unmatched\ncallee ledger-guard rules[3]…forbid…matched",
	}
	run("", "diff-of-the-log", "apply-dry", "apply", "list", "show", "explain")
	say("delete", "POLICY_FORBIDS")
	say("report", `"done"`)
	approval := waitsIn(t, say("transfer", "APPROVAL_REQUIRED"))
	known["explain-decision"] = block{
		code: fmt.Sprintf("ringfence policy explain --decision %s 2>&1", decided("delete", "deny")),
		want: "decided then: deny by policy (policy-forbids)\ndeny by callee ledger-guard rules[3] forbid",
	}
	known["diff-of-removing"] = block{code: "ringfence policy diff --remove ledger-guard", want: "deny -> allow\napprove -> allow"}
	run("", "explain-decision", "diff-of-removing")
	run("APPROVAL="+approval+"\n", "ringfence approvals list", "ringfence approvals show APPROVAL",
		"ringfence approvals approve APPROVAL --key ada.pem --reason 'see ticket 4711'", "ringfence approvals deny APPROVAL --key ada.pem")
	say("transfer", "APPROVAL_DENIED")
	known["delete"] = block{code: "ringfence policy delete ledger-guard && ringfence policy list", want: "0 policies are in force"}
	run("", "delete")
	say("delete", `"done"`)

	failing := strings.Replace(text, "expect: {decision: deny, rule: forbid}", "expect: {decision: allow}", 1)
	if err := os.WriteFile(filepath.Join(dir, "DIR", "guard.yaml"), []byte(failing), 0o600); err != nil {
		t.Fatal(err)
	}
	known["failing"] = block{code: "ringfence policy test DIR || echo refused $?", want: "FAIL…nothing is deleted\nDIR/guard.yaml:15: expected allow\nrefused 1"}
	known["failing-apply"] = block{code: "ringfence policy apply -f DIR 2>&1 || echo refused $?", want: "DIR/guard.yaml:\nnothing was written\nrefused 1"}
	run("", "failing", "failing-apply")
	say("delete", `"done"`)
}
