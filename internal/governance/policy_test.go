package governance

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/policy"
)

// writes returns the set of the documents, each given as the lines of its spec.
func writes(t testing.TB, specs ...string) *policy.Set {
	t.Helper()
	var all []*policy.Document
	for i, spec := range specs {
		text := "apiVersion: ringfence.dev/v1\nkind: Policy\nmetadata: {name: p" + string(rune('0'+i)) + "}\nspec:\n"
		for line := range strings.SplitSeq(strings.TrimSpace(spec), "\n") {
			text += "  " + line + "\n"
		}
		documents, problems := policy.Parse("test.yaml", []byte(text))
		if len(problems) > 0 {
			t.Fatalf("%s\n%v", text, problems)
		}
		all = append(all, documents...)
	}
	set, problems := policy.Compile(all, nil)
	if len(problems) > 0 {
		t.Fatalf("%v\n%v", specs, problems)
	}
	return set
}

// counted is a count of limits that has room or has not.
type counted struct {
	result budget.Result
	taken  []string
	left   []string
}

func (c *counted) Take(_ context.Context, draws []budget.Draw, _ time.Time) budget.Result {
	for _, d := range draws {
		c.taken = append(c.taken, d.Key)
	}
	return c.result
}

func (c *counted) Leave(draws []budget.Draw) {
	for _, d := range draws {
		c.left = append(c.left, d.Key)
	}
}

// people always give the same answer.
type people struct {
	answer approval.Approval
	err    error
	asked  []approval.Case
}

func (p *people) Ask(_ context.Context, c approval.Case, _ time.Time) (approval.Approval, error) {
	p.asked = append(p.asked, c)
	return p.answer, p.err
}

func (p *people) Get(context.Context, string, time.Time) (approval.Approval, error) {
	return p.answer, p.err
}

func (p *people) Withdraw(context.Context, string, agent.ID, time.Time) (approval.Approval, error) {
	if p.answer.State != approval.Pending && p.answer.State != approval.Granted {
		return approval.Approval{}, approval.ErrEnded
	}
	p.answer.State = approval.Withdrawn
	return p.answer, p.err
}

var payment = meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay")}

func TestWrittenRulesDecide(t *testing.T) {
	t.Parallel()
	type want struct {
		decision Decision
		kind     Kind
		party    Party
		factor   string
		reason   string
	}
	cases := []struct {
		name  string
		specs []string
		want  want
	}{
		{"nothing-written", nil, want{decision: Allow}},
		{"forbidden", []string{"party: organisation\nrules: [{forbid: {methods: [SendMessage]}}]"}, want{Deny, Forbidden, Organisation, "policy", "policy-forbids"}},
		{"permitted-to-others", []string{"party: callee\ntargets: {agents: [ledger]}\nsubjects: {agents: [weather]}\nrules: [{permit: {}}]"}, want{Deny, Forbidden, CalleeSide, "policy", "policy-permits-nothing"}},
		{"permitted", []string{"party: callee\ntargets: {agents: [ledger]}\nsubjects: {agents: [caller]}\nrules: [{permit: {}}]"}, want{decision: Allow}},
		{"read-only", []string{"party: caller\nsubjects: {agents: [caller]}\nrules: [{read_only: {}}]"}, want{Deny, Forbidden, CallerSide, "policy", "policy-read-only"}},
		{"body", []string{"party: gateway\nrules: [{max_body: 10}]"}, want{Deny, TooLarge, GatewaySide, "policy", "policy-body-too-large"}},
		{"ring", []string{"party: gateway\nrules: [{require_ring: 1}]"}, want{Deny, Forbidden, GatewaySide, "policy", "policy-ring-too-low"}},
		{"trust", []string{"party: gateway\nrules: [{min_trust: 900}]"}, want{Deny, Forbidden, GatewaySide, "policy", "policy-trust-too-low"}},
		{"assured-enough", []string{"party: gateway\nrules: [{require_assurance: agent}]"}, want{decision: Allow}},
		{"in-shadow", []string{"party: gateway\nmode: shadow\nrules: [{read_only: {}}]"}, want{decision: Allow}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.written = writes(t, c.specs...)
			v := f.decide(t, payment, "").Verdict
			got := want{decision: v.Decision, kind: v.Kind, party: v.Party, factor: v.Factor, reason: v.Reason}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestNobodyHasReadThePolicies shows that nothing passes as long as nobody knows what is written.
func TestNobodyHasReadThePolicies(t *testing.T) {
	t.Parallel()
	f := newFixture()
	config := f.config()
	mesh := f.mesh()
	mesh.Policies = nil
	config.Mesh = func() Mesh { return mesh }
	g := New(config)
	request, body := f.request(t, pay)
	x := g.Open(t.Context(), request)
	x = g.Resume(x.Passage(), request)
	g.Close(t.Context(), x, body)
	if v := x.Verdict; v.Decision != Deny || v.Reason != policy.ReasonUndecided || v.Kind != Internal {
		t.Errorf("%+v", v)
	}
}

func TestWrittenRulesStayInTheRecord(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.written = writes(t, "party: gateway\nrules: [{forbid: {}}]", "party: gateway\nmode: shadow\nrules: [{max_body: 10}]")
	x := f.decide(t, payment, "")
	record := f.kept[len(f.kept)-1]
	if !slices.Equal(record.Evidence, []string{"policy p0 rules[0] forbid"}) || record.Epoch != f.written.Epoch() {
		t.Errorf("evidence %q, epoch %q", record.Evidence, record.Epoch)
	}
	if diff := cmp.Diff(&audit.PolicyCall{Origin: "caller", Bytes: len(payment.Body)}, record.Call); diff != "" {
		t.Errorf("what was asked (-want +got):\n%s", diff)
	}
	shadows := []audit.Shadow{{Policy: "p1", Rule: 0, Kind: "max_body", Party: "gateway", Reason: "policy-body-too-large"}}
	if diff := cmp.Diff(shadows, record.Shadows); diff != "" {
		t.Errorf("in shadow (-want +got):\n%s", diff)
	}
	if told := string(x.Denial().Body); strings.Contains(told, "p0") || !strings.Contains(told, `"reason":"POLICY_FORBIDS"`) {
		t.Errorf("the caller is told %s", told)
	}
}

// TestPoliciesOfDelegatedCalls shows on whose account a refusal goes: what the caller may do by itself, and those for whom it
// acts may not, is held against nobody.
func TestPoliciesOfDelegatedCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule       string
		own, other Decision
		excused    bool
	}{
		"any-chain":       {"forbid (principal, action, resource) when { context.hops > 0 };", Allow, Deny, true},
		"this-origin":     {`forbid (principal, action, resource) when { context.origin == "boss" };`, Allow, Deny, true},
		"another-origin":  {`forbid (principal, action, resource) when { context.origin == "weather" };`, Allow, Allow, false},
		"whoever-asks-it": {"forbid (principal, action, resource) when { context.effect == \"write\" };", Deny, Deny, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.Add("boss", agent.Supervisor)
			f.written = writes(t, "party: gateway\nrules:\n- cedar: |\n    "+c.rule)
			if v := f.decide(t, payment, "").Verdict; v.Decision != c.own || v.Excused {
				t.Errorf("its own call: %+v", v)
			}
			f.replay = identity.NewReplay(meshtest.Noon.Add(-time.Minute), 1024)
			call := payment
			call.Header = chainOf(t, link{from: "boss", to: "caller"})
			x := f.decide(t, call, "")
			if v := x.Verdict; v.Decision != c.other || v.Excused != c.excused || x.Chain.Descent != Delegated {
				t.Errorf("on behalf of boss (%s): %+v", x.Chain.Descent, v)
			}
		})
	}
}

func TestBudgetsOfPolicies(t *testing.T) {
	t.Parallel()
	rate, concurrency := "party: callee\nrules: [{rate_limit: {requests: 1, per: 1m, burst: 1}}]", "party: callee\nrules: [{concurrency: {calls: 1}}]"
	for name, c := range map[string]struct {
		spec   string
		result budget.Result
		reason string
		kind   Kind
		retry  int
	}{
		"room":        {rate, budget.Result{OK: true}, "", Internal, 0},
		"no-room":     {rate, budget.Result{Wait: 1500 * time.Millisecond}, "policy-rate-exceeded", TooOften, 2},
		"under-way":   {concurrency, budget.Result{}, "policy-calls-waiting", TooOften, 1},
		"undecided":   {rate, budget.Result{Err: errors.New("no answer")}, "budget-undecided", Unavailable, 1},
		"in-shadow":   {"mode: shadow\n" + rate, budget.Result{}, "", Internal, 0},
		"shadow-fail": {"mode: shadow\n" + rate, budget.Result{Err: errors.New("no answer")}, "", Internal, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			count := &counted{result: c.result}
			f.written, f.budgets = writes(t, c.spec), count
			v := f.decide(t, payment, "").Verdict
			if v.Reason != c.reason || v.RetryAfterSeconds != c.retry || c.reason != "" && v.Kind != c.kind {
				t.Errorf("%+v", v)
			}
			if len(count.taken) != 1 {
				t.Errorf("counted in %q", count.taken)
			}
			if shadows := f.kept[len(f.kept)-1].Shadows; (len(shadows) > 0) != (name == "in-shadow") {
				t.Errorf("in shadow %v", shadows)
			}
		})
	}
}

func TestCallsLeaveTheirBudgets(t *testing.T) {
	t.Parallel()
	f := newFixture()
	count := &counted{result: budget.Result{OK: true}}
	f.written, f.budgets = writes(t, "party: callee\nrules: [{concurrency: {calls: 1}}, {rate_limit: {requests: 1, per: 1s, burst: 1}}]"), count
	g := f.governor()
	request, body := f.request(t, pay)
	x := g.Resume(g.Open(t.Context(), request).Passage(), request)
	g.Close(t.Context(), x, body)
	if len(count.taken) != 2 || len(count.left) != 0 {
		t.Fatalf("taken %q, left %q", count.taken, count.left)
	}
	g.Leave(x)
	g.Leave(x)
	if len(count.left) != 1 {
		t.Errorf("left %q", count.left)
	}
}

func TestPeopleDecide(t *testing.T) {
	t.Parallel()
	spec := "party: callee\nrules: [{require_approval: {min_approvals: 2, groups: [finance], timeout: 30m}}]"
	ends := meshtest.Noon.Add(30 * time.Minute)
	for name, c := range map[string]struct {
		people Approvals
		want   Decision
		reason string
	}{
		"nobody-to-ask": {nil, Deny, "approval-required"},
		"waiting":       {&people{answer: approval.Approval{ID: "case-1", State: approval.Pending, Expires: ends}}, Approve, "approval-required"},
		"granted-before": {
			&people{answer: approval.Approval{ID: "case-1", State: approval.Granted, Expires: ends}}, Approve, "approval-required",
		},
		"granted":   {&people{answer: approval.Approval{ID: "case-1", State: approval.Consumed, Granted: true}}, Allow, ""},
		"denied":    {&people{answer: approval.Approval{ID: "case-1", State: approval.Denied}}, Deny, "approval-denied"},
		"undecided": {&people{err: errors.New("no answer")}, Deny, "approval-undecided"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.written, f.people = writes(t, spec), c.people
			x := f.decide(t, payment, "")
			if x.Verdict.Decision != c.want || x.Verdict.Reason != c.reason {
				t.Errorf("%+v", x.Verdict)
			}
			told := string(x.Denial().Body)
			if waits := c.want == Approve; waits != strings.Contains(told, `"approvalId":"case-1","expiresAt":"2026-11-23T12:30:00Z"`) {
				if name != "denied" {
					t.Errorf("the caller is told %s", told)
				}
			}
		})
	}
}

// TestPeopleAreAskedAboutOneRequest shows what a case is bound to.
func TestPeopleAreAskedAboutOneRequest(t *testing.T) {
	t.Parallel()
	spec := "party: callee\nrules: [{require_approval: {min_approvals: 1, groups: [finance], timeout: 30m}}]"
	asked := func(body, other string) approval.Case {
		f, p := newFixture(), &people{answer: approval.Approval{ID: "case-1", State: approval.Pending}}
		f.Records["caller"].Owner = "ops"
		f.written, f.people = writes(t, spec+other), p
		call := payment
		call.Body = body
		f.decide(t, call, "")
		if len(p.asked) != 1 {
			t.Fatalf("asked %d times", len(p.asked))
		}
		return p.asked[0]
	}
	first := asked(payment.Body, "")
	if first.Caller != "caller" || first.Callee != "ledger" || first.Method != a2a.SendMessage || !slices.Equal(first.Excluded, []agent.Owner{"ops"}) {
		t.Errorf("%+v", first)
	}
	if again := asked(strings.Replace(payment.Body, `"r1"`, `"r2"`, 1), ""); again.Digest != first.Digest {
		t.Error("the id of a request is part of the digest")
	}
	if changed := asked(strings.Replace(payment.Body, `pay`, `pay more`, 1), ""); changed.Digest == first.Digest {
		t.Error("another message has the same digest")
	}
	if later := asked(payment.Body, "\nsubjects: {agents: [caller]}"); later.Digest == first.Digest {
		t.Error("under other policies the digest is the same")
	}
}

// TestRingsCountedTogether has the limits of rings counted where all processes see them.
func TestRingsCountedTogether(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		result budget.Result
		reason string
		kind   Kind
	}{
		"room":      {budget.Result{OK: true}, "", Internal},
		"no-room":   {budget.Result{Wait: time.Second}, "rate-exceeded", TooOften},
		"undecided": {budget.Result{Err: errors.New("no answer")}, "budget-undecided", Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			count := &counted{result: c.result}
			config := f.config()
			config.Meter, config.Budgets, config.SharedRings = nil, count, true
			g := New(config)
			request, body := f.request(t, payment)
			x := g.Open(t.Context(), request)
			if !x.Final {
				x = g.Resume(x.Passage(), request)
				g.Close(t.Context(), x, body)
				g.Leave(x)
			}
			if v := x.Verdict; v.Reason != c.reason || c.reason != "" && v.Kind != c.kind {
				t.Errorf("%+v", v)
			}
			if c.reason == "" && (!slices.Equal(count.taken, []string{"~rate/2/caller", "~calls/2/caller"}) || !slices.Equal(count.left, []string{"~calls/2/caller"})) {
				t.Errorf("counted in %q, left %q", count.taken, count.left)
			}
		})
	}
}

// graded are findings of one severity in all texts that hold a phrase.
type graded string

func (g graded) Scan(texts []a2a.Text, _ inspect.Options) (found []inspect.Finding) {
	for _, text := range texts {
		if strings.Contains(text.Value, string(g)) {
			found = append(found, inspect.Finding{Rule: "graded-1", Class: "secret", Severity: inspect.High, Action: inspect.Flag})
		}
	}
	return found
}

// TestShadowsAreRecordedOnce follows what documents in shadow mode would have refused from every stage that says so to the
// records of the call, also where it is judged anew when it begins to be served.
func TestShadowsAreRecordedOnce(t *testing.T) {
	t.Parallel()
	const specs = "party: gateway\nmode: shadow\nrules: [{max_body: 10}, {rate_limit: {requests: 1}}, {content: {in: [request]}}, {content: {in: [answer]}}, {require_approval: {groups: [finance]}}]"
	for name, shared := range map[string]bool{"alone": false, "shared": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.written, f.budgets, f.scanner = writes(t, specs), &counted{}, graded("pay")
			if f.lineage = lineage.NewLedger(time.Minute); shared {
				f.lineage, _ = paired(t)
			}
			g := f.governor()
			request, body := f.request(t, payment)
			x := g.Resume(g.Open(t.Context(), request).Passage(), request)
			g.Close(t.Context(), x, body)
			reply(g, x, http.StatusOK, `{"jsonrpc":"2.0","id":1,"result":{"message":{"messageId":"a","role":"ROLE_AGENT","parts":[{"text":"pay"}]}}}`, true)
			g.Leave(x)
			var got [][]string
			for _, record := range f.kept {
				var reasons []string
				for _, s := range record.Shadows {
					reasons = append(reasons, s.Reason)
				}
				slices.Sort(reasons)
				got = append(got, reasons)
			}
			want := [][]string{{"approval-required", "policy-body-too-large", "policy-content", "policy-rate-exceeded"}, {"policy-content"}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("in shadow (-want +got):\n%s", diff)
			}
		})
	}
}
