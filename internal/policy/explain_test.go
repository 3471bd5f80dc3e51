package policy

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
)

var update = flag.Bool("update", false, "write golden files")

func explained() []*Document {
	return []*Document{
		{Name: "guard", File: "guard.yaml", Party: CalleeParty, Targets: Targets{Agents: []string{"callee-*"}}, Rules: []Rule{
			{Kind: Permit, Line: 5, Narrow: Targets{Methods: []a2a.Method{a2a.GetTask}}},
			{Kind: MinTrust, Line: 6, Trust: 400},
			{Kind: Forbid, Line: 7, Narrow: Targets{Actions: []string{"transfer*", "pay"}, Undeclared: true}, Message: "ask the owner"},
			{Kind: RateLimit, Line: 8, Limit: 10, Per: 60e9, Burst: 20, By: ByPair},
			{Kind: Cedar, Line: 9, TextLine: 10, Text: "forbid (principal, action, resource) when { context.hops > 2 };\nforbid (principal, action, resource) unless { context.hops > 2 };"},
		}},
		{Name: "elsewhere", Party: CalleeParty, Targets: Targets{Agents: []string{"ledger"}}, Rules: []Rule{{Kind: Forbid, Line: 3}}},
		{Name: "trial", File: "trial.yaml", Party: OrganisationParty, Mode: Shadow, Subjects: Subjects{Agents: []string{"c*-*0"}}, Rules: []Rule{
			{Kind: Permit, Line: 4, Narrow: Targets{Effects: []agent.Effect{agent.EffectRead}}},
			{Kind: RequireApproval, Line: 5, Minimum: 2, Groups: []string{"finance", "risk"}, Timeout: 36e11},
		}},
	}
}

func TestExplainGolden(t *testing.T) {
	t.Parallel()
	set := compiled(t, explained())
	got := encoded(t, set.Explain(benchCall(), AllParties))
	name := filepath.Join("testdata", "explain.json")
	compare(t, name, got)
	compare(t, filepath.Join("testdata", "explain.cedar"), set.Cedar())
	compare(t, filepath.Join("testdata", "calls.cedarschema"), CedarSchema())
}

func encoded(t *testing.T, e Explanation) []byte {
	t.Helper()
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}

// TestExplainAgrees holds that explanations say what was decided: the same decision, and of each rule whether it bore.
func TestExplainAgrees(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		g := newGenerator(seed + 6_000_000)
		docs, set := drawSet(t, g, 1+g.IntN(8))
		for range 15 {
			c := g.call()
			o, e := set.Evaluate(c, AllParties), set.Explain(c, AllParties)
			if e.Decision != o.Decision || (e.Refusal != nil) != (o.Decision == Deny) || len(e.Shadowed) != len(o.Shadowed) {
				t.Fatalf("seed %d: explained is %+v, decided %+v", seed, e, o)
			}
			var room [2][16]uint32
			hits := set.hits(c, AllParties, set.parties(c, &room), nil)
			decideHits(c, hits)
			var bore, told []Ref
			for _, h := range hits {
				if h.answer == matched && h.rule.does != guarding {
					bore = append(bore, h.rule.ref)
				}
			}
			allowed := true
			for _, p := range e.Parties {
				allowed = allowed && p.Decision == Allow
				for _, r := range p.Rules {
					if r.Result == resultMatched {
						told = append(told, Ref{p.Party, r.Policy, r.Rule, r.Kind})
					} else if r.Field == "" || r.Condition == "" {
						t.Fatalf("seed %d: nothing says why %+v did not match", seed, r)
					}
				}
			}
			if diff := cmp.Diff(bore, told); diff != "" || allowed != (o.Decision == Allow) {
				t.Fatalf("seed %d: rules that bore and are told (-bore +told)\n%s\n%s", seed, diff, telling(docs, c))
			}
			if a, b := encoded(t, e), encoded(t, compile(t, docs).Explain(c, AllParties)); string(a) != string(b) {
				t.Fatalf("seed %d: the bytes of the same explanation differ", seed)
			}
		}
	}
}

func TestExplainOfNothing(t *testing.T) {
	t.Parallel()
	var none *Set
	if e := none.Explain(benchCall(), AllParties); e.Decision != Deny || e.Refusal == nil || e.Refusal.Reason != ReasonUndecided || len(e.Parties) > 0 {
		t.Errorf("got %+v", e)
	}
	card := benchCall()
	card.Method = a2a.GetAgentCard
	set := compiled(t, explained())
	for _, p := range set.Explain(card, AllParties).Parties {
		if p.ClosedBy != "" || p.Decision != Allow {
			t.Errorf("the %s is closed for reading a card: %+v", p.Party, p)
		}
	}
}
