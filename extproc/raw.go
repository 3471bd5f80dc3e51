package extproc

import (
	"fmt"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence.dev/ringfence/internal/envoywire"
)

// rawService is ExternalProcessor as its descriptor names it, with messages that stay as they are on the wire until they
// are read.
var rawService = grpc.ServiceDesc{
	ServiceName: extprocv3.ExternalProcessor_ServiceDesc.ServiceName,
	HandlerType: (*any)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName:    extprocv3.ExternalProcessor_ServiceDesc.Streams[0].StreamName,
		Handler:       serveRaw,
		ServerStreams: true,
		ClientStreams: true,
	}},
	Metadata: extprocv3.ExternalProcessor_ServiceDesc.Metadata,
}

func serveRaw(service any, stream grpc.ServerStream) error {
	s, ok := service.(*Server)
	if !ok {
		return status.Error(codes.Internal, "another service is registered under this name")
	}
	return s.serve(stream.Context(), &rawWire{stream: stream})
}

// rawWire is a stream whose messages are read and written by this project's own code.
type rawWire struct {
	stream grpc.ServerStream
	frame  envoywire.Frame
}

func (w *rawWire) receive(m *envoywire.Message) error {
	if err := w.stream.RecvMsg(&w.frame); err != nil {
		return err
	}
	if err := w.frame.Message(m); err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return nil
}

func (w *rawWire) send(r *envoywire.Reply) error { return w.stream.SendMsg(r.Frame()) }
