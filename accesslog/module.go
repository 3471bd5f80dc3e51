package accesslog

import (
	"go.uber.org/fx"
	"google.golang.org/grpc"

	"ringfence.dev/ringfence/internal/envoywire"
)

// Module puts the access log service on the gRPC servers.
var Module = fx.Module("accesslog",
	fx.Provide(New),
	fx.Invoke(func(g grpc.ServiceRegistrar, s *Server, coding envoywire.Coding) { Register(g, s, coding) }),
)
