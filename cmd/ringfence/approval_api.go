package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/registry/api"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/token"
)

// Routes of approvals, as patterns of the API.
const (
	approvalsPath = "/v1/approvals"
	approvalPath  = approvalsPath + "/{id}"
	decisionsPath = approvalPath + "/decisions"
)

type approvalsInput struct {
	State  string `query:"state" enum:"pending,granted,consumed,denied,expired,withdrawn" doc:"Only those in this state."`
	Caller string `query:"caller" doc:"Only those of this calling agent."`
	Callee string `query:"callee" doc:"Only those about this called agent."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at most."`
}

// approvalBody is an approval as the API shows it.
type approvalBody struct {
	approval.Approval
	Outdated bool `json:"outdated,omitempty" required:"false" doc:"That policies have changed since it was asked for: whatever people say, the request is asked about anew when it is repeated."`
}

type approvalsBody struct {
	Approvals []approvalBody `json:"approvals" doc:"Approvals, the latest first."`
	More      bool           `json:"more" doc:"Whether there are more than the limit."`
}

type approvalsOutput struct{ Body approvalsBody }

type approvalInput struct {
	ID string `path:"id" doc:"The approval's id."`
}

type approvalOutput struct{ Body approvalBody }

type approvalDecision struct {
	Decision approval.Choice `json:"decision" enum:"approve,deny" doc:"What the approver says."`
	Digest   string          `json:"digest" doc:"The digest of the request that the approver has seen."`
	Reason   string          `json:"reason,omitempty" maxLength:"1024" doc:"Why, for people."`
	Approver string          `json:"approver,omitempty" doc:"Who votes; where it is given, it has to be whom the evidence proves."`
	Evidence string          `json:"evidence,omitempty" maxLength:"4096" doc:"The ballot, signed with the approver's key. Without one, the Authorization field has to carry a token of the approver."`
}

type decideInput struct {
	ID            string `path:"id" doc:"The approval's id."`
	Authorization string `header:"Authorization" doc:"A bearer token of the approver, where there is no signed ballot. The administrator's does not vote."`
	Body          approvalDecision
}

// approvalReview shows people which calls wait for them, and takes what they say.
type approvalReview struct {
	ledger    *approval.Ledger
	approvers *approval.Approvers
	// subject returns whom a bearer token is about at the moment now, if an issuer that is known made it for this mesh.
	subject func(ctx context.Context, raw string, now time.Time) (agent.Subject, error)
	// epoch is that of the policies in force.
	epoch func() string
	// agent returns the agent whose signature let a request in.
	agent  func(context.Context) (agent.ID, bool)
	now    func() time.Time
	logger *slog.Logger
}

func (v approvalReview) register(a huma.API) {
	huma.Register(a, huma.Operation{
		OperationID: "list-approvals", Method: http.MethodGet, Path: approvalsPath, Summary: "List approvals, the latest first",
		Errors: []int{401, 422},
	}, v.list)
	huma.Register(a, huma.Operation{
		OperationID: "get-approval", Method: http.MethodGet, Path: approvalPath,
		Summary: "Get an approval; the agent that asks is told how far it is", Errors: []int{401, 404, 503},
	}, v.get)
	huma.Register(a, huma.Operation{
		OperationID: "decide-approval", Method: http.MethodPost, Path: decisionsPath,
		Summary: "Approve or deny a request, as an approver", Errors: []int{401, 403, 404, 409, 422, 503},
	}, v.decide)
	huma.Register(a, huma.Operation{
		OperationID: "withdraw-approval", Method: http.MethodDelete, Path: approvalPath,
		Summary: "Take an approval back, so that the request does not go on", Errors: []int{401, 404, 409, 503},
	}, v.withdraw)
}

// admits reports whether a request to the route of the pattern is let in without the administrator's token: a vote, which
// proves itself, and reading by an approver's token.
func (v approvalReview) admits(pattern string, r *http.Request) bool {
	switch pattern {
	case http.MethodPost + " " + decisionsPath:
		return true
	case http.MethodGet + " " + approvalsPath, http.MethodGet + " " + approvalPath:
		raw, ok := token.Bearer(r.Header.Get("Authorization"))
		if !ok {
			return false
		}
		subject, err := v.subject(r.Context(), raw, v.now())
		return err == nil && v.approvers.Reader(subject)
	default:
		return false
	}
}

func (v approvalReview) list(_ context.Context, in *approvalsInput) (*approvalsOutput, error) {
	list := v.ledger.List(approval.Filter{
		State: approval.State(in.State), Caller: agent.ID(in.Caller), Callee: agent.ID(in.Callee),
	}, v.now())
	out := &approvalsOutput{}
	out.Body.More = len(list) > in.Limit
	out.Body.Approvals = make([]approvalBody, min(len(list), in.Limit))
	for i := range out.Body.Approvals {
		out.Body.Approvals[i] = v.shown(list[i])
	}
	return out, nil
}

// shown says of an approval that has not ended whether it still can let a request through.
func (v approvalReview) shown(a approval.Approval) approvalBody {
	open := a.State == approval.Pending || a.State == approval.Granted
	return approvalBody{a, open && a.Epoch != v.epoch()}
}

func (v approvalReview) get(ctx context.Context, in *approvalInput) (*approvalOutput, error) {
	a, err := v.ledger.Get(ctx, in.ID, v.now())
	if err != nil {
		return nil, v.problem(err)
	}
	if api.ByAgent(ctx) {
		if caller, ok := v.agent(ctx); !ok || caller != a.Caller {
			return nil, v.problem(approval.ErrNotFound)
		}
		return &approvalOutput{approvalBody{Approval: brief(a)}}, nil
	}
	return &approvalOutput{v.shown(a)}, nil
}

// brief is what the agent that asks has to know.
func brief(a approval.Approval) approval.Approval {
	return approval.Approval{ID: a.ID, State: a.State, Expires: a.Expires}
}

func (v approvalReview) decide(ctx context.Context, in *decideInput) (*approvalOutput, error) {
	now := v.now()
	ballot, err := v.ballot(ctx, in, now)
	if err != nil {
		return nil, v.problem(err)
	}
	if in.Body.Approver != "" && in.Body.Approver != ballot.Approver() {
		return nil, huma.Error422UnprocessableEntity("validation failed",
			&huma.ErrorDetail{Location: "body.approver", Message: "must be whom the evidence proves"})
	}
	a, err := v.ledger.Decide(ctx, in.ID, ballot, now)
	if err != nil {
		return nil, v.problem(err)
	}
	v.logger.Info("approver voted", slog.String("approval", a.ID), slog.String("approver", ballot.Approver()),
		slog.String("decision", string(ballot.Choice)), slog.String("state", string(a.State)))
	return &approvalOutput{v.shown(a)}, nil
}

// ballot returns the ballot that a request proves: the signed one that it carries, which has to say what the request says,
// or what an approver's token vouches for.
func (v approvalReview) ballot(ctx context.Context, in *decideInput, now time.Time) (approval.Ballot, error) {
	said := approval.Statement{Approval: in.ID, Digest: in.Body.Digest, Choice: in.Body.Decision, Reason: in.Body.Reason}
	if in.Body.Evidence != "" {
		ballot, err := v.approvers.Signed(in.Body.Evidence, now)
		if said.Reason == "" {
			said.Reason = ballot.Reason
		}
		if err == nil && ballot.Statement != said {
			return approval.Ballot{}, fmt.Errorf("%w: it does not say what the request around it says", approval.ErrOther)
		}
		return ballot, err
	}
	raw, ok := token.Bearer(in.Authorization)
	if !ok {
		return approval.Ballot{}, fmt.Errorf("%w: send a ballot that is signed with your key as evidence, or your own token", approval.ErrUnproven)
	}
	subject, err := v.subject(ctx, raw, now)
	if err != nil {
		return approval.Ballot{}, fmt.Errorf("%w: the token proves nobody; the administrator's does not vote", approval.ErrUnproven)
	}
	return v.approvers.Vouched(subject, said)
}

func (v approvalReview) withdraw(ctx context.Context, in *approvalInput) (*struct{}, error) {
	if !api.ByAgent(ctx) {
		_, err := v.ledger.Cancel(ctx, in.ID, "administrator", v.now())
		return nil, v.problem(err)
	}
	caller, ok := v.agent(ctx)
	if !ok {
		return nil, v.problem(approval.ErrNotFound)
	}
	_, err := v.ledger.Withdraw(ctx, in.ID, caller, v.now())
	return nil, v.problem(err)
}

func (v approvalReview) problem(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, approval.ErrNotFound):
		return huma.Error404NotFound("there is no approval of this id")
	case errors.Is(err, approval.ErrUnproven):
		return huma.Error401Unauthorized(err.Error())
	case errors.Is(err, approval.ErrExcluded), errors.Is(err, approval.ErrNotAsked):
		return huma.Error403Forbidden(err.Error())
	case errors.Is(err, approval.ErrOther), errors.Is(err, approval.ErrEnded):
		return huma.Error409Conflict(fmt.Sprintf("%s: get it again and decide anew", err))
	}
	v.logger.Error("a request about an approval failed", slog.Any("error", err))
	if errors.Is(err, store.ErrUnavailable) {
		return huma.Error503ServiceUnavailable("approvals cannot be read or written now; get the approval before you repeat a vote")
	}
	return huma.Error500InternalServerError("the request could not be served; the log says why")
}
