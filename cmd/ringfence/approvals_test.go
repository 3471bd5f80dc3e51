package main

import (
	"slices"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/policy"
)

func TestUnanswerable(t *testing.T) {
	t.Parallel()
	documents, problems := policy.Parse("p.yaml", []byte(`apiVersion: ringfence.dev/v1
kind: Policy
metadata: {name: p}
spec:
  party: callee
  rules:
    - require_approval: {actions: [pay], groups: [finance]}
    - require_approval: {actions: [close], groups: [finance], min_approvals: 2}
    - require_approval: {actions: [open], groups: [legal]}
    - content: {then: approve, groups: [legal, finance]}
    - content: {classes: [secret], at_least: high, then: approve, groups: [legal]}
    - max_body: 64KiB
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set, problems := policy.Compile(documents, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	key := meshtest.Public(meshtest.Private("ada")).DID
	approvers, err := approval.Compile([]approval.Approver{{Name: "ada", Groups: []string{"finance"}, Key: key}})
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, doubt := range unanswerable(set, approvers) {
		lines = append(lines, doubt.Line)
	}
	if !slices.Equal(lines, []int{8, 9, 11}) {
		t.Errorf("the rules in lines %v", lines)
	}
	if got := unanswerable(nil, approvers); got != nil {
		t.Errorf("of no set: %v", got)
	}
}

func TestUnfound(t *testing.T) {
	t.Parallel()
	documents, problems := policy.Parse("p.yaml", []byte("apiVersion: ringfence.dev/v1\nkind: Policy\nmetadata: {name: p}\n"+
		"spec: {party: gateway, rules: [content: {classes: [injection, promt-injection]}]}\n"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set, problems := policy.Compile(documents, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	doubts := unfound(set, []string{"injection", "secret"})
	if len(doubts) != 1 || !strings.Contains(doubts[0].Reason, `"promt-injection"`) {
		t.Errorf("%v", doubts)
	}
}

func TestBoundless(t *testing.T) {
	t.Parallel()
	text := ""
	for name, spec := range map[string]string{
		"all-callers": "party: caller, targets: {agents: [a]}", "some-callers": "party: caller, subjects: {owners: [a]}",
		"all-callees": "party: callee, subjects: {agents: [a]}", "some-callees": "party: callee, targets: {agents: ['a*']}",
		"gateway": "party: gateway",
	} {
		text += "---\napiVersion: ringfence.dev/v1\nkind: Policy\nmetadata: {name: " + name + "}\nspec: {" + spec + ", rules: [read_only]}\n"
	}
	documents, problems := policy.Parse("p.yaml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set, problems := policy.Compile(documents, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var names []string
	for _, doubt := range boundless(set) {
		names = append(names, doubt.Document)
	}
	if !slices.Equal(names, []string{"all-callees", "all-callers"}) {
		t.Errorf("%q", names)
	}
}

func TestKnownAgents(t *testing.T) {
	t.Parallel()
	m := meshtest.New()
	m.Records["caller"].Owner = "ops"
	known := agentsOf(m.Snapshot())
	if owner, ok := known.Agent("caller"); !ok || owner != "ops" {
		t.Errorf("%q, %v", owner, ok)
	}
	if _, ok := known.Agent("nobody"); ok {
		t.Error("nobody is known")
	}
	for owner, want := range map[agent.Owner]bool{"ops": true, "finance": false, "": false} {
		if known.Owner(owner) != want {
			t.Errorf("owner %q: %v", owner, !want)
		}
	}
}
