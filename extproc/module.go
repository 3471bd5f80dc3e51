package extproc

import (
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"go.uber.org/fx"
	"google.golang.org/grpc"

	"ringfence.dev/ringfence/internal/governance"
)

// Module puts the processing service on the gRPC server, and provides the exchanges under way.
var Module = fx.Module("extproc",
	fx.Provide(New, func() *governance.Open { return &governance.Open{} }),
	fx.Invoke(func(s *grpc.Server, p *Server) { extprocv3.RegisterExternalProcessorServer(s, p) }),
)
