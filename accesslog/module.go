package accesslog

import (
	"go.uber.org/fx"
	"google.golang.org/grpc"

	"ringfence.dev/ringfence/internal/envoywire"
)

// Module puts the access log service on the gRPC server.
var Module = fx.Module("accesslog",
	fx.Provide(New),
	fx.Invoke(func(g *grpc.Server, s *Server, coding envoywire.Coding) { Register(g, s, coding) }),
)
