package extproc

import (
	"go.uber.org/fx"
	"google.golang.org/grpc"

	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
)

// Module puts the processing service on the gRPC servers, and provides the exchanges under way.
var Module = fx.Module("extproc",
	fx.Provide(New, func() *governance.Open { return &governance.Open{} }),
	fx.Invoke(func(g grpc.ServiceRegistrar, s *Server, coding envoywire.Coding) { Register(g, s, coding) }),
)
