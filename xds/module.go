package xds

import (
	"context"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"go.uber.org/fx"
	"google.golang.org/grpc"
)

// Module provides the Publisher and puts the discovery service on the gRPC server. It needs Settings, a Clock,
// a *slog.Logger, a prometheus.Registerer and a *grpc.Server.
var Module = fx.Module("xds",
	fx.Provide(NewPublisher),
	fx.Invoke(func(lifecycle fx.Lifecycle, s *grpc.Server, p *Publisher) {
		// Streams must end for the gRPC server to stop gracefully.
		ctx, cancel := context.WithCancel(context.Background())
		lifecycle.Append(fx.StopHook(cancel))
		discoveryv3.RegisterAggregatedDiscoveryServiceServer(s, NewServer(ctx, p))
	}),
)
