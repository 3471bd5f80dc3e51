package main

import (
	"context"
	"errors"
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
	"ringfence.dev/ringfence/internal/envoyrpc"
	"ringfence.dev/ringfence/internal/envoywire"
)

// frame is the room a gRPC message needs beside the body it carries: headers and metadata.
const frame = 1 << 20

// streamWorkers keep their grown stacks between requests. Each xDS stream holds one for good.
const streamWorkers = 64

// services takes what decides, for all servers that Envoys ask.
type services []grpc.ServiceRegistrar

// RegisterService puts a service on all of them.
func (all services) RegisterService(d *grpc.ServiceDesc, service any) {
	for _, one := range all {
		one.RegisterService(d, service)
	}
}

// newGRPCServer returns the server of ext_authz, ext_proc and xDS, where the first two are to be registered, and their coding.
// The Envoy of `up` asks on a socket of its own, where a server waits that does no more than Envoy needs.
func newGRPCServer(lifecycle fx.Lifecycle, c config.Config, l *listeners, logger *slog.Logger, stop fx.Shutdowner) (*grpc.Server, grpc.ServiceRegistrar, envoywire.Coding) {
	unary := func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
		defer recovered(logger, info.FullMethod, &err)
		return handle(ctx, request)
	}
	stream := func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
		defer recovered(logger, info.FullMethod, &err)
		return handle(service, stream)
	}
	server := newGoServer(c, unary, stream)
	all, bySocket, stopSocket := services{server}, server.Serve, func(context.Context) error { return nil }
	if l.socket != nil && c.Envoy.RPC == "lean" {
		lean := envoyrpc.New(envoyrpc.Options{
			Codec: envoywire.Codec(), Largest: c.Limits.Body + frame, Workers: streamWorkers, Unary: unary, Stream: stream, Logger: logger,
		})
		all, bySocket, stopSocket = append(all, lean), lean.Serve, lean.Stop
	}
	checks := health.NewServer()
	healthv1.RegisterHealthServer(all, checks)
	serve := func(listener net.Listener, by func(net.Listener) error) {
		if listener == nil {
			return
		}
		go func() {
			if err := by(listener); err != nil {
				logger.Error("gRPC server failed", slog.Any("error", err))
				shutdown(stop, logger)
			}
		}()
	}
	lifecycle.Append(fx.Hook{
		OnStart: func(context.Context) error {
			serve(l.grpc, server.Serve)
			serve(l.socket, bySocket)
			return nil
		},
		OnStop: func(ctx context.Context) error {
			checks.Shutdown()
			return errors.Join(stopSocket(ctx), stopGRPC(ctx, server))
		},
	})
	return server, all, envoywire.Coding(c.Envoy.Codec)
}

// newGoServer returns a server that admits keepalive pings as often as the generated Envoy configuration sends them, and any
// number of streams: each open request of Envoy is one.
func newGoServer(c config.Config, unary grpc.UnaryServerInterceptor, stream grpc.StreamServerInterceptor) *grpc.Server {
	return grpc.NewServer(
		grpc.ForceServerCodecV2(envoywire.Codec()),
		grpc.MaxRecvMsgSize(c.Limits.Body+frame),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(unary),
		grpc.StreamInterceptor(stream),
	)
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
