package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// TestSocketOfServe asks a mesh without an Envoy of its own on the socket that its configuration names, by whichever server.
func TestSocketOfServe(t *testing.T) {
	t.Parallel()
	for _, rpc := range []string{"lean", "grpc-go"} {
		t.Run(rpc, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("", "rf") // the path of a socket is short
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			path := filepath.Join(dir, "governor.sock")
			m := upWith(t, "serve", "", "listen: {socket: "+path+"}\nenvoy: {rpc: "+rpc+"}\n")
			client, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { client.Close() })
			health, err := healthv1.NewHealthClient(client).Check(t.Context(), &healthv1.HealthCheckRequest{})
			if err != nil || health.GetStatus() != healthv1.HealthCheckResponse_SERVING {
				t.Errorf("%v, error %v", health, err)
			}
			checks := authv3.NewAuthorizationClient(client)
			answer, err := checks.Check(t.Context(), &authv3.CheckRequest{})
			if err != nil || answer.GetDeniedResponse() == nil || answer.GetStatus().GetCode() == int32(codes.OK) {
				t.Errorf("what says nothing is answered %v, error %v", answer, err)
			}
			m.stop(t, syscall.SIGTERM)
			if _, err := checks.Check(t.Context(), &authv3.CheckRequest{}); status.Code(err) != codes.Unavailable {
				t.Errorf("once it has stopped: %v", err)
			}
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Errorf("the socket is left: %v", err)
			}
		})
	}
}
