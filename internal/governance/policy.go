package governance

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/internal/policy"
)

// policyStage asks what the parties of the call have written. What else they ask for, later stages judge: budget counts
// limits, content holds findings against thresholds, approval asks people.
type policyStage struct {
	at policy.Parties
}

func (s policyStage) Judge(_ context.Context, x *Exchange) Verdict {
	if x.Callee == nil || !x.known() {
		return Verdict{}
	}
	x.bytes = max(x.bytes, len(x.Request.Body))
	asked := &x.question
	*asked = x.asked()
	x.Policy = x.Mesh.Policies.Evaluate(asked, s.at)
	x.judgedBy = x.Mesh.Policies.Epoch()
	// What later stages have noted stays when a call is judged anew as it begins to be served.
	for _, s := range x.Policy.Shadowed {
		x.shadow(s.Ref, s.Reason)
	}
	for _, r := range x.Policy.Approvals {
		x.owe(r)
	}
	if x.Policy.Decision == policy.Allow {
		return allow()
	}
	refusal := x.Policy.Refusal
	v := ruled(refusal.Ref, refusal.Reason, refusal.Message)
	if x.Chain.Descent != Own {
		asked.Ring, asked.Trust, asked.Origin, asked.Hops = x.Own.Ring, x.Own.Trust, asked.Caller, 0
		asked.Descent, asked.Unchained = Own.String(), false
		v.Excused = x.Mesh.Policies.Evaluate(asked, s.at).Decision == policy.Allow
	}
	return v
}

// owe has the call wait for people. What a rule asks for, it asks for once, however much it is found that it speaks of.
func (x *Exchange) owe(r policy.Requirement) {
	if r.Mode == policy.Shadow {
		x.shadow(r.Ref, policy.ReasonApproval)
		return
	}
	if !slices.ContainsFunc(x.owed, func(other policy.Requirement) bool { return other.Ref == r.Ref }) {
		x.owed = append(x.owed, r)
	}
}

// shadow notes, once, what a rule of a document in shadow mode would have come to.
func (x *Exchange) shadow(ref policy.Ref, reason string) {
	told := func(other policy.Refusal) bool { return other.Ref == ref && other.Reason == reason }
	if !slices.ContainsFunc(x.shadowed, told) {
		x.shadowed = append(x.shadowed, policy.Refusal{Ref: ref, Reason: reason})
	}
}

// partySides are the parties as verdicts name them.
var partySides = [...]Party{
	policy.CallerParty: CallerSide, policy.GatewayParty: GatewaySide, policy.CalleeParty: CalleeSide, policy.OrganisationParty: Organisation,
}

func sideOf(p policy.Party) Party {
	if int(p) < len(partySides) && partySides[p] != "" {
		return partySides[p]
	}
	return GatewaySide
}

// refusalKinds are the kinds of the refusals of policies; all others are Forbidden.
var refusalKinds = map[string]Kind{
	policy.ReasonUndecided: Internal, policy.ReasonBody: TooLarge, policy.ReasonRate: TooOften, policy.ReasonConcurrency: TooOften,
	policy.ReasonTime: TooLong,
}

// ruled returns the verdict of a rule. Which rule it was stays in the record.
func ruled(ref policy.Ref, reason, message string) Verdict {
	kind, ok := refusalKinds[reason]
	if !ok {
		kind = Forbidden
	}
	v := deny(kind, sideOf(ref.Party), reason, message)
	v.Evidence = evidenceOf(ref)
	return v
}

// evidenceOf names a rule for the record.
func evidenceOf(ref policy.Ref) []string {
	if ref.Policy == "" {
		return nil
	}
	return []string{ruleName(ref)}
}

func ruleName(ref policy.Ref) string {
	if ref.Rule < 0 {
		return "policy " + ref.Policy
	}
	return "policy " + ref.Policy + " rules[" + strconv.Itoa(ref.Rule) + "] " + ref.Kind.String()
}

// asked is what policies are asked about the call.
func (x *Exchange) asked() policy.Call {
	c := policy.Call{
		Caller: x.Caller.Agent, Ring: x.Authority.Ring, Trust: x.Authority.Trust, Assurance: x.Caller.Assurance,
		Origin: x.origin(), Hops: max(0, len(x.Chain.Holders)-1), Unchained: x.Chain.Unchained, Descent: x.Chain.Descent.String(),
		Callee: x.Callee.Name, CalleeOwner: x.Callee.Owner,
		Method: x.Operation.Method, Effect: x.Effect, Skill: x.Operation.Skill, Action: x.Operation.Action,
		Bytes: x.bytes, At: x.Moment,
	}
	if x.CallerRecord != nil {
		c.CallerOwner = x.CallerRecord.Owner
	}
	_, c.Offered = x.Callee.Card.Skill(c.Skill)
	return c
}

// origin is on whose behalf the caller acts in the end.
func (x *Exchange) origin() agent.ID {
	if len(x.Chain.Holders) > 0 {
		return x.Chain.Holders[0]
	}
	return x.Caller.Agent
}

// recorded sets what the decision record keeps of what policies were asked.
func (x *Exchange) recorded(call *audit.PolicyCall) {
	c := x.asked()
	*call = audit.PolicyCall{
		CallerOwner: c.CallerOwner, CalleeOwner: c.CalleeOwner, Origin: c.Origin, Hops: c.Hops, Action: c.Action, Bytes: c.Bytes,
	}
}

// recordedShadows is what the decision record keeps of what policies in shadow mode said.
func (x *Exchange) recordedShadows() []audit.Shadow {
	var shadows []audit.Shadow
	for _, s := range x.shadowed {
		shadows = append(shadows, audit.Shadow{Policy: s.Policy, Rule: s.Rule, Kind: s.Kind.String(), Party: string(sideOf(s.Party)), Reason: s.Reason})
	}
	return shadows
}

// meets holds a finding against the thresholds that policies set, and returns the lowest verdict. What has to wait for
// people is owed from then on.
func (x *Exchange) meets(f inspect.Finding, direction inspect.Direction) Verdict {
	v := allow()
	for _, t := range x.Policy.Thresholds {
		if speaks := t.Requests && direction == inspect.Request || t.Answers && direction == inspect.Response; !speaks || !t.Meets(f.Class, policy.Severity(f.Severity)) {
			continue
		}
		switch {
		case t.Mode == policy.Shadow:
			x.shadow(t.Ref, policy.ReasonContent)
		case t.Requirement != nil && direction == inspect.Request:
			x.owe(*t.Requirement)
		default:
			v = v.Meet(ruled(t.Ref, policy.ReasonContent, "the message holds content that is not let through here"))
		}
	}
	return v
}

// budgeted is for how long the call may take by what policies say; 0 when they do not.
func (x *Exchange) budgeted(most time.Duration) time.Duration {
	limit := x.Policy.TimeLimit
	if limit <= 0 || most > 0 && most <= limit {
		return most
	}
	x.timed = x.Policy.Timed
	return limit
}

// written says for people what policies came to.
func (x *Exchange) written() string {
	words := []string{"epoch " + x.judgedBy}
	for _, p := range x.Policy.Permits {
		words = append(words, "permitted by "+ruleName(p))
	}
	for _, b := range x.Policy.Budgets {
		words = append(words, "counted by "+ruleName(b.Ref))
	}
	for _, r := range x.owed {
		words = append(words, "approval by "+ruleName(r.Ref))
	}
	for _, s := range x.shadowed {
		words = append(words, "in shadow "+s.Reason+" by "+ruleName(s.Ref))
	}
	return strings.Join(words, "; ")
}
