package policy

import (
	"fmt"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

const (
	maxHops      = 16
	maxCallBytes = 1 << 30
)

// defaultMoment is when calls of tests are made that do not say so.
var defaultMoment = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

func (r *reader) tests(n *yaml.Node, d *Document) {
	names := map[string]bool{}
	r.list(n, maxTests, func(n *yaml.Node) {
		t := r.test(n)
		if t.Name != "" && names[t.Name] {
			r.problem(n, "the test %q is repeated", t.Name)
		}
		names[t.Name] = true
		d.Tests = append(d.Tests, t)
	})
}

func (r *reader) test(n *yaml.Node) Test {
	t := Test{Line: r.line(n)}
	r.mapping(n, fields{
		"name": func(n *yaml.Node) { t.Name = r.words(n, maxText) },
		"call": func(n *yaml.Node) { r.call(n, &t) },
		"expect": func(n *yaml.Node) {
			r.mapping(n, fields{
				"decision": func(n *yaml.Node) { t.Decision = choice(r, n, ParseDecision) },
				"rule": func(n *yaml.Node) {
					if k := choice(r, n, ParseKind); k != 0 {
						t.Rule = k.String()
					}
				},
			}, "decision")
		},
	}, "name", "call", "expect")
	return t
}

// call reads the call of a test. What it leaves out is what an agent has of which nothing is known: ring 3 and the
// score of a new agent, signing for itself.
func (r *reader) call(n *yaml.Node, t *Test) {
	c := &t.Call
	*c = Call{
		Ring: agent.Untrusted, Trust: agent.TrustUnknown, Assurance: identity.AssuranceAgent, Descent: descents[0],
		Method: a2a.SendMessage, At: defaultMoment,
	}
	given := r.mapping(n, fields{
		"caller":       func(n *yaml.Node) { c.Caller = choice(r, n, agent.ParseID) },
		"owner":        func(n *yaml.Node) { c.CallerOwner = agent.Owner(r.words(n, maxText)) },
		"ring":         func(n *yaml.Node) { c.Ring = r.ring(n) },
		"trust":        func(n *yaml.Node) { c.Trust = agent.Trust(r.number(n, 0, int(agent.MaxTrust))) },
		"assurance":    func(n *yaml.Node) { c.Assurance = r.assurance(n) },
		"origin":       func(n *yaml.Node) { c.Origin = choice(r, n, agent.ParseID) },
		"hops":         func(n *yaml.Node) { c.Hops = r.number(n, 0, maxHops) },
		"unchained":    func(n *yaml.Node) { c.Unchained = r.truth(n) },
		"descent":      func(n *yaml.Node) { c.Descent = r.oneOf(n, descents...) },
		"callee":       func(n *yaml.Node) { c.Callee = choice(r, n, agent.ParseID) },
		"callee_owner": func(n *yaml.Node) { c.CalleeOwner = agent.Owner(r.words(n, maxText)) },
		"method":       func(n *yaml.Node) { c.Method = r.method(n) },
		"effect":       func(n *yaml.Node) { c.Effect = r.effect(n) },
		"skill":        func(n *yaml.Node) { c.Skill = r.words(n, maxText) },
		"action":       func(n *yaml.Node) { c.Action = r.words(n, maxText) },
		"bytes":        func(n *yaml.Node) { c.Bytes = r.size(n, 0, maxCallBytes) },
		"at":           func(n *yaml.Node) { c.At = choice(r, n, parseMoment) },
		"findings":     func(n *yaml.Node) { t.Findings = r.findings(n) },
	}, "callee")
	if given["effect"] == nil && c.Method.ReadOnly() {
		c.Effect = agent.EffectRead
	}
	if c.Method.ReadOnly() && c.Effect != agent.EffectRead || c.Method.Writes() && c.Effect == agent.EffectRead {
		r.problem(n, "no call of %s has the effect %s", c.Method, c.Effect)
	}
	if given["origin"] == nil {
		c.Origin = c.Caller
	}
	switch anonymous := c.Assurance == identity.AssuranceNone; {
	case given["caller"] == nil && !anonymous:
		r.problem(n, "the field %q is needed here: only a call with assurance none has no caller", "caller")
	case given["caller"] != nil && anonymous:
		r.problem(given["caller"], "with assurance none nobody knows who calls: leave the caller out")
	}
}

// descents are how it became known on whose behalf a call is made, as decision records spell it.
var descents = []string{"own", "delegated", "linked", "low-water", "gated"}

func parseMoment(s string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("a moment such as 2026-01-01T00:00:00Z is needed here, not %q", excerpt(s))
	}
	return at, nil
}

// findings reads the classes of findings with their severities.
func (r *reader) findings(n *yaml.Node) map[string]Severity {
	if n.Kind != yaml.MappingNode {
		r.problem(n, "a mapping of classes and severities is needed here")
		return nil
	}
	found := map[string]Severity{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		class := r.class(key)
		if _, ok := found[class]; ok {
			r.problem(key, "the class %q is repeated", excerpt(class))
		}
		found[class] = choice(r, value, ParseSeverity)
	}
	return found
}
