package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// signed are the routes that an agent may use with its own signature in place of the token: what it asks about others
// before it calls them, or lets them call.
var signed = map[string]bool{
	"POST /v1/verify":              true,
	"GET /v1/agents/{name}/trust":  true,
	"HEAD /v1/agents/{name}/trust": true,
}

// agentKey is under what the context of an agent's own request has that it is one.
type agentKey struct{}

// ByAgent reports whether a request was admitted for the signature of an agent, who is told no more than it has to know.
func ByAgent(ctx context.Context) bool { return ctx.Value(agentKey{}) != nil }

// maxSignedBody bounds what is read of a request before it is known who sent it.
const maxSignedBody = 64 << 10

// admitsAgent reports whether a request is signed by an agent that may make it. Its body is read for that, and is there
// again for who serves it.
func (s *Server) admitsAgent(w http.ResponseWriter, r *http.Request) bool {
	if s.config.Agents == nil || r.Header.Get("Signature-Input") == "" {
		return false
	}
	if _, pattern := s.mux.Handler(r); !signed[pattern] {
		return false
	}
	// The error is that of a connection without deadlines, such as a test's.
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(bodyTimeout))
	defer func() { _ = connection.SetReadDeadline(time.Time{}) }()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSignedBody+1))
	if err != nil || len(body) > maxSignedBody {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return s.config.Agents(r, body) == nil
}
