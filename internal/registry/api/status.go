package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
)

type statusBody struct {
	Status agent.Status `json:"status" enum:"active,quarantined,revoked" doc:"Whether the agent takes part in the mesh. Revoked is final."`
	Reason string       `json:"reason" minLength:"1" maxLength:"256" doc:"Why; it is kept with the agent."`
}

type statusInput struct {
	Name string `path:"name" doc:"Name of the agent."`
	Body statusBody
}

func (s *Server) registerStatus() {
	huma.Register(s.api, s.withSmallBody(huma.Operation{
		OperationID: "set-status", Method: http.MethodPut, Path: "/v1/agents/{name}/status",
		Summary: "Take an agent out of the mesh or back into it",
		Description: "Quarantined agents can neither call nor be called until somebody sets them active. Revoked is final: nobody gets the name " +
			"or a key of such an agent, not even once it is deleted. Setting the status that the agent has changes nothing.",
		Errors: []int{400, 401, 404, 408, 409, 412, 413, 415, 422, 503},
	}), s.setStatus)
}

func (s *Server) setStatus(ctx context.Context, in *statusInput) (*agentOutput, error) {
	if _, err := agent.ParseID(in.Name); err != nil {
		return nil, noSuchAgent()
	}
	record, err := s.config.Registry.SetStatus(ctx, agent.ID(in.Name), in.Body.Status, in.Body.Reason)
	if err != nil {
		return nil, s.problem(err)
	}
	return &agentOutput{ETag: etag(record.Revision), Body: s.body(record)}, nil
}
