package xds_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"ringfence.dev/ringfence/internal/agent"
)

const overGRPC = string(agent.GRPC)

// Methods as clients of each generation call them.
const (
	getTask       = "/lf.a2a.v1.A2AService/GetTask"
	stream        = "/lf.a2a.v1.A2AService/SendStreamingMessage"
	legacyGetTask = "/a2a.v1.A2AService/GetTask"
)

// callee is an agent that answers gRPC and HTTP on one port. A unary call gets its name and the message back; a stream
// gets as many messages as it was sent bytes, one for each receive from next.
type callee struct {
	*httptest.Server

	name string
	next chan struct{}

	mu     sync.Mutex
	seen   []*http.Request
	failed error
}

func newCallee(t testing.TB, name string) *callee {
	c := unstartedCallee(name)
	c.Config.Protocols = new(http.Protocols)
	c.Config.Protocols.SetHTTP1(true)
	c.Config.Protocols.SetUnencryptedHTTP2(true)
	c.Start()
	t.Cleanup(c.Close)
	return c
}

// newCalleeTLS is newCallee over TLS, with a certificate for 127.0.0.1.
func newCalleeTLS(t testing.TB, name string) *callee {
	c := unstartedCallee(name)
	c.EnableHTTP2 = true
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func unstartedCallee(name string) *callee {
	c := &callee{name: name, next: make(chan struct{})}
	server := grpc.NewServer(grpc.UnknownServiceHandler(c.serve))
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.seen = append(c.seen, r)
		c.mu.Unlock()
		if r.Header.Get("content-type") == "application/grpc" {
			server.ServeHTTP(w, r)
			return
		}
		w.Write([]byte(name + " over " + r.Proto))
	}))
	return c
}

func (c *callee) serve(_ any, s grpc.ServerStream) error {
	in := &wrapperspb.StringValue{}
	if err := s.RecvMsg(in); err != nil {
		return err
	}
	c.mu.Lock()
	failed := c.failed
	c.mu.Unlock()
	if failed != nil {
		return failed
	}
	if method, _ := grpc.MethodFromServerStream(s); method != stream {
		return s.SendMsg(wrapperspb.String(c.name + ":" + in.GetValue()))
	}
	for range in.GetValue() {
		select {
		case <-c.next:
		case <-s.Context().Done():
			return s.Context().Err()
		}
		if err := s.SendMsg(wrapperspb.String(c.name)); err != nil {
			return err
		}
	}
	return nil
}

func (c *callee) address() string { return c.Listener.Addr().String() }

// last returns the last request and forgets all.
func (c *callee) last() *http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.seen) == 0 {
		return nil
	}
	r := c.seen[len(c.seen)-1]
	c.seen = nil
	return r
}

// dial returns a gRPC client of the gateway that calls by the host name.
func (b *bench) dial(host string) *grpc.ClientConn {
	b.t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+b.gateway, grpc.WithAuthority(host),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return conn
}

// invoke makes a unary call.
func invoke(t testing.TB, conn *grpc.ClientConn, method string, options ...grpc.CallOption) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out := &wrapperspb.StringValue{}
	err := conn.Invoke(ctx, method, wrapperspb.String("hello"), out, options...)
	return out.GetValue(), err
}

func TestGRPCRouting(t *testing.T) {
	t.Parallel()
	current, legacy, other := newCallee(t, "current"), newCallee(t, "legacy"), newCallee(t, "other")
	both := record("both", overGRPC, legacy.address(), overGRPC, current.URL+"/no/path", rest, current.URL)
	both.Card.Interfaces[0].Version = "0.3"
	b := startWith(t, "DELTA_GRPC", func(s *settingsValue) { s.RootAgent = "one" },
		both, record("one", overGRPC, other.address(), rpc, other.URL), record("rest", rest, other.URL))
	for name, test := range map[string]struct {
		host, method, want string
		code               codes.Code
	}{
		"current-by-host":    {host: "both.mesh.local", method: getTask, want: "current:hello"},
		"legacy-by-host":     {host: "both.mesh.local:443", method: legacyGetTask, want: "legacy:hello"},
		"current-by-path":    {host: "gateway.example", method: "/agents/both" + getTask, want: "current:hello"},
		"legacy-by-path":     {host: "gateway.example", method: "/agents/both" + legacyGetTask, want: "legacy:hello"},
		"only-one":           {host: "one.mesh.local", method: getTask, want: "other:hello"},
		"only-one-legacy":    {host: "one.mesh.local", method: legacyGetTask, want: "other:hello"},
		"root":               {host: "gateway.example", method: getTask, want: "other:hello"},
		"root-legacy":        {host: "127.0.0.1:1", method: legacyGetTask, want: "other:hello"},
		"unknown-service":    {host: "one.mesh.local", method: "/grpc.health.v1.Health/Check", code: codes.NotFound},
		"unknown-agent":      {host: "nobody.mesh.local", method: "/agents/nobody" + getTask, code: codes.NotFound},
		"numbered":           {host: "both.mesh.local", method: "/~0" + getTask, code: codes.Unknown}, // to HTTP+JSON, which the governor refuses
		"no-grpc-interface":  {host: "rest.mesh.local", method: getTask, code: codes.Unknown},
		"service-of-a-kind":  {host: "one.mesh.local", method: "/lf.a2a.v1.A2AServices/GetTask", code: codes.NotFound},
		"legacy-below-a-dir": {host: "one.mesh.local", method: "/x" + legacyGetTask, code: codes.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := invoke(t, b.dial(test.host), test.method)
			if got != test.want || status.Code(err) != test.code {
				t.Errorf("got %q, %v, want %q, %s", got, err, test.want, test.code)
			}
		})
	}
	if got := b.call("POST", "one.mesh.local", "/", "{}"); got.Body != "other over HTTP/1.1" {
		t.Errorf("JSON-RPC on the port of gRPC got %d %q", got.Status, got.Body)
	}
}

// TestGRPCOverTLS calls an agent that has gRPC and JSON-RPC on one port with TLS.
func TestGRPCOverTLS(t *testing.T) {
	t.Parallel()
	u := newCalleeTLS(t, "weather")
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: u.Certificate().Raw})
	if err := os.WriteFile(bundle, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	b := startWith(t, "DELTA_GRPC", func(s *settingsValue) { s.CABundle = bundle }, record("weather", rpc, u.URL, overGRPC, u.URL))
	if got, err := invoke(t, b.dial("weather.mesh.local"), getTask); err != nil || got != "weather:hello" {
		t.Errorf("got %q, %v", got, err)
	}
	if got := b.call("POST", "weather.mesh.local", "/", "{}"); got.Body != "weather over HTTP/2.0" {
		t.Errorf("JSON-RPC on the port of gRPC got %d %q", got.Status, got.Body)
	}
}

// TestGRPCHeaders holds what an agent sees of a call: what gRPC needs, and nothing that would have it compress.
func TestGRPCHeaders(t *testing.T) {
	t.Parallel()
	u := newCallee(t, "weather")
	b := start(t, "DELTA_GRPC", record("weather", overGRPC, u.address(), rpc, u.URL))
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(),
		"grpc-accept-encoding", "gzip", "accept-encoding", "br", "a2a-version", "1.0"), 20*time.Second)
	defer cancel()
	if err := b.dial("weather.mesh.local").Invoke(ctx, getTask, wrapperspb.String(""), &wrapperspb.StringValue{}); err != nil {
		t.Fatal(err)
	}
	call := u.last()
	if call.Host != u.address() || call.RequestURI != getTask {
		t.Errorf("the agent sees %s %s", call.Host, call.RequestURI)
	}
	for name, want := range map[string]string{
		"te": "trailers", "content-type": "application/grpc", "grpc-accept-encoding": "", "accept-encoding": "identity", "a2a-version": "1.0",
	} {
		if got := strings.Join(call.Header.Values(name), ","); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if call.Header.Get("grpc-timeout") == "" {
		t.Error("the client's deadline did not reach the agent")
	}
	checks, _ := b.governor.seen()
	judged := map[string]string{}
	for _, h := range checks[0].GetAttributes().GetRequest().GetHttp().GetHeaderMap().GetHeaders() {
		judged[h.GetKey()] += string(h.GetRawValue())
	}
	if judged["accept-encoding"] != "br" || judged["grpc-accept-encoding"] == "" {
		t.Errorf("the governor does not see the fields that were signed: %v", judged)
	}
	b.call("POST", "weather.mesh.local", "/", "{}")
	if got := u.last().Header.Values("accept-encoding"); !cmp.Equal(got, []string{"identity"}) {
		t.Errorf("a JSON call reached the agent with accept-encoding %q", got)
	}
}

func TestGRPCStreams(t *testing.T) {
	t.Parallel()
	u := newCallee(t, "weather")
	b := start(t, "DELTA_GRPC", record("weather", overGRPC, u.address()))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	events, err := b.dial("weather.mesh.local").NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, stream)
	if err != nil {
		t.Fatal(err)
	}
	if err := events.SendMsg(wrapperspb.String("123")); err != nil {
		t.Fatal(err)
	}
	if err := events.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		u.next <- struct{}{} // only now does the agent send more: what comes cannot have waited for it
		if err := events.RecvMsg(&wrapperspb.StringValue{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := events.RecvMsg(&wrapperspb.StringValue{}); err == nil || err.Error() != "EOF" {
		t.Errorf("the stream ended with %v", err)
	}
}

// TestGRPCCallsAreBounded has an agent that never answers, and a client that would wait longer than the mesh does.
func TestGRPCCallsAreBounded(t *testing.T) {
	t.Parallel()
	u := newCallee(t, "weather")
	b := startWith(t, "DELTA_GRPC", func(s *settingsValue) { s.Timeouts.MaxCall = time.Second }, record("weather", overGRPC, u.address()))
	_, err := invoke(t, b.dial("weather.mesh.local"), stream)
	if got := status.Convert(err); got.Code() != codes.DeadlineExceeded || reasonOf(got) == "" {
		t.Errorf("got %v with reason %q", err, reasonOf(got))
	}
}

// TestGRPCAgentErrors holds that an agent's own status passes with its details.
func TestGRPCAgentErrors(t *testing.T) {
	t.Parallel()
	u := newCallee(t, "weather")
	rich, err := status.New(codes.NotFound, "no such task: 100 % gone").WithDetails(&errdetails.ErrorInfo{Reason: "TASK_NOT_FOUND"})
	if err != nil {
		t.Fatal(err)
	}
	u.failed = rich.Err()
	b := start(t, "DELTA_GRPC", record("weather", overGRPC, u.address()))
	_, err = invoke(t, b.dial("weather.mesh.local"), getTask)
	if diff := cmp.Diff(rich.String(), status.Convert(err).String()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// denial is a denial as the governor has it for gRPC: trailers alone, in an answer of status 200.
func denial(code codes.Code) (fields [][2]string) {
	info, _ := anypb.New(&errdetails.ErrorInfo{Reason: "RING_TOO_LOW", Domain: "ringfence.dev"})
	details, _ := proto.Marshal(&statuspb.Status{Code: int32(code), Message: "not né", Details: []*anypb.Any{info}})
	return [][2]string{
		{"content-type", "application/grpc"},
		{"grpc-status", map[codes.Code]string{5: "5", 7: "7", 8: "8", 16: "16"}[code]},
		{"grpc-message", "not n%C3%A9"},
		{"grpc-status-details-bin", base64.RawStdEncoding.EncodeToString(details)},
		{"ringfence-decision", "d-1"},
	}
}

func TestGRPCDenialsPassUnchanged(t *testing.T) {
	t.Parallel()
	u := newCallee(t, "weather")
	b := start(t, "DELTA_GRPC", record("weather", overGRPC, u.address()))
	conn := b.dial("weather.mesh.local")
	for _, code := range []codes.Code{codes.NotFound, codes.PermissionDenied, codes.ResourceExhausted, codes.Unauthenticated} {
		var plain, raw []*corev3.HeaderValueOption
		for _, f := range denial(code) {
			plain = append(plain, &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: f[0], Value: f[1]}})
			raw = append(raw, &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: f[0], RawValue: []byte(f[1])}})
		}
		authz := func(*authv3.CheckRequest) *authv3.CheckResponse {
			return &authv3.CheckResponse{Status: &statuspb.Status{Code: int32(code)}, HttpResponse: &authv3.CheckResponse_DeniedResponse{
				DeniedResponse: &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: 200}, Headers: plain},
			}}
		}
		answer := immediate(200, "")
		answer.GetImmediateResponse().Headers = &extprocv3.HeaderMutation{SetHeaders: raw}
		proc := func(*extprocv3.ProcessingRequest) *extprocv3.ProcessingResponse { return answer }
		for filter, set := range map[string]func(){
			"ext_authz": func() { b.governor.set(authz, nil) }, "ext_proc": func() { b.governor.set(nil, proc) },
		} {
			set()
			var header, trailer metadata.MD
			_, err := invoke(t, conn, getTask, grpc.Header(&header), grpc.Trailer(&trailer))
			got := status.Convert(err)
			if got.Code() != code || got.Message() != "not né" || reasonOf(got) != "RING_TOO_LOW" {
				t.Errorf("%s: a denial of %s arrives as %v with %q", filter, code, got, reasonOf(got))
			}
			if id := append(header.Get("ringfence-decision"), trailer.Get("ringfence-decision")...); !cmp.Equal(id, []string{"d-1"}) {
				t.Errorf("%s: the decision is %q", filter, id)
			}
		}
	}
	if u.last() != nil {
		t.Error("the agent saw a denied call")
	}
}

func reasonOf(s *status.Status) string {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

func TestGRPCOwnAnswers(t *testing.T) {
	t.Parallel()
	u := newCallee(t, "weather")
	closed, err := net.Listen("tcp", "127.0.0.7:0") // nothing else listens at this address, whatever port it gets
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	b := start(t, "DELTA_GRPC", record("weather", overGRPC, u.address()), record("dead", overGRPC, closed.Addr().String()))
	large := strings.Repeat("x", 1+int(b.settings.MaxBody))
	for name, test := range map[string]struct {
		host, method, body string
		code               codes.Code
		reason             string
	}{
		"no-route":          {"nobody.mesh.local", getTask, "", codes.NotFound, "NO_ROUTE"},
		"body-too-large":    {"weather.mesh.local", getTask, large, codes.ResourceExhausted, "BODY_TOO_LARGE"},
		"agent-unreachable": {"dead.mesh.local", getTask, "", codes.Unavailable, "UNAVAILABLE"},
		"ambiguous-path":    {"weather.mesh.local", "/a%2fb/c", "", codes.InvalidArgument, "MALFORMED_REQUEST"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			err := b.dial(test.host).Invoke(ctx, test.method, wrapperspb.String(test.body), &wrapperspb.StringValue{})
			got := status.Convert(err)
			if got.Code() != test.code || reasonOf(got) != test.reason || strings.Contains(got.Message(), "{") || got.Message() == "" {
				t.Errorf("got %v with reason %q", got, reasonOf(got))
			}
		})
	}
}

func TestGRPCWithoutGovernor(t *testing.T) {
	t.Parallel()
	u := newCallee(t, "weather")
	b := start(t, "DELTA_GRPC", record("weather", overGRPC, u.address()))
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	conn := b.dial("weather.mesh.local")
	b.governor.set(nil, func(*extprocv3.ProcessingRequest) *extprocv3.ProcessingResponse { <-release; return nil })
	if _, err := invoke(t, conn, getTask); status.Code(err) != codes.DeadlineExceeded || reasonOf(status.Convert(err)) != "TIMEOUT" {
		t.Errorf("slow ext_proc gives %v", err)
	}
	b.stop()
	if _, err := invoke(t, conn, getTask); status.Code(err) != codes.Unavailable || reasonOf(status.Convert(err)) != "UNAVAILABLE" {
		t.Errorf("without a governor got %v", err)
	}
	if u.last() != nil {
		t.Error("the agent saw a call nobody decided")
	}
}
