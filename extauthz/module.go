package extauthz

import (
	"go.uber.org/fx"
	"google.golang.org/grpc"

	"ringfence.dev/ringfence/internal/envoywire"
)

// Module puts the authorization service on the gRPC server.
var Module = fx.Module("extauthz",
	fx.Provide(New),
	fx.Invoke(func(g *grpc.Server, s *Server, coding envoywire.Coding) { Register(g, s, coding) }),
)
