package accesslog

import (
	logv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"go.uber.org/fx"
	"google.golang.org/grpc"
)

// Module serves the access log on the gRPC server.
var Module = fx.Module("accesslog",
	fx.Provide(New),
	fx.Invoke(func(s *grpc.Server, l *Server) { logv3.RegisterAccessLogServiceServer(s, l) }),
)
