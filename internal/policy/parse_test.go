package policy

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// mustParse returns the documents of a text without problems.
func mustParse(t testing.TB, text string) []*Document {
	t.Helper()
	docs, problems := Parse("test.yaml", []byte(text))
	if len(problems) > 0 {
		t.Fatalf("parsing:\n%s\n%s", problemText(problems), text)
	}
	return docs
}

func problemText(problems []Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s:%d: %s: %s\n", p.File, p.Line, p.Document, p.Reason)
	}
	return b.String()
}

// TestParse reads a document that says all there is to say, and one that says as little as possible.
func TestParse(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	docs := mustParse(t, string(data))
	approvers := []string{"finance", "Risk.EU"}
	text := "forbid (principal, action, resource)\nwhen { context.hops > 2 };\n"
	want := []*Document{
		{
			Name: "all-there-is", Description: "for people", Party: OrganisationParty, Mode: Shadow, File: "test.yaml", Line: 3,
			Subjects: Subjects{
				Agents: []string{"team-*", "planner"}, Owners: []string{"Finance & Co", "*"},
				Rings: []agent.Ring{agent.User, agent.Untrusted}, Assurance: []identity.Assurance{identity.AssuranceNone, identity.AssuranceBearer},
			},
			Targets: Targets{
				Agents: []string{"ledger"}, Owners: []string{"f*"}, Methods: []a2a.Method{a2a.SendMessage, a2a.OtherMethod},
				Effects: []agent.Effect{agent.EffectWrite, agent.EffectAdmin}, Skills: []string{"pay"}, Actions: []string{"payments.*"}, Undeclared: true,
			},
			Rules: []Rule{
				{Kind: Forbid, Line: 21, Narrow: Targets{Actions: []string{"delete"}}, Message: "ask finance"},
				{Kind: ReadOnly, Line: 22},
				{Kind: ReadOnly, Line: 23, Narrow: Targets{Skills: []string{"x"}, Undeclared: true}},
				{Kind: RateLimit, Line: 24, Limit: 10, Per: time.Hour + 30*time.Second, Burst: 20, By: ByPair},
				{Kind: RateLimit, Line: 25, Limit: 7, Per: time.Minute, Burst: 7},
				{Kind: Concurrency, Line: 26, Limit: 4},
				{Kind: Concurrency, Line: 27, Limit: 4, By: ByTarget},
				{Kind: RequireApproval, Line: 28, Minimum: 2, Groups: approvers, Timeout: 30 * time.Minute, Narrow: Targets{Actions: []string{"transfer"}}},
				{Kind: RequireApproval, Line: 29, Minimum: 1, Groups: []string{"ops"}, Timeout: time.Hour},
				{Kind: MaxBody, Line: 30, Bytes: 65536},
				{Kind: MaxBody, Line: 31, Bytes: 7, Narrow: Targets{Methods: []a2a.Method{a2a.GetAgentCard}}},
				{Kind: TimeLimit, Line: 32, Time: 30 * time.Second},
				{Kind: TimeLimit, Line: 33, Time: 24 * time.Hour, Narrow: Targets{Effects: []agent.Effect{agent.EffectRead}}},
				{Kind: RequireAssurance, Line: 34, Assurance: identity.AssuranceAgent},
				{Kind: RequireAssurance, Line: 35, Assurance: identity.AssuranceMesh, Narrow: Targets{Agents: []string{"l*"}}},
				{Kind: MinTrust, Line: 36, Trust: 600},
				{Kind: MinTrust, Line: 37, Trust: 1000, Message: "no"},
				{Kind: RequireRing, Line: 38, Ring: agent.Supervisor},
				{Kind: RequireRing, Line: 39, Ring: agent.Kernel, Narrow: Targets{Owners: []string{"o"}}},
				{Kind: Content, Line: 40, Classes: []string{"prompt-injection"}, Severity: Medium, Requests: true, Answers: true},
				{Kind: Content, Line: 41, Severity: Low, Requests: true, Answers: true},
				{Kind: Content, Line: 42, Severity: High, Requests: true, Approve: true, Minimum: 1, Groups: []string{"ops"}, Timeout: time.Hour},
				{Kind: Content, Line: 43, Severity: Low, Answers: true},
				{Kind: Cedar, Line: 44, TextLine: 45, Text: text},
				{Kind: Cedar, Line: 47, TextLine: 48, Text: "forbid (principal, action, resource) when { context.unchained };", Narrow: Targets{Methods: []a2a.Method{a2a.GetTask}}},
			},
			Tests: []Test{
				{
					Name: "says everything", Line: 51, Decision: Deny, Rule: "read_only",
					Findings: map[string]Severity{"prompt-injection": High, "secret": Low},
					Call: Call{
						Caller: "planner", CallerOwner: "ops", Ring: agent.User, Trust: 500, Assurance: identity.AssuranceMesh, Origin: "root", Hops: 2,
						Unchained: true, Descent: "low-water", Callee: "ledger", CalleeOwner: "finance", Method: a2a.SendStreamingMessage,
						Effect: agent.EffectAdmin, Skill: "pay", Action: "transfer", Bytes: 102400, At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
					},
				},
				{
					Name: "says nothing", Line: 56, Decision: Allow,
					Call: Call{
						Caller: "planner", Trust: 250, Assurance: identity.AssuranceAgent, Origin: "planner", Descent: "own", Callee: "ledger",
						Method: a2a.SendMessage, Effect: agent.EffectWrite, At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
					},
				},
				{
					Name: "nobody knows who", Line: 59, Decision: Approve,
					Call: Call{
						Trust: 250, Descent: "own", Callee: "ledger", Method: a2a.GetTask, Effect: agent.EffectRead,
						At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
					},
				},
			},
		},
		{
			Name: "least", Party: CalleeParty, File: "test.yaml", Line: 64,
			Rules: []Rule{{Kind: Permit, Line: 68}, {Kind: Permit, Line: 69, Narrow: Targets{Methods: []a2a.Method{a2a.GetTask}}}},
		},
	}
	if diff := cmp.Diff(want, docs, cmpopts.IgnoreFields(Document{}, "Source"), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	for _, d := range docs {
		again, problems := Parse("test.yaml", d.Source)
		if len(problems) > 0 || len(again) != 1 || again[0].Name != d.Name || len(again[0].Rules) != len(d.Rules) {
			t.Errorf("the source of %s reads as something else: %v", d.Name, problems)
		}
	}
}

func TestParseFiles(t *testing.T) {
	t.Parallel()
	one := "apiVersion: ringfence.dev/v1\nkind: Policy\nmetadata: {name: a}\nspec: {party: callee, rules: [read_only]}\n"
	two := strings.Replace(one, "name: a", "name: b", 1)
	tests := []struct {
		name, text string
		want       []string // name and line of each document
	}{
		{"empty", "", nil},
		{"comments", "# nothing\n---\n# nothing either\n", nil},
		{"one", one, []string{"a:1"}},
		{"marked", "# c\n\n---\n" + one, []string{"a:4"}},
		{"two", one + "---\n" + two, []string{"a:1", "b:6"}},
		{"windows", strings.ReplaceAll(one+"---\n"+two, "\n", "\r\n"), []string{"a:1", "b:6"}},
		{"marker-in-a-text", strings.Replace(one, "{name: a}", "\n  name: a\n  description: |\n   x\n   --- y\n   z", 1), []string{"a:1"}},
		{"ended", one + "...\n", []string{"a:1"}},
		{"on-the-line-of-the-marker", "--- {apiVersion: ringfence.dev/v1, kind: Policy, metadata: {name: a}, spec: {party: callee, rules: [read_only]}}\n", []string{"a:1"}},
		{"byte-order-mark", "\ufeff" + one, []string{"a:1"}},
		{"json", `{"apiVersion":"ringfence.dev/v1","kind":"Policy","metadata":{"name":"a"},"spec":{"party":"callee","rules":[{"min_trust":5}]}}`, []string{"a:1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, d := range mustParse(t, tt.text) {
				got = append(got, fmt.Sprintf("%s:%d", d.Name, d.Line))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestProblemsHideNone shows that a document that cannot be read leaves the others of its file to be judged.
func TestProblemsHideNone(t *testing.T) {
	t.Parallel()
	good := "apiVersion: ringfence.dev/v1\nkind: Policy\nmetadata: {name: good}\nspec: {party: callee, rules: [read_only]}\n"
	text := "a: [\n---\n" + good + "---\n" + strings.Replace(good, "callee", "nobody", 1) + "---\n" + good + "---\n&a b: *a\n---\nx: " +
		strings.Repeat("y", MaxDocument) + "\n"
	docs, problems := Parse("f.yaml", []byte(text))
	if len(docs) != 1 || docs[0].Name != "good" {
		t.Errorf("got documents %v", docs)
	}
	want := []string{"f.yaml:1: ", "f.yaml:11: good: party must be", "f.yaml:8: good: the document \"good\" stands at line 3", "f.yaml:13: good: the document", "f.yaml:18: ", "f.yaml:19: : the document is larger"}
	got := problemText(problems)
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("no problem %q in\n%s", w, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range refusals() {
		f.Add([]byte(c.text))
	}
	for _, path := range documentFiles(f) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, problems := Parse("fuzz.yaml", data)
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
		for _, p := range problems {
			if p.Reason == "" || p.Line > lines+1 && !strings.ContainsAny(string(data), "\u0085\u2028\u2029") {
				t.Errorf("problem at line %d of %d: %q", p.Line, lines, p.Reason)
			}
		}
		for _, d := range docs {
			if d.Name == "" || d.Party == 0 || len(d.Rules) == 0 {
				t.Errorf("an incomplete document %+v", d)
			}
			again, problems := Parse("fuzz.yaml", d.Source)
			if len(problems) > 0 || len(again) != 1 {
				t.Fatalf("the source of %q is refused: %v", d.Name, problems)
			}
			if diff := cmp.Diff(placeless(d), placeless(again[0]), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the source of %q reads differently: %s", d.Name, diff)
			}
		}
	})
}

// placeless takes away where a document stood, which is another place in its source than in its file.
func placeless(d *Document) Document {
	bare := *d
	bare.Line, bare.Source = 0, nil
	bare.Rules, bare.Tests = slices.Clone(d.Rules), slices.Clone(d.Tests)
	for i := range bare.Rules {
		bare.Rules[i].Line, bare.Rules[i].TextLine = 0, 0
	}
	for i := range bare.Tests {
		bare.Tests[i].Line = 0
	}
	return bare
}
