package xds_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// governor is a fake of both policy services: it allows what its functions do not answer, and keeps what it saw.
type governor struct {
	authv3.UnimplementedAuthorizationServer
	extprocv3.UnimplementedExternalProcessorServer

	check   func(*authv3.CheckRequest) *authv3.CheckResponse
	process func(*extprocv3.ProcessingRequest) *extprocv3.ProcessingResponse
	// converse takes over whole streams when it is set.
	converse func(extprocv3.ExternalProcessor_ProcessServer) error

	mu       sync.Mutex
	checks   []*authv3.CheckRequest
	messages []*extprocv3.ProcessingRequest
}

func (g *governor) Check(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	g.mu.Lock()
	g.checks = append(g.checks, r)
	check := g.check
	g.mu.Unlock()
	if check != nil {
		if answer := check(r); answer != nil {
			return answer, nil
		}
	}
	return &authv3.CheckResponse{Status: &status.Status{}}, nil
}

func (g *governor) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	g.mu.Lock()
	converse := g.converse
	g.mu.Unlock()
	if converse != nil {
		return converse(stream)
	}
	for {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		g.mu.Lock()
		g.messages = append(g.messages, r)
		process := g.process
		g.mu.Unlock()
		answer := proceed(r)
		if process != nil {
			if a := process(r); a != nil {
				answer = a
			}
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

// proceed is the answer that changes nothing.
func proceed(r *extprocv3.ProcessingRequest) *extprocv3.ProcessingResponse {
	switch r.Request.(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{}}
	case *extprocv3.ProcessingRequest_RequestBody:
		return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestBody{}}
	case *extprocv3.ProcessingRequest_RequestTrailers:
		return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestTrailers{}}
	}
	return &extprocv3.ProcessingResponse{}
}

// set replaces the answers and forgets what was seen.
func (g *governor) set(
	check func(*authv3.CheckRequest) *authv3.CheckResponse,
	process func(*extprocv3.ProcessingRequest) *extprocv3.ProcessingResponse,
) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.check, g.process, g.checks, g.messages = check, process, nil, nil
}

// talk has whole streams of ext_proc answered by converse.
func (g *governor) talk(converse func(extprocv3.ExternalProcessor_ProcessServer) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.converse = converse
}

// seen returns the checks and messages since the last set.
func (g *governor) seen() ([]*authv3.CheckRequest, []*extprocv3.ProcessingRequest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.checks), slices.Clone(g.messages)
}

// serve runs the governor on an address until the returned function is called.
func (g *governor) serve(t testing.TB, network, address string) (stop func()) {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatalf("listening for the governor: %v", err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(8<<20),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}))
	authv3.RegisterAuthorizationServer(server, g)
	extprocv3.RegisterExternalProcessorServer(server, g)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return server.Stop
}
