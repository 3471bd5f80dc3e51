// Command opa is the peer that the bench measures beside Ringfence: an external authorization service for Envoy that asks
// a policy of Open Policy Agent about the headers of each request, built with the generated code as its users build it.
// It is a module of its own, so that Ringfence does not depend on Open Policy Agent.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net"
	"os"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/open-policy-agent/opa/v1/rego"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

//go:embed policy.rego
var policy string

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: opa SOCKET")
		os.Exit(2)
	}
	if err := serve(context.Background(), os.Args[1], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "opa:", err)
		os.Exit(1)
	}
}

// serve answers checks on a Unix socket, whose path it prints when it does, until life ends: at the latest when the process that
// started this one does.
func serve(ctx context.Context, socket string, life io.Reader) error {
	checks, err := newAuthorizer(ctx)
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, checks)
	go func() {
		_, _ = io.Copy(io.Discard, life)
		server.Stop()
	}()
	fmt.Println(listener.Addr())
	return server.Serve(listener)
}

// authorizer implements envoy.service.auth.v3.Authorization with a query that was prepared once.
type authorizer struct {
	authv3.UnimplementedAuthorizationServer
	query rego.PreparedEvalQuery
}

func newAuthorizer(ctx context.Context) (*authorizer, error) {
	query, err := rego.New(rego.Query("data.envoy.authz.allow"), rego.Module("policy.rego", policy)).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("preparing the policy: %w", err)
	}
	return &authorizer{query: query}, nil
}

// Check allows what the policy allows. An error of the policy is one of the call, which Envoy takes for a deny.
func (a *authorizer) Check(ctx context.Context, check *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	http := check.GetAttributes().GetRequest().GetHttp()
	headers := make(map[string]any, len(http.GetHeaders()))
	for name, value := range http.GetHeaders() {
		headers[name] = value
	}
	results, err := a.query.Eval(ctx, rego.EvalInput(map[string]any{
		"method": http.GetMethod(), "path": http.GetPath(), "headers": headers,
	}))
	if err != nil {
		return nil, fmt.Errorf("asking the policy: %w", err)
	}
	if !results.Allowed() {
		return &authv3.CheckResponse{
			Status: &status.Status{Code: int32(codes.PermissionDenied)},
			HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
				Status: &typev3.HttpStatus{Code: typev3.StatusCode_Forbidden},
			}},
		}, nil
	}
	return &authv3.CheckResponse{
		Status:       &status.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}},
	}, nil
}
