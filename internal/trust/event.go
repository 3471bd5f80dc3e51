package trust

import (
	"ringfence.dev/ringfence/internal/agent"
)

// Event is one change of an agent's trust, as it is stored: signals of one second, a registration, or a clearance.
type Event struct {
	// Seq counts the agent's events from 1.
	Seq  uint64 `json:"seq"`
	Kind Kind   `json:"kind"`
	// At is when it happened, in seconds of Unix time.
	At int64 `json:"at"`
	// Rules is the version of the rules it was recorded under.
	Rules string `json:"rules,omitempty"`

	// Counterparty is the other side of the call.
	Counterparty agent.ID `json:"counterparty,omitempty"`
	// Class is the reason of the decision record.
	Class string `json:"class,omitempty"`
	// Weight is the evidence of one signal, Count how many signals the event stands for.
	Weight Evidence `json:"weight,omitempty"`
	Count  int64    `json:"count,omitempty"`
	// Exchange is the decision's id; of several signals, that of the first.
	Exchange string `json:"exchange,omitempty"`
	// Framable says that another could have brought it about, Severe that it quarantines.
	Framable bool `json:"framable,omitempty"`
	Severe   bool `json:"severe,omitempty"`

	// Owner and Base are those of a registration; Inherited is the bad evidence that it takes over from an agent that left
	// the same owner, and From that agent.
	Owner     agent.Owner `json:"owner,omitempty"`
	Base      agent.Trust `json:"base,omitempty"`
	Inherited Evidence    `json:"inherited,omitempty"`
	From      agent.ID    `json:"from,omitempty"`

	// Person and Reason are those of a clearance.
	Person string `json:"person,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// joins reports whether another signal can be counted with the event.
func (e *Event) joins(other *Event) bool {
	_, signal := traits[e.Kind]
	return signal && e.Kind == other.Kind && e.Counterparty == other.Counterparty && e.Class == other.Class && e.Weight == other.Weight &&
		e.Framable == other.Framable && e.Severe == other.Severe
}

// framable reports whether another than the agent could have brought about what speaks against it.
func (e *Event) framable() bool {
	t := traits[e.Kind]
	return !t.good && (t.callee || e.Framable)
}

// gravity is what would be lost with the event: nothing is given up before what is good for the agent, and neither what
// quarantines nor what a registration says ever is.
func (e *Event) gravity() Evidence {
	t, signal := traits[e.Kind]
	switch {
	case !signal || e.Severe:
		return MaxEvidence
	case t.good:
		return 0
	}
	return min(e.Weight.times(max(e.Count, 1)), MaxEvidence-1)
}

// capped reports whether the event counts no more than the cap of its counterparty.
func (e *Event) capped() bool {
	t := traits[e.Kind]
	return t.good || t.callee || t.small || e.Framable
}

// Entry is an event for the audit trail, with what the agent had before it and after.
type Entry struct {
	Agent agent.ID `json:"agent"`
	Event
	Before Level `json:"before"`
	After  Level `json:"after"`
}

// Level is what an agent has at one moment.
type Level struct {
	Score   agent.Trust `json:"score"`
	Ring    agent.Ring  `json:"ring"`
	Latched bool        `json:"quarantined,omitempty"`
}
