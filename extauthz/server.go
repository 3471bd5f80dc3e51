// Package extauthz answers Envoy's external authorization filter. It translates: a CheckRequest becomes a
// governance exchange, its verdict a CheckResponse. It decides nothing itself.
package extauthz

import (
	"context"
	"log/slog"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"

	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
)

// Server implements envoy.service.auth.v3.Authorization.
type Server struct {
	authv3.UnimplementedAuthorizationServer
	governor *governance.Governor
	logger   *slog.Logger
}

// New returns a Server that decides with the governor.
func New(governor *governance.Governor, logger *slog.Logger) *Server {
	return &Server{governor: governor, logger: logger}
}

// Register puts the server on a gRPC server, whose codec has to be envoywire.Codec where the coding is Raw.
func Register(r grpc.ServiceRegistrar, s *Server, coding envoywire.Coding) {
	if coding == envoywire.Generated {
		authv3.RegisterAuthorizationServer(r, s)
		return
	}
	r.RegisterService(&rawService, newRaw(s))
}

// Check decides what headers allow to decide. It never returns an error: what cannot be decided is denied, and
// the denial says so.
func (s *Server) Check(ctx context.Context, request *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	check := translated(request)
	v := s.decide(ctx, &check)
	return written(&v), nil
}

func (s *Server) decide(ctx context.Context, check *envoywire.Check) envoywire.Verdict {
	x := s.governor.Open(ctx, request(check))
	if ctx.Err() != nil {
		s.governor.Ended(x.ID, 0) // Envoy does not wait for the answer any more, and will tell nothing of the call
	}
	return verdict(x)
}
