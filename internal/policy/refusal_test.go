package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// refusal is a text that Parse refuses, and what it says of it.
type refusal struct {
	name, text string
	want       []string
	// silent marks what a schema cannot say.
	silent bool
}

const head = "apiVersion: ringfence.dev/v1\nkind: Policy\nmetadata: {name: a}\n"

// spec returns a document with the rules, each in flow form at a line of its own, the first at line 7.
func spec(rules ...string) string {
	return head + "spec:\n  party: callee\n  rules:\n  - " + strings.Join(rules, "\n  - ") + "\n"
}

func withTargets(targets string, rules ...string) string {
	return spec(rules...) + "  targets: " + targets + "\n"
}

func withSubjects(subjects string) string {
	return spec("read_only") + "  subjects: " + subjects + "\n"
}

// withCall returns a document with one test, whose call stands at line 10.
func withCall(call string) string {
	return spec("read_only") + "tests:\n- name: t\n  call: " + call + "\n  expect: {decision: deny}\n"
}

// numbered returns the entries of a list of different agents.
func numbered(from, to int) string {
	var names []string
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf("a%d", i))
	}
	return strings.Join(names, ", ")
}

func refusals() []refusal {
	return slices.Concat(refusedTexts, refusedDocuments, refusedSelectors, refusedRules, refusedTests)
}

var refusedTexts = []refusal{
	{"no-yaml", "a: [", []string{":1: reading YAML"}, true},
	{"no-yaml-with-line", "a: b\nc: d: e\n", []string{":2: reading YAML: mapping values"}, true},
	{"not-utf-8", "a: \xff\n", []string{"not in UTF-8"}, true},
	{"utf-16", "\xff\xfea\x00", []string{"not in UTF-8"}, true},
	{"alias", "a: &x [y]\nb: *x\n", []string{":1: anchors are"}, true},
	{"merge-key", head + "spec: {<<: {party: callee}, rules: [read_only]}\n", []string{`:4: unknown field "<<"`, `"party" is needed`}, false},
	{"bomb", "a: &a [x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: [*c,*c,*c]\n", []string{":1: anchors are"}, true},
	{"dangling-alias", "a: *x\n", []string{":1: reading YAML: unknown anchor"}, true},
	{"cycle", "&a [*a]", []string{":1: anchors are"}, true},
	{"tag", strings.Replace(spec("read_only"), "read_only", "!!str read_only", 1), []string{":7: tags are"}, true},
	{"own-tag", strings.Replace(spec("read_only"), "callee", "!party callee", 1), []string{":5: tags are"}, true},
	{"binary", strings.Replace(spec("read_only"), "callee", "!!binary Y2FsbGVl", 1), []string{":5: tags are"}, true},
	{"ended-and-begun", spec("read_only") + "...\nx: y\n", []string{":9: reading YAML"}, true},
	{"tab", spec("read_only") + "\t- forbid\n", []string{":8: reading YAML: a line is indented with spaces alone"}, true},
	{"tab-before-a-key", head + "spec:\n  party: callee\n\trules: [read_only]\n", []string{":6: reading YAML: a line is indented with spaces alone"}, true},
	{"outdented", head + "spec:\n  party: callee\n rules: [read_only]\n", []string{":6: reading YAML: did not find expected key; look at"}, true},
	{"directive", "%YAML 1.2\n---\n" + spec("read_only"), []string{":1: reading YAML"}, true},
	{"scalar", "policy", []string{":1: a mapping of keys and values is needed"}, false},
	{"list", "- a", []string{":1: a mapping of keys and values is needed"}, false},
	{"too-large", spec("read_only") + "# " + strings.Repeat("x", MaxDocument), []string{":1: the document is larger"}, true},
	{"deep", strings.Repeat("[", 20000), []string{":1: reading YAML"}, true},
	{"twice-in-a-file", spec("read_only") + "---\n" + spec("read_only"), []string{`:9: the document "a" stands at line 1 already`}, true},
}

var refusedDocuments = []refusal{
	{"nothing", "{}", []string{`"apiVersion" is needed`, `"kind" is needed`, `"metadata" is needed`, `"spec" is needed`}, false},
	{"other-version", strings.Replace(spec("read_only"), "/v1", "/v2", 1), []string{":1: apiVersion must be ringfence.dev/v1"}, false},
	{"other-kind", strings.Replace(spec("read_only"), "Policy", "Pod", 1), []string{":2: kind must be Policy"}, false},
	{"unknown-field", spec("read_only") + "status: {}\n", []string{`:8: unknown field "status": there is apiVersion, kind, metadata, spec or tests`}, false},
	{"repeated-key", spec("read_only") + "kind: Policy\n", []string{`:8: the field "kind" is repeated`}, true},
	{"complex-key", spec("read_only") + "? [a]\n: b\n", []string{`:8: unknown field ""`}, false},
	{"number-as-key", spec("read_only") + "5: b\n", []string{`:8: unknown field "5"`}, false},
	{"no-name", strings.Replace(spec("read_only"), "name: a", "", 1), []string{`:3: the field "name" is needed`}, false},
	{"bad-name", strings.Replace(spec("read_only"), "name: a", "name: A_b", 1), []string{":3: a document's name must be lower-case letters"}, false},
	{"long-name", strings.Replace(spec("read_only"), "name: a", "name: "+strings.Repeat("a", 64), 1), []string{":3: a document's name must have at most 63"}, false},
	{"numeric-name", strings.Replace(spec("read_only"), "name: a", "name: 5", 1), []string{":3: a text is needed here; put 5 in quotes"}, false},
	{"null-name", strings.Replace(spec("read_only"), "name: a", "name: ", 1), []string{":3: a text is needed"}, false},
	{"long-description", strings.Replace(spec("read_only"), "name: a", "name: a, description: "+strings.Repeat("a", 2001), 1), []string{":3: at most 2000"}, false},
	{"labels", strings.Replace(spec("read_only"), "name: a", "name: a, labels: {}", 1), []string{`:3: unknown field "labels"`}, false},
	{"no-party", strings.Replace(spec("read_only"), "  party: callee\n", "", 1), []string{`:5: the field "party" is needed`}, false},
	{"unknown-party", strings.Replace(spec("read_only"), "callee", "server", 1), []string{`:5: party must be caller, gateway, callee or organisation, not "server"`}, false},
	{"unknown-mode", spec("read_only") + "  mode: audit\n", []string{`:8: mode must be enforce or shadow, not "audit"`}, false},
	{"mode-as-truth", spec("read_only") + "  mode: true\n", []string{":8: a text is needed here; put true in quotes"}, false},
	{"no-rules", head + "spec: {party: callee}\n", []string{`"rules" is needed`}, false},
	{"empty-rules", head + "spec: {party: callee, rules: []}\n", []string{":4: a document without rules says nothing"}, false},
	{"rules-as-mapping", head + "spec: {party: callee, rules: {read_only: {}}}\n", []string{":4: a list is needed"}, false},
	{"too-many-rules", head + "spec: {party: callee, rules: [" + strings.Repeat("read_only,", 101) + "]}\n", []string{":4: at most 100 entries"}, false},
	{
		"everything-at-once", strings.NewReplacer("name: a", "name: A", "callee", "x").Replace(spec("read_onyl", "max_body: 1GiB", "min_trust: 2000")),
		[]string{":3: a document's name must be", ":5: party must be", `:7: rule must be permit, forbid, read_only`, ":8: a size", ":9: must be from 1 to 1000, not 2000"},
		false,
	},
}

var refusedSelectors = []refusal{
	{"unknown-subject", withSubjects("{methods: [GetTask]}"), []string{`:8: unknown field "methods": there is agents, assurance, owners or rings`}, false},
	{"agents-as-text", withSubjects("{agents: planner}"), []string{":8: a list is needed"}, false},
	{"empty-agent", withSubjects(`{agents: [""]}`), []string{":8: a text is needed"}, false},
	{"no-agent", withSubjects("{agents: [Planner]}"), []string{`:8: "Planner" is no name of an agent`}, false},
	{"no-agent-glob", withSubjects(`{agents: ["team.*"]}`), []string{`:8: "team.*" matches no name of an agent`}, false},
	{"agent-glob-in-hyphens", withSubjects(`{agents: ["-*"]}`), []string{`:8: "-*" matches no name`}, false},
	{"long-agent", withSubjects("{agents: [" + strings.Repeat("a", 64) + "]}"), []string{":8: "}, false},
	{"two-stars", withSubjects(`{owners: ["a**"]}`), []string{`:8: "a**" has two *`}, false},
	{"many-stars", withSubjects(`{agents: ["a*b*c*d*e*f"]}`), []string{"more than 4 *"}, false},
	{"many-agents", withSubjects("{agents: [" + numbered(0, 1001) + "]}"), []string{":8: at most 1000 entries"}, false},
	{"many-entries", spec(slices.Repeat([]string{"forbid: {agents: [" + numbered(0, 900) + "]}"}, 5)...), []string{":11: the lists of a document have at most 4000"}, true},
	{"repeated-agent", withSubjects("{agents: [a, b, a]}"), []string{`:8: the entry "a" is repeated`}, false},
	{"owner-with-break", withSubjects(`{owners: ["a\nb"]}`), []string{"control character"}, false},
	{"owner-with-next-line", withSubjects(`{owners: ["a\u0085b"]}`), []string{"control character"}, false},
	{"long-owner", withSubjects("{owners: [" + strings.Repeat("ä", 129) + "]}"), []string{"at most 128 characters"}, false},
	{"ring-4", withSubjects("{rings: [4]}"), []string{":8: must be from 0 to 3, not 4"}, false},
	{"ring-in-words", withSubjects("{rings: [kernel]}"), []string{":8: a whole number from 0 to 3"}, false},
	{"ring-in-octal", withSubjects("{rings: [0o3]}"), []string{":8: a whole number"}, true},
	{"negative-ring", withSubjects("{rings: [-1]}"), []string{":8: a whole number"}, false},
	{"fractional-ring", withSubjects("{rings: [1.5]}"), []string{":8: a whole number"}, false},
	{"unknown-assurance", withSubjects("{assurance: [mtls]}"), []string{`:8: assurance must be none, bearer, workload, mesh or agent, not "mtls"`}, false},
	{"unknown-method", withTargets("{methods: [message/send]}", "read_only"), []string{`:8: "message/send" is no method`}, false},
	{"unknown-effect", withTargets("{effects: [delete]}", "read_only"), []string{`:8: effect must be read, write or admin`}, false},
	{"undeclared-alone", withTargets("{undeclared: true, skills: []}", "read_only"), []string{":8: undeclared has a meaning only beside"}, false},
	{"undeclared-in-words", withTargets("{undeclared: yes, skills: [a]}", "read_only"), []string{":8: true or false"}, false},
	{"undeclared-alone-in-a-rule", spec("forbid: {undeclared: true}"), []string{":7: undeclared has a meaning only beside"}, false},
	{"permit-by-skill", spec("permit: {skills: [pay]}"), []string{":7: a permit may not ask for skills"}, false},
	{"permit-by-action", spec("permit: {actions: []}"), []string{":7: a permit may not ask for actions"}, false},
	{"permit-undeclared", spec("permit: {undeclared: false}"), []string{":7: a permit may not ask for undeclared"}, false},
	{"permit-with-message", spec("permit: {message: hello}"), []string{`:7: unknown field "message"`}, false},
	{"permit-within-skills", withTargets("{skills: [pay]}", "read_only", "permit"), []string{":9: a permit may not ask for targets by skills"}, false},
	{"permit-within-actions", withTargets("{actions: [pay], undeclared: true}", "permit: {methods: [GetTask]}"), []string{":8: a permit may not ask for targets by actions", "by undeclared"}, false},
	{"cedar-permit-within-actions", withTargets("{actions: [pay]}", "cedar: permit (principal, action, resource);"), []string{":8: a permit may not ask for targets by actions"}, true},
}

var refusedRules = []refusal{
	{"unknown-rule", spec("allow: {}"), []string{`:7: rule must be permit, forbid`}, false},
	{"rule-as-list", spec("[permit]"), []string{":7: a rule is a mapping with one key"}, false},
	{"rule-as-null", spec("~"), []string{":7: a text is needed"}, false},
	{"rule-without-value", spec("permit:"), []string{":7: permit needs a mapping, {} where"}, false},
	{"rule-as-number", spec("7"), []string{":7: a text is needed"}, false},
	{"two-kinds", spec("{permit: {}, forbid: {}}"), []string{":7: a rule is a mapping with one key"}, false},
	{"bare-limit", spec("rate_limit"), []string{":7: rate_limit says nothing without a value"}, false},
	{"unindented", spec("rate_limit:\n    requests: 5"), []string{":7: a rule is a mapping with one key, its kind: indent"}, false},
	{"short-rate", spec("rate_limit: 5"), []string{":7: rate_limit needs a mapping with requests"}, false},
	{"short-forbid", spec("forbid: delete"), []string{":7: forbid needs a mapping"}, false},
	{"rate-without-requests", spec("rate_limit: {per: 1m}"), []string{`:7: the field "requests" is needed`}, false},
	{"rate-of-none", spec("rate_limit: {requests: 0}"), []string{":7: must be from 1 to 1000000, not 0"}, false},
	{"rate-in-text", spec(`rate_limit: {requests: "5"}`), []string{":7: a whole number"}, false},
	{"rate-per-nothing", spec("rate_limit: {requests: 5, per: 0s}"), []string{":7: must be from 1s to 24h, not 0s"}, true},
	{"rate-per-week", spec("rate_limit: {requests: 5, per: 168h}"), []string{":7: must be from 1s to 24h"}, true},
	{"rate-per-millisecond", spec("rate_limit: {requests: 5, per: 100ms}"), []string{":7: a duration in hours"}, false},
	{"rate-per-number", spec("rate_limit: {requests: 5, per: 60}"), []string{":7: a duration in hours"}, false},
	{"rate-by-ring", spec("rate_limit: {requests: 5, by: ring}"), []string{":7: by must be agent, owner, pair, skill or target"}, false},
	{"burst-of-none", spec("rate_limit: {requests: 5, burst: 0}"), []string{":7: must be from 1 to"}, false},
	{"concurrency-of-none", spec("concurrency: 0"), []string{":7: must be from 1 to 100000"}, false},
	{"concurrency-empty", spec("concurrency: {}"), []string{`:7: the field "calls" is needed`}, false},
	{"approval-of-nobody", spec("require_approval: {}"), []string{`:7: the field "groups" is needed`}, false},
	{"approval-of-no-group", spec("require_approval: {groups: []}"), []string{":7: 1 to 16 groups"}, false},
	{"approval-of-bad-group", spec("require_approval: {groups: [a b]}"), []string{`:7: "a b" is no name of a group`}, false},
	{"approval-of-17", spec("require_approval: {groups: [a], min_approvals: 17}"), []string{":7: must be from 1 to 16"}, false},
	{"approval-in-a-second", spec("require_approval: {groups: [a], timeout: 1s}"), []string{":7: must be from 1m to 168h"}, true},
	{"no-body", spec("max_body: 0"), []string{":7: must be from 1 to 16777216"}, false},
	{"body-in-gigabytes", spec("max_body: 1GiB"), []string{":7: a size in bytes"}, false},
	{"body-too-large", spec("max_body: 17MiB"), []string{":7: must be from 1 to 16777216 bytes, not 17MiB"}, true},
	{"body-as-list", spec("max_body: []"), []string{":7: max_body needs a mapping"}, false},
	{"body-of-null", spec("max_body: ~"), []string{":7: a size in bytes"}, false},
	{"time-as-number", spec("time_limit: 30"), []string{`:7: a duration in hours, minutes and seconds is needed here, such as 30s or 1h30m, not "30"`}, false},
	{"time-of-days", spec("time_limit: 1d"), []string{":7: a duration"}, false},
	{"time-overflow", spec("time_limit: 999999h"), []string{":7: must be from 1s to 24h"}, true},
	{"assurance-none", spec("require_assurance: none"), []string{":7: none asks for nothing"}, false},
	{"assurance-unknown", spec("require_assurance: {assurance: mtls}"), []string{":7: assurance must be"}, false},
	{"trust-of-none", spec("min_trust: 0"), []string{":7: must be from 1 to 1000"}, false},
	{"ring-3", spec("require_ring: 3"), []string{":7: ring 3 asks for nothing"}, false},
	{"ring-beyond", spec("require_ring: 4"), []string{":7: must be from 0 to 3"}, false},
	{"many-problems", spec(slices.Repeat([]string{"min_trust: 0"}, 99)...) + strings.Repeat("  a: b\n", 9), slices.Concat(slices.Repeat([]string{"must be from 1"}, 99), []string{"there are more problems"}), false},
	{"message-too-long", spec("forbid: {message: " + strings.Repeat("a", 301) + "}"), []string{":7: at most 300 characters"}, false},
	{"message-with-break", spec(`forbid: {message: "a\nb"}`), []string{":7: ", "control character"}, false},
	{"content-short", spec("content: high"), []string{":7: content needs a mapping"}, false},
	{"content-of-bad-class", spec("content: {classes: [Prompt]}"), []string{`:7: "Prompt" is no class of findings`}, false},
	{"content-unrated", spec("content: {at_least: unrated}"), []string{":7: severity must be low, medium, high or critical"}, false},
	{"content-nowhere", spec("content: {in: []}"), []string{":7: request, answer or both"}, false},
	{"content-in-card", spec("content: {in: [card]}"), []string{`:7: must be request or answer, not "card"`}, false},
	{"content-flags", spec("content: {then: flag}"), []string{`:7: must be deny or approve, not "flag"`}, false},
	{"content-without-groups", spec("content: {then: approve}"), []string{`:7: the field "groups" is needed`}, false},
	{"content-with-groups", spec("content: {groups: [a]}"), []string{":7: groups has a meaning only with then: approve"}, false},
	{"answers-wait", spec("content: {then: approve, groups: [a], in: [answer]}"), []string{":7: an answer cannot wait"}, false},
	{"cedar-empty", spec("cedar: ' '"), []string{":7: a text is needed"}, false},
	{"cedar-without-text", spec("cedar: {methods: [GetTask]}"), []string{`:7: the field "text" is needed`}, false},
	{"cedar-as-list", spec("cedar: [x]"), []string{":7: cedar needs a mapping"}, false},
	{"cedar-too-long", spec("cedar: " + strings.Repeat("a", 16<<10+1)), []string{":7: the text is larger than 16384 bytes"}, false},
}

var refusedTests = []refusal{
	{"tests-as-mapping", spec("read_only") + "tests: {}\n", []string{":8: a list is needed"}, false},
	{"test-of-nothing", spec("read_only") + "tests: [{}]\n", []string{`:8: the field "name"`, `:8: the field "call"`, `:8: the field "expect"`}, false},
	{"test-twice", withCall("{caller: a, callee: b}") + "- name: t\n  call: {caller: a, callee: b}\n  expect: {decision: deny}\n", []string{`:12: the test "t" is repeated`}, true},
	{"expects-nothing", spec("read_only") + "tests:\n- {name: t, call: {caller: a, callee: b}, expect: {}}\n", []string{`:9: the field "decision" is needed`}, false},
	{"expects-unknown", spec("read_only") + "tests:\n- {name: t, call: {caller: a, callee: b}, expect: {decision: flag, rule: x}}\n", []string{":9: decision must be", ":9: rule must be"}, false},
	{"no-callee", withCall("{caller: a}"), []string{`:10: the field "callee" is needed`}, false},
	{"no-caller", withCall("{callee: a}"), []string{`:10: the field "caller" is needed here: only`}, false},
	{"anonymous-with-name", withCall("{caller: a, callee: b, assurance: none}"), []string{":10: with assurance none nobody knows"}, false},
	{"caller-by-glob", withCall(`{caller: "a*", callee: b}`), []string{":10: must be lower-case"}, false},
	{"descent-unknown", withCall("{caller: a, callee: b, descent: sent}"), []string{`:10: must be own, delegated, linked, low-water or gated`}, false},
	{"reading-that-writes", withCall("{caller: a, callee: b, method: GetTask, effect: write}"), []string{":10: no call of GetTask has the effect write"}, false},
	{"cancelling-that-reads", withCall("{caller: a, callee: b, method: CancelTask, effect: read}"), []string{":10: no call of CancelTask has the effect read"}, false},
	{"trust-beyond", withCall("{caller: a, callee: b, trust: 1001}"), []string{":10: must be from 0 to 1000"}, false},
	{"moment-of-day", withCall("{caller: a, callee: b, at: noon}"), []string{":10: a moment such as"}, false},
	{"bytes-negative", withCall("{caller: a, callee: b, bytes: -1}"), []string{":10: a whole number"}, false},
	{"findings-as-list", withCall("{caller: a, callee: b, findings: [secret]}"), []string{":10: a mapping of classes"}, false},
	{"findings-unknown", withCall("{caller: a, callee: b, findings: {S: high, secret: huge}}"), []string{`"S" is no class`, "severity must be"}, false},
	{"findings-twice", withCall("{caller: a, callee: b, findings: {x: high, x: low}}"), []string{`the class "x" is repeated`}, true},
	{"deny-by-caller-field", withCall("{caller: a, callee: b, tenant: c}"), []string{`:10: unknown field "tenant"`}, false},
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, tt := range refusals() {
		if seen[tt.name] {
			t.Errorf("the case %s is there twice", tt.name)
		}
		seen[tt.name] = true
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			docs, problems := Parse("p.yaml", []byte(tt.text))
			if len(problems) == 0 {
				t.Fatalf("taken as %+v", docs)
			}
			var all []string
			for _, p := range problems {
				if p.File != "p.yaml" {
					t.Errorf("a problem of file %q", p.File)
				}
				all = append(all, fmt.Sprintf(":%d: %s", p.Line, p.Reason))
			}
			text := strings.Join(all, "\n")
			for _, w := range tt.want {
				if !strings.Contains(text, w) {
					t.Errorf("no problem %q in\n%s", w, text)
				}
			}
			if len(all) > len(tt.want) {
				t.Errorf("more problems than %d:\n%s", len(tt.want), text)
			}
		})
	}
}
