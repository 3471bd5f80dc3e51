package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/audit"
)

// policyFile writes a file into a new directory and returns its path.
func policyFile(t *testing.T, name, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// columns is what stands between them: how much depends on the name of a directory.
var columns = regexp.MustCompile(` {2,}`)

func TestPolicyCommands(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	file := policyFile(t, "guard.yaml", "# what follows is the second document\n---\n"+guard)
	run := func(args ...string) (string, error) { return execute(t, policyCommand(), append(args, r.flags...)...) }
	want := func(name, expected string, args ...string) {
		t.Helper()
		out, err := run(args...)
		out = strings.ReplaceAll(strings.ReplaceAll(out, r.dir, "DIR"), r.book.Image().Epoch(), "EPOCH")
		expected, out = columns.ReplaceAllString(expected, "  "), columns.ReplaceAllString(out, "  ")
		if diff := cmp.Diff(expected, out); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", name, err, diff)
		}
	}
	want("dry-run", `POLICY  PARTY   MODE     RESULT             VERSION  FLIPS
guard   callee  enforce  created (dry run)  1        2 of 3
`, "apply", "-f", file, "--dry-run")
	want("apply", `POLICY  PARTY   MODE     RESULT   VERSION  FLIPS
guard   callee  enforce  created  1        -
`, "apply", "-f", file, "--by", "Ada")
	want("apply-again", `POLICY  PARTY   MODE     RESULT     VERSION  FLIPS
guard   callee  enforce  unchanged  1        -
`, "apply", "-f", file)
	want("list", `POLICY  PARTY         MODE     RULES  STATE  FROM              BY   AT
filed   organisation  enforce  1      live   DIR/filed.yaml:1  -    -
guard   callee        enforce  1      live   api, version 1    Ada  2026-07-01T12:00:00Z

2 policies are in force since 2026-07-01T12:00:00Z, epoch EPOCH
`, "list")
	want("get", "---\n"+guard, "get", "guard")
	want("explain", `deny by callee guard rules[0] require_ring (policy-ring-too-low), at epoch EPOCH

PARTY         SAYS   POLICIES  CLOSED BY
caller        allow  0         - (open)
gateway       allow  0         - (open)
callee        deny   1         - (open)
organisation  allow  1         - (open)

RULE                         AT                KIND          MODE     RESULT   WHY
callee guard rules[0]        policies/guard:11  require_ring  enforce  matched  -
organisation filed rules[0]  DIR/filed.yaml:7  max_body      enforce  unmatched  max_body: context.bytes > 1024
`, "explain", "--from", "concierge", "--ring", "2", "ledger")
	out, err := run("show")
	if err != nil || !strings.Contains(out, "context.ring") {
		t.Errorf("show: %v\n%s", err, out)
	}
	if out, err := run("delete", "guard", "--etag", `"99"`); err == nil || !strings.Contains(err.Error(), "412") {
		t.Errorf("deleting what was: %q, %v", out, err)
	}
	want("diff-remove", `DECISION  AT                    CALL                             TURN           OLD RULE                                                  NEW RULE
d-2       2026-07-01T12:00:00Z  concierge to ledger SendMessage  deny -> allow  callee guard rules[0] require_ring (policy-ring-too-low)  no rule speaks of it
d-0       2026-07-01T12:00:00Z  concierge to ledger SendMessage  deny -> allow  callee guard rules[0] require_ring (policy-ring-too-low)  no rule speaks of it
deny -> allow: 2
3 decisions compared: 2 turn, 0 stay by another rule; 1 other does not tell what policies were asked
`, "diff", "--remove", "guard")
	out, err = run("get", "guard", "-o", "json")
	var held struct{ ETag string }
	if err != nil || json.Unmarshal([]byte(out), &held) != nil || held.ETag == "" {
		t.Fatalf("get: %v\n%s", err, out)
	}
	want("delete-without-quotes", "", "delete", "guard", "--etag", strings.Trim(held.ETag, `"`))
	if _, err := run("get", "guard"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("getting what is gone: %v", err)
	}
}

// TestPolicyApplyIsRefusedWhole holds that nothing is written when one document is refused, and that problems have the
// lines of the file.
func TestPolicyApplyIsRefusedWhole(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	bad := strings.Replace(strings.Replace(guard, "[ledger]", "[nobody]", 1), "name: guard", "name: bad", 1)
	file := policyFile(t, "both.yaml", guard+"---\n"+bad)
	out, err := execute(t, policyCommand(), append([]string{"apply", "-f", file}, r.flags...)...)
	if err == nil || !strings.Contains(err.Error(), file+":23: ") || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("%q, %v", out, err)
	}
	if n := len(r.book.Entries()); n != 1 {
		t.Errorf("%d policies are held", n)
	}
	if _, err := execute(t, policyCommand(), append([]string{"apply", "-f", file, "--etag", `"1"`}, r.flags...)...); exitCode(err) != 2 {
		t.Errorf("one ETag for two: %v", err)
	}
}

// TestPolicyExplainsDecisions takes recorded decisions.
func TestPolicyExplainsDecisions(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	run := func(args ...string) (string, error) { return execute(t, policyCommand(), append(args, r.flags...)...) }
	out, err := run("explain", "--decision", "d-0", "-o", "json")
	_, document, _ := strings.Cut(out, "decided then: allow, at epoch -\n")
	var got policyExplained
	if json.Unmarshal([]byte(document), &got) != nil || err != nil || got.Call.Ring.Number() != 2 || got.Call.CallerOwner != "team a" || got.Decided.Decision != "allow" {
		t.Errorf("%v\n%s", err, out)
	}
	for _, test := range []struct{ name, want string }{{"d-early", "policies were not asked"}, {"d-none", "404"}} {
		if _, err := run("explain", "--decision", test.name); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	for _, args := range [][]string{{"explain"}, {"explain", "ledger", "--decision", "d-0"}, {"diff"}, {"list", "-o", "xml"}, {"get", "filed", "-o", "table"}} {
		if _, err := run(args...); exitCode(err) != 2 {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestPolicyTestCommand(t *testing.T) {
	t.Setenv("RINGFENCE_API", "")
	failing := strings.Replace(guard, "decision: deny, rule: require_ring", "decision: allow", 1)
	run := func(data string, args ...string) (string, error) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "p.yaml"), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := execute(t, policyCommand(), append([]string{"test", dir}, args...)...)
		return strings.ReplaceAll(out, dir, "DIR"), err
	}
	agents := policyFile(t, "agents.yaml", "concierge: team a\nledger: team b\n")
	names := policyFile(t, "names.yaml", "- concierge\n")
	for _, test := range []struct {
		name, data, want string
		args             []string
		ok               bool
	}{
		{"passes", guard, "PASS  guard: ring 2 is refused\n1 policy, 1 test: 1 passed, 0 failed, 0 not run; 0 other problems\n", nil, true},
		{"passes-with-agents", guard, "PASS  guard: ring 2 is refused\n1 policy, 1 test: 1 passed, 0 failed, 0 not run; 0 other problems\n", []string{"--agents", agents}, true},
		{"fails", failing, `FAIL  guard: ring 2 is refused
      DIR/p.yaml:12: expected allow, but the document says deny by require_ring
1 policy, 1 test: 0 passed, 1 failed, 0 not run; 0 other problems
`, nil, false},
		{"unknown-agent", guard, `SKIP  guard: ring 2 is refused
DIR/p.yaml:8: no agent "ledger" is registered
1 policy, 1 test: 0 passed, 0 failed, 1 not run; 1 other problem
`, []string{"--agents", names}, false},
		{"twice", guard + "---\n" + guard, "", nil, false},
	} {
		out, err := run(test.data, test.args...)
		if diff := cmp.Diff(test.want, out); (err == nil) != test.ok || test.want != "" && diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", test.name, err, diff)
		}
	}
	if _, err := run(guard, "--agents", policyFile(t, "bad.yaml", "7")); err == nil {
		t.Error("a number is taken for agents")
	}
	r := newRuled(t)
	if out, err := run(guard, r.flags...); err != nil || !strings.HasPrefix(out, "PASS") {
		t.Errorf("with the agents of a mesh: %q, %v", out, err)
	}
	if out, err := run(strings.Replace(guard, "[ledger]", "[nobody]", 1), r.flags...); err == nil || !strings.Contains(out, `no agent "nobody"`) {
		t.Errorf("with an agent that the mesh has not: %q, %v", out, err)
	}
	out, err := run(failing, "-o", "json")
	var report policyReport
	if json.Unmarshal([]byte(out), &report) != nil || err == nil || report.OK || report.Tests[0].Result != "fail" {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPolicyDiffOfALog compares a decision log, with the policies in force and with those of files.
func TestPolicyDiffOfALog(t *testing.T) {
	t.Parallel()
	r := newRuled(t)
	var log strings.Builder
	encoder := json.NewEncoder(&log)
	for _, record := range r.trail.Latest(10) {
		if err := encoder.Encode(record); err != nil {
			t.Fatal(err)
		}
	}
	answer := audit.Record{ID: "d-0", Phase: audit.AnswerPhase}
	if err := encoder.Encode(answer); err != nil {
		t.Fatal(err)
	}
	decisions := policyFile(t, "decisions.jsonl", log.String()+`{"id":"half`)
	change := policyFile(t, "guard.yaml", guard)
	const summary = "allow -> deny: 2\n3 decisions compared: 2 turn, 0 stay by another rule; 2 others do not tell what policies were asked\n"
	for name, args := range map[string][]string{
		"mesh":      r.flags,
		"files":     {"--base", filepath.Join(r.dir, "filed.yaml")},
		"all-files": {"--base", filepath.Join(r.dir, "filed.yaml"), "--all", "--verbose"},
	} {
		out, err := execute(t, policyCommand(), append([]string{"diff", change, "--decisions", decisions}, args...)...)
		if err != nil || !strings.HasSuffix(out, summary) || strings.Count(out, "allow -> deny") != 3 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if _, err := execute(t, policyCommand(), append([]string{"diff", change, "--fail"}, r.flags...)...); err == nil || exitCode(err) != 1 {
		t.Errorf("--fail ends with %v", err)
	}
	out, err := execute(t, policyCommand(), append([]string{"diff", change, "--all", "-o", "json"}, r.flags...)...)
	var found policyComparison
	if json.Unmarshal([]byte(out), &found) != nil || err != nil || found.Flipped != 2 {
		t.Errorf("%v\n%s", err, out)
	}
	// With --all, what is not in the paths is gone.
	if status, _, body := r.ask(t, "PUT", "/v1/policies/guard", guard); status != 201 {
		t.Fatalf("%d: %s", status, body)
	}
	other := policyFile(t, "other.yaml", strings.Replace(filed, "name: filed", "name: other", 1))
	for name, args := range map[string][]string{
		"there": r.flags, "here": {"--base", change, "--decisions", decisions},
	} {
		for all, want := range map[string]int{"--all=true": 2, "--all=false": 0} {
			out, err := execute(t, policyCommand(), append([]string{"diff", other, all, "-o", "json"}, args...)...)
			if json.Unmarshal([]byte(out), &found) != nil || err != nil || found.Flipped != want {
				t.Errorf("%s with %s: %v\n%s", name, all, err, out)
			}
		}
	}
	broken := policyFile(t, "broken.jsonl", "{}\nno record\n")
	if _, err := execute(t, policyCommand(), append([]string{"diff", change, "--decisions", broken}, r.flags...)...); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a broken log: %v", err)
	}
}

// TestPolicyListSaysWhatIsRefused holds that what is refused, and what decides meanwhile, cannot be overlooked.
func TestPolicyListSaysWhatIsRefused(t *testing.T) {
	t.Parallel()
	status := policyStatus{Live: true, Documents: 1, Epoch: "e", Since: &ruledAt, Problems: []policyProblem{{File: "a.yaml", Line: 3, Reason: "it is wrong"}}, Warnings: []policyProblem{{Reason: "old"}}}
	for _, test := range []struct {
		live, current bool
		want          string
	}{
		{true, true, "1 policy is in force since 2026-07-01T12:00:00Z, epoch e\n"},
		{true, false, "1 older policy is in force since 2026-07-01T12:00:00Z, epoch e; what is held now is refused\n"},
		{false, false, "no policies are in force, and every call is denied\n"},
	} {
		status.Live, status.Current = test.live, test.current
		var out strings.Builder
		if err := status.print(&out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("refused: a.yaml:3: it is wrong\nwarning: old\n"+test.want, out.String()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// TestPolicyTestOfNothing has a wrong path not pass for policies that are fine.
func TestPolicyTestOfNothing(t *testing.T) {
	t.Parallel()
	if _, err := execute(t, policyCommand(), "test", t.TempDir()); err == nil || !strings.Contains(err.Error(), "no policies") {
		t.Errorf("an empty directory: %v", err)
	}
}
