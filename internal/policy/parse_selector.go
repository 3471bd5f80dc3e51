package policy

import (
	"fmt"
	"regexp"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// methods are the canonical ones, in the order in which they are listed to people.
var methods = []string{
	string(a2a.SendMessage), string(a2a.SendStreamingMessage), string(a2a.GetTask), string(a2a.ListTasks),
	string(a2a.CancelTask), string(a2a.SubscribeToTask), string(a2a.CreateTaskPushNotificationConfig),
	string(a2a.GetTaskPushNotificationConfig), string(a2a.ListTaskPushNotificationConfigs),
	string(a2a.DeleteTaskPushNotificationConfig), string(a2a.GetExtendedAgentCard), string(a2a.GetAgentCard),
	string(a2a.OtherMethod),
}

func (r *reader) subjects(n *yaml.Node) Subjects {
	var s Subjects
	r.mapping(n, fields{
		"agents":    func(n *yaml.Node) { s.Agents = set(r, n, r.agentGlob) },
		"owners":    func(n *yaml.Node) { s.Owners = set(r, n, r.glob) },
		"rings":     func(n *yaml.Node) { s.Rings = set(r, n, r.ring) },
		"assurance": func(n *yaml.Node) { s.Assurance = set(r, n, r.assurance) },
	})
	return s
}

// targets returns what reads the fields of targets, of a document or of one of its rules.
func (r *reader) targets(t *Targets) fields {
	return fields{
		"agents":     func(n *yaml.Node) { t.Agents = set(r, n, r.agentGlob) },
		"owners":     func(n *yaml.Node) { t.Owners = set(r, n, r.glob) },
		"methods":    func(n *yaml.Node) { t.Methods = set(r, n, r.method) },
		"effects":    func(n *yaml.Node) { t.Effects = set(r, n, r.effect) },
		"skills":     func(n *yaml.Node) { t.Skills = set(r, n, r.glob) },
		"actions":    func(n *yaml.Node) { t.Actions = set(r, n, r.glob) },
		"undeclared": func(n *yaml.Node) { t.Undeclared = r.truth(n) },
	}
}

func (r *reader) method(n *yaml.Node) a2a.Method {
	return a2a.Method(choice(r, n, func(s string) (string, error) {
		for _, m := range methods {
			if m == s {
				return s, nil
			}
		}
		return "", fmt.Errorf("%q is no method: there is %s", excerpt(s), alternatives(methods))
	}))
}

func (r *reader) effect(n *yaml.Node) agent.Effect {
	return choice(r, n, func(s string) (e agent.Effect, err error) { return e, e.UnmarshalText([]byte(s)) })
}

func (r *reader) ring(n *yaml.Node) agent.Ring {
	ring, err := agent.RingFromNumber(r.number(n, 0, 3))
	if err != nil {
		r.problem(n, "%v", err)
	}
	return ring
}

func (r *reader) assurance(n *yaml.Node) identity.Assurance { return choice(r, n, parseAssurance) }

func parseAssurance(s string) (identity.Assurance, error) {
	if a, ok := identity.AssuranceNamed(s); ok {
		return a, nil
	}
	var names []string
	for a := identity.AssuranceNone; a <= identity.AssuranceAgent; a++ {
		names = append(names, a.String())
	}
	return identity.AssuranceNone, fmt.Errorf("assurance must be %s, not %q", alternatives(names), excerpt(s))
}

// maxStars bounds the work of matching a glob.
const maxStars = 4

func (r *reader) glob(n *yaml.Node) string {
	s := r.words(n, maxText)
	if err := checkStars(s); err != nil {
		r.problem(n, "%v", err)
	}
	return s
}

func checkStars(s string) error {
	switch {
	case strings.Contains(s, "**"):
		return fmt.Errorf("%q has two * in a row: one stands for any characters already", excerpt(s))
	case strings.Count(s, "*") > maxStars:
		return fmt.Errorf("%q has more than %d *", excerpt(s), maxStars)
	}
	return nil
}

var agentGlob = regexp.MustCompile(`^[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?$`)

// agentGlob reads the name of an agent, or a glob that the name of one can match.
func (r *reader) agentGlob(n *yaml.Node) string {
	return choice(r, n, func(s string) (string, error) {
		if !strings.Contains(s, "*") {
			if _, err := agent.ParseID(s); err != nil {
				return "", fmt.Errorf("%q is no name of an agent: it %w", excerpt(s), err)
			}
			return s, nil
		}
		if len(s) > 64 || !agentGlob.MatchString(s) {
			return "", fmt.Errorf("%q matches no name of an agent: names have lower-case letters, digits and inner hyphens", excerpt(s))
		}
		return s, checkStars(s)
	})
}
