package main

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/xds"
)

// inspection lets an administrator look at what was decided and at what the Envoys were told.
type inspection struct {
	trail     *audit.Trail
	publisher *xds.Publisher
}

func newInspection(t *audit.Trail, p *xds.Publisher) inspection { return inspection{t, p} }

type decisionsInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"How many to return."`
}

type decisionsOutput struct {
	Body struct {
		Decisions []audit.Record `json:"decisions" doc:"The latest decisions, newest first."`
	}
}

type decisionInput struct {
	ID string `path:"id" maxLength:"64" doc:"Decision id, as denials and the field ringfence-decision carry it."`
}

type decisionOutput struct {
	Body struct {
		audit.Record
		Answer *audit.Record `json:"answer,omitempty" doc:"What was decided on the answer; left out when nothing was found in it."`
	}
}

type xdsOutput struct{ Body xds.Status }

func (i inspection) register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-decisions", Method: http.MethodGet, Path: "/v1/decisions",
		Summary: "List the latest decisions of this process", Errors: []int{401, 422},
	}, func(_ context.Context, in *decisionsInput) (*decisionsOutput, error) {
		out := &decisionsOutput{}
		out.Body.Decisions = i.trail.Latest(in.Limit)
		return out, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-decision", Method: http.MethodGet, Path: "/v1/decisions/{id}",
		Summary: "Get one decision, if it is among the latest of this process", Errors: []int{401, 404},
	}, func(_ context.Context, in *decisionInput) (*decisionOutput, error) {
		out := &decisionOutput{}
		request, asked := i.trail.Find(in.ID, "")
		answer, answered := i.trail.Find(in.ID, audit.AnswerPhase)
		switch {
		case asked && answered:
			out.Body.Record, out.Body.Answer = request, &answer
		case asked:
			out.Body.Record = request
		case answered:
			out.Body.Record = answer // that of the request had to make room
		default:
			return nil, huma.Error404NotFound("the decision is not among the latest of this process; the decision log keeps all")
		}
		return out, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-xds", Method: http.MethodGet, Path: "/v1/xds",
		Summary: "Get what the connected Envoys were told, and what they rejected", Errors: []int{401},
	}, func(context.Context, *struct{}) (*xdsOutput, error) {
		return &xdsOutput{Body: i.publisher.Status()}, nil
	})
}
