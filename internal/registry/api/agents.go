package api

import (
	"context"
	"encoding/base64"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

type getInput struct {
	Name        string `path:"name" doc:"Name of the agent."`
	IfNoneMatch string `header:"If-None-Match" doc:"ETags that need no answer: 304 when the agent still has one of them."`
}

type createInput struct {
	RawBody []byte `contentType:"application/json"`
}

type replaceInput struct {
	Name    string `path:"name" doc:"Name of the agent."`
	IfMatch string `header:"If-Match" doc:"ETag the agent must still have: 412 when it has changed."`
	RawBody []byte `contentType:"application/json"`
}

type deleteInput struct {
	Name    string `path:"name" doc:"Name of the agent."`
	IfMatch string `header:"If-Match" doc:"ETag the agent must still have: 412 when it has changed."`
}

type listInput struct {
	Skill     string `query:"skill" doc:"Only agents whose card has a skill of this id."`
	Tag       string `query:"tag" doc:"Only agents whose card has a skill with this tag."`
	PageSize  int    `query:"pageSize" minimum:"1" maximum:"500" default:"100" doc:"At most this many agents; fewer where their cards are large."`
	PageToken string `query:"pageToken" doc:"Where to go on: nextPageToken of the page before."`
}

type agentOutput struct {
	ETag string `header:"ETag"`
	Body agentBody
}

type createdOutput struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     agentBody
}

type listOutput struct {
	Body struct {
		Agents        []agentBody `json:"agents" doc:"Agents by name."`
		NextPageToken string      `json:"nextPageToken" doc:"Token of the next page; empty on the last."`
	}
}

func (s *Server) registerAgents() {
	registration := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[registrationBody](), true, "Registration")
	create := s.withBody(huma.Operation{
		OperationID: "register-agent", Method: http.MethodPost, Path: "/v1/agents", Summary: "Register an agent",
		DefaultStatus: http.StatusCreated, Errors: []int{400, 401, 408, 409, 413, 415, 503},
	})
	huma.Register(s.api, create, s.create)
	replace := s.withBody(huma.Operation{
		OperationID: "replace-agent", Method: http.MethodPut, Path: "/v1/agents/{name}", Summary: "Replace an agent's registration",
		Errors: []int{400, 401, 404, 408, 409, 412, 413, 415, 503},
	})
	huma.Register(s.api, replace, s.replace)
	for _, operation := range []huma.Operation{create, replace} {
		operation.RequestBody.Content["application/json"].Schema = registration
	}
	huma.Register(s.api, huma.Operation{
		OperationID: "list-agents", Method: http.MethodGet, Path: "/v1/agents", Summary: "List agents by name", Errors: []int{401},
	}, s.list)
	huma.Register(s.api, huma.Operation{
		OperationID: "get-agent", Method: http.MethodGet, Path: "/v1/agents/{name}", Summary: "Get an agent", Errors: []int{401, 404},
		Responses: map[string]*huma.Response{"304": {Description: "The agent still has one of the ETags."}},
	}, s.get)
	huma.Register(s.api, huma.Operation{
		OperationID: "delete-agent", Method: http.MethodDelete, Path: "/v1/agents/{name}", Summary: "Remove an agent",
		Errors: []int{401, 404, 412, 503},
	}, s.delete)
}

// withBody bounds an operation's body and leaves reading it to decodeRegistration, which reports all problems.
func (s *Server) withBody(operation huma.Operation) huma.Operation {
	operation.MaxBodyBytes = maxBody + 1
	operation.BodyReadTimeout = bodyTimeout
	operation.SkipValidateBody = true
	operation.RequestBody = &huma.RequestBody{Required: true}
	operation.Middlewares = huma.Middlewares{s.requireJSON}
	return operation
}

func (s *Server) requireJSON(ctx huma.Context, next func(huma.Context)) {
	media, parameters, err := mime.ParseMediaType(ctx.Header("Content-Type"))
	charset, hasCharset := parameters["charset"]
	if err != nil || media != "application/json" || hasCharset && !strings.EqualFold(charset, "utf-8") {
		huma.WriteErr(s.api, ctx, http.StatusUnsupportedMediaType, "send the body as application/json in UTF-8",
			&huma.ErrorDetail{Location: "header.Content-Type", Message: "must be application/json"})
		return
	}
	if encoding := ctx.Header("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		huma.WriteErr(s.api, ctx, http.StatusUnsupportedMediaType, "send the body without a content encoding",
			&huma.ErrorDetail{Location: "header.Content-Encoding", Message: "must be left out"})
		return
	}
	next(ctx)
}

func (s *Server) create(ctx context.Context, in *createInput) (*createdOutput, error) {
	registration, err := decodeRegistration(in.RawBody, "")
	if err != nil {
		return nil, err
	}
	record, err := s.config.Registry.Register(ctx, registration)
	if err != nil {
		return nil, s.problem(err)
	}
	return &createdOutput{ETag: etag(record.Revision), Location: "/v1/agents/" + string(record.Name), Body: s.body(record)}, nil
}

func (s *Server) replace(ctx context.Context, in *replaceInput) (*agentOutput, error) {
	name, err := agent.ParseID(in.Name)
	if err != nil {
		return nil, noSuchAgent()
	}
	registration, err := decodeRegistration(in.RawBody, in.Name)
	if err != nil {
		return nil, err
	}
	revision, ok := expected(in.IfMatch, s.revision(name))
	if !ok {
		return nil, s.problem(registry.ErrChanged)
	}
	record, err := s.config.Registry.Replace(ctx, name, registration, revision)
	if err != nil {
		return nil, s.problem(err)
	}
	return &agentOutput{ETag: etag(record.Revision), Body: s.body(record)}, nil
}

func (s *Server) delete(ctx context.Context, in *deleteInput) (*struct{}, error) {
	name, err := agent.ParseID(in.Name)
	if err != nil {
		return nil, noSuchAgent()
	}
	revision, ok := expected(in.IfMatch, s.revision(name))
	if !ok {
		return nil, s.problem(registry.ErrChanged)
	}
	if err := s.config.Registry.Delete(ctx, name, revision); err != nil {
		return nil, s.problem(err)
	}
	return nil, nil
}

func (s *Server) get(_ context.Context, in *getInput) (*agentOutput, error) {
	record, err := s.config.Registry.Get(agent.ID(in.Name))
	if err != nil {
		return nil, s.problem(err)
	}
	tag := etag(record.Revision)
	if matchTag(in.IfNoneMatch, tag) {
		return nil, huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"Etag": {tag}})
	}
	return &agentOutput{ETag: tag, Body: s.body(record)}, nil
}

// revision returns the agent's revision, or 0, which no agent has.
func (s *Server) revision(name agent.ID) uint64 {
	record, err := s.config.Registry.Get(name)
	if err != nil {
		return 0
	}
	return record.Revision
}

func (s *Server) list(_ context.Context, in *listInput) (*listOutput, error) {
	after, err := base64.RawURLEncoding.DecodeString(in.PageToken)
	if _, bad := agent.ParseID(string(after)); in.PageToken != "" && (err != nil || bad != nil) {
		return nil, huma.NewError(http.StatusUnprocessableEntity, "validation failed",
			&huma.ErrorDetail{Location: "query.pageToken", Message: "must be the nextPageToken of another page"})
	}
	records := s.config.Registry.Snapshot().Agents()
	at, found := slices.BinarySearchFunc(records, agent.ID(after), func(r *agent.Record, name agent.ID) int {
		return strings.Compare(string(r.Name), string(name))
	})
	if found {
		at++
	}
	out := &listOutput{}
	out.Body.Agents = []agentBody{}
	size := 0
	for _, record := range records[at:] {
		if !in.matches(record) {
			continue
		}
		if len(out.Body.Agents) == in.PageSize || size > maxPage {
			last := out.Body.Agents[len(out.Body.Agents)-1].Name
			out.Body.NextPageToken = base64.RawURLEncoding.EncodeToString([]byte(last))
			break
		}
		out.Body.Agents = append(out.Body.Agents, s.body(record))
		size += len(record.Card.Raw)
	}
	return out, nil
}

func (in *listInput) matches(record *agent.Record) bool {
	if in.Skill != "" {
		if _, ok := record.Card.Skill(in.Skill); !ok {
			return false
		}
	}
	return in.Tag == "" || slices.ContainsFunc(record.Card.Skills, func(skill agent.Skill) bool {
		return slices.Contains(skill.Tags, in.Tag)
	})
}
