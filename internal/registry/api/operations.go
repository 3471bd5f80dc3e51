package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ringfence.dev/ringfence/internal/agent"
)

type healthOutput struct {
	Body struct {
		Status string `json:"status" enum:"ok" doc:"Always ok: an answer at all says that the process lives."`
	}
}

type rawOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

type didInput struct {
	DID string `path:"did" doc:"A did:mesh or did:key of a registered agent."`
}

func (s *Server) registerOperations() {
	huma.Register(s.api, huma.Operation{
		OperationID: "get-did", Method: http.MethodGet, Path: "/v1/dids/{did}", Summary: "Get the document of a DID the mesh hosts",
		Errors: []int{401, 404}, Responses: answers("application/did+json", "The DID document."),
	}, s.did)
	huma.Register(s.api, huma.Operation{
		OperationID: "card-keys", Method: http.MethodGet, Path: agent.KeySetPath, Summary: "Get the keys that verify the cards the mesh serves",
		Security: anyone(), Responses: answers("application/jwk-set+json", "A JWK set."),
	}, s.document("application/jwk-set+json", func() []byte { return s.config.Cards.Issuer.KeySet().Body }))
	huma.Register(s.api, huma.Operation{
		OperationID: "health", Method: http.MethodGet, Path: "/healthz", Summary: "Whether the process lives", Security: anyone(),
	}, s.health)
	huma.Register(s.api, huma.Operation{
		OperationID: "readiness", Method: http.MethodGet, Path: "/readyz", Summary: "Whether the process can do its work",
		Security: anyone(), Errors: []int{503},
	}, s.ready)
	huma.Register(s.api, huma.Operation{
		OperationID: "metrics", Method: http.MethodGet, Path: "/metrics", Summary: "Metrics for Prometheus", Security: anyone(),
		Responses: answers("text/plain", "Metrics in the exposition format that was asked for."),
	}, s.metrics)
	huma.Register(s.api, huma.Operation{
		OperationID: "openapi-json", Method: http.MethodGet, Path: "/openapi.json", Summary: "This document as JSON",
		Security: anyone(), Responses: answers("application/openapi+json", "OpenAPI 3.1."),
	}, s.document("application/openapi+json", func() []byte { return s.specJSON }))
	huma.Register(s.api, huma.Operation{
		OperationID: "openapi-yaml", Method: http.MethodGet, Path: "/openapi.yaml", Summary: "This document as YAML",
		Security: anyone(), Responses: answers("application/openapi+yaml", "OpenAPI 3.1."),
	}, s.document("application/openapi+yaml", func() []byte { return s.specYAML }))
}

// answers describes a successful answer whose body huma does not encode.
func answers(mediaType, description string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: description,
		Content:     map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{}}},
	}}
}

func (s *Server) did(_ context.Context, in *didInput) (*rawOutput, error) {
	document, ok := json.RawMessage(nil), false
	if agent.ValidateDID(in.DID) == nil {
		document, ok = s.config.DIDDocument(in.DID)
	}
	if !ok {
		return nil, huma.NewError(http.StatusNotFound, "the mesh hosts no such DID",
			&huma.ErrorDetail{Location: "path.did", Message: "belongs to no registered agent"})
	}
	return &rawOutput{ContentType: "application/did+json", Body: document}, nil
}

func (s *Server) health(context.Context, *struct{}) (*healthOutput, error) {
	return healthy(), nil
}

func healthy() *healthOutput {
	out := &healthOutput{}
	out.Body.Status = "ok"
	return out
}

func (s *Server) ready(context.Context, *struct{}) (*healthOutput, error) {
	if reasons := s.config.NotReady(); len(reasons) > 0 {
		return nil, unavailable("not ready: " + strings.Join(reasons, "; "))
	}
	return healthy(), nil
}

func (s *Server) metrics(context.Context, *struct{}) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		s.config.MetricsPage.ServeHTTP(w, r)
	}}, nil
}

func (s *Server) document(mediaType string, spec func() []byte) func(context.Context, *struct{}) (*rawOutput, error) {
	return func(context.Context, *struct{}) (*rawOutput, error) {
		return &rawOutput{ContentType: mediaType, Body: spec()}, nil
	}
}
