package policy

import (
	"fmt"
	"strings"
	"testing"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// TestCedarAgrees holds the text that rules are published as against what is decided by bounds, names and Cedar together: a
// rule bears on a call if, and only if, its whole text holds for it.
func TestCedarAgrees(t *testing.T) {
	t.Parallel()
	compared, holding := 0, 0
	for seed := range uint64(60) {
		g := newGenerator(seed + 4_000_000)
		docs, set := drawSet(t, g, 1+g.IntN(8))
		texts := map[string][]*matcher{}
		for _, d := range docs {
			for i := range d.Rules {
				for _, p := range statements(d, i) {
					texts[d.Name] = append(texts[d.Name], newMatcher(d.Name+fmt.Sprint(len(texts[d.Name])), reread(t, p), nil))
				}
			}
		}
		for range 40 {
			c := g.call()
			var room [2][16]uint32
			hits := set.hits(c, AllParties, set.parties(c, &room), nil)
			decideHits(c, hits)
			bears := map[*rule]answer{}
			for _, h := range hits {
				bears[h.rule] = h.answer
			}
			for _, m := range set.members {
				answers := make([]answer, len(m.body.rules))
				matchers(texts[m.document.Name]).decide(c, answers)
				for i, r := range m.body.rules {
					compared++
					if want := answers[i] == matched; want != (bears[r] == matched) {
						t.Fatalf("seed %d: rule %d of %s: its text says %t, the set %t\n%s", seed, r.ref.Rule, r.ref.Policy, want, !want, telling(docs, c))
					} else if want {
						holding++
					}
				}
			}
		}
	}
	if holding < compared/100 {
		t.Errorf("only %d of %d rules bear on a call", holding, compared)
	}
}

// reread parses what a policy is written as.
func reread(t *testing.T, p *cedar.Policy) *ast.Policy {
	t.Helper()
	var again cedar.Policy
	if err := again.UnmarshalCedar(p.MarshalCedar()); err != nil {
		t.Fatalf("reading %s: %v", p.MarshalCedar(), err)
	}
	return (*ast.Policy)(again.AST())
}

// TestCedarIsValid holds all that is published against the published schema, as Cedar's own tools would.
func TestCedarIsValid(t *testing.T) {
	t.Parallel()
	v, err := validator()
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(20) {
		_, set := drawSet(t, newGenerator(seed+5_000_000), 6)
		policies, err := cedar.NewPolicyListFromBytes("", set.Cedar())
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, p := range policies {
			if err := v.Policy("", (*ast.Policy)(p.AST())); err != nil {
				t.Errorf("seed %d: %v\n%s", seed, err, p.MarshalCedar())
			}
		}
	}
}

func TestCedarIsDeterministic(t *testing.T) {
	t.Parallel()
	docs, set := drawSet(t, newGenerator(7), 8)
	again, _ := Recompile(set, []*Document{docs[7], docs[0], docs[6], docs[1], docs[5], docs[2], docs[4], docs[3]}, world)
	if string(set.Cedar()) != string(again.Cedar()) {
		t.Error("the Cedar of the same documents differs")
	}
}

func cedarDocument(text string) *Document {
	return &Document{Name: "raw", File: "raw.yaml", Line: 1, Party: CalleeParty, Rules: []Rule{{Kind: Cedar, Line: 10, Text: text, TextLine: 11}}}
}

func TestCedarRefused(t *testing.T) {
	t.Parallel()
	forbid := func(condition string) string {
		return "forbid (principal, action, resource) when { " + condition + " };"
	}
	tests := []struct {
		name, text string
		line       int
		reason     string
	}{
		{"syntax-on-second-line", "forbid (principal, action, resource)\nwhen { context.hops > };", 12, "column"},
		{"without-semicolon", "forbid (principal, action, resource)\nwhen { context.hops > 2 }\n", 12, "ends where ; is missing"},
		{"unknown-attribute", forbid(`context.color == "red"`), 11, "attribute"},
		{"second-policy", forbid("context.hops > 2") + "\n\n" + forbid("context.hop > 2"), 13, "attribute"},
		{"wrong-type", forbid(`context.hops > "2"`), 11, "unexpected type"},
		{"unknown-type", `forbid (principal == User::"x", action, resource);`, 11, "User"},
		{"unknown-action", `forbid (principal, action == Action::"Send", resource);`, 11, "Send"},
		{"unknown-agent", `forbid (principal == Agent::"nobody", action, resource);`, 11, `no agent "nobody"`},
		{"unknown-agent-in-condition", forbid(`resource == Agent::"nobody"`), 11, `no agent "nobody"`},
		{"principal-in", `forbid (principal in Agent::"x", action, resource);`, 11, "groups"},
		{"resource-in", `forbid (principal, action, resource is Agent in Agent::"x");`, 11, "groups"},
		{"principal-in-condition", forbid(`principal in Agent::"x"`), 11, "groups"},
		{"template", `forbid (principal == ?principal, action, resource);`, 11, "does not read"},
		{"whole-context", forbid(`context == {"a": 1}`), 11, "as a whole"},
		{"entity-attribute", forbid(`principal.owner == "x"`), 11, "only context has attributes"},
		{"tags", forbid(`principal.hasTag("x")`), 11, "tags"},
		{"permit-by-claim", `permit (principal, action, resource) when { context.action == "read" };`, 11, "claim its way in"},
		{"permit-by-declared", `permit (principal, action, resource) unless { context.declared };`, 11, "claim its way in"},
		{"no-policy", "// nothing", 11, "1 to 64"},
		{"overflow", forbid("context.bytes * 9000000 > 1"), 11, "overflow"},
		{"overflow-in-branch", forbid("context.hops > 1 && -(-9223372036854775807 - context.hops) > 1"), 11, "overflow"},
		{"time-overflow", forbid(`context.now.offset(duration("106751991167d")) > context.now`), 11, "overflow"},
		{"not-literal", forbid("datetime(context.skill) > context.now"), 11, "non-literal"},
		{"nested", forbid(strings.Repeat("(", 70) + "context.unchained" + strings.Repeat(")", 70)), 11, "nested"},
		{"nested-on-third-line", "// (((\n/* \" */\n" + forbid(strings.Repeat("(", 70)+"true"+strings.Repeat(")", 70)), 13, "nested"},
		{"large", forbid(strings.Repeat("context.unchained && ", 1100) + "true"), 11, "larger"},
		{"complex", forbid(strings.Repeat("context.hops==1||", 300) + "true"), 11, "too complex"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			set, problems := Compile([]*Document{cedarDocument(test.text)}, world)
			if set != nil || len(problems) == 0 {
				t.Fatal("it is taken")
			}
			if len(problems) > 1 {
				t.Errorf("one mistake is told %d times: %v", len(problems), problems)
			}
			p := problems[0]
			if p.Line != test.line || p.File != "raw.yaml" || p.Document != "raw" || !strings.Contains(p.Reason, test.reason) {
				t.Errorf("got %+v, want line %d and %q", p, test.line, test.reason)
			}
		})
	}
}

func TestCedarTaken(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`forbid (principal, action, resource) when { context.bytes * 2 + context.hops > 100 };`,
		`forbid (principal, action, resource) when { context.now.durationSince(datetime("2026-01-01")).toDays() > 30 };`,
		`forbid (principal, action, resource) when { context.now.toTime() < duration("8h") || context.now.toDate() == datetime("2026-12-25") };`,
		`forbid (principal is Agent, action in [Action::"SendMessage", Action::"other"], resource is Agent) when { context has skill && context.skill like "a*" };`,
		`@id("x") forbid (principal, action, resource == Agent::"ledger") unless { principal == resource || context.caller == context.origin };`,
		`permit (principal, action, resource) when { (if context.unchained then 0 else 1) + 1 > 1 };`,
		`forbid (principal, action, resource) when { context.skill == "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((" };`,
	} {
		if _, problems := Compile([]*Document{cedarDocument(text)}, world); len(problems) > 0 {
			t.Errorf("%s: %+v", text, problems)
		}
	}
}

// FuzzCedar has any text refused or compiled, and what is compiled evaluated without an error.
func FuzzCedar(f *testing.F) {
	for text := range cedarMeanings {
		f.Add(text)
	}
	f.Add(`forbid (principal, action, resource) when { context.bytes * 2 + -context.hops > 100 && [1, 2].contains(context.ring) };`)
	f.Add(`permit (principal, action, resource) when { context.now.offset(duration("1h")).toTime() < duration("1h") };`)
	f.Fuzz(func(t *testing.T, text string) {
		set, problems := Compile([]*Document{cedarDocument(text)}, nil)
		if set == nil {
			if len(problems) == 0 {
				t.Fatal("refused without a reason")
			}
			return
		}
		g := newGenerator(uint64(len(text)))
		for range 20 {
			c := g.call()
			if o := set.Evaluate(c, AllParties); o.Refusal.Reason == ReasonUndecided {
				t.Fatalf("what was accepted cannot be evaluated: %s\n%+v", text, c)
			}
		}
	})
}
