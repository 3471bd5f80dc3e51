package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// Compile compiles documents to a set. It refuses all of them if anything is wrong with one: then the set is nil and the
// problems say what, sorted by file and line. A document is refused that names agents there are not, has a rule that
// means nothing or that is not monotone, or fails its own tests. Nil agents are not checked.
func Compile(docs []*Document, agents Agents) (*Set, []Problem) { return Recompile(nil, docs, agents) }

// Recompile is Compile, and takes from an earlier set what documents were compiled to that decide the same. The earlier
// set stays as it is.
func Recompile(before *Set, docs []*Document, agents Agents) (*Set, []Problem) {
	reusable := map[string]*body{}
	if before != nil {
		for _, m := range before.members {
			reusable[m.document.Name] = m.body
		}
	}
	members := make([]member, 0, len(docs))
	named := make(map[string]*Document, len(docs))
	var problems []Problem
	for _, d := range docs {
		if d == nil {
			problems = append(problems, Problem{Reason: "the document is missing"})
			continue
		}
		if other := named[d.Name]; other != nil {
			problems = append(problems, d.problem(d.Line, "the name is taken by a document in %s, line %d", other.File, other.Line))
			continue
		}
		named[d.Name] = d
		b, found := compileDocument(d, reusable[d.Name], agents)
		if len(found) > 0 {
			problems = append(problems, found...)
			continue
		}
		members = append(members, member{d, b})
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
		})
		return nil, problems
	}
	return assemble(members), nil
}

// compileDocument compiles a document unless what it was before says the same, checks it, and runs its tests.
func compileDocument(d *Document, before *body, agents Agents) (*body, []Problem) {
	b, problems := before, checkAgents(d, agents)
	if sum := digestOf(d); b == nil || b.digest != sum {
		var found []Problem
		b, found = newBody(d, sum)
		problems = append(problems, found...)
	}
	problems = append(problems, b.strangers(d, agents)...)
	if len(problems) == 0 && len(d.Tests) > 0 {
		problems = runTests(d, assemble([]member{{d, b}}), agents)
	}
	return b, problems
}

// assemble makes a set of members that are valid.
func assemble(members []member) *Set {
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.document.Party, b.document.Party), cmp.Compare(a.document.Name, b.document.Name))
	})
	s := &Set{members: members, index: newIndex()}
	digests := make([]digest, len(members))
	for i, m := range members {
		digests[i] = m.body.digest
		s.index.add(uint32(i), m)
	}
	s.guards = newGuards(members, &s.index)
	s.epoch = epochOf(digests)
	return s
}

// problem returns why the document is refused, at a line of its file.
func (d *Document) problem(line int, format string, args ...any) Problem {
	return Problem{File: d.File, Line: line, Document: d.Name, Reason: fmt.Sprintf(format, args...)}
}

// body is what a document was compiled to. It holds what decides and nothing of where it was written, so that sets can
// share it.
type body struct {
	digest digest
	rules  []*rule
	// unpermitted is the refusal of calls that the document guards and nothing permits; nil if it permits none.
	unpermitted *Refusal
	// guard is what the document adds in shadow mode; nil unless it permits.
	guard    *rule
	mentions []mention
}

// mention is an agent that Cedar text names: rule and line say where.
type mention struct {
	agent      agent.ID
	rule, line int
}

// newBody compiles the rules of a document. Any problem refuses it.
func newBody(d *Document, sum digest) (*body, []Problem) {
	b := &body{digest: sum}
	problems := checkFrame(d)
	if len(problems) > 0 {
		return b, problems
	}
	raws := make([][]*ast.Policy, len(d.Rules))
	for i := range d.Rules {
		r := &d.Rules[i]
		if r.Kind != Cedar {
			b.rules = append(b.rules, newRule(d, i, 0, nil))
			continue
		}
		var found []Problem
		raws[i], found = readRaw(d, r)
		problems = append(problems, found...)
		for part, p := range raws[i] {
			b.rules = append(b.rules, newRule(d, i, part, p))
			for _, name := range mentioned(p) {
				b.mentions = append(b.mentions, mention{name, i, p.Position.Line})
			}
		}
	}
	if slices.ContainsFunc(b.rules, func(r *rule) bool { return r.does == permitting }) {
		refusal := newRefusal(d, -1, ReasonUnpermitted)
		b.unpermitted = &refusal
		if d.Mode == Shadow {
			b.guard = newGuard(d, b.unpermitted)
		}
	}
	if len(problems) == 0 {
		problems = append(checkMonotone(d, raws), checkReach(d, raws)...)
	}
	return b, problems
}

// readRaw reads the policies in the text of a Cedar rule, and reports what is wrong with them at their lines.
func readRaw(d *Document, r *Rule) ([]*ast.Policy, []Problem) {
	policies, f := parseRaw(r)
	if f != nil {
		return nil, []Problem{d.problem(lineOf(r, f.line), "%s", f.reason)}
	}
	var problems []Problem
	for _, p := range policies {
		if p.Effect == ast.EffectPermit && byClaim(d, r) {
			problems = append(problems, d.problem(lineOf(r, p.Position.Line), permitByClaim, "skills or actions"))
		}
		for _, reason := range checkRaw(p) {
			problems = append(problems, d.problem(lineOf(r, p.Position.Line), "the Cedar policy is refused: %s", reason))
		}
	}
	return policies, problems
}

// byClaim reports whether a rule of the document speaks only of calls that declare something.
func byClaim(d *Document, r *Rule) bool {
	return len(d.Targets.Skills)+len(d.Targets.Actions)+len(r.Narrow.Skills)+len(r.Narrow.Actions) > 0
}

// lineOf returns the line of the file that is a line of the text of a Cedar rule.
func lineOf(r *Rule, line int) int {
	if r.TextLine == 0 {
		return r.Line
	}
	return r.TextLine + max(line, 1) - 1
}

// strangers reports the agents that Cedar text names and that are not registered.
func (b *body) strangers(d *Document, agents Agents) []Problem {
	if agents == nil {
		return nil
	}
	var problems []Problem
	for _, m := range b.mentions {
		if _, ok := agents.Agent(m.agent); !ok {
			problems = append(problems, d.problem(lineOf(&d.Rules[m.rule], m.line), "no agent %q is registered", m.agent))
		}
	}
	return problems
}

// checkFrame reports what no parser lets through, of documents that were made in another way: values that mean nothing,
// and permits for what callers declare.
func checkFrame(d *Document) []Problem {
	var problems []Problem
	if _, err := agent.ParseID(d.Name); err != nil {
		problems = append(problems, d.problem(d.Line, "the name %v", err))
	}
	if d.Party.set() == 0 || d.Mode > Shadow {
		problems = append(problems, d.problem(d.Line, "it is of no party, or in no mode"))
	}
	if len(d.Rules) > maxRules {
		problems = append(problems, d.problem(d.Line, "it has %d rules, of which there may be %d", len(d.Rules), maxRules))
	}
	for i := range d.Rules {
		r := &d.Rules[i]
		if r.Kind < Permit || r.Kind > Cedar {
			problems = append(problems, d.problem(r.Line, "the rule is of no kind"))
		}
		if r.Ring > agent.Kernel || r.Assurance > identity.AssuranceAgent {
			problems = append(problems, d.problem(r.Line, "the rule asks for a ring or an assurance that there is not"))
		}
		if r.Kind == Permit && byClaim(d, r) {
			problems = append(problems, d.problem(r.Line, permitByClaim, "skills or actions"))
		}
	}
	return problems
}
