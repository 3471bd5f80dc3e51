package policy

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckAgents(t *testing.T) {
	t.Parallel()
	text := "# a comment\n\n---\n# another\n" + head + `spec:
  party: callee
  subjects:
    agents: [planner, "ghost-*", ghost]
    owners: ["nobody*", nobody, fin & co]
  targets:
    agents:
    - ledger
    - legder
  rules:
  - read_only
  - forbid:
      owners: [ops, opps]
      agents: [x,
        y]
`
	docs := mustParse(t, text)
	var got []string
	for _, p := range checkAgents(docs[0], world) {
		got = append(got, fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.Document, p.Reason))
	}
	want := []string{
		`test.yaml:11: a: no agent "ghost" is registered`,
		`test.yaml:12: a: no registered agent has the owner "nobody"`,
		`test.yaml:16: a: no agent "legder" is registered`,
		`test.yaml:22: a: no agent "y" is registered`,
		`test.yaml:20: a: no registered agent has the owner "opps"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if problems := checkAgents(docs[0], nil); len(problems) > 0 {
		t.Errorf("without agents there are problems: %v", problems)
	}
	without := *docs[0]
	without.Source = nil
	for _, p := range checkAgents(&without, world) {
		if p.Line != without.Line {
			t.Errorf("a document without a source has a problem at line %d", p.Line)
		}
	}
}

// TestGolden compiles each file of golden documents, whose own tests say what each kind of rule does.
func TestGolden(t *testing.T) {
	t.Parallel()
	kinds := map[string]bool{}
	for _, path := range documentFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		docs, problems := Parse(path, data)
		for _, d := range docs {
			if len(d.Tests) == 0 && !strings.Contains(path, "all.yaml") {
				t.Errorf("%s: %s has no tests", path, d.Name)
			}
			for _, test := range d.Tests {
				kinds[test.Rule] = true
			}
		}
		if strings.Contains(path, "all.yaml") {
			continue // says all there is to say, and not that it makes sense together
		}
		if _, found := Compile(docs, nil); len(problems)+len(found) > 0 {
			t.Errorf("%s is refused:\n%s", path, problemText(append(problems, found...)))
		}
	}
	for k := Permit; k <= Cedar; k++ {
		if !kinds[k.String()] {
			t.Errorf("no golden test says what %s does", k)
		}
	}
}

// TestOwnTestsFail shows that a test which expects something else refuses its document, with the line and what it is.
func TestOwnTestsFail(t *testing.T) {
	t.Parallel()
	document := func(mode, call, expect string) string {
		return fmt.Sprintf("%sspec:\n  party: callee\n  mode: %s\n  targets: {owners: [finance]}\n  rules:\n  - read_only\n  - require_approval: {skills: [pay], groups: [a]}\n"+
			"tests:\n- name: t\n  call: {%s}\n  expect: {%s}\n", head, mode, call, expect)
	}
	const paying = "caller: planner, callee: payments, effect: read, skill: pay"
	tests := []struct{ name, text, want string }{
		{"other-decision", document("enforce", "caller: planner, callee: ledger", "decision: allow"), `:12: test "t": expected allow, but the document says deny by read_only`},
		{"other-rule", document("enforce", "caller: planner, callee: ledger", "decision: deny, rule: forbid"), `:12: test "t": expected deny by forbid, but the document says deny by read_only`},
		{"as-expected", document("enforce", "caller: planner, callee: ledger", "decision: deny, rule: read_only"), ""},
		{"shadow-as-enforced", document("shadow", "caller: planner, callee: ledger", "decision: allow"), `expected allow, but the document says deny by read_only`},
		{"owner-of-the-registry", document("enforce", "caller: planner, callee: team-a", "decision: deny"), `expected deny, but the document says allow`},
		{"owner-of-the-test", document("enforce", "caller: planner, callee: team-a, callee_owner: finance", "decision: deny, rule: read_only"), ""},
		{"approval", document("enforce", paying, "decision: allow"), `expected allow, but the document says approve by require_approval`},
		{"approval-as-expected", document("shadow", paying, "decision: approve, rule: require_approval"), ""},
		{"deny-by-a-limit", document("enforce", paying, "decision: approve, rule: rate_limit"), `expected approve by rate_limit`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set, problems := Compile(mustParse(t, tt.text), world)
			got := problemText(problems)
			if (tt.want == "") != (len(problems) == 0) || !strings.Contains(strings.Replace(got, " a: ", " ", 1), tt.want) || (set == nil) != (tt.want != "") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
