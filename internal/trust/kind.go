package trust

import (
	"fmt"
	"maps"
	"slices"

	"ringfence.dev/ringfence/internal/agent"
)

// Kind says what an event is about. The zero value is none, which counts for nothing.
type Kind string

// The kinds of signals.
const (
	// Completed and Served are the two sides of a call that was let through and answered.
	Completed Kind = "completed"
	Served    Kind = "served"
	// ContentLow to ContentCritical are requests that were blocked for their content, by the severity of the finding.
	ContentLow      Kind = "content-low"
	ContentMedium   Kind = "content-medium"
	ContentHigh     Kind = "content-high"
	ContentCritical Kind = "content-critical"
	// Overreach is a request for what the caller may not do, Excess one over a limit, Malformed one that cannot be read in
	// one way.
	Overreach Kind = "overreach"
	Excess    Kind = "excess"
	Malformed Kind = "malformed"
	// LinkInvalid is a delegation that does not verify, LinkWidened one that grants more than its maker had, and LinkForged
	// such a one that the caller made itself.
	LinkInvalid Kind = "link-invalid"
	LinkWidened Kind = "link-widened"
	LinkForged  Kind = "link-forged"
	// AnswerBlocked is an answer withheld for its content or because it leads past the mesh, AnswerForeign one about tasks
	// that are not the caller's.
	AnswerBlocked Kind = "answer-blocked"
	AnswerForeign Kind = "answer-foreign"
)

// The kinds of events that are no signals: only the registry and a person cause them.
const (
	Registered Kind = "registered"
	Cleared    Kind = "cleared"
)

// trait is how a kind of signal counts.
type trait struct {
	// weight is the evidence that one signal is by default; for bad evidence Rules.BadFactor comes on top.
	weight Evidence
	// good says that it counts for the agent.
	good bool
	// callee says that it is about the agent that was called: its caller took part in it, and could frame it.
	callee bool
	// small says that it counts only after Rules.Strays, and never more than the cap of a counterparty.
	small bool
	// severe says that it quarantines.
	severe bool
}

var traits = map[Kind]trait{
	Completed:       {weight: Point, good: true},
	Served:          {weight: Point, good: true, callee: true},
	ContentLow:      {weight: Point},
	ContentMedium:   {weight: 4 * Point},
	ContentHigh:     {weight: 12 * Point},
	ContentCritical: {weight: 40 * Point},
	Overreach:       {weight: Point / 10, small: true},
	Excess:          {weight: Point / 20, small: true},
	Malformed:       {weight: Point / 20, small: true},
	LinkInvalid:     {weight: Point / 2, small: true},
	LinkWidened:     {weight: Point, small: true},
	LinkForged:      {weight: 40 * Point, severe: true},
	AnswerBlocked:   {weight: Point, callee: true},
	AnswerForeign:   {weight: Point, callee: true},
}

// Kinds returns the kinds of signals, sorted.
func Kinds() []Kind { return slices.Sorted(maps.Keys(traits)) }

// Good reports whether signals of the kind count for the agent.
func (k Kind) Good() bool { return traits[k].good }

// Signal is one thing that an enforcement point saw an agent do.
type Signal struct {
	// Agent is whom it counts for or against, Counterparty the other side of the call.
	Agent, Counterparty agent.ID
	Kind                Kind
	// Class is the reason of the decision record, and empty for good signals.
	Class string
	// Framable says that another than the agent could have brought it about. What is framable never quarantines, counts no
	// more than the cap of a counterparty, and for nothing while it comes of one counterparty alone.
	Framable bool
	// Exchange is the decision's id.
	Exchange string
	// At is when the exchange began, in seconds of Unix time.
	At int64
}

// Weights says how much one signal of a kind counts where that is not the default. Zero turns the kind off.
type Weights map[Kind]Evidence

// Validate returns an error for a kind that is no signal's, and for a weight that is not 0 to 1000 points.
func (w Weights) Validate() error {
	for _, kind := range slices.Sorted(maps.Keys(w)) {
		if _, ok := traits[kind]; !ok {
			return fmt.Errorf("%q is no kind of signal", kind)
		}
		if w[kind] < 0 || w[kind] > 1000*Point {
			return fmt.Errorf("the weight of %s must be 0 to 1000 points", kind)
		}
	}
	return nil
}

// of returns what one signal of the kind counts.
func (w Weights) of(kind Kind) Evidence {
	if weight, ok := w[kind]; ok {
		return weight
	}
	return traits[kind].weight
}
