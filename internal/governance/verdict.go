package governance

import (
	"slices"

	"ringfence.dev/ringfence/internal/agent"
)

// Decision is what a factor, or the whole exchange, comes to. The zero value denies.
type Decision uint8

// The decisions, in the order of the lattice: Deny < Approve < Allow.
const (
	Deny Decision = iota
	Approve
	Allow
)

// String returns deny, approve or allow.
func (d Decision) String() string {
	switch d {
	case Allow:
		return "allow"
	case Approve:
		return "approve"
	default:
		return "deny"
	}
}

// Party is whose boundary a factor guards.
type Party string

// The parties of a call through one gateway.
const (
	CallerSide   Party = "caller"
	GatewaySide  Party = "gateway"
	CalleeSide   Party = "callee"
	Organisation Party = "organisation"
)

// Verdict is the decision of one factor with its reason. The zero value denies without saying why, which the
// pipeline turns into a deny of kind Internal.
type Verdict struct {
	Decision Decision
	// Factor names the stage that decided.
	Factor string
	// Kind chooses the protocol codes of a denial.
	Kind Kind
	// Party is whose rule it was.
	Party Party
	// Reason is the stable word for why, lower case with hyphens: it becomes the ErrorInfo reason.
	Reason string
	// Message is the sentence the caller reads. It carries no rule id, no content, no secret.
	Message string
	// Evidence is what the audit record keeps beside the reason, such as rule ids. Callers never see it.
	Evidence []string
	// RetryAfterSeconds tells the caller when a repeat may succeed; 0 says nothing.
	RetryAfterSeconds int
	// Severity is that of what was found in content: low, medium, high or critical; empty for other factors.
	Severity string
	// Culprit is the agent whose signature is under a link that nobody makes by mistake; Forged reports that it is the
	// caller, who made it with the key that signs the request.
	Culprit agent.ID
	Forged  bool
	// Excused reports that the caller may do by itself what was refused: those on whose behalf it acts may not.
	Excused bool
	// Quorums are the approvals that an Approve waits for, sorted, each once.
	Quorums []string
	// Code overrides the JSON-RPC code of Kind where A2A or JSON-RPC defines one; 0 keeps the kind's.
	Code int
}

// Meet returns the lower of two verdicts; of two equal ones the first, so that the witness is the earliest. Two that
// wait for approvals wait for those of both.
func (v Verdict) Meet(w Verdict) Verdict {
	if w.Decision < v.Decision {
		return w
	}
	if v.Decision == Approve && w.Decision == Approve {
		v.Quorums = union(v.Quorums, w.Quorums)
	}
	return v
}

func union(a, b []string) []string {
	both := append(append(make([]string, 0, len(a)+len(b)), a...), b...)
	slices.Sort(both)
	return slices.Compact(both)
}

// with returns the list with the words that it lacks behind it.
func with(list []string, words ...string) []string {
	for _, word := range words {
		if !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	return list
}

func allow() Verdict { return Verdict{Decision: Allow} }

func deny(kind Kind, party Party, reason, message string) Verdict {
	return Verdict{Kind: kind, Party: party, Reason: reason, Message: message}
}
