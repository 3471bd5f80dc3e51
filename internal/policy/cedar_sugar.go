package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	cedar "github.com/cedar-policy/cedar-go"
	public "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
)

// decider says what decides a clause while a call is decided.
type decider uint8

const (
	// byCedar: Cedar, each time.
	byCedar decider = iota
	// byNames: the keys under which the index finds a rule, and Cedar where they do not say all.
	byNames
	// byBounds: the bounds of the rule, which say the same as the clause.
	byBounds
)

// clause is one condition of a rule: a when of the Cedar policy that the rule compiles to. All have to hold.
type clause struct {
	// field is where the condition stands in the document.
	field string
	by    decider
	node  ast.Node
}

// clausesOf returns the conditions of a rule of the document, its own narrow ones last. What the text of a Cedar rule asks
// for is not among them.
func clausesOf(d *Document, r *Rule) []clause {
	var clauses []clause
	add := func(field string, by decider, n ast.Node) { clauses = append(clauses, clause{field, by, n}) }
	principal, resource := ast.Principal(), ast.Resource()
	if len(d.Subjects.Agents) > 0 {
		add("subjects.agents", byNames, anyAgent(principal, callerAttribute, d.Subjects.Agents))
	}
	if len(d.Subjects.Owners) > 0 {
		add("subjects.owners", byNames, anyText(ownerAttribute, d.Subjects.Owners))
	}
	if len(d.Subjects.Rings) > 0 {
		add("subjects.rings", byBounds, numberIn(ringAttribute, d.Subjects.Rings, agent.Ring.Number))
	}
	if len(d.Subjects.Assurance) > 0 {
		add("subjects.assurance", byBounds, numberIn(assuranceAttribute, d.Subjects.Assurance, rank))
	}
	for _, t := range []struct {
		prefix string
		*Targets
	}{{"targets.", &d.Targets}, {r.Kind.String() + ".", &r.Narrow}} {
		if len(t.Agents) > 0 {
			add(t.prefix+"agents", byNames, anyAgent(resource, calleeAttribute, t.Agents))
		}
		if len(t.Owners) > 0 {
			add(t.prefix+"owners", byNames, anyText(calleeOwnerAttribute, t.Owners))
		}
		if len(t.Methods) > 0 {
			add(t.prefix+"methods", byBounds, anyMethod(t.Methods))
		}
		if len(t.Effects) > 0 {
			names := make([]string, len(t.Effects))
			for i, e := range t.Effects {
				names[i] = e.String()
			}
			add(t.prefix+"effects", byBounds, anyText(effectAttribute, names))
		}
		if n, ok := declaration(t.Targets); ok {
			field := "skills"
			if len(t.Skills) == 0 {
				field = "actions"
			}
			add(t.prefix+field, byCedar, n)
		}
	}
	if len(d.Targets.Methods) == 0 && len(r.Narrow.Methods) == 0 {
		add("targets.methods", byBounds, ast.Action().NotEqual(methodEntity(a2a.GetAgentCard)))
	}
	return append(clauses, ownClause(r)...)
}

// ownClause returns the condition that the kind of a rule adds.
func ownClause(r *Rule) []clause {
	field := r.Kind.String()
	switch r.Kind {
	case ReadOnly:
		return []clause{{field, byBounds, access(effectAttribute).NotEqual(ast.String("read"))}}
	case MaxBody:
		return []clause{{field, byBounds, access(bytesAttribute).GreaterThan(ast.Long(r.Bytes))}}
	case MinTrust:
		return []clause{{field, byBounds, access(trustAttribute).LessThan(ast.Long(int(r.Trust)))}}
	case RequireAssurance:
		return []clause{{field, byBounds, access(assuranceAttribute).LessThan(ast.Long(rank(r.Assurance)))}}
	case RequireRing:
		return []clause{{field, byBounds, access(ringAttribute).GreaterThan(ast.Long(r.Ring.Number()))}}
	}
	return nil
}

// declaration returns what targets ask of declarations.
func declaration(t *Targets) (ast.Node, bool) {
	var all []ast.Node
	for _, claim := range []struct {
		attribute
		globs []string
	}{{skillAttribute, t.Skills}, {actionAttribute, t.Actions}} {
		if len(claim.globs) == 0 {
			continue
		}
		n := anyText(claim.attribute, claim.globs)
		if anyGlob(claim.globs, "") {
			n = access(claim.attribute).NotEqual(ast.String("")).And(n)
		}
		all = append(all, n)
	}
	if len(all) == 0 {
		return ast.Node{}, false
	}
	n := all[0]
	for _, next := range all[1:] {
		n = n.And(next)
	}
	if t.Undeclared {
		n = ast.Not(access(declaredAttribute)).Or(n)
	}
	return n, true
}

func access(a attribute) ast.Node { return ast.Context().Access(vocabulary[a].name) }

func methodEntity(m a2a.Method) ast.Node { return ast.EntityUID(actionType, types.String(m)) }

func anyMethod(methods []a2a.Method) ast.Node {
	values := make([]types.Value, len(methods))
	for i, m := range methods {
		values[i] = types.NewEntityUID(actionType, types.String(m))
	}
	return isOneOf(ast.Action(), values)
}

// anyAgent asks whether an agent is one of those that the globs name: an entity where they name it exactly.
func anyAgent(entity ast.Node, name attribute, globs []string) ast.Node {
	return anyOf(access(name), globs, entity, func(s string) types.Value { return types.NewEntityUID(agentType, types.String(s)) })
}

// anyText asks whether a text matches one of the globs.
func anyText(a attribute, globs []string) ast.Node {
	return anyOf(access(a), globs, access(a), func(s string) types.Value { return types.String(s) })
}

func anyOf(text ast.Node, globs []string, exact ast.Node, value func(string) types.Value) ast.Node {
	var names []types.Value
	var alternatives []ast.Node
	for _, glob := range globs {
		if strings.Contains(glob, "*") {
			alternatives = append(alternatives, text.Like(pattern(glob)))
		} else {
			names = append(names, value(glob))
		}
	}
	if len(names) > 0 {
		alternatives = slices.Insert(alternatives, 0, isOneOf(exact, names))
	}
	n := alternatives[len(alternatives)-1]
	for i := len(alternatives) - 2; i >= 0; i-- {
		n = alternatives[i].Or(n)
	}
	return n
}

// isOneOf asks whether something is one of the values: equal to a single one, in a set of several.
func isOneOf(n ast.Node, values []types.Value) ast.Node {
	if len(values) == 1 {
		return n.Equal(ast.Value(values[0]))
	}
	return ast.Value(types.NewSet(values...)).Contains(n)
}

func numberIn[T ~uint8](a attribute, values []T, number func(T) int) ast.Node {
	longs := make([]types.Value, len(values))
	for i, v := range values {
		longs[i] = types.Long(number(v))
	}
	return isOneOf(access(a), longs)
}

// pattern returns a glob as Cedar's like takes it.
func pattern(glob string) types.Pattern {
	var parts []any
	for i, literal := range strings.Split(glob, "*") {
		if i > 0 {
			parts = append(parts, types.Wildcard{})
		}
		parts = append(parts, literal)
	}
	return types.NewPattern(parts...)
}

// statements returns the Cedar policies that a rule of the document compiles to, with annotations that say where they
// come from.
func statements(d *Document, i int) []*cedar.Policy {
	r := &d.Rules[i]
	raw := []*ast.Policy{nil}
	if r.Kind == Cedar {
		raw, _ = parseRaw(r)
	}
	policies := make([]*cedar.Policy, 0, len(raw))
	for _, p := range raw {
		out := ast.Forbid()
		if r.Kind == Permit {
			out = ast.Permit()
		}
		if p != nil {
			out.Effect, out.Principal, out.Action, out.Resource = p.Effect, p.Principal, p.Action, p.Resource
		}
		annotate(out, d, i)
		for _, c := range clausesOf(d, r) {
			out.When(c.node)
		}
		if p != nil {
			out.Conditions = append(out.Conditions, p.Conditions...)
		}
		policies = append(policies, cedar.NewPolicyFromAST((*public.Policy)(out)))
	}
	return policies
}

func annotate(p *ast.Policy, d *Document, i int) {
	r := &d.Rules[i]
	note := func(key types.AnnotationKey, value string) {
		p.Annotations = append(p.Annotations, ast.AnnotationType{Key: key, Value: types.String(value)})
	}
	note("policy", d.Name)
	note("rule", strconv.Itoa(i))
	note("party", d.Party.String())
	note("mode", d.Mode.String())
	note("kind", r.Kind.String())
	if met := obligation(r); met != "" {
		note("unless", met)
	}
}

// obligation says in words what a call has to meet that a rule speaks of, and nothing for rules that refuse by themselves.
func obligation(r *Rule) string {
	switch r.Kind {
	case RateLimit:
		return fmt.Sprintf("at most %d calls in %s, %d at once, by %s", r.Limit, r.Per, r.Burst, r.By)
	case Concurrency:
		return fmt.Sprintf("at most %d calls under way, by %s", r.Limit, r.By)
	case RequireApproval:
		return asked(r)
	case TimeLimit:
		return fmt.Sprintf("answered within %s", r.Time)
	case Content:
		found := "findings"
		if len(r.Classes) > 0 {
			found = strings.Join(r.Classes, " or ")
		}
		met := fmt.Sprintf("no %s of severity %s or more", found, r.Severity)
		if r.Approve {
			met += ", or " + asked(r)
		}
		return met
	}
	return ""
}

func asked(r *Rule) string {
	return fmt.Sprintf("%d of %s approve within %s", r.Minimum, strings.Join(r.Groups, ", "), r.Timeout)
}
