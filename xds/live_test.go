package xds_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/status"
)

func TestRouting(t *testing.T) {
	t.Parallel()
	weather, legacy := newUpstream(t, "weather"), newUpstream(t, "legacy")
	b := start(t, "DELTA_GRPC",
		record("weather", rpc, weather.URL+"/rpc", rest, weather.URL+"/api/", rpc, legacy.URL, rest, legacy.URL+"/v1"),
		record("weather-b", rpc, legacy.URL+"/"),
	)
	gateway := "gateway.example:8080"
	for name, test := range map[string]struct {
		method, host, path string
		want               seen
		status             int
	}{
		"base":                     {method: "POST", path: "/agents/weather", want: seen{Server: "weather", URI: "/rpc"}},
		"base-slash":               {method: "POST", path: "/agents/weather/", want: seen{Server: "weather", URI: "/rpc"}},
		"base-query":               {method: "POST", path: "/agents/weather?a=b", want: seen{Server: "weather", URI: "/rpc?a=b"}},
		"longer-name":              {method: "POST", path: "/agents/weather-b", want: seen{Server: "legacy", URI: "/"}},
		"longer-name-slash":        {method: "POST", path: "/agents/weather-b/", want: seen{Server: "legacy", URI: "/"}},
		"name-begins-alike":        {method: "POST", path: "/agents/weather-c", status: 404},
		"name-begins-alike-rest":   {method: "GET", path: "/agents/weatherx/tasks", status: 404},
		"name-in-upper-case":       {method: "POST", path: "/agents/Weather", status: 404},
		"verb":                     {method: "POST", path: "/agents/weather/message:send?a=b%20c&d", want: seen{Server: "weather", URI: "/api/message:send?a=b%20c&d"}},
		"tenant-and-verb":          {method: "POST", path: "/agents/weather/acme/tasks/1:cancel", want: seen{Server: "weather", URI: "/api/acme/tasks/1:cancel"}},
		"get":                      {method: "GET", path: "/agents/weather/tasks/1", want: seen{Server: "weather", URI: "/api/tasks/1"}},
		"delete":                   {method: "DELETE", path: "/agents/weather/tasks/1/pushNotificationConfigs/2", want: seen{Server: "weather", URI: "/api/tasks/1/pushNotificationConfigs/2"}},
		"numbered-rpc":             {method: "POST", path: "/agents/weather/~2", want: seen{Server: "legacy", URI: "/"}},
		"numbered-rpc-slash":       {method: "POST", path: "/agents/weather/~2/", want: seen{Server: "legacy", URI: "/"}},
		"numbered-rest":            {method: "GET", path: "/agents/weather/~3/card?x", want: seen{Server: "legacy", URI: "/v1/card?x"}},
		"rpc-only-below":           {method: "POST", path: "/agents/weather-b/message:send", status: 404},
		"rpc-get-is-the-governors": {method: "GET", path: "/agents/weather-b", want: seen{Server: "legacy", URI: "/"}},
		"dot-segments":             {method: "POST", path: "/agents/weather/../weather-b", want: seen{Server: "legacy", URI: "/"}},
		"double-slash":             {method: "GET", path: "/agents//weather//tasks", want: seen{Server: "weather", URI: "/api/tasks"}},
		"escaped-slash":            {method: "POST", path: "/agents/weather%2Fmessage:send", status: 400},
		"card":                     {method: "GET", path: "/agents/weather/.well-known/agent-card.json", want: seen{Server: "cards", URI: "/cards/path/weather", Host: gateway}},
		"card-query":               {method: "GET", path: "/agents/weather-b/.well-known/agent-card.json?v=1", want: seen{Server: "cards", URI: "/cards/path/weather-b?v=1", Host: gateway}},
		"legacy-card":              {method: "GET", path: "/agents/weather/.well-known/agent.json", want: seen{Server: "cards", URI: "/cards/path/weather", Host: gateway}},
		"card-and-more":            {method: "GET", path: "/agents/weather-b/.well-known/agent-card.json/x", status: 404},
		"gateway-root":             {method: "GET", path: "/", status: 404},
		"host":                     {method: "POST", host: "weather.mesh.local", path: "/", want: seen{Server: "weather", URI: "/rpc"}},
		"host-port":                {method: "POST", host: "weather.mesh.local:8080", path: "/?x", want: seen{Server: "weather", URI: "/rpc?x"}},
		"host-in-upper-case":       {method: "POST", host: "Weather.Mesh.Local", path: "/", want: seen{Server: "weather", URI: "/rpc"}},
		"label-in-upper-case":      {method: "POST", host: "WEATHER.mesh.local:8080", path: "/", want: seen{Server: "weather", URI: "/rpc"}},
		"unknown-in-upper-case":    {method: "POST", host: "Nobody.Mesh.Local", path: "/", status: 404},
		"upper-case-below-another": {method: "POST", host: "X.Weather.mesh.local", path: "/", status: 404},
		"host-with-a-dot":          {method: "POST", host: "weather.mesh.local.", path: "/", status: 404},
		"no-name":                  {method: "POST", path: "/agents/", status: 404},
		"gateway's-key":            {method: "POST", path: "/agents/-", status: 404},
		"host-verb":                {method: "POST", host: "weather.mesh.local", path: "/message:stream", want: seen{Server: "weather", URI: "/api/message:stream"}},
		"host-numbered":            {method: "POST", host: "weather.mesh.local", path: "/~2", want: seen{Server: "legacy", URI: "/"}},
		"host-card":                {method: "GET", host: "weather.mesh.local", path: "/.well-known/agent-card.json", want: seen{Server: "cards", URI: "/cards/host/weather/agent-card.json", Host: "weather.mesh.local"}},
		"host-keys":                {method: "GET", host: "weather.mesh.local", path: "/.well-known/jwks.json", want: seen{Server: "cards", URI: "/cards/host/weather/jwks.json", Host: "weather.mesh.local"}},
		"keys":                     {method: "GET", path: "/.well-known/jwks.json?v=1", want: seen{Server: "cards", URI: "/.well-known/jwks.json?v=1", Host: gateway}},
		"no-root-agent-verb":       {method: "POST", path: "/message:send", status: 404},
		"no-root-agent-card":       {method: "GET", path: "/.well-known/agent-card.json", status: 404},
		"host-legacy-card":         {method: "HEAD", host: "weather-b.mesh.local", path: "/.well-known/agent.json", status: 200},
		"host-unknown":             {method: "POST", host: "nobody.mesh.local", path: "/", status: 404},
		"host-below-another":       {method: "POST", host: "x.weather.mesh.local", path: "/", status: 404},
		"host-and-another's-path":  {method: "POST", host: "weather-b.mesh.local", path: "/agents/weather", status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := test.host
			if host == "" {
				host = gateway
			}
			got := b.call(test.method, host, test.path, "body")
			if test.status != 0 {
				if got.Status != test.status {
					t.Fatalf("got %d %s, want %d", got.Status, got.Body, test.status)
				}
				return
			}
			want := test.want
			want.Method, want.Body = test.method, "body"
			if want.Host == "" {
				want.Host = map[string]string{"weather": weather.address(), "legacy": legacy.address()}[want.Server]
			}
			if diff := cmp.Diff(want, got.seen(t)); diff != "" {
				t.Errorf("upstream request (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRoot calls the agent at the gateway's own root, which comes and goes without a change of the listener.
func TestRoot(t *testing.T) {
	t.Parallel()
	u, other := newUpstream(t, "root"), newUpstream(t, "other")
	b := startWith(t, "DELTA_GRPC", func(s *settingsValue) { s.RootAgent = "root" }, record("other", rpc, other.URL))
	if got := b.call("POST", "gateway.example", "/", "{}"); got.Status != 404 {
		t.Errorf("without its registration the root agent answered %d", got.Status)
	}
	b.publish(record("other", rpc, other.URL), record("root", rpc, u.URL+"/rpc", rest, u.URL+"/api", rest, u.URL+"/second"))
	gateway := "gateway.example:8080"
	for path, want := range map[string]seen{
		"/":                                   {Server: "root", Host: u.address(), URI: "/rpc"},
		"/?x=1":                               {Server: "root", Host: u.address(), URI: "/rpc?x=1"},
		"/message:send":                       {Server: "root", Host: u.address(), URI: "/api/message:send"},
		"/tasks/1":                            {Server: "root", Host: u.address(), URI: "/api/tasks/1"},
		"/~2/tasks/1":                         {Server: "root", Host: u.address(), URI: "/second/tasks/1"},
		"/agents":                             {Server: "root", Host: u.address(), URI: "/api/agents"},
		"/.well-known/agent-card.json":        {Server: "cards", Host: gateway, URI: "/cards/root/root/agent-card.json"},
		"/.well-known/agent.json?x":           {Server: "cards", Host: gateway, URI: "/cards/root/root/agent.json?x"},
		"/.well-known/jwks.json":              {Server: "cards", Host: gateway, URI: "/.well-known/jwks.json"},
		"/agents/other":                       {Server: "other", Host: other.address(), URI: "/"},
		"/agents/root":                        {Server: "root", Host: u.address(), URI: "/rpc"},
		"/agents/nobody":                      {},
		"/agents/rootless":                    {},
		"/agents/":                            {},
		"/agents/.well-known/agent-card.json": {},
		"/.well-known/jwks.json/x":            {Server: "cards", Host: gateway, URI: "/cards/root/root/jwks.json/x"},
	} {
		got := b.call("POST", gateway, path, "{}")
		if want.Server == "" {
			if got.Status != 404 {
				t.Errorf("%s got %d %s", path, got.Status, got.Body)
			}
			continue
		}
		want.Method, want.Body = "POST", "{}"
		if diff := cmp.Diff(want, got.seen(t)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	b.governor.set(nil, nil)
	b.call("POST", gateway, "/tasks/1", "{}")
	b.call("POST", gateway, "/.well-known/agent-card.json", "{}")
	b.call("GET", gateway, "/.well-known/jwks.json?x", "")
	checks, messages := b.governor.seen()
	if len(checks) != 2 {
		t.Fatalf("the governor was asked %d times with %d messages, want 2", len(checks), len(messages))
	}
	for _, check := range checks {
		want := map[string]string{"ringfence.form": "root", "ringfence.callee": "root"}
		if diff := cmp.Diff(want, check.GetAttributes().GetContextExtensions()); diff != "" {
			t.Errorf("context extensions at the root (-want +got):\n%s", diff)
		}
	}
	b.publish(record("other", rpc, other.URL))
	b.await("the root agent's end", func() (string, bool) {
		return "", b.call("POST", "gateway.example", "/", "{}").Status == 404
	})
}

func TestGovernorIsAskedAsConfigured(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, "weather")
	b := start(t, "DELTA_GRPC", record("weather", rpc, u.URL))
	b.governor.set(nil, nil)
	b.call("POST", "weather.mesh.local:99", "/", "hello")
	checks, messages := b.governor.seen()
	if len(checks) != 1 || len(messages) != 2 {
		t.Fatalf("got %d checks and %d messages, want 1 and 2", len(checks), len(messages))
	}
	request := checks[0].GetAttributes().GetRequest().GetHttp()
	if request.GetHost() != "weather.mesh.local:99" {
		t.Errorf("the governor sees host %q, not what the client signed", request.GetHost())
	}
	if len(request.GetHeaderMap().GetHeaders()) == 0 {
		t.Error("the governor sees no raw headers")
	}
	want := map[string]string{"ringfence.form": "host"}
	if diff := cmp.Diff(want, checks[0].GetAttributes().GetContextExtensions()); diff != "" {
		t.Errorf("context extensions by host (-want +got):\n%s", diff)
	}
	b.call("POST", "weather.mesh.local:99]", "/agents/weather", "hello")
	b.call("POST", "gateway.test", "/agents/weather", "hello")
	checks, _ = b.governor.seen()
	want = map[string]string{"ringfence.form": "path"}
	for _, check := range checks[1:] {
		if diff := cmp.Diff(want, check.GetAttributes().GetContextExtensions()); diff != "" {
			t.Errorf("context extensions by path (-want +got):\n%s", diff)
		}
	}
	if len(checks) != 3 {
		t.Errorf("got %d checks, want 3", len(checks))
	}
	if body := messages[1].GetRequestBody(); string(body.GetBody()) != "hello" || !body.GetEndOfStream() {
		t.Errorf("second message is %v, want the whole body", messages[1])
	}

	b.governor.set(nil, nil)
	b.call("GET", "gateway.example", "/agents/weather/.well-known/agent-card.json", "")
	checks, messages = b.governor.seen()
	if len(checks) != 1 || len(messages) != 0 {
		t.Errorf("a card asked for %d checks and %d messages, want 1 and 0", len(checks), len(messages))
	}
}

func TestRequestsWithoutBodyAreJudged(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, "weather")
	b := start(t, "DELTA_GRPC", record("weather", rpc, u.URL))
	b.governor.set(nil, func(r *extprocv3.ProcessingRequest) *extprocv3.ProcessingResponse {
		switch {
		case r.GetRequestTrailers() != nil, r.GetRequestBody() != nil, r.GetRequestHeaders().GetEndOfStream():
			return immediate(403, "judged")
		}
		return nil
	})
	got := b.headersAndTrailers("/agents/weather")
	_, messages := b.governor.seen()
	if got != "403" {
		t.Errorf("headers and trailers alone got status %s after %d messages: %v", got, len(messages), messages)
	}
	if n := u.count(); n != 0 {
		t.Errorf("the agent saw %d undecided requests", n)
	}
}

func TestOwnAnswersHaveTheShapeOfA2A(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, "weather")
	dead := httptest.NewServer(nil)
	dead.Close()
	b := start(t, "DELTA_GRPC", record("weather", rpc, u.URL, rest, u.URL), record("dead", rpc, dead.URL, rest, dead.URL))
	large := strings.Repeat("x", 1+int(b.settings.MaxBody))
	for name, test := range map[string]struct {
		method, path, body string
		status, code       int
		rpcStatus, reason  string
	}{
		"unknown-agent":         {"POST", "/agents/gone", "{}", 404, -31404, "", "NO_ROUTE"},
		"unknown-agent-rest":    {"POST", "/agents/gone/message:send?x", "{}", 404, 404, "NOT_FOUND", "NO_ROUTE"},
		"unknown-agent-get":     {"GET", "/agents/gone/tasks/1", "", 404, 404, "NOT_FOUND", "NO_ROUTE"},
		"unknown-agent-push":    {"POST", "/agents/gone/tasks/1/pushNotificationConfigs", "{}", 404, 404, "NOT_FOUND", "NO_ROUTE"},
		"body-too-large":        {"POST", "/agents/weather", large, 413, -31413, "", "BODY_TOO_LARGE"},
		"body-too-large-rest":   {"POST", "/agents/weather/message:send", large, 413, 413, "RESOURCE_EXHAUSTED", "BODY_TOO_LARGE"},
		"agent-unreachable":     {"POST", "/agents/dead", "{}", 503, -31503, "", "UNAVAILABLE"},
		"agent-unreachable-get": {"GET", "/agents/dead/tasks", "", 503, 503, "UNAVAILABLE", "UNAVAILABLE"},
		"ambiguous-path":        {"POST", "/agents/weather%2f", "{}", 400, -31400, "", "MALFORMED_REQUEST"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := b.call(test.method, "gateway.example", test.path, test.body)
			if got.Status != test.status || got.Header.Get("content-type") != "application/json" {
				t.Fatalf("got %d %s %s", got.Status, got.Header, got.Body)
			}
			type info struct {
				Reason string `json:"reason"`
			}
			var shape struct {
				Version string          `json:"jsonrpc"`
				ID      json.RawMessage `json:"id"`
				Error   struct {
					Code    int    `json:"code"`
					Status  string `json:"status"`
					Message string `json:"message"`
					Data    []info `json:"data"`
					Details []info `json:"details"`
				} `json:"error"`
			}
			if err := json.Unmarshal([]byte(got.Body), &shape); err != nil {
				t.Fatalf("%v in %s", err, got.Body)
			}
			infos := append(shape.Error.Data, shape.Error.Details...)
			if shape.Error.Code != test.code || shape.Error.Status != test.rpcStatus || shape.Error.Message == "" ||
				len(infos) != 1 || infos[0].Reason != test.reason {
				t.Errorf("got %s", got.Body)
			}
			if jsonrpc := test.rpcStatus == ""; jsonrpc != (shape.Version == "2.0" && string(shape.ID) == "null") {
				t.Errorf("got %s for JSON-RPC %t", got.Body, jsonrpc)
			}
		})
	}
}

func TestDenialsOfTheGovernorPassUnchanged(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, "weather")
	b := start(t, "DELTA_GRPC", record("weather", rpc, u.URL))
	for _, code := range []int{200, 400, 401, 403, 404, 413, 429, 500, 503} {
		body := fmt.Sprintf(`{"denied":%d}`, code)
		b.governor.set(func(*authv3.CheckRequest) *authv3.CheckResponse {
			return &authv3.CheckResponse{Status: &status.Status{Code: 7}, HttpResponse: &authv3.CheckResponse_DeniedResponse{
				DeniedResponse: &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: typev3.StatusCode(code)}, Body: body},
			}}
		}, nil)
		if got := b.call("POST", "gateway.example", "/agents/weather", "{}"); got.Status != code || got.Body != body {
			t.Errorf("ext_authz denial %d arrives as %d %s", code, got.Status, got.Body)
		}
		if _, messages := b.governor.seen(); len(messages) > 0 {
			t.Errorf("the governor was asked about its own denial: %v", messages)
		}
		b.governor.set(nil, func(*extprocv3.ProcessingRequest) *extprocv3.ProcessingResponse { return immediate(code, body) })
		if got := b.call("POST", "gateway.example", "/agents/weather", "{}"); got.Status != code || got.Body != body {
			t.Errorf("ext_proc denial %d arrives as %d %s", code, got.Status, got.Body)
		}
	}
}

func immediate(code int, body string) *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{
		ImmediateResponse: &extprocv3.ImmediateResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode(code)}, Body: []byte(body), Details: "ringfence_test",
		},
	}}
}

func TestGovernorDownAndBack(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, "weather")
	b := start(t, "DELTA_GRPC", record("weather", rpc, u.URL))
	b.stop()
	got := b.call("POST", "gateway.example", "/agents/weather", "{}")
	if got.Status != 503 || !strings.Contains(got.Body, `"code":-31503`) || got.Header.Get("retry-after") != "1" {
		t.Errorf("without a governor got %d %s %s", got.Status, got.Header, got.Body)
	}
	if u.count() != 0 {
		t.Error("the agent saw a request nobody decided")
	}
	b.governor.serve(t, "unix", strings.TrimPrefix(b.settings.Governor, "unix:"))
	b.await("recovery", func() (string, bool) {
		return "", b.call("POST", "gateway.example", "/agents/weather", "{}").Status == 200
	})
}

func TestSlowGovernorIsDown(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, "weather")
	b := start(t, "DELTA_GRPC", record("weather", rpc, u.URL))
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	b.governor.set(func(*authv3.CheckRequest) *authv3.CheckResponse { <-release; return nil }, nil)
	if got := b.call("POST", "gateway.example", "/agents/weather", "{}"); got.Status != 503 || !strings.Contains(got.Body, "-31503") {
		t.Errorf("slow ext_authz gives %d %s", got.Status, got.Body)
	}
	b.governor.set(nil, func(*extprocv3.ProcessingRequest) *extprocv3.ProcessingResponse { <-release; return nil })
	if got := b.call("POST", "gateway.example", "/agents/weather", "{}"); got.Status != 504 || !strings.Contains(got.Body, "-31504") {
		t.Errorf("slow ext_proc gives %d %s", got.Status, got.Body)
	}
	if u.count() != 0 {
		t.Error("the agent saw a request nobody decided")
	}
}

// streamer is an agent that sends one event at once and one when told to.
func streamer(t *testing.T) (url string, second chan struct{}) {
	second = make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("content-type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-second
		io.WriteString(w, "data: 2\n\n")
	}))
	t.Cleanup(server.Close)
	return server.URL, second
}

func TestStreamsFlowUnbuffered(t *testing.T) {
	t.Parallel()
	url, second := streamer(t)
	b := start(t, "DELTA_GRPC", record("streamer", rpc, url))
	response, err := b.client.Post("http://"+b.gateway+"/agents/streamer", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	if !lines.Scan() || lines.Text() != "data: 1" {
		t.Fatalf("first line is %q, %v", lines.Text(), lines.Err())
	}
	// The agent leaves, its cluster too, and the stream goes on.
	b.publish()
	b.clock.pass(time.Hour)
	b.publish()
	if got := b.call("POST", "gateway.example", "/agents/streamer", "{}"); got.Status != 404 {
		t.Errorf("the agent that left answered %d", got.Status)
	}
	close(second) // only now does the agent send more: the first event cannot have waited for it
	var rest []string
	for lines.Scan() {
		rest = append(rest, lines.Text())
	}
	if diff := cmp.Diff([]string{"", "data: 2", ""}, rest); diff != "" {
		t.Errorf("rest (-want +got):\n%s", diff)
	}
}

func TestClientsCannotSteerEnvoy(t *testing.T) {
	t.Parallel()
	var header http.Header
	u := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header.Clone()
		w.Header().Set("server", "secret/1.2")
	}))
	t.Cleanup(u.Close)
	b := start(t, "DELTA_GRPC", record("weather", rpc, u.URL))
	request, err := http.NewRequest("POST", "http://"+b.gateway+"/agents/weather", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "9", "x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-original-path": "/x",
		"x-forwarded-client-cert": "URI=spiffe://mesh/admin", "x-request-id": "mine", "a2a-version": "1.0",
	} {
		request.Header.Set(name, value)
	}
	response, err := b.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 || response.Header.Get("server") != "ringfence" {
		t.Errorf("got %d %v", response.StatusCode, response.Header)
	}
	for name := range header {
		if name = strings.ToLower(name); name != "x-envoy-external-address" && strings.HasPrefix(name, "x-envoy-") ||
			name == "x-forwarded-client-cert" {
			t.Errorf("the agent was sent %s", name)
		}
	}
	if header.Get("x-request-id") == "mine" || header.Get("a2a-version") != "1.0" {
		t.Errorf("the agent was sent %v", header)
	}
	request.Header.Set("a_b", "c")
	if request.Body, err = request.GetBody(); err != nil {
		t.Fatal(err)
	}
	if response, err = b.client.Do(request); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 400 {
		t.Errorf("a field name with an underscore got %d", response.StatusCode)
	}
}
