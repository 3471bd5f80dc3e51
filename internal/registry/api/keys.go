package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

// keyBody is one key of an agent.
type keyBody struct {
	DID        string            `json:"did" doc:"The key's did:key."`
	Mesh       string            `json:"didMesh" doc:"The did:mesh minted from the key."`
	Role       string            `json:"role" enum:"agent,sidecar,none" doc:"Who signs with the key."`
	State      registry.KeyState `json:"state" enum:"active,retiring,retired,disputed,revoked" doc:"Active and retiring keys are accepted. A disputed key is claimed by another agent too, and accepted from none."`
	RetiresAt  *time.Time        `json:"retiresAt,omitempty" doc:"When the key stops being accepted, or did; left out when it has no successor."`
	Revocation *revocationBody   `json:"revocation,omitempty" doc:"Why the key is revoked; left out when it is not."`
}

type revocationBody struct {
	At     time.Time `json:"at" doc:"When the key was revoked."`
	Reason string    `json:"reason,omitempty" doc:"What the person gave as the reason."`
}

type keysInput struct {
	Name string `path:"name" doc:"Name of the agent."`
}

type keysOutput struct {
	ETag string `header:"ETag"`
	Body struct {
		Keys []keyBody `json:"keys" doc:"The agent's own keys, then those of its sidecars, then those that are revoked. The keys of a did:web are in its own document."`
	}
}

type addedKeyBody struct {
	DID     string `json:"did" doc:"The key's did:key."`
	Role    string `json:"role,omitempty" enum:"agent,sidecar" default:"agent" doc:"Who signs with the key."`
	Overlap string `json:"overlap,omitempty" example:"24h" doc:"Retires the other keys of the role after this time, 0s to 2160h. Left out: they stay."`
}

type addKeyInput struct {
	Name string `path:"name" doc:"Name of the agent."`
	Body addedKeyBody
}

type revokeKeyInput struct {
	Name   string `path:"name" doc:"Name of the agent."`
	DID    string `path:"did" doc:"The key's did:key or did:mesh."`
	Reason string `query:"reason" doc:"Why; it is kept with the revocation."`
}

func (s *Server) registerKeys() {
	const path = "/v1/agents/{name}/keys"
	huma.Register(s.api, huma.Operation{
		OperationID: "list-keys", Method: http.MethodGet, Path: path, Summary: "List an agent's keys", Errors: []int{401, 404},
	}, s.keys)
	huma.Register(s.api, s.withSmallBody(huma.Operation{
		OperationID: "add-key", Method: http.MethodPost, Path: path, Summary: "Give an agent a key, and let its others retire",
		Errors: []int{400, 401, 404, 408, 409, 412, 413, 415, 422, 503},
	}), s.addKey)
	huma.Register(s.api, huma.Operation{
		OperationID: "revoke-key", Method: http.MethodDelete, Path: path + "/{did}",
		Summary: "Revoke a key of an agent now and for ever", Errors: []int{401, 404, 412, 422, 503},
	}, s.revokeKey)
}

// withSmallBody bounds the body of an operation that huma reads.
func (s *Server) withSmallBody(operation huma.Operation) huma.Operation {
	operation.MaxBodyBytes = 4 << 10
	operation.BodyReadTimeout = bodyTimeout
	operation.Middlewares = huma.Middlewares{s.requireJSON}
	return operation
}

func (s *Server) keys(_ context.Context, in *keysInput) (*keysOutput, error) {
	record, err := s.config.Registry.Get(agent.ID(in.Name))
	if err != nil {
		return nil, s.problem(err)
	}
	return s.keysAnswer(record), nil
}

func (s *Server) addKey(ctx context.Context, in *addKeyInput) (*keysOutput, error) {
	if _, err := agent.ParseID(in.Name); err != nil {
		return nil, noSuchAgent()
	}
	added := registry.AddedKey{DID: in.Body.DID, Role: agent.AgentKey}
	if in.Body.Role == agent.SidecarKey.String() {
		added.Role = agent.SidecarKey
	}
	if in.Body.Overlap != "" {
		overlap, err := time.ParseDuration(in.Body.Overlap)
		if err != nil {
			return nil, s.problem(agent.FieldError{Path: "overlap", Problem: "must be a duration, such as 24h"})
		}
		added.Overlap = &overlap
	}
	record, err := s.config.Registry.AddKey(ctx, agent.ID(in.Name), added)
	if err != nil {
		return nil, s.problem(err)
	}
	return s.keysAnswer(record), nil
}

func (s *Server) revokeKey(ctx context.Context, in *revokeKeyInput) (*struct{}, error) {
	if _, err := agent.ParseID(in.Name); err != nil {
		return nil, noSuchAgent()
	}
	err := s.config.Registry.RevokeKey(ctx, agent.ID(in.Name), in.DID, in.Reason)
	if fields := agent.FieldErrors(err); len(fields) > 0 {
		return nil, huma.NewError(http.StatusUnprocessableEntity, "validation failed",
			&huma.ErrorDetail{Location: "query." + fields[0].Path, Message: fields[0].Problem})
	}
	if err != nil {
		return nil, s.problem(err)
	}
	return nil, nil
}

// keysAnswer lists the keys that the snapshot has, which is at the record's revision or past it.
func (s *Server) keysAnswer(record *agent.Record) *keysOutput {
	out := &keysOutput{ETag: etag(record.Revision)}
	out.Body.Keys = []keyBody{}
	for _, status := range s.config.Registry.Snapshot().Keys(record.Name, s.config.Now()) {
		body := keyBody{DID: status.Key.DID, Mesh: status.Key.Mesh, Role: status.Role.String(), State: status.State}
		if !status.Until.IsZero() {
			body.RetiresAt = &status.Until
		}
		if status.State == registry.KeyRevoked {
			body.Revocation = &revocationBody{status.Revocation.At, status.Revocation.Reason}
		}
		out.Body.Keys = append(out.Body.Keys, body)
	}
	return out
}
