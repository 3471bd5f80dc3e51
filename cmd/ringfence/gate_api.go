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
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/store"
)

type gateInput struct {
	ID string `path:"id" doc:"The gate's name."`
}

type gateDeclaration struct {
	From       string    `json:"from" doc:"The registered agent that calls through the gate."`
	Skill      string    `json:"skill,omitempty" doc:"The skill of that agent which needs to; for people, it decides nothing."`
	To         string    `json:"to" doc:"The registered agent that is called."`
	Operations []string  `json:"operations" doc:"Verbs of capabilities, such as read or SendMessage: all that may be asked of that agent."`
	Ring       int       `json:"ring" minimum:"0" maximum:"3" doc:"The most privileged ring that counts inside, at most the ceiling of the calling agent."`
	Until      time.Time `json:"until" doc:"When the gate closes; at most a year away."`
	By         string    `json:"by" doc:"Who declares it, for the owner of the calling agent."`
}

type declareInput struct {
	ID   string `path:"id" doc:"The gate's name."`
	Body gateDeclaration
}

type acceptInput struct {
	ID   string `path:"id" doc:"The gate's name."`
	Body gateAcceptance
}

type gateAcceptance struct {
	Digest string `json:"digest" doc:"The digest of the declaration that is accepted."`
	By     string `json:"by" doc:"Who accepts it, for the owner of the called agent."`
}

type gateConsent struct {
	By string    `json:"by" doc:"Who gave it."`
	At time.Time `json:"at" doc:"When."`
}

type gateBody struct {
	ID         agent.ID     `json:"id" doc:"The gate's name, by which requests invoke it."`
	State      string       `json:"state" enum:"declared,open,closed" doc:"Whether both sides have consented, and whether its time is over."`
	From       agent.ID     `json:"from" doc:"The agent that calls through the gate."`
	Skill      string       `json:"skill,omitempty" doc:"The skill of that agent which needs to."`
	To         agent.ID     `json:"to" doc:"The agent that is called."`
	Operations []string     `json:"operations" doc:"All that may be asked of it."`
	Ring       int          `json:"ring" minimum:"0" maximum:"3" doc:"The most privileged ring that counts inside."`
	Until      time.Time    `json:"until" doc:"When the gate closes."`
	Digest     string       `json:"digest" doc:"What an acceptance of this declaration names."`
	Declared   gateConsent  `json:"declared" doc:"The consent of the calling side."`
	Accepted   *gateConsent `json:"accepted,omitempty" doc:"The consent of the called side, to this very declaration."`
}

type gateOutput struct{ Body gateBody }

type gatesOutput struct {
	Body struct {
		Gates []gateBody `json:"gates" doc:"Gates by name."`
	}
}

// gateReview lets an administrator declare and accept gates for the owners of both sides.
type gateReview struct {
	gates  *gate.Ledger
	now    func() time.Time
	logger *slog.Logger
}

func (v gateReview) register(api huma.API) {
	const path = "/v1/gates/{id}"
	huma.Register(api, huma.Operation{
		OperationID: "list-gates", Method: http.MethodGet, Path: "/v1/gates", Summary: "List gates by name", Errors: []int{401},
	}, v.list)
	huma.Register(api, huma.Operation{
		OperationID: "get-gate", Method: http.MethodGet, Path: path, Summary: "Get a gate", Errors: []int{401, 404},
	}, v.get)
	huma.Register(api, huma.Operation{
		OperationID: "declare-gate", Method: http.MethodPut, Path: path,
		Summary: "Declare a gate for the owner of the calling agent; a change takes the acceptance away",
		Errors:  []int{401, 409, 422, 503},
	}, v.declare)
	huma.Register(api, huma.Operation{
		OperationID: "accept-gate", Method: http.MethodPost, Path: path + "/accept",
		Summary: "Accept a gate's declaration for the owner of the called agent", Errors: []int{401, 404, 409, 422, 503},
	}, v.accept)
	huma.Register(api, huma.Operation{
		OperationID: "delete-gate", Method: http.MethodDelete, Path: path, Summary: "Delete a gate", Errors: []int{401, 404, 409, 503},
	}, v.delete)
}

func (v gateReview) list(context.Context, *struct{}) (*gatesOutput, error) {
	out := &gatesOutput{}
	out.Body.Gates = []gateBody{}
	for _, g := range v.gates.Image().All() {
		out.Body.Gates = append(out.Body.Gates, v.body(g))
	}
	return out, nil
}

func (v gateReview) get(_ context.Context, in *gateInput) (*gateOutput, error) {
	g, ok := v.gates.Image().Get(agent.ID(in.ID))
	if !ok {
		return nil, v.problem(gate.ErrNotFound)
	}
	return &gateOutput{v.body(g)}, nil
}

func (v gateReview) declare(ctx context.Context, in *declareInput) (*gateOutput, error) {
	ring, err := agent.RingFromNumber(in.Body.Ring)
	if err != nil {
		return nil, v.problem(agent.FieldError{Path: "ring", Problem: err.Error()})
	}
	g, err := v.gates.Declare(ctx, gate.Declaration{
		ID: agent.ID(in.ID), From: agent.ID(in.Body.From), Skill: in.Body.Skill, To: agent.ID(in.Body.To),
		Operations: in.Body.Operations, Ring: ring, Until: in.Body.Until,
	}, in.Body.By)
	if err != nil {
		return nil, v.problem(err)
	}
	v.logger.Info("gate declared", slog.String("gate", string(g.ID)), slog.String("by", g.Declared.By), slog.String("digest", g.Declared.Digest))
	return &gateOutput{v.body(g)}, nil
}

func (v gateReview) accept(ctx context.Context, in *acceptInput) (*gateOutput, error) {
	g, err := v.gates.Accept(ctx, agent.ID(in.ID), in.Body.Digest, in.Body.By)
	if err != nil {
		return nil, v.problem(err)
	}
	v.logger.Info("gate accepted", slog.String("gate", string(g.ID)), slog.String("by", g.Accepted.By), slog.String("digest", g.Accepted.Digest))
	return &gateOutput{v.body(g)}, nil
}

func (v gateReview) delete(ctx context.Context, in *gateInput) (*struct{}, error) {
	if err := v.gates.Remove(ctx, agent.ID(in.ID)); err != nil {
		return nil, v.problem(err)
	}
	v.logger.Info("gate deleted", slog.String("gate", in.ID))
	return nil, nil
}

func (v gateReview) body(g gate.Gate) gateBody {
	b := gateBody{
		ID: g.ID, State: g.State(v.now()), From: g.From, Skill: g.Skill, To: g.To, Operations: g.Operations, Ring: g.Ring.Number(),
		Until: g.Until, Digest: g.Digest(), Declared: gateConsent{g.Declared.By, g.Declared.At},
	}
	if g.Accepted != nil {
		b.Accepted = &gateConsent{g.Accepted.By, g.Accepted.At}
	}
	return b
}

func (v gateReview) problem(err error) error {
	if fields := agent.FieldErrors(err); len(fields) > 0 {
		details := make([]error, len(fields))
		for i, field := range fields {
			location := "body." + field.Path
			if field.Path == "id" {
				location = "path.id"
			}
			details[i] = &huma.ErrorDetail{Location: location, Message: field.Problem}
		}
		return huma.Error422UnprocessableEntity("validation failed", details...)
	}
	switch {
	case errors.Is(err, gate.ErrNotFound):
		return huma.Error404NotFound("there is no gate of this name")
	case errors.Is(err, gate.ErrChanged), errors.Is(err, gate.ErrClosed):
		return huma.Error409Conflict(fmt.Sprintf("%s: get it again and decide anew", err))
	case errors.Is(err, store.ErrUnavailable):
		v.logger.Error("a request about a gate failed", slog.Any("error", err))
		return huma.Error503ServiceUnavailable("gates cannot be read or written now; get the gate before you repeat a write")
	}
	v.logger.Error("a request about a gate failed", slog.Any("error", err))
	return huma.Error500InternalServerError("the request could not be served; the log says why")
}
