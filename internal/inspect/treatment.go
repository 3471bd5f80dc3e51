package inspect

import (
	"slices"

	"ringfence.dev/ringfence/internal/agent"
)

// Action is what becomes of a message in which something was found. The zero value is Block, so that an action nobody
// set stops the message.
type Action uint8

// The actions, from the one that lets least through: Block refuses the message, Redact takes what was found out of it,
// Flag records the finding and lets policy weigh it. Pass is for messages in which nothing was found; no rule and no
// treatment can ask for it.
const (
	Block Action = iota
	Redact
	Flag
	Pass
)

// String returns the name that rule files, the configuration and ringfence scan use; an undefined action reads as block.
func (a Action) String() string {
	switch a {
	case Redact:
		return "redact"
	case Flag:
		return "flag"
	case Pass:
		return "allow"
	default:
		return "block"
	}
}

// ParseAction returns the action that a rule or a treatment can ask for by its name.
func ParseAction(name string) (Action, bool) {
	for _, a := range []Action{Block, Redact, Flag} {
		if a.String() == name {
			return a, true
		}
	}
	return Block, false
}

// ParseDirection returns the direction of a name: request, response or card.
func ParseDirection(name string) (Direction, bool) {
	d, ok := directions[name]
	return d, ok
}

// ParseSeverity returns the severity of a name: low, medium, high or critical.
func ParseSeverity(name string) (Severity, bool) {
	s, ok := severities[name]
	return s, ok
}

// Treatment says what becomes of messages with certain findings. An empty list means all: a treatment that has nothing but
// an action is one for every finding.
type Treatment struct {
	// Classes and Rules are those of the finding; one of either is enough where both are set.
	Classes, Rules []string
	// AtLeast is the lowest severity of the finding.
	AtLeast Severity
	// Directions are those of the message, and Rings those in which its sender acts: a callee's own for what it answers.
	Directions []Direction
	Rings      []agent.Ring
	Action     Action
}

func (t *Treatment) means(f *Finding, d Direction, ring agent.Ring) bool {
	named := len(t.Classes) == 0 && len(t.Rules) == 0 || slices.Contains(t.Classes, f.Class) || slices.Contains(t.Rules, f.Rule)
	return named && f.Severity >= t.AtLeast &&
		(len(t.Directions) == 0 || slices.Contains(t.Directions, d)) &&
		(len(t.Rings) == 0 || slices.Contains(t.Rings, ring))
}

// Treatments are looked through in order; the first that means a finding decides. Without one, the action of the
// finding's rule does.
type Treatments []Treatment

// Of returns what becomes of a message for one finding.
func (t Treatments) Of(f Finding, d Direction, ring agent.Ring) Action {
	for i := range t {
		if t[i].means(&f, d, ring) {
			return t[i].Action
		}
	}
	return f.Action
}

// Worst returns what becomes of a message for all of its findings: the action that lets least through, or Pass.
func (t Treatments) Worst(findings []Finding, d Direction, ring agent.Ring) Action {
	worst := Pass
	for _, f := range findings {
		worst = min(worst, t.Of(f, d, ring))
	}
	return worst
}

// DefaultTreatments are those of a mesh whose operator has set none. An agent whose task is code, data or operations
// answers with statements, commands and paths; what makes them dangerous is that somebody runs them, which is judged where
// they are sent. A secret is worth nothing to whoever gets the rest of the answer without it.
func DefaultTreatments() Treatments {
	return Treatments{
		{Classes: []string{"secret"}, Directions: []Direction{Response}, AtLeast: High, Action: Redact},
		{Classes: []string{"sql-injection", "command-injection", "path-traversal"}, Directions: []Direction{Response}, Action: Flag},
	}
}
