package rulebook

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/policy"
)

// recorded is the record of a message from weather to an agent.
func recorded(id string, callee agent.ID) audit.Record {
	return audit.Record{
		ID: id, Time: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), Caller: "weather", Assurance: "agent", Ring: agent.User, Trust: 500,
		Callee: callee, Method: "SendMessage", Effect: "write", Decision: "allow",
		Authority: &audit.Authority{Descent: "linked", Unchained: true},
		Call:      &audit.PolicyCall{CallerOwner: "team a", CalleeOwner: "team b", Origin: "concierge", Hops: 1, Action: "pay", Bytes: 7},
	}
}

func TestCallOf(t *testing.T) {
	t.Parallel()
	r := recorded("d-1", "ledger")
	r.Skill = "transfer"
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var read audit.Record
	if err := json.Unmarshal(line, &read); err != nil {
		t.Fatal(err)
	}
	want := policy.Call{
		Caller: "weather", CallerOwner: "team a", Ring: agent.User, Trust: 500, Assurance: identity.AssuranceAgent, Origin: "concierge", Hops: 1,
		Unchained: true, Descent: "linked", Callee: "ledger", CalleeOwner: "team b", Method: a2a.SendMessage, Effect: agent.EffectWrite,
		Skill: "transfer", Action: "pay", Bytes: 7, At: r.Time,
	}
	got, ok := CallOf(read)
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("%t (-want +got)\n%s", ok, diff)
	}
	for name, change := range map[string]func(*audit.Record){
		"before-policies":   func(r *audit.Record) { r.Call = nil },
		"answer":            func(r *audit.Record) { r.Phase = audit.AnswerPhase },
		"unknown-assurance": func(r *audit.Record) { r.Assurance = "sure" },
		"unknown-effect":    func(r *audit.Record) { r.Effect = "none" },
	} {
		r := read
		change(&r)
		if call, ok := CallOf(r); ok {
			t.Errorf("%s: %+v", name, call)
		}
	}
	own := read
	own.Authority = nil
	if call, ok := CallOf(own); !ok || call.Descent != "" || call.Unchained {
		t.Errorf("without authority: %t, %+v", ok, call)
	}
}

// compiled returns the set of one text.
func compiled(t *testing.T, source string) *policy.Set {
	t.Helper()
	documents, problems := policy.Parse("p.yaml", []byte(source))
	set, refused := Judge(documents, AnyAgents{})
	if len(problems)+len(refused) > 0 {
		t.Fatal(problems, refused)
	}
	return set
}

func TestCompare(t *testing.T) {
	t.Parallel()
	guard := compiled(t, text("guard", "ledger", forbid))
	records := []audit.Record{recorded("d-1", "ledger"), recorded("d-2", "weather"), recorded("d-3", "ledger"), {ID: "d-4", Decision: "deny"}}
	compare := func(before, after *policy.Set, most int) Comparison {
		return Compare(slices.Values(records), before, after, policy.AllParties, most)
	}
	for _, test := range []struct {
		name          string
		before, after *policy.Set
		want          string
	}{
		{"a-new-forbid", compiled(t, ""), guard, "map[{allow deny}:2] 0"},
		{"the-forbid-goes", guard, compiled(t, ""), "map[{deny allow}:2] 0"},
		{"the-same", guard, compiled(t, text("guard", "ledger", forbid)), "map[] 0"},
		{"another-rule", guard, compiled(t, text("other", "ledger", forbid)), "map[] 2"},
		{"approval", compiled(t, ""), compiled(t, text("ask", "*", "require_approval: {groups: [ops], timeout: 1h}")), "map[{allow approve}:3] 0"},
		{"nothing-in-force", nil, compiled(t, ""), "map[{deny allow}:3] 0"},
		{"limits-are-left-aside", compiled(t, ""), compiled(t, text("limit", "*", "rate_limit: {requests: 1, per: 1m}")), "map[] 0"},
	} {
		c := compare(test.before, test.after, 10)
		if got := fmt.Sprint(c.Turns, c.Moved); got != test.want || c.Compared != 3 || c.Untold != 1 || len(c.Flips) != c.Flipped() || len(c.Shifts) != c.Moved {
			t.Errorf("%s: %s, want %s; %+v", test.name, got, test.want, c)
		}
	}
	if c := Compare(slices.Values(records), compiled(t, ""), guard, policy.PartiesOf(policy.CallerParty), 10); c.Flipped() != 0 {
		t.Errorf("the callee's policies are asked where the caller's are: %+v", c)
	}
	c := compare(compiled(t, ""), guard, 1)
	if len(c.Flips) != 1 || c.Flipped() != 2 || c.Flips[0].Record.ID != "d-1" {
		t.Errorf("%+v", c)
	}
	want := Side{policy.Deny, policy.Ref{Party: policy.CalleeParty, Policy: "guard", Kind: policy.Forbid}, policy.ReasonForbidden}
	if diff := cmp.Diff(want, c.Flips[0].New); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// FuzzDecode holds that an entry of the store is either one document of its name or a problem.
func FuzzDecode(f *testing.F) {
	f.Add("one", `{"source":`+quoted(text("one", "weather", forbid))+`,"version":1}`)
	f.Add("one", `{"source":""}`)
	f.Add("one", `[]`)
	f.Add("-", `{"source":"---\n---"}`)
	f.Fuzz(func(t *testing.T, key, value string) {
		s := decode(entryOf(key, value))
		if (s.document == nil) == (len(s.problems) == 0) {
			t.Fatalf("%+v", s)
		}
		if s.document != nil && s.document.Name != key {
			t.Fatalf("%q is named %q", key, s.document.Name)
		}
		for _, p := range s.problems {
			if p.Document != key {
				t.Fatalf("a problem of %q is of %q", key, p.Document)
			}
		}
	})
}
