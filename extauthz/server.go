// Package extauthz answers Envoy's external authorization filter. It translates: a CheckRequest becomes a
// governance exchange, its verdict a CheckResponse. It decides nothing itself.
package extauthz

import (
	"context"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"ringfence.dev/ringfence/internal/governance"
)

// Server implements envoy.service.auth.v3.Authorization.
type Server struct {
	authv3.UnimplementedAuthorizationServer
	governor *governance.Governor
}

// New returns a Server that decides with the governor.
func New(governor *governance.Governor) *Server { return &Server{governor: governor} }

// Check decides what headers allow to decide. It never returns an error: what cannot be decided is denied, and
// the denial says so.
func (s *Server) Check(ctx context.Context, check *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return response(s.governor.Open(ctx, request(check))), nil
}
