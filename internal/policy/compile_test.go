package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	plain := func(name, file string, line int) *Document {
		return &Document{Name: name, File: file, Line: line, Party: CallerParty, Rules: []Rule{{Kind: Forbid, Line: line + 1}}}
	}
	broken := func(change func(d *Document)) *Document {
		d := plain("d", "a.yaml", 1)
		change(d)
		return d
	}
	tests := []struct {
		name string
		docs []*Document
		want []Problem
	}{
		{"nil-document", []*Document{nil}, []Problem{{Reason: "the document is missing"}}},
		{"same-name", []*Document{plain("d", "a.yaml", 1), plain("d", "b.yaml", 7)}, []Problem{
			{File: "b.yaml", Line: 7, Document: "d", Reason: "the name is taken by a document in a.yaml, line 1"},
		}},
		{"sorted", []*Document{
			broken(func(d *Document) {
				d.Name, d.File, d.Rules[0].Narrow.Methods = "z", "z.yaml", []a2a.Method{}
				d.Party = 9
			}),
			broken(func(d *Document) { d.Name, d.Rules[0].Kind = "y", 0 }),
		}, []Problem{
			{File: "a.yaml", Line: 2, Document: "y", Reason: "the rule is of no kind"},
			{File: "z.yaml", Line: 1, Document: "z", Reason: "it is of no party, or in no mode"},
		}},
		{"no-name", []*Document{broken(func(d *Document) { d.Name = "Not A Name" })}, []Problem{
			{File: "a.yaml", Line: 1, Document: "Not A Name", Reason: "the name must be lower-case letters, digits and inner hyphens; character 1 is 'N'"},
		}},
		{"permit-by-claim", []*Document{broken(func(d *Document) { d.Rules[0].Kind, d.Targets.Skills = Permit, []string{"x"} })}, []Problem{
			{File: "a.yaml", Line: 2, Document: "d", Reason: "a permit may not ask for skills or actions: a caller could claim its way in"},
		}},
		{"cedar-permit-by-claim", []*Document{broken(func(d *Document) {
			d.Rules = []Rule{{Kind: Cedar, Line: 2, TextLine: 3, Text: "\npermit (principal, action, resource);", Narrow: Targets{Actions: []string{"x"}}}}
		})}, []Problem{
			{File: "a.yaml", Line: 4, Document: "d", Reason: "a permit may not ask for skills or actions: a caller could claim its way in"},
		}},
		{"no-such-ring", []*Document{broken(func(d *Document) { d.Rules[0].Kind, d.Rules[0].Ring = RequireRing, 9 })}, []Problem{
			{File: "a.yaml", Line: 2, Document: "d", Reason: "the rule asks for a ring or an assurance that there is not"},
		}},
		{"unknown-agent", []*Document{broken(func(d *Document) { d.Subjects.Agents = []string{"nobody"} })}, []Problem{
			{File: "a.yaml", Line: 1, Document: "d", Reason: `no agent "nobody" is registered`},
		}},
		{"own-test", []*Document{broken(func(d *Document) {
			d.Tests = []Test{{Name: "it may", Line: 30, Call: Call{Caller: "x", Callee: "ledger", Method: a2a.GetTask}, Decision: Allow}}
		})}, []Problem{
			{File: "a.yaml", Line: 30, Document: "d", Test: "it may", Reason: `test "it may": expected allow, but the document says deny by forbid`},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			set, problems := Compile(test.docs, world)
			if set != nil {
				t.Error("a set is returned")
			}
			if diff := cmp.Diff(test.want, problems); diff != "" {
				t.Errorf("problems (-want +got)\n%s", diff)
			}
		})
	}
}

// TestRecompile holds that what an earlier set compiled is taken where a document decides the same, and only there, and
// that agents and tests are looked at again.
func TestRecompile(t *testing.T) {
	t.Parallel()
	docs, before := drawSet(t, newGenerator(11), 6)
	again := append([]*Document(nil), docs...)
	reworded := *docs[0]
	reworded.Description, reworded.File, reworded.Line = "other words", "moved.yaml", 99
	changed := *docs[1]
	changed.Mode = Shadow - changed.Mode
	again[0], again[1] = &reworded, &changed
	after, problems := Recompile(before, again, world)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	bodies := map[string]*body{}
	for _, m := range before.members {
		bodies[m.document.Name] = m.body
	}
	for _, m := range after.members {
		if taken := bodies[m.document.Name] == m.body; taken != (m.document.Name != docs[1].Name) {
			t.Errorf("%s: taken is %t", m.document.Name, taken)
		}
	}
	fresh, _ := Compile(again, world)
	if fresh.Epoch() != after.Epoch() || fresh.Epoch() == before.Epoch() {
		t.Errorf("epochs: before %s, after %s, fresh %s", before.Epoch(), after.Epoch(), fresh.Epoch())
	}
	k := newKeys()
	g := newGenerator(12)
	for range 300 {
		c := g.call()
		if err := differ(after, again, c, AllParties, k); err != nil {
			t.Fatal(err)
		}
	}
	if reworded.File != after.Documents()[0].File {
		t.Error("the document before is told")
	}

	named := &Document{Name: "named", Party: CalleeParty, Rules: []Rule{{Kind: Cedar, Text: `forbid (principal == Agent::"planner", action, resource);`}}}
	set, problems := Compile([]*Document{named}, world)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if set, problems = Recompile(set, []*Document{named}, registered{"ledger": "finance"}); set != nil || len(problems) != 1 {
		t.Errorf("an agent that is gone is not missed: %+v", problems)
	}
}

func TestEpochOfDocuments(t *testing.T) {
	t.Parallel()
	empty, problems := Compile(nil, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if len(empty.Epoch()) != 32 || strings.Trim(empty.Epoch(), "0123456789abcdef") != "" {
		t.Errorf("the epoch is %q", empty.Epoch())
	}
	var none *Set
	if none.Epoch() != "" || none.Documents() != nil || len(none.Cedar()) != 0 {
		t.Error("no set has an epoch, documents or a text")
	}
	if o := empty.Evaluate(benchCall(), AllParties); o.Decision != Allow {
		t.Errorf("an empty set abstains, but says %+v", o)
	}
}
