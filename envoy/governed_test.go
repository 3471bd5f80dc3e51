package envoy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence.dev/ringfence/tests/envoytest"
)

// governor denies on headers what carries a Deny field and on the body what is about treason.
type governor struct {
	authv3.UnimplementedAuthorizationServer
	extprocv3.UnimplementedExternalProcessorServer

	// strange is the first thing that a request lacked which the configuration promises.
	strange atomic.Value
	// inspected has the length of every body that was judged.
	inspected sync.Map
}

func (g *governor) Check(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	if callee := r.GetAttributes().GetContextExtensions()["ringfence.callee"]; callee != "weather" {
		g.strange.CompareAndSwap(nil, fmt.Sprintf("the callee is %q", callee))
	}
	var tags int
	for _, field := range r.GetAttributes().GetRequest().GetHttp().GetHeaderMap().GetHeaders() {
		switch field.GetKey() {
		case "x-tag":
			tags++
		case "deny":
			return &authv3.CheckResponse{
				Status: &status.Status{Code: int32(codes.PermissionDenied)},
				HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
					Status: &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable}, Body: "the caller is denied",
				}},
			}, nil
		}
	}
	if tags != 2 {
		g.strange.CompareAndSwap(nil, fmt.Sprintf("a repeated field arrived %d times", tags))
	}
	metadata := &structpb.Struct{Fields: map[string]*structpb.Value{"caller": structpb.NewStringValue("alice")}}
	return &authv3.CheckResponse{Status: &status.Status{}, DynamicMetadata: metadata}, nil
}

func (g *governor) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	for {
		request, err := stream.Recv()
		if err != nil {
			return err // Never nil before the last answer is sent: Envoy would let the request pass.
		}
		metadata := request.GetMetadataContext().GetFilterMetadata()["envoy.filters.http.ext_authz"]
		if metadata.GetFields()["caller"].GetStringValue() != "alice" {
			g.strange.CompareAndSwap(nil, "the result of ext_authz was not forwarded")
		}
		if body := request.GetRequestBody(); body != nil {
			g.inspected.Store(len(body.GetBody()), true)
		}
		response := &extprocv3.ProcessingResponse{}
		switch body := request.GetRequestBody(); {
		case body == nil:
			response.Response = &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{}}
		case strings.Contains(string(body.GetBody()), "treason"):
			response.Response = &extprocv3.ProcessingResponse_ImmediateResponse{ImmediateResponse: &extprocv3.ImmediateResponse{
				Status: &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable}, Body: []byte("the content is denied"), Details: "ringfence_denied",
			}}
		default:
			response.Response = &extprocv3.ProcessingResponse_RequestBody{RequestBody: &extprocv3.BodyResponse{}}
		}
		if err := stream.Send(response); err != nil {
			return err
		}
		if request.GetRequestBody() != nil || request.GetRequestHeaders().GetEndOfStream() {
			return nil // The answer passes unjudged.
		}
	}
}

func (g *governor) serve(t *testing.T, address string) (*grpc.Server, string) {
	t.Helper()
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, g)
	extprocv3.RegisterExternalProcessorServer(server, g)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return server, listener.Addr().String()
}

// substituted returns the shipped configuration with the addresses of this test.
func substituted(t *testing.T, governor, agent string) string {
	t.Helper()
	config := string(read(t, dropin))
	for _, change := range []struct {
		from, to string
		count    int
	}{
		{"port_value: 9901", "port_value: 0", 1},
		{"port_value: 10000", "port_value: 0", 1},
		{"port_value: 9100", "port_value: " + governorPort(t, agent), 1},
		{"port_value: 15010", "port_value: " + governorPort(t, governor), 2},
	} {
		if count := strings.Count(config, change.from); count != change.count {
			t.Fatalf("%q stands %d times in %s", change.from, count, dropin)
		}
		config = strings.ReplaceAll(config, change.from, change.to)
	}
	return config
}

func governorPort(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

type answer struct {
	status     int
	body       string
	retryAfter string
}

func ask(t *testing.T, address, method, path, host, body string, deny bool) (answer, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	request.Header["X-Tag"] = []string{"a", "b"}
	if deny {
		request.Header.Set("Deny", "yes")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, body: string(content), retryAfter: response.Header.Get("Retry-After")}, err
}

const agentHost = "weather.agents.example:10000"

func TestDropinGoverns(t *testing.T) {
	t.Parallel()
	binary := envoytest.Binary(t)
	g := &governor{}
	var reached atomic.Int64
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		body, err := io.ReadAll(r.Body)
		if _, judged := g.inspected.Load(len(body)); !judged && len(body) > 0 {
			t.Errorf("a body of %d bytes came uninspected, %v", len(body), err)
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(agent.Close)
	server, governorAddress := g.serve(t, anyPort)
	e := envoytest.Start(t, envoytest.Options{Binary: binary, Config: substituted(t, governorAddress, agent.Listener.Addr().String())})
	address := e.Address(t, "gateway")

	for _, test := range []struct {
		name, method, path, host, body string
		deny                           bool
		status                         int
		want                           string
		reaches                        int64
	}{
		{"allowed", "POST", "/", agentHost, `{"jsonrpc":"2.0"}`, false, 200, `{"jsonrpc":"2.0"}`, 1},
		{"without-body", "GET", "/tasks/1", agentHost, "", false, 200, "", 1},
		{"denied-on-headers", "POST", "/", agentHost, "x", true, 503, "the caller is denied", 0},
		{"denied-on-body", "POST", "/", agentHost, "treason", false, 503, "the content is denied", 0},
		{"at-the-cap", "POST", "/", agentHost, strings.Repeat("x", 1<<20), false, 200, strings.Repeat("x", 1<<20), 1},
		{"too-large", "POST", "/", agentHost, strings.Repeat("x", 1<<20+1), false, 413, rpcError(413, "BODY_TOO_LARGE"), 0},
		{"unknown-host", "POST", "/", "other.example", "x", false, 404, rpcError(404, "NO_ROUTE"), 0},
		{"unknown-host-rest", "GET", "/tasks/1", "other.example", "", false, 404, restError(404, "NO_ROUTE"), 0},
		{"two-readings-of-a-path", "GET", "/a%2fb", agentHost, "", false, 400, "", 0},
	} {
		// In order, since they count what reaches the agent.
		before := reached.Load()
		got, err := ask(t, address, test.method, test.path, test.host, test.body, test.deny)
		if err != nil || got.status != test.status {
			t.Errorf("%s: got status %d, %v; want %d", test.name, got.status, err, test.status)
		}
		if err := sameBody(got.body, test.want); err != nil && test.want != "" {
			t.Errorf("%s: %v", test.name, err)
		}
		if reaches := reached.Load() - before; reaches != test.reaches {
			t.Errorf("%s: the agent was reached %d times", test.name, reaches)
		}
	}

	server.Stop()
	for _, test := range []struct{ name, method, want string }{
		{"governor-down", "POST", rpcError(503, "UNAVAILABLE")},
		{"governor-down-rest", "GET", restError(503, "UNAVAILABLE")},
	} {
		before := reached.Load()
		got, err := ask(t, address, test.method, "/tasks/1", agentHost, "", false)
		if err != nil || got.status != 503 || got.retryAfter != "1" || reached.Load() != before {
			t.Errorf("%s: got %+v, %v", test.name, got, err)
		}
		if err := sameBody(got.body, test.want); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	g.serve(t, governorAddress)
	envoytest.Eventually(t, func() error {
		got, err := ask(t, address, "POST", "/", agentHost, "x", false)
		if err == nil && got.status != 200 {
			err = fmt.Errorf("status %d", got.status)
		}
		return err
	})
	if strange := g.strange.Load(); strange != nil {
		t.Error(strange)
	}
}

// rpcError and restError are patterns: the code and the reason are what clients act on.
func rpcError(status int, reason string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":null,"error":{"code":%d,"data":[{"reason":%q}]}}`, -31000-status, reason)
}

func restError(status int, reason string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"details":[{"reason":%q}]}}`, status, reason)
}

// sameBody compares texts, or when the wanted one is an error pattern, the fields that the pattern has.
func sameBody(got, want string) error {
	var pattern, actual map[string]any
	if !strings.Contains(want, `"reason"`) {
		if got != want {
			return fmt.Errorf("the body is %.100q, want %.100q", got, want)
		}
		return nil
	}
	if err := errors.Join(json.Unmarshal([]byte(want), &pattern), json.Unmarshal([]byte(got), &actual)); err != nil {
		return fmt.Errorf("the body is %.100q: %w", got, err)
	}
	if !covers(actual, pattern) {
		return fmt.Errorf("the body is %s, want %s in it", got, want)
	}
	return nil
}

func covers(actual, pattern any) bool {
	switch pattern := pattern.(type) {
	case map[string]any:
		fields, ok := actual.(map[string]any)
		for name, value := range pattern {
			inner, present := fields[name]
			ok = ok && present && covers(inner, value)
		}
		return ok
	case []any:
		elements, ok := actual.([]any)
		return ok && len(elements) == len(pattern) && covers(elements[0], pattern[0])
	default:
		return actual == pattern
	}
}
