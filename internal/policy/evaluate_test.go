package policy

import (
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// TestEvaluateRefuses names the reason and the sentence of each kind that refuses.
func TestEvaluateRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, reason, message string
		rule                  Rule
		let                   func(c *Call) // makes the call one that the rule lets through
	}{
		{"forbid", ReasonForbidden, "the policy of the callee forbids this call: ask ops", Rule{Kind: Forbid, Message: "ask ops", Narrow: Targets{Actions: []string{"transfer*"}}}, func(c *Call) { c.Action = "" }},
		{"read-only", ReasonReadOnly, "the policy of the callee lets this caller read only", Rule{Kind: ReadOnly}, func(c *Call) { c.Effect = agent.EffectRead }},
		{"max-body", ReasonBody, "the policy of the callee lets bodies have 99 bytes", Rule{Kind: MaxBody, Bytes: 99}, func(c *Call) { c.Bytes = 99 }},
		{"assurance", ReasonAssurance, "the policy of the callee asks for an identity that is proved at least by assurance mesh", Rule{Kind: RequireAssurance, Assurance: identity.AssuranceMesh}, func(c *Call) { c.Assurance = identity.AssuranceMesh }},
		{"trust", ReasonTrust, "the policy of the callee asks for a trust score of at least 501", Rule{Kind: MinTrust, Trust: 501}, func(c *Call) { c.Trust = 501 }},
		{"ring", ReasonRing, "the policy of the callee asks for ring 1 or a more privileged one", Rule{Kind: RequireRing, Ring: agent.Supervisor}, func(c *Call) { c.Ring = agent.Kernel }},
		{"cedar", ReasonForbidden, "the policy of the callee forbids this call", Rule{Kind: Cedar, Text: `forbid (principal, action, resource) when { context.bytes == 100 };`}, func(c *Call) { c.Bytes = 1 }},
		{"permit", ReasonUnpermitted, "the policy of the callee does not permit this call", Rule{Kind: Permit, Narrow: Targets{Methods: []a2a.Method{a2a.GetTask}}}, func(c *Call) { c.Method = a2a.GetTask }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			set := compiled(t, []*Document{{Name: "d", Party: CalleeParty, Rules: []Rule{test.rule}}})
			c := benchCall()
			c.Assurance = identity.AssuranceWorkload
			want := Refusal{Ref: Ref{CalleeParty, "d", 0, test.rule.Kind}, Reason: test.reason, Message: test.message}
			if test.reason == ReasonUnpermitted {
				want.Rule = -1
			}
			if o := set.Evaluate(c, AllParties); o.Decision != Deny || o.Refusal != want {
				t.Errorf("got %s by %+v, want %+v", o.Decision, o.Refusal, want)
			}
			if o := set.Evaluate(c, AllParties&^CalleeParty.set()); o.Decision != Allow {
				t.Errorf("where the callee is not asked: %+v", o.Refusal)
			}
			test.let(c)
			if o := set.Evaluate(c, AllParties); o.Decision != Allow || o.Refusal != (Refusal{}) {
				t.Errorf("refused in any case: %+v", o.Refusal)
			}
		})
	}
}

// TestEvaluateOrder holds which refusal is told: of the first party, the first document by name, the first rule.
func TestEvaluateOrder(t *testing.T) {
	t.Parallel()
	forbids := []Rule{{Kind: MaxBody, Bytes: 1}, {Kind: Forbid}}
	permit := []Rule{{Kind: Permit, Narrow: Targets{Methods: []a2a.Method{a2a.GetTask}}}}
	tests := []struct {
		name string
		docs []*Document
		want Ref
	}{
		{"first-party", []*Document{{Name: "a", Party: OrganisationParty, Rules: forbids}, {Name: "b", Party: GatewayParty, Rules: forbids}}, Ref{GatewayParty, "b", 0, MaxBody}},
		{"first-document", []*Document{{Name: "b", Party: CallerParty, Rules: forbids}, {Name: "a", Party: CallerParty, Rules: forbids[1:]}}, Ref{CallerParty, "a", 0, Forbid}},
		{"unpermitted-of-earlier-party", []*Document{{Name: "b", Party: CallerParty, Rules: permit}, {Name: "a", Party: CalleeParty, Rules: forbids}}, Ref{CallerParty, "b", -1, Permit}},
		{"rule-before-unpermitted", []*Document{{Name: "a", Party: CallerParty, Rules: permit}, {Name: "b", Party: CallerParty, Rules: forbids}}, Ref{CallerParty, "b", 0, MaxBody}},
		{"first-that-closes", []*Document{{Name: "b", Party: CallerParty, Rules: permit}, {Name: "a", Party: CallerParty, Rules: permit}}, Ref{CallerParty, "a", -1, Permit}},
		{"shadow-does-not-count", []*Document{{Name: "a", Party: CallerParty, Mode: Shadow, Rules: forbids}, {Name: "b", Party: CallerParty, Rules: forbids}}, Ref{CallerParty, "b", 0, MaxBody}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := compiled(t, test.docs).Evaluate(benchCall(), AllParties); got.Decision != Deny || got.Refusal.Ref != test.want {
				t.Errorf("got %s by %+v, want %+v", got.Decision, got.Refusal.Ref, test.want)
			}
		})
	}
}

func TestEvaluateUndecided(t *testing.T) {
	t.Parallel()
	var none *Set
	set := compiled(t, nil)
	long := benchCall()
	long.Action = strings.Repeat("a", maxDeclared+1)
	for name, o := range map[string]Outcome{
		"no-set": none.Evaluate(benchCall(), AllParties), "no-call": set.Evaluate(nil, AllParties), "no-party": set.Evaluate(benchCall(), 0),
		"unknown-party": set.Evaluate(benchCall(), 1<<7), "long-claim": set.Evaluate(long, AllParties),
	} {
		if o.Decision != Deny || o.Refusal.Reason != ReasonUndecided || o.Refusal.Message == "" {
			t.Errorf("%s: %s by %+v", name, o.Decision, o.Refusal)
		}
	}
}

// TestEvaluateError puts a condition that fails, which no document can have, in the place of those of rules: whatever the
// rule would do, the call is denied, and a rule in shadow mode tells.
func TestEvaluateError(t *testing.T) {
	t.Parallel()
	failing := newMatcher("failing", nil, []ast.IsNode{ast.Context().Access("caller").Equal(ast.String("x")).Or(ast.Long(1)).AsIsNode()})
	rules := []Rule{
		{Kind: Permit},
		{Kind: Forbid},
		{Kind: RateLimit, Limit: 1, Per: time.Second, Burst: 1},
		{Kind: Concurrency, Limit: 1},
		{Kind: RequireApproval, Minimum: 1, Groups: []string{"g"}},
		{Kind: Content, Severity: Low, Requests: true},
		{Kind: TimeLimit, Time: time.Second},
	}
	for _, rule := range rules {
		for _, mode := range []Mode{Enforce, Shadow} {
			docs := []*Document{
				{Name: "a", Party: CalleeParty, Mode: mode, Rules: []Rule{rule}},
				{Name: "b", Party: CalleeParty, Rules: []Rule{{Kind: Permit}, {Kind: MaxBody, Bytes: 1 << 20}}},
			}
			set := compiled(t, docs)
			for _, m := range set.members {
				if m.document.Name == "a" {
					m.body.rules[0].rest, m.body.rules[0].all = failing, failing
				}
			}
			o := set.Evaluate(benchCall(), AllParties)
			told := o.Refusal
			if mode == Shadow {
				if o.Decision != Allow || len(o.Shadowed) == 0 {
					t.Errorf("%s in shadow mode: %s, told %+v", rule.Kind, o.Decision, o.Shadowed)
					continue
				}
				told = o.Shadowed[0]
			} else if o.Decision != Deny {
				t.Errorf("%s: allowed", rule.Kind)
			}
			want := Refusal{Ref{CalleeParty, "a", 0, rule.Kind}, ReasonUndecided, "the policy of the callee could not be evaluated"}
			if told != want {
				t.Errorf("%s in mode %s: %+v", rule.Kind, mode, told)
			}
			if len(o.Budgets)+len(o.Approvals)+len(o.Thresholds) > 0 || o.TimeLimit > 0 {
				t.Errorf("%s in mode %s: what cannot be evaluated binds all the same", rule.Kind, mode)
			}
		}
	}
}

// TestMatchersDecide holds that each condition gets its own answer, whatever the others come to.
func TestMatchersDecide(t *testing.T) {
	t.Parallel()
	condition := map[byte]ast.IsNode{
		'm': access(hopsAttribute).Equal(ast.Long(0)).AsIsNode(),
		'u': access(callerAttribute).Equal(ast.String("nobody")).AsIsNode(),
		'e': ast.NodeTypeAccess{StrOpNode: ast.StrOpNode{Arg: ast.Context().AsIsNode(), Value: types.String("missing")}},
	}
	want := map[byte]answer{'m': matched, 'u': unmatched, 'e': undecided}
	for _, order := range []string{"m", "u", "e", "mue", "eum", "mmuuee", "emuemu", "uuuem", "eee", "mmm"} {
		var all matchers
		var expected []answer
		for i := range len(order) {
			all = append(all, newMatcher(string(rune('a'+i)), nil, []ast.IsNode{condition[order[i]]}))
			expected = append(expected, want[order[i]])
		}
		got := make([]answer, len(all))
		all.decide(benchCall(), got)
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("%s: %s", order, diff)
		}
	}
}

// TestBudgetKeys holds that limits are shared by those that are meant to share them, whatever owners and skills are called.
func TestBudgetKeys(t *testing.T) {
	t.Parallel()
	var rules []Rule
	for by := ByAgent; by <= ByTarget; by++ {
		rules = append(rules, Rule{Kind: Concurrency, Limit: 1, By: by})
	}
	set := compiled(t, []*Document{{Name: "d", Party: GatewayParty, Rules: rules}, {Name: "d-0", Party: GatewayParty, Rules: rules}})
	names := []string{"", "a", "a/b", "agent/a", "a-0", "b", "-0"}
	sharers := map[string]string{}
	for _, owner := range names {
		for _, skill := range names {
			for _, caller := range []agent.ID{"", "a", "b"} {
				for _, callee := range []agent.ID{"a", "b", "a-0"} {
					c := &Call{Caller: caller, CallerOwner: agent.Owner(owner), Callee: callee, Skill: skill, Offered: skill != "", Method: a2a.SendMessage}
					for _, b := range set.Evaluate(c, AllParties).Budgets {
						by := By(b.Rule)
						sharer := strings.Join([]string{b.Policy, by.String(), referenceKey(b.Policy, b.Rule, by, c)}, "|")
						if before, ok := sharers[b.Key]; ok && before != sharer {
							t.Fatalf("%q stands for %s and %s", b.Key, before, sharer)
						}
						sharers[b.Key] = sharer
					}
				}
			}
		}
	}
	distinct := map[string]bool{}
	for _, sharer := range sharers {
		distinct[sharer] = true
	}
	if len(distinct) != len(sharers) {
		t.Errorf("%d sharers have %d keys", len(distinct), len(sharers))
	}
}

// TestEvaluateAllocates holds how much a decision allocates: nothing where no rule is found, one key for a limit.
func TestEvaluateAllocates(t *testing.T) {
	limit := []Rule{{Kind: RateLimit, Limit: 1, Per: time.Second, Burst: 1}}
	tests := []struct {
		name string
		docs []*Document
		most float64
	}{
		{"nothing", documents(100, adversarial[0].make), 0},
		{"forbidden", []*Document{{Name: "d", Party: CalleeParty, Rules: []Rule{{Kind: Forbid}}}}, 0},
		{"permitted", []*Document{{Name: "d", Party: CalleeParty, Rules: []Rule{{Kind: Permit}}}}, 1},
		{"limited", []*Document{{Name: "d", Party: CalleeParty, Rules: limit}}, 2},
	}
	for _, test := range tests {
		set, c := compiled(t, test.docs), benchCall()
		if got := testing.AllocsPerRun(100, func() { set.Evaluate(c, AllParties) }); got > test.most {
			t.Errorf("%s: %v allocations, at most %v are wanted", test.name, got, test.most)
		}
	}
}

// TestEvaluateConcurrently shares a set among goroutines.
func TestEvaluateConcurrently(t *testing.T) {
	t.Parallel()
	_, set := drawSet(t, newGenerator(21), 10)
	g := newGenerator(22)
	calls := make([]*Call, 50)
	want := make([]Outcome, len(calls))
	for i := range calls {
		calls[i] = g.call()
		want[i] = set.Evaluate(calls[i], AllParties)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i, c := range calls {
				if got := set.Evaluate(c, AllParties); !reflect.DeepEqual(got, want[i]) {
					t.Errorf("call %d comes to something else", i)
				}
			}
		})
	}
	all.Wait()
}
