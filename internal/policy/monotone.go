package policy

import (
	"fmt"
	"slices"

	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// standing is how a caller stands: what rules have to be monotone in.
type standing struct {
	ring, trust, assurance int64
}

// of returns the value of an attribute; ok is false for those that say nothing of how the caller stands.
func (s standing) of(a attribute) (v int64, ok bool) {
	switch a {
	case ringAttribute:
		return s.ring, true
	case trustAttribute:
		return s.trust, true
	case assuranceAttribute:
		return s.assurance, true
	}
	return 0, false
}

func (s standing) String() string {
	return fmt.Sprintf("ring %d, score %d, assurance %s", s.ring, s.trust, identity.Assurance(s.assurance))
}

// checkMonotone reports the rules that let a caller do less than one that stands worse: that acts in a less privileged
// ring, has less trust, or is proved less well. It tries all of them, whatever else is true of a call.
func checkMonotone(d *Document, raws [][]*ast.Policy) []Problem {
	var problems []Problem
	for i := range d.Rules {
		r := &d.Rules[i]
		var conditions []ast.IsNode
		for _, c := range clausesOf(d, r) {
			if s, _ := asks(c.node.AsIsNode()); s&standingAttributes != 0 {
				conditions = append(conditions, c.node.AsIsNode())
			}
		}
		if r.Kind != Cedar {
			if reason := monotone(conditions, deedOf(r, nil)); reason != "" {
				problems = append(problems, d.problem(r.Line, "%s %s", r.Kind, reason))
			}
			continue
		}
		for _, p := range raws[i] {
			if reason := monotone(append(slices.Clip(conditions), bodies(p)...), deedOf(r, p)); reason != "" {
				problems = append(problems, d.problem(lineOf(r, p.Position.Line), "the Cedar policy %s", reason))
			}
		}
	}
	return problems
}

const standingAttributes = attributes(1<<ringAttribute | 1<<trustAttribute | 1<<assuranceAttribute)

// bodies returns the conditions of a policy, those of unless negated.
func bodies(p *ast.Policy) []ast.IsNode {
	conditions := make([]ast.IsNode, len(p.Conditions))
	for i, c := range p.Conditions {
		conditions[i] = c.Body
		if c.Condition == ast.ConditionUnless {
			conditions[i] = ast.Not(ast.NewNode(c.Body)).AsIsNode()
		}
	}
	return conditions
}

// monotone says why what a rule does is not monotone if it speaks of a call for which all conditions hold; empty if it is.
func monotone(conditions []ast.IsNode, does deed) string {
	var asked attributes
	for _, n := range conditions {
		s, _ := asks(n)
		asked |= s
	}
	if asked&standingAttributes == 0 {
		return ""
	}
	f, reason := newFormula(conditions)
	if reason != "" {
		return reason
	}
	points := f.points()
	if points.size()<<len(f.atoms) > maxTrials {
		return tooComplex
	}
	truth := make([]bool, points.size())
	for facts := range uint32(1) << len(f.atoms) {
		for i := range truth {
			truth[i] = f.root.holds(points.at(i), facts)
		}
		if worse, better, ok := points.violation(truth, does == permitting); ok {
			return explainViolation(worse, better, does)
		}
	}
	return ""
}

const (
	// maxTrials bounds how often a condition is tried, maxAtoms how many facts it may have besides how a caller stands.
	maxTrials  = 1 << 17
	maxAtoms   = 10
	tooComplex = "is too complex to be checked for rings, trust and assurance; split it up"
)

func explainViolation(worse, better standing, does deed) string {
	var what, than string
	switch {
	case worse.ring != better.ring:
		what, than = fmt.Sprintf("ring %d", better.ring), fmt.Sprintf("ring %d", worse.ring)
	case worse.trust != better.trust:
		what, than = fmt.Sprintf("a score of %d", better.trust), fmt.Sprintf("one of %d", worse.trust)
	default:
		what, than = fmt.Sprintf("assurance %s", identity.Assurance(better.assurance)), identity.Assurance(worse.assurance).String()
	}
	if does == permitting || does == refusing {
		return fmt.Sprintf("refuses %s what %s may (at %s)", what, than, better)
	}
	return fmt.Sprintf("asks more of %s than of %s (at %s)", what, than, better)
}

// grid is every way in which a caller can stand, as far as conditions tell them apart. Each list rises in privilege.
type grid struct {
	rings, trusts, assurances []int64
}

func (g *grid) size() int { return len(g.rings) * len(g.trusts) * len(g.assurances) }

func (g *grid) at(i int) standing {
	a := len(g.assurances)
	t := a * len(g.trusts)
	return standing{ring: g.rings[i/t], trust: g.trusts[i%t/a], assurance: g.assurances[i%a]}
}

// violation finds two callers of which the second stands better by one step and is let do less. Rising says that a
// condition lets callers do something, and does not refuse it to them.
func (g *grid) violation(truth []bool, rising bool) (worse, better standing, ok bool) {
	a := len(g.assurances)
	t := a * len(g.trusts)
	for i := range truth {
		for _, step := range []struct {
			by   int
			last bool
		}{{t, i/t == len(g.rings)-1}, {a, i%t/a == len(g.trusts)-1}, {1, i%a == a-1}} {
			if step.last || truth[i] == truth[i+step.by] || truth[i] != rising {
				continue
			}
			return g.at(i), g.at(i + step.by), true
		}
	}
	return standing{}, standing{}, false
}

// points returns the grid on which the formula is tried: each ring and assurance if it asks for them, and each score at
// which it can change, with both neighbours.
func (f *formula) points() grid {
	g := grid{rings: []int64{3}, trusts: []int64{0}, assurances: []int64{0}}
	if f.asked.has(ringAttribute) {
		g.rings = []int64{3, 2, 1, 0}
	}
	if f.asked.has(assuranceAttribute) {
		g.assurances = []int64{0, 1, 2, 3, 4}
	}
	if f.asked.has(trustAttribute) {
		g.trusts = append(g.trusts, int64(agent.MaxTrust))
		for _, n := range f.scores {
			for _, near := range []int64{n - 1, n, n + 1} {
				if near >= 0 && near <= int64(agent.MaxTrust) {
					g.trusts = append(g.trusts, near)
				}
			}
		}
		slices.Sort(g.trusts)
		g.trusts = slices.Compact(g.trusts)
	}
	return g
}
