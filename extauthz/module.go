package extauthz

import (
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"go.uber.org/fx"
	"google.golang.org/grpc"
)

// Module puts the authorization service on the gRPC server.
var Module = fx.Module("extauthz",
	fx.Provide(New),
	fx.Invoke(func(s *grpc.Server, a *Server) { authv3.RegisterAuthorizationServer(s, a) }),
)
