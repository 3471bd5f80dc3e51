package policy

import (
	"fmt"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Decision is what policies come to. The zero value denies.
type Decision uint8

// The decisions, in the order of the lattice. Approve is that of a call which is allowed if people approve.
const (
	Deny Decision = iota
	Approve
	Allow
)

// Ref names a rule for the decision record and for people.
type Ref struct {
	Party Party
	// Policy is the document's name; Rule is the rule's place in it, from 0, and -1 stands for the document as a whole.
	Policy string
	Rule   int
	// Kind is the rule's.
	Kind Kind
}

// Refusal is why a party refuses a call.
type Refusal struct {
	Ref
	// Reason is the stable word for why: one of the Reason constants.
	Reason string
	// Message is the sentence that the caller reads.
	Message string
}

// The reasons of refusals.
const (
	ReasonForbidden      = "policy-forbids"
	ReasonUnpermitted    = "policy-permits-nothing"
	ReasonReadOnly       = "policy-read-only"
	ReasonBody           = "policy-body-too-large"
	ReasonAssurance      = "policy-assurance-too-low"
	ReasonTrust          = "policy-trust-too-low"
	ReasonRing           = "policy-ring-too-low"
	ReasonUndecided      = "policy-undecided" // a rule could not be evaluated, or there is no set
	ReasonRate           = "policy-rate-exceeded"
	ReasonConcurrency    = "policy-calls-waiting"
	ReasonTime           = "policy-time-exceeded"
	ReasonContent        = "policy-content"
	ReasonApproval       = "approval-required"
	ReasonApprovalDenied = "approval-denied"
)

// Budget is a limit that a call counts in.
type Budget struct {
	Ref
	Mode Mode
	// Key is what the limit counts: the same for all calls that share it, different for every other limit.
	Key string
	// Limit, Per and Burst are those of the rule; Per is 0 for how many calls may be under way.
	Limit int
	Per   time.Duration
	Burst int
}

// Requirement is an approval that a call waits for.
type Requirement struct {
	Ref
	Mode    Mode
	Minimum int
	Groups  []string
	Timeout time.Duration
}

// Threshold says which findings in content refuse a call or an answer.
type Threshold struct {
	Ref
	Mode              Mode
	Classes           []string
	Severity          Severity
	Requests, Answers bool
	// Requirement is what calls with such findings in the request wait for; nil refuses them.
	Requirement *Requirement
}

// Outcome is what a set says of a call, before limits are counted, approvals looked up and content searched. The zero
// value denies.
type Outcome struct {
	// Decision is Deny or Allow.
	Decision Decision
	// Refusal is why, for Deny: that of the first party, in their order, and the first rule in it.
	Refusal Refusal
	// Budgets, Approvals and Thresholds are what else has to hold. Of documents in shadow mode they are only told.
	Budgets    []Budget
	Approvals  []Requirement
	Thresholds []*Threshold
	// TimeLimit is the lowest that applies, 0 without one; Timed is the rule.
	TimeLimit time.Duration
	Timed     Ref
	// Permits are the rules that permitted, for explanations.
	Permits []Ref
	// Shadowed is what documents in shadow mode would have refused.
	Shadowed []Refusal
}

// Agents is what a compiler knows of the agents there are.
type Agents interface {
	// Agent reports whether an agent of the name is registered, and with which owner.
	Agent(name agent.ID) (owner agent.Owner, ok bool)
	// Owner reports whether any registered agent has the owner.
	Owner(name agent.Owner) bool
}

// Problem is why a document is refused.
type Problem struct {
	File string
	// Line is from 1; 0 is the document as a whole.
	Line int
	// Document is its name, where it has one, and Test the name of its own test that fails; empty for all other problems.
	Document, Test string
	// Reason is a sentence for who wrote it.
	Reason string
}

// String returns the problem in one line, as compilers write it.
func (p Problem) String() string {
	switch {
	case p.Line > 0:
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason)
	case p.File != "":
		return p.File + ": " + p.Reason
	}
	return p.Reason
}
