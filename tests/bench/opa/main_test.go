package main

import (
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	checks, err := newAuthorizer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method, path, role string
		want                     codes.Code
	}{
		{"operator", "POST", "/agents/forecast", "operator", codes.OK},
		{"auditor", "GET", "/agents/forecast/.well-known/agent-card.json", "auditor", codes.OK},
		{"other-role", "POST", "/agents/forecast", "guest", codes.PermissionDenied},
		{"no-role", "POST", "/agents/forecast", "", codes.PermissionDenied},
		{"other-verb", "DELETE", "/agents/forecast", "operator", codes.PermissionDenied},
		{"other-path", "POST", "/admin", "operator", codes.PermissionDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			headers := map[string]string{":method": c.method}
			if c.role != "" {
				headers["x-role"] = c.role
			}
			got, err := checks.Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
				Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{Method: c.method, Path: c.path, Headers: headers}},
			}})
			if err != nil || codes.Code(got.GetStatus().GetCode()) != c.want || (got.GetOkResponse() != nil) != (c.want == codes.OK) {
				t.Errorf("%v, error %v, want %v", got, err, c.want)
			}
		})
	}
}
