package policy

import (
	"slices"

	cedar "github.com/cedar-policy/cedar-go"
	yaml "go.yaml.in/yaml/v3"
)

// permitByClaim is why a permit may not ask for what callers say of themselves.
const permitByClaim = "a permit may not ask for %s: a caller could claim its way in"

// declarations reports undeclared where it adds nothing.
func (r *reader) declarations(n *yaml.Node, t *Targets) {
	if t.Undeclared && len(t.Skills) == 0 && len(t.Actions) == 0 {
		r.problem(valueOf(n, "undeclared"), "undeclared has a meaning only beside skills or actions: without them, calls that declare nothing are meant too")
	}
}

// claims reports targets by skill or action in a document that permits.
func (r *reader) claims(targets *yaml.Node, d *Document) {
	t := &d.Targets
	if len(t.Skills)+len(t.Actions) == 0 && !t.Undeclared || !permits(d) {
		return
	}
	for _, claim := range []string{"skills", "actions", "undeclared"} {
		if n := valueOf(targets, claim); n != nil && (len(n.Content) > 0 || n.Value == "true") {
			r.problem(n, permitByClaim+"; write the permit in a document of its own", "targets by "+claim)
		}
	}
}

// permits reports whether a rule of the document permits calls. Cedar that cannot be read permits none; Compile refuses
// it.
func permits(d *Document) bool {
	return slices.ContainsFunc(d.Rules, func(rule Rule) bool {
		if rule.Kind != Cedar {
			return rule.Kind == Permit
		}
		policies, err := cedar.NewPolicyListFromBytes("", []byte(rule.Text))
		return err == nil && slices.ContainsFunc(policies, func(p *cedar.Policy) bool { return p.Effect() == cedar.Permit })
	})
}

// valueOf returns the value of a key in a mapping, nil if it has none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
