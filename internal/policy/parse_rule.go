package policy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// The ranges of what rules say.
const (
	maxRate       = 1_000_000
	maxConcurrent = 100_000
	maxApprovals  = 16
	maxBodyBytes  = 16 << 20
	maxPer        = 24 * time.Hour
	maxTimeLimit  = 24 * time.Hour
	minTimeout    = time.Minute
	maxTimeout    = 168 * time.Hour
)

// The values of what rules leave out.
const (
	defaultPer       = time.Minute
	defaultApprovals = 1
	defaultTimeout   = time.Hour
)

// form is how a kind of rule is written.
type form struct {
	// bare lets the kind's name stand alone; short is the field that a lone value is.
	bare  bool
	short string
	// required are the fields without which the rule says nothing.
	required []string
	// fields returns what reads the fields that only this kind has.
	fields func(r *reader, rule *Rule) fields
	// finish sets what was left out, and reports what does not go together.
	finish func(r *reader, rule *Rule, n *yaml.Node, given map[string]*yaml.Node)
}

var forms = map[Kind]form{
	Permit:           {bare: true},
	Forbid:           {bare: true},
	ReadOnly:         {bare: true},
	RateLimit:        {required: []string{"requests"}, fields: rateFields, finish: finishRate},
	Concurrency:      {short: "calls", required: []string{"calls"}, fields: concurrencyFields},
	RequireApproval:  {required: []string{"groups"}, fields: approvalFields, finish: finishApproval},
	MaxBody:          {short: "bytes", required: []string{"bytes"}, fields: bodyFields},
	TimeLimit:        {short: "time", required: []string{"time"}, fields: timeFields},
	RequireAssurance: {short: "assurance", required: []string{"assurance"}, fields: assuranceFields},
	MinTrust:         {short: "trust", required: []string{"trust"}, fields: trustFields},
	RequireRing:      {short: "ring", required: []string{"ring"}, fields: ringFields},
	Content:          {fields: contentFields, finish: finishContent},
	Cedar:            {short: "text", required: []string{"text"}, fields: cedarFields},
}

// rule reads one rule: a mapping with its kind as the only key, or the name of a kind that needs nothing more.
func (r *reader) rule(n *yaml.Node) Rule {
	rule := Rule{Line: r.line(n)}
	if n.Kind == yaml.ScalarNode {
		if rule.Kind = choice(r, n, ParseKind); rule.Kind != 0 && !forms[rule.Kind].bare {
			r.problem(n, "%s says nothing without a value", rule.Kind)
		}
		return rule
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		r.problem(n, "a rule is a mapping with one key, its kind: indent what belongs to it, and begin the next rule with a hyphen")
		return rule
	}
	key, value := n.Content[0], n.Content[1]
	if rule.Kind = choice(r, key, ParseKind); rule.Kind == 0 {
		return rule
	}
	f := forms[rule.Kind]
	if value.Kind == yaml.ScalarNode && f.short != "" {
		f.fields(r, &rule)[f.short](value)
		return rule
	}
	if value.Kind != yaml.MappingNode {
		if len(f.required) > 0 {
			r.problem(value, "%s needs a mapping with %s", rule.Kind, strings.Join(f.required, ", "))
		} else {
			r.problem(value, "%s needs a mapping, {} where there is nothing more to say", rule.Kind)
		}
		return rule
	}
	r.ruleFields(&rule, f, value)
	return rule
}

func (r *reader) ruleFields(rule *Rule, f form, n *yaml.Node) {
	known := r.targets(&rule.Narrow)
	if rule.Kind == Permit {
		for _, claim := range []string{"skills", "actions", "undeclared"} {
			known[claim] = func(n *yaml.Node) { r.problem(n, permitByClaim, claim) }
		}
	} else {
		known["message"] = func(n *yaml.Node) { rule.Message = r.words(n, maxMessage) }
	}
	if f.fields != nil {
		maps.Copy(known, f.fields(r, rule))
	}
	given := r.mapping(n, known, f.required...)
	if rule.Kind != Permit {
		r.declarations(n, &rule.Narrow)
	}
	if f.finish != nil {
		f.finish(r, rule, n, given)
	}
}

func rateFields(r *reader, rule *Rule) fields {
	return fields{
		"requests": func(n *yaml.Node) { rule.Limit = r.number(n, 1, maxRate) },
		"per":      func(n *yaml.Node) { rule.Per = r.duration(n, time.Second, maxPer) },
		"burst":    func(n *yaml.Node) { rule.Burst = r.number(n, 1, maxRate) },
		"by":       func(n *yaml.Node) { rule.By = choice(r, n, ParseBy) },
	}
}

func finishRate(_ *reader, rule *Rule, _ *yaml.Node, given map[string]*yaml.Node) {
	if given["per"] == nil {
		rule.Per = defaultPer
	}
	if given["burst"] == nil {
		rule.Burst = rule.Limit
	}
}

func concurrencyFields(r *reader, rule *Rule) fields {
	return fields{
		"calls": func(n *yaml.Node) { rule.Limit = r.number(n, 1, maxConcurrent) },
		"by":    func(n *yaml.Node) { rule.By = choice(r, n, ParseBy) },
	}
}

func approvalFields(r *reader, rule *Rule) fields {
	return fields{
		"min_approvals": func(n *yaml.Node) { rule.Minimum = r.number(n, 1, maxApprovals) },
		"groups":        func(n *yaml.Node) { rule.Groups = r.groups(n) },
		"timeout":       func(n *yaml.Node) { rule.Timeout = r.duration(n, minTimeout, maxTimeout) },
	}
}

func finishApproval(_ *reader, rule *Rule, _ *yaml.Node, given map[string]*yaml.Node) {
	if given["min_approvals"] == nil {
		rule.Minimum = defaultApprovals
	}
	if given["timeout"] == nil {
		rule.Timeout = defaultTimeout
	}
}

var groupName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// IsGroup reports whether a text can be the name of a group of approvers: a letter or digit, and up to 63 of those, dots,
// underscores and hyphens.
func IsGroup(name string) bool { return groupName.MatchString(name) }

func (r *reader) groups(n *yaml.Node) []string {
	groups := set(r, n, func(n *yaml.Node) string {
		s, ok := r.text(n)
		if ok && !IsGroup(s) {
			r.problem(n, "%q is no name of a group: letters, digits, dots, hyphens and underscores, at most 64", excerpt(s))
		}
		return s
	})
	if n.Kind == yaml.SequenceNode && (len(n.Content) == 0 || len(n.Content) > maxGroups) {
		r.problem(n, "1 to %d groups are needed here", maxGroups)
	}
	return groups
}

func bodyFields(r *reader, rule *Rule) fields {
	return fields{"bytes": func(n *yaml.Node) { rule.Bytes = r.size(n, 1, maxBodyBytes) }}
}

func timeFields(r *reader, rule *Rule) fields {
	return fields{"time": func(n *yaml.Node) { rule.Time = r.duration(n, time.Second, maxTimeLimit) }}
}

func assuranceFields(r *reader, rule *Rule) fields {
	return fields{"assurance": func(n *yaml.Node) {
		before := len(r.problems)
		rule.Assurance = r.assurance(n)
		if rule.Assurance == identity.AssuranceNone && len(r.problems) == before {
			r.problem(n, "none asks for nothing: it is what every caller has")
		}
	}}
}

func trustFields(r *reader, rule *Rule) fields {
	return fields{"trust": func(n *yaml.Node) { rule.Trust = agent.Trust(r.number(n, 1, int(agent.MaxTrust))) }}
}

func ringFields(r *reader, rule *Rule) fields {
	return fields{"ring": func(n *yaml.Node) {
		before := len(r.problems)
		rule.Ring = r.ring(n)
		if rule.Ring == agent.Untrusted && len(r.problems) == before {
			r.problem(n, "ring 3 asks for nothing: every caller has it")
		}
	}}
}

func cedarFields(r *reader, rule *Rule) fields {
	return fields{"text": func(n *yaml.Node) {
		rule.Text, _ = r.text(n)
		rule.TextLine = r.line(n)
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			rule.TextLine++
		}
		switch {
		case len(rule.Text) > maxCedar:
			r.problem(n, "the text is larger than %d bytes", maxCedar)
		case strings.TrimSpace(rule.Text) == "" && rule.Text != "":
			r.problem(n, "a text is needed here")
		}
	}}
}

var className = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

func (r *reader) class(n *yaml.Node) string {
	s, ok := r.text(n)
	if ok && !className.MatchString(s) {
		r.problem(n, "%q is no class of findings: lower-case letters, digits and hyphens, at most 64", excerpt(s))
	}
	return s
}

func contentFields(r *reader, rule *Rule) fields {
	all := approvalFields(r, rule)
	all["classes"] = func(n *yaml.Node) { rule.Classes = set(r, n, r.class) }
	all["at_least"] = func(n *yaml.Node) { rule.Severity = choice(r, n, ParseSeverity) }
	all["in"] = func(n *yaml.Node) {
		where := set(r, n, func(n *yaml.Node) string { return r.oneOf(n, "request", "answer") })
		rule.Requests, rule.Answers = slices.Contains(where, "request"), slices.Contains(where, "answer")
	}
	all["then"] = func(n *yaml.Node) { rule.Approve = r.oneOf(n, "deny", "approve") == "approve" }
	return all
}

func finishContent(r *reader, rule *Rule, n *yaml.Node, given map[string]*yaml.Node) {
	if given["at_least"] == nil {
		rule.Severity = Low
	}
	where := given["in"]
	if where == nil {
		rule.Requests, rule.Answers = true, !rule.Approve
	} else if where.Kind == yaml.SequenceNode && len(where.Content) == 0 {
		r.problem(where, "request, answer or both are needed here")
	}
	if !rule.Approve {
		for _, name := range []string{"min_approvals", "groups", "timeout"} {
			if given[name] != nil {
				r.problem(given[name], "%s has a meaning only with then: approve", name)
			}
		}
		return
	}
	if given["groups"] == nil {
		r.problem(n, `the field "groups" is needed here`)
	}
	if rule.Answers {
		r.problem(where, "an answer cannot wait for people: with then: approve, in is [request]")
	}
	finishApproval(r, rule, n, given)
}

func (r *reader) oneOf(n *yaml.Node, allowed ...string) string {
	s, ok := r.text(n)
	if ok && !slices.Contains(allowed, s) {
		r.problem(n, "must be %s, not %q", alternatives(allowed), excerpt(s))
		return ""
	}
	return s
}
