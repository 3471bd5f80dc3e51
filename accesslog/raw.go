package accesslog

import (
	"errors"
	"fmt"

	logv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence.dev/ringfence/internal/envoywire"
)

var errUnreadable = errors.New("the message cannot be read")

// rawService is AccessLogService as its descriptor names it, with messages that stay as they are on the wire until they are
// read.
var rawService = grpc.ServiceDesc{
	ServiceName: logv3.AccessLogService_ServiceDesc.ServiceName,
	HandlerType: (*any)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName:    logv3.AccessLogService_ServiceDesc.Streams[0].StreamName,
		Handler:       serveRaw,
		ClientStreams: true,
	}},
	Metadata: logv3.AccessLogService_ServiceDesc.Metadata,
}

func serveRaw(service any, stream grpc.ServerStream) error {
	s, ok := service.(*Server)
	if !ok {
		return status.Error(codes.Internal, "another service is registered under this name")
	}
	var frame envoywire.Frame
	return s.serve(stream.Context(), stream, func() ([]envoywire.Ended, error) {
		if err := stream.RecvMsg(&frame); err != nil {
			return nil, err
		}
		all, err := frame.Ended()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUnreadable, err)
		}
		return all, nil
	})
}
