package policy

import (
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
)

// unreachableRaw reports the policies of a Cedar rule whose conditions hold for no call that the document speaks of.
func unreachableRaw(d *Document, r *Rule, policies []*ast.Policy) []Problem {
	var problems []Problem
	for _, p := range policies {
		if never(d, r, p) {
			problems = append(problems, d.problem(lineOf(r, p.Position.Line), "the Cedar policy is unreachable: it holds for no call that the document speaks of"))
		}
	}
	return problems
}

// never reports whether a policy is proved to hold for no call that the rule speaks of.
func never(d *Document, r *Rule, p *ast.Policy) bool {
	caller, callee := one(agentInScope(p.Principal)), one(agentInScope(p.Resource))
	m := maskOf(d, r) & (methodsInScope(p.Action) | ^methodBits)
	if m.empty() || !listsMeet(d.Subjects.Agents, caller) || !listsMeet(d.Targets.Agents, callee) || !listsMeet(r.Narrow.Agents, callee) {
		return true
	}
	conditions := bodies(p)
	for _, c := range clausesOf(d, r) {
		if s, _ := asks(c.node.AsIsNode()); s&standingAttributes != 0 {
			conditions = append(conditions, c.node.AsIsNode())
		}
	}
	f, reason := newFormula(conditions)
	if reason != "" {
		return false
	}
	points := f.points()
	settled := f.settled()
	calls := representatives(m, settled != 0)
	if len(calls)*points.size()<<len(f.atoms) > maxTrials {
		return false
	}
	for _, c := range calls {
		facts, ok := f.facts(settled, &c)
		if !ok || f.possible(points, settled, facts) {
			return false
		}
	}
	return true
}

// settled returns the bits of the facts that follow from the method and the effect alone.
func (f *formula) settled() uint32 {
	var bits uint32
	for i, atom := range f.atoms {
		asked, whole := asks(atom)
		settled := !whole && asked&^(1<<effectAttribute) == 0
		ast.Inspect(ast.NewNode(atom), func(n ast.IsNode) bool {
			if v, ok := n.(ast.NodeTypeVariable); ok && (v.Name == "principal" || v.Name == "resource") {
				settled = false
			}
			return settled
		})
		if settled {
			bits |= 1 << i
		}
	}
	return bits
}

// representatives returns a call with each method and effect of the mask; if these make no difference, any call.
func representatives(m mask, differ bool) []Call {
	if !differ {
		return []Call{{}}
	}
	var calls []Call
	for i := range otherMethod + 1 {
		if m&(1<<i) == 0 {
			continue
		}
		var method a2a.Method
		if i < len(methods) {
			method = a2a.Method(methods[i])
		}
		for _, effect := range []agent.Effect{agent.EffectRead, agent.EffectWrite, agent.EffectAdmin} {
			if m&effectBit(effect) != 0 {
				calls = append(calls, Call{Method: method, Effect: effect})
			}
		}
	}
	return calls
}

// facts returns the settled facts that are true of a call.
func (f *formula) facts(settled uint32, c *Call) (facts uint32, ok bool) {
	for i, atom := range f.atoms {
		if settled&(1<<i) == 0 {
			continue
		}
		holds, err := holds(atom, c)
		if err != nil {
			return 0, false
		}
		if holds {
			facts |= 1 << i
		}
	}
	return facts, true
}

// possible reports whether the formula can hold with the settled facts as they are, whatever the other ones are.
func (f *formula) possible(points grid, settled, facts uint32) bool {
	for free := range uint32(1) << len(f.atoms) {
		if free&settled != 0 {
			continue
		}
		for i := range points.size() {
			if f.root.holds(points.at(i), facts|free) {
				return true
			}
		}
	}
	return false
}
