package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// signed are the routes that an agent may use with its own signature in place of the token: what it asks about others
// before it calls them, or lets them call, and how those stand of its own calls that people are asked about.
var signed = map[string]bool{
	"POST /v1/verify":              true,
	"GET /v1/agents/{name}/trust":  true,
	"HEAD /v1/agents/{name}/trust": true,
	"GET /v1/approvals/{id}":       true,
	"DELETE /v1/approvals/{id}":    true,
}

// agentKey is under what the context of an agent's own request has the agent's name.
type agentKey struct{}

// Agent returns the agent whose signature admitted a request.
func Agent(ctx context.Context) (agent.ID, bool) {
	name, ok := ctx.Value(agentKey{}).(agent.ID)
	return name, ok
}

// ByAgent reports whether a request was admitted for the signature of an agent, who is told no more than it has to know.
func ByAgent(ctx context.Context) bool { return ctx.Value(agentKey{}) != nil }

// maxSignedBody bounds what is read of a request before it is known who sent it.
const maxSignedBody = 64 << 10

// admitsAgent returns the agent that has signed a request, if it is one that may make it. Its body is read for that, and is
// there again for who serves it.
func (s *Server) admitsAgent(w http.ResponseWriter, r *http.Request) (agent.ID, bool) {
	if s.config.Agents == nil || r.Header.Get("Signature-Input") == "" {
		return "", false
	}
	if _, pattern := s.mux.Handler(r); !signed[pattern] {
		return "", false
	}
	// The error is that of a connection without deadlines, such as a test's.
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(bodyTimeout))
	defer func() { _ = connection.SetReadDeadline(time.Time{}) }()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSignedBody+1))
	if err != nil || len(body) > maxSignedBody {
		return "", false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	name, err := s.config.Agents(r, body)
	return name, err == nil && name != ""
}

// admitsOther reports whether a request is let in for what it carries besides a token of the administrator.
func (s *Server) admitsOther(r *http.Request) bool {
	if s.config.Admits == nil {
		return false
	}
	_, pattern := s.mux.Handler(r)
	return s.config.Admits(pattern, r)
}
