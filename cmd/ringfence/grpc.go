package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"go.uber.org/fx"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/envoywire"
)

// frame is the room a gRPC message needs beside the body it carries: headers and metadata.
const frame = 1 << 20

// streamWorkers keep their grown stacks between requests. Each xDS stream holds one for good.
const streamWorkers = 64

// newGRPCServer returns the server of ext_authz, ext_proc and xDS, and the coding of the first two. It admits keepalive
// pings as often as the generated Envoy configuration sends them, and any number of streams: each open request of Envoy is
// one.
func newGRPCServer(lifecycle fx.Lifecycle, c config.Config, l *listeners, logger *slog.Logger, stop fx.Shutdowner) (*grpc.Server, envoywire.Coding) {
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(envoywire.Codec()),
		grpc.MaxRecvMsgSize(c.Limits.Body+frame),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
			defer recovered(logger, info.FullMethod, &err)
			return handle(ctx, request)
		}),
		grpc.ChainStreamInterceptor(func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
			defer recovered(logger, info.FullMethod, &err)
			return handle(service, stream)
		}),
	)
	checks := health.NewServer()
	healthv1.RegisterHealthServer(server, checks)
	lifecycle.Append(fx.Hook{
		OnStart: func(context.Context) error {
			for _, listener := range []net.Listener{l.grpc, l.socket} {
				if listener == nil {
					continue
				}
				go func() {
					if err := server.Serve(listener); err != nil {
						logger.Error("gRPC server failed", slog.Any("error", err))
						shutdown(stop, logger)
					}
				}()
			}
			return nil
		},
		OnStop: func(ctx context.Context) error {
			checks.Shutdown()
			return stopGRPC(ctx, server)
		},
	})
	return server, envoywire.Coding(c.Envoy.Codec)
}

// recovered turns a panic into an error, which Envoy, told to fail closed, takes for a deny.
func recovered(logger *slog.Logger, method string, err *error) {
	if r := recover(); r != nil {
		logger.Error("panic while serving", slog.String("method", method), slog.String("stack", string(debug.Stack())))
		*err = status.Error(codes.Internal, "internal error")
	}
}

// stopGRPC lets decisions under way finish until ctx ends, then cuts what is left.
func stopGRPC(ctx context.Context, server *grpc.Server) error {
	done := make(chan struct{})
	go func() {
		server.GracefulStop()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		server.Stop()
		return fmt.Errorf("stopping gRPC: %w", ctx.Err())
	}
}

func shutdown(stop fx.Shutdowner, logger *slog.Logger) {
	if err := stop.Shutdown(fx.ExitCode(1)); err != nil {
		logger.Error("shutting down", slog.Any("error", err))
	}
}
