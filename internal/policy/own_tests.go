package policy

import (
	"fmt"
	"slices"

	"ringfence.dev/ringfence/internal/agent"
)

// runTests runs the tests of a document on what it compiles to alone, and reports those that come to something else. A
// document in shadow mode is judged as if it were enforced, so that its tests hold before and after.
func runTests(d *Document, alone *Set, agents Agents) []Problem {
	if d.Mode != Enforce {
		enforced := *d
		enforced.Mode, enforced.Tests = Enforce, nil
		var problems []Problem
		if alone, problems = Compile([]*Document{&enforced}, agents); len(problems) > 0 {
			return problems
		}
	}
	var problems []Problem
	for i := range d.Tests {
		t := &d.Tests[i]
		call := t.Call
		fillOwners(&call, agents)
		outcome := alone.Evaluate(&call, AllParties)
		decision, ref := outcome.Settle(t.Findings)
		if decision == t.Decision && (t.Rule == "" || bears(&outcome, decision, ref, t.Rule)) {
			continue
		}
		problems = append(problems, Problem{
			File: d.File, Line: t.Line, Document: d.Name, Test: t.Name,
			Reason: fmt.Sprintf("test %q: expected %s, but the document says %s", t.Name,
				verdictText(t.Decision, t.Rule), verdictText(decision, ref.Kind.name())),
		})
	}
	return problems
}

// fillOwners gives the agents of a test's call the owners that they are registered with.
func fillOwners(c *Call, agents Agents) {
	if agents == nil {
		return
	}
	fill := func(owner *agent.Owner, name agent.ID) {
		if *owner == "" {
			*owner, _ = agents.Agent(name)
		}
	}
	fill(&c.CallerOwner, c.Caller)
	fill(&c.CalleeOwner, c.Callee)
}

// bears reports whether a rule of the kind decided. Of a call that is allowed, also the limits that it counts in and the
// thresholds that its content is held against bear.
func bears(o *Outcome, decision Decision, ref Ref, kind string) bool {
	if ref.Kind.name() == kind {
		return true
	}
	return decision == Allow &&
		(slices.ContainsFunc(o.Budgets, func(b Budget) bool { return b.Kind.name() == kind }) ||
			slices.ContainsFunc(o.Thresholds, func(t *Threshold) bool { return t.Kind.name() == kind }) ||
			o.TimeLimit > 0 && o.Timed.Kind.name() == kind)
}

// name is String, and empty for the zero kind.
func (k Kind) name() string {
	if k == 0 {
		return ""
	}
	return k.String()
}

func verdictText(d Decision, rule string) string {
	if rule == "" {
		return d.String()
	}
	return d.String() + " by " + rule
}
