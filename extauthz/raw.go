package extauthz

import (
	"context"
	"log/slog"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence.dev/ringfence/internal/envoywire"
)

// raw is the service whose messages stay as they are on the wire until they are read.
type raw struct {
	server *Server
	info   grpc.UnaryServerInfo
	handle grpc.UnaryHandler
}

func newRaw(s *Server) *raw {
	r := &raw{server: s, info: grpc.UnaryServerInfo{FullMethod: authv3.Authorization_Check_FullMethodName}}
	r.info.Server, r.handle = r, r.check
	return r
}

// rawService is Authorization as its descriptor names it.
var rawService = grpc.ServiceDesc{
	ServiceName: authv3.Authorization_ServiceDesc.ServiceName,
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: authv3.Authorization_ServiceDesc.Methods[0].MethodName, Handler: serveRaw}},
	Metadata:    authv3.Authorization_ServiceDesc.Metadata,
}

func serveRaw(service any, ctx context.Context, read func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
	r, ok := service.(*raw)
	if !ok {
		return nil, status.Error(codes.Internal, "another service is registered under this name")
	}
	request := &envoywire.Frame{}
	if err := read(request); err != nil {
		return nil, err
	}
	if intercept == nil {
		return r.check(ctx, request)
	}
	return intercept(ctx, request, &r.info, r.handle)
}

// check is Server.Check for what is on the wire. A message that cannot be read is an error, for which Envoy, told to fail
// closed, answers 503.
func (r *raw) check(ctx context.Context, request any) (any, error) {
	frame, ok := request.(*envoywire.Frame)
	if !ok {
		return nil, status.Error(codes.Internal, "the request is no frame")
	}
	check, err := frame.Check()
	if err != nil {
		r.server.logger.LogAttrs(ctx, slog.LevelWarn, "check refused", slog.Any("error", err))
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	v := r.server.decide(ctx, &check)
	return v.Frame(), nil
}
