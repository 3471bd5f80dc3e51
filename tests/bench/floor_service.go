package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"

	"ringfence.dev/ringfence/internal/envoyrpc"
	"ringfence.dev/ringfence/internal/envoywire"
)

// floorCommand makes this program be the service that decides nothing.
const floorCommand = "floor"

// serveFloor lets everything pass that an Envoy asks on the Unix socket, until its standard input closes. It prints the path when
// it does. Server and messages are Ringfence's own: what is left is what asking costs.
func serveFloor(socket string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("starting the floor: %w", err)
	}
	server := envoyrpc.New(envoyrpc.Options{
		Codec: envoywire.Codec(), Largest: 1 << 20, Workers: 64, Logger: slog.New(slog.DiscardHandler),
	})
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: authv3.Authorization_ServiceDesc.ServiceName,
		Methods:     []grpc.MethodDesc{{MethodName: authv3.Authorization_ServiceDesc.Methods[0].MethodName, Handler: passCheck}},
	}, nil)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: extprocv3.ExternalProcessor_ServiceDesc.ServiceName,
		Streams: []grpc.StreamDesc{{
			StreamName: extprocv3.ExternalProcessor_ServiceDesc.Streams[0].StreamName, Handler: passMessages, ServerStreams: true, ClientStreams: true,
		}},
	}, nil)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cut, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Stop(cut)
	}()
	fmt.Println(socket)
	return server.Serve(listener)
}

func passCheck(_ any, _ context.Context, read func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var frame envoywire.Frame
	if err := read(&frame); err != nil {
		return nil, err
	}
	frame.Free()
	return (&envoywire.Verdict{Allowed: true}).Frame(), nil
}

// passMessages answers each message with leave to go on, and pieces of answers with themselves. Where Envoy sends no answers the
// stream ends with the request, as Ringfence ends it.
func passMessages(_ any, stream grpc.ServerStream) error {
	var frame envoywire.Frame
	var message envoywire.Message
	answers := false
	for {
		err := stream.RecvMsg(&frame)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = frame.Message(&message)
		}
		if err == nil {
			answers = answers || message.ResponseMode == envoywire.BodyFullDuplex
			reply := envoywire.Reply{Part: message.Part}
			if message.Part == envoywire.ResponseBody {
				reply.Body, reply.End = message.Body, message.End
			}
			err = stream.SendMsg(reply.Frame())
		}
		if err != nil || message.Part == envoywire.RequestBody && !answers {
			return err
		}
	}
}
