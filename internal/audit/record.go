// Package audit keeps what was decided: one record per exchange, without bodies, tokens or keys.
package audit

import (
	"log/slog"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// AnswerPhase is the phase of records about what an agent answered. The record of a request names no phase.
const AnswerPhase = "answer"

// Record is one decision. Evidence and Reason stay here; callers are told less.
type Record struct {
	// ID is the decision id that denials carry.
	ID string `json:"id"`
	// Phase is AnswerPhase for what was decided on the answer to an allowed request, under the request's id.
	Phase string `json:"phase,omitempty"`
	// Time is when the exchange began, UTC.
	Time time.Time `json:"time"`
	// Took is how long the exchange took to decide, the wait for its body included.
	Took time.Duration `json:"-"`
	// Revision is the registry revision the decision was made at.
	Revision uint64 `json:"revision"`
	// Caller is the registered name of the verified caller; empty when none was proved.
	Caller agent.ID `json:"caller,omitempty"`
	// DID is the identifier the caller signed as.
	DID       string `json:"did,omitempty"`
	Assurance string `json:"assurance"`
	// Ring and Trust are those of the effective authority.
	Ring  agent.Ring  `json:"ring"`
	Trust agent.Trust `json:"trust"`
	// Authority is the rest of it, and where it comes from; nil when no caller was proved.
	Authority *Authority `json:"authority,omitempty"`
	Callee    agent.ID   `json:"callee,omitempty"`
	// Method is the canonical A2A method; empty when the exchange ended before it was known.
	Method  string `json:"method,omitempty"`
	Binding string `json:"binding,omitempty"`
	Effect  string `json:"effect,omitempty"`
	Skill   string `json:"skill,omitempty"`
	// Call is the rest of what policies were asked about; nil when they were not. Epoch names the policies.
	Call  *PolicyCall `json:"call,omitempty"`
	Epoch string      `json:"policyEpoch,omitempty"`
	// Shadows are what policies in shadow mode would have refused.
	Shadows []Shadow `json:"shadows,omitempty"`
	// Approval is the id of the case that people were asked about.
	Approval string `json:"approval,omitempty"`
	// Decision is allow, approve or deny.
	Decision string `json:"decision"`
	// Factor is the stage that denied; Party is whose boundary it guards; Reason is the stable word for why.
	Factor string `json:"factor,omitempty"`
	Party  string `json:"party,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Evidence names what the factor saw, such as rule ids.
	Evidence []string `json:"evidence,omitempty"`
	// Findings are what content rules found, at most 64, and what became of each.
	Findings []Finding `json:"findings,omitempty"`
	// Micros is Took in microseconds, for readers of the record.
	Micros int64 `json:"tookMicros"`
}

// PolicyCall is what policies are asked about a call beside what its record says anyway: enough to ask others later.
type PolicyCall struct {
	CallerOwner agent.Owner `json:"callerOwner,omitempty"`
	CalleeOwner agent.Owner `json:"calleeOwner,omitempty"`
	Origin      agent.ID    `json:"origin,omitempty"`
	// Hops is how many agents stand before the caller.
	Hops   int    `json:"hops,omitempty"`
	Action string `json:"action,omitempty"`
	// Bytes is how long the body of the request was.
	Bytes int `json:"bytes,omitempty"`
}

// Shadow is what a rule in shadow mode would have come to.
type Shadow struct {
	Policy string `json:"policy"`
	// Rule is its place in the document, from 0; -1 is the document as a whole.
	Rule   int    `json:"rule"`
	Kind   string `json:"kind,omitempty"`
	Party  string `json:"party"`
	Reason string `json:"reason"`
}

// Finding is one place where a content rule holds. What stands there is not recorded.
type Finding struct {
	Rule     string `json:"rule"`
	Class    string `json:"class"`
	Severity string `json:"severity"`
	// Action is block, redact or flag.
	Action string `json:"action"`
	// Direction is request, response or card: whose words they are.
	Direction string `json:"direction"`
	// View is the reading of the text in which the rule holds, such as text or base64.
	View string `json:"view"`
	// Place is the JSON Pointer of the text in its body, with "*" for names that A2A does not define; empty for one elsewhere,
	// and in bodies that are no JSON.
	Place string `json:"place,omitempty"`
	// Start and End are byte offsets in the text, unescaped.
	Start int `json:"start"`
	End   int `json:"end"`
}

// Authority is with what rights a caller acted.
type Authority struct {
	// Descent is own, delegated, linked, low-water or gated.
	Descent string `json:"descent"`
	// Chain are the agents on whose behalf the caller acted, root first, and the caller last; empty when there is none.
	Chain []agent.ID `json:"chain,omitempty"`
	// Unchained reports that the caller served others, and that the request did not say for which of them it was.
	Unchained bool `json:"unchained,omitempty"`
	// Gate is the id of the gate through which the caller acted.
	Gate string `json:"gate,omitempty"`
	// Until is when the authority ends, UTC; nil when it does not.
	Until *time.Time `json:"until,omitempty"`
	// Depth is how many links may still follow.
	Depth int `json:"depth"`
	// Witness says what bounds each component.
	Witness Witness `json:"witness"`
}

// Witness names, for each component of an authority, which part of a chain bounds it.
type Witness struct {
	Ring  string `json:"ring"`
	Trust string `json:"trust"`
	Scope string `json:"scope"`
	Until string `json:"until,omitempty"`
	Depth string `json:"depth"`
}

// LogValue groups the fields people search logs by.
func (r Record) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", r.ID),
		slog.String("decision", r.Decision),
		slog.String("caller", string(r.Caller)),
		slog.String("callee", string(r.Callee)),
		slog.String("method", r.Method),
		slog.String("factor", r.Factor),
		slog.String("reason", r.Reason),
		slog.Int64("tookMicros", r.Micros),
	)
}
