package extproc

import (
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"go.uber.org/fx"
	"google.golang.org/grpc"
)

// Module puts the processing service on the gRPC server.
var Module = fx.Module("extproc",
	fx.Provide(New),
	fx.Invoke(func(s *grpc.Server, p *Server) { extprocv3.RegisterExternalProcessorServer(s, p) }),
)
