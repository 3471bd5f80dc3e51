package governance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/held"
	"ringfence.dev/ringfence/internal/policy"
)

// Approvals asks people, and remembers what they said. It must be safe for concurrent use.
type Approvals interface {
	// Ask returns how the case of a call stands, and opens it if there is none. Granted is said once for each case that
	// people granted.
	Ask(ctx context.Context, c approval.Case, now time.Time) (approval.Approval, error)
	// Get returns how a case stands, and Withdraw takes it back for its caller.
	Get(ctx context.Context, id string, now time.Time) (approval.Approval, error)
	Withdraw(ctx context.Context, id string, caller agent.ID, now time.Time) (approval.Approval, error)
}

// approvalStage has people decide where a party wants that. It stands behind everything else, so that nobody is asked in
// vain, and nothing that people granted is used up by a call that is refused anyway.
type approvalStage struct {
	approvals Approvals
	shelf     Shelf
	statusURL string
}

func (s approvalStage) Judge(ctx context.Context, x *Exchange) Verdict {
	if x.judgedBy == "" {
		return Verdict{}
	}
	if len(x.owed) == 0 || x.granted || x.instead != nil {
		return s.claim(ctx, x)
	}
	if s.approvals == nil {
		return deny(Forbidden, sideOf(x.owed[0].Party), policy.ReasonApproval, "the call needs an approval, and nobody can be asked for one here")
	}
	c, err := x.approvalCase()
	if err != nil {
		return deny(Invalid, sideOf(x.owed[0].Party), "approval-ambiguous", "the request cannot be put to people: "+err.Error())
	}
	answer, err := s.approvals.Ask(ctx, c, x.Moment)
	if errors.Is(err, approval.ErrTooMany) {
		v := deny(TooOften, sideOf(x.owed[0].Party), "approvals-waiting", "as many calls of the agent wait for people as may; repeat it when they have decided about others")
		v.RetryAfterSeconds = approvalPause
		return v
	}
	if err != nil {
		v := deny(Unavailable, GatewaySide, "approval-undecided", "whether people have approved could not be found out; try again later")
		v.Evidence = []string{err.Error()}
		return v
	}
	x.asks(answer, s.statusURL)
	v := x.answered(answer)
	if v.Decision == Approve {
		if failed, ok := s.hold(ctx, x, answer); ok {
			return failed
		}
	}
	return v
}

// answered is what the answer of people comes to.
func (x *Exchange) answered(answer approval.Approval) Verdict {
	first := x.owed[0].Ref
	evidence := make([]string, len(x.owed))
	for i, r := range x.owed {
		evidence[i] = ruleName(r.Ref)
	}
	v := allow()
	switch {
	case answer.Granted:
		x.granted = true
		evidence = append(evidence, "approval "+answer.ID)
	case answer.State == approval.Denied:
		v = ruled(first, policy.ReasonApprovalDenied, "people were asked about this call and refused it")
	default:
		v = ruled(first, policy.ReasonApproval, "the call waits for people to approve it; repeat it unchanged when they have")
		v.Decision = Approve
		for _, r := range x.owed {
			v.Quorums = union(v.Quorums, []string{quorum(r)})
		}
		v.RetryAfterSeconds = approvalPause
	}
	v.Evidence = evidence
	return v
}

// approvalPause is how soon, in seconds, it makes sense to repeat a call that waits for people.
const approvalPause = 5

// quorum names what a requirement waits for.
func quorum(r policy.Requirement) string {
	groups := slices.Sorted(slices.Values(r.Groups))
	return r.Policy + ": " + strings.Join(groups, ", ")
}

// approvalCase is the call as it is put to people: what they approve is this very request, on behalf of these very agents, by the
// policies of now.
func (x *Exchange) approvalCase() (approval.Case, error) {
	method, path, body, resumes := x.Operation.Method, x.below(), x.Request.Body, ""
	if in := x.standIn; in != nil && in.task != "" {
		// People were asked about the message as its caller sent it.
		method, body, resumes = in.method, in.message.Body, strings.TrimPrefix(in.task, held.Prefix)
		if x.Binding == a2a.HTTPJSON {
			path = in.message.Path
		}
	}
	holders := x.Chain.Holders
	if len(holders) == 0 {
		holders = []agent.ID{x.Caller.Agent}
	}
	digest, err := approval.Digest(approval.Request{
		Method: method, Binding: x.Binding, Verb: x.Request.Method, Path: path, Body: body, Callee: x.Callee.Name, Caller: x.Caller.Agent, Since: x.since(),
		Interface: x.Entrance.Interface.URL, Tenant: x.Entrance.Interface.Tenant, Extensions: x.activated(),
		Holders: holders, Descent: x.Chain.Descent.String(), Gate: x.Chain.Gate, Epoch: x.judgedBy,
	})
	if err != nil {
		return approval.Case{}, err
	}
	return approval.Case{
		Digest: digest, Caller: x.Caller.Agent, Callee: x.Callee.Name, Method: method,
		Skill: strings.Clone(x.Operation.Skill), Action: strings.Clone(x.Operation.Action),
		Holders: holders, Excluded: x.interested(holders), Requirements: slices.Clone(x.owed), Epoch: x.judgedBy, Decision: x.ID,
		Resumes: resumes,
	}, nil
}

// activated are the extensions that the callee is asked to activate, each with the field that lists it, sorted. That by which
// a caller would rather have a task is the mesh's own.
func (x *Exchange) activated() []string {
	var list []string
	for _, field := range ExtensionFields {
		for _, line := range x.Request.Header.Values(field) {
			for uri := range strings.SplitSeq(line, ",") {
				if uri = strings.Trim(uri, " \t"); uri != "" && uri != a2a.ApprovalExtension {
					list = append(list, field+" "+uri)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// interested are the owners of those on whose behalf the call is: they do not approve what their own agents ask for.
func (x *Exchange) interested(holders []agent.ID) []agent.Owner {
	var owners []agent.Owner
	for _, name := range append(slices.Clone(holders), x.Caller.Agent) {
		if record, ok := x.Mesh.Agents.Agent(name); ok && record.Owner != "" && !slices.Contains(owners, record.Owner) {
			owners = append(owners, record.Owner)
		}
	}
	return owners
}
