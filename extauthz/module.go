package extauthz

import (
	"go.uber.org/fx"
	"google.golang.org/grpc"

	"ringfence.dev/ringfence/internal/envoywire"
)

// Module puts the authorization service on the gRPC servers.
var Module = fx.Module("extauthz",
	fx.Provide(New),
	fx.Invoke(func(g grpc.ServiceRegistrar, s *Server, coding envoywire.Coding) { Register(g, s, coding) }),
)
