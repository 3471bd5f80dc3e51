package governance

import (
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/meshtest"
)

const (
	grpcCall   = "/lf.a2a.v1.A2AService/GetTask"
	legacyCall = "/a2a.v1.A2AService/GetTask"
)

// withGRPC is the shared mesh where weather has a gRPC interface too, and ledger has none.
func withGRPC() *fixture {
	f := newFixture()
	card := &f.Records["weather"].Card
	card.Interfaces = append(card.Interfaces, agent.Interface{URL: "10.0.0.1:50051", Binding: agent.GRPC, Version: "1.0"})
	return f
}

// open runs the header phase on a signed request that has the content type.
func (f *fixture) open(t *testing.T, form Form, callee string, c meshtest.Call, contentTypes ...string) *Exchange {
	t.Helper()
	request, _ := f.request(t, c)
	request.Form, request.Callee = form, callee
	for _, contentType := range contentTypes {
		request.Header = append(request.Header, identity.Field{Name: "content-type", Value: contentType})
	}
	return f.governor().Open(t.Context(), request)
}

func TestGRPCEntrances(t *testing.T) {
	t.Parallel()
	const proto = "application/grpc"
	weather := "weather.mesh.test"
	for name, test := range map[string]struct {
		form         Form
		host, path   string
		method       string
		types        []string
		below        string
		binding      a2a.Binding // of the denial too
		denied       string
		calleeByName string
	}{
		"by-host":            {form: HostForm, host: weather, path: grpcCall, types: []string{proto}, below: grpcCall, binding: a2a.GRPC},
		"by-host-with-codec": {form: HostForm, host: weather, path: grpcCall, types: []string{proto + "+proto"}, below: grpcCall, binding: a2a.GRPC},
		"legacy":             {form: HostForm, host: weather, path: legacyCall, types: []string{proto}, below: legacyCall, binding: a2a.GRPC},
		"by-path":            {form: PathForm, path: "/agents/weather" + grpcCall, types: []string{proto}, below: grpcCall, binding: a2a.GRPC},
		"by-route":           {form: RouteForm, calleeByName: "weather", path: grpcCall, types: []string{proto}, below: grpcCall, binding: a2a.GRPC},
		"by-route-in-a-dir":  {form: RouteForm, calleeByName: "weather", path: "/rest" + grpcCall, types: []string{proto}, binding: a2a.GRPC, denied: "entrance-unknown"},
		"connect-in-a-dir":   {form: RouteForm, calleeByName: "weather", path: "/rest" + grpcCall, types: []string{"application/json"}, denied: "entrance-unknown"},
		"root":               {form: RootForm, calleeByName: "weather", path: grpcCall, types: []string{proto}, below: grpcCall, binding: a2a.GRPC},
		"connect":            {form: HostForm, host: weather, path: grpcCall, types: []string{"application/json"}, denied: "entrance-unknown"},
		"grpc-web":           {form: HostForm, host: weather, path: grpcCall, types: []string{"application/grpc-web"}, denied: "entrance-unknown"},
		"grpc-json":          {form: HostForm, host: weather, path: grpcCall, types: []string{"application/grpc+json"}, denied: "entrance-unknown"},
		"no-type":            {form: HostForm, host: weather, path: grpcCall, denied: "entrance-unknown"},
		"two-types":          {form: HostForm, host: weather, path: grpcCall, types: []string{proto, proto}, denied: "entrance-unknown"},
		"get":                {form: HostForm, host: weather, path: grpcCall, method: "GET", types: []string{proto}, binding: a2a.GRPC, denied: "entrance-unknown"},
		"reflection":         {form: HostForm, host: weather, path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", types: []string{proto}, binding: a2a.GRPC, denied: "entrance-unknown"},
		"base":               {form: HostForm, host: weather, path: "/", types: []string{proto}, binding: a2a.GRPC, denied: "entrance-unknown"},
		"no-such-interface":  {form: HostForm, host: "ledger.mesh.test", path: grpcCall, types: []string{proto}, binding: a2a.GRPC, denied: "entrance-unknown"},
		"rest-at-its-path":   {form: HostForm, host: "ledger.mesh.test", path: grpcCall, types: []string{"application/json"}, denied: "entrance-unknown"},
		"unknown-agent":      {form: HostForm, host: "nobody.mesh.test", path: grpcCall, types: []string{proto}, binding: a2a.GRPC, denied: "callee-unknown"},
		"no-route":           {form: NoForm, host: weather, path: grpcCall, types: []string{proto}, binding: a2a.GRPC, denied: "callee-unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := withGRPC().open(t, test.form, test.calleeByName,
				meshtest.Call{From: "caller", Method: test.method, Host: test.host, To: test.path}, test.types...)
			if x.Verdict.Reason != test.denied || x.Below != test.below || x.Binding != test.binding {
				t.Errorf("%q at %q over %s, want %q at %q over %s", x.Verdict.Reason, x.Below, x.Binding, test.denied, test.below, test.binding)
			}
		})
	}
}

// TestRoot calls the root agent, which has the paths of an agent's own host, but none of the hosts of others.
func TestRoot(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		callee, host, path, below, denied string
		binding                           a2a.Binding
	}{
		"base":                {callee: "ledger", path: "/", binding: a2a.JSONRPC},
		"below":               {callee: "ledger", path: "/message:send", below: "/message:send", binding: a2a.HTTPJSON},
		"domain-itself":       {callee: "ledger", host: "mesh.test", path: "/", binding: a2a.JSONRPC},
		"name-ends-alike":     {callee: "ledger", host: "a.xmesh.test", path: "/", binding: a2a.JSONRPC},
		"another's-host":      {callee: "ledger", host: "gone.mesh.test", path: "/", denied: "callee-unknown"},
		"another's-host-port": {callee: "ledger", host: "Gone.Mesh.Test:80", path: "/", denied: "callee-unknown"},
		"another's-host-dot":  {callee: "ledger", host: "gone.mesh.test.:80", path: "/", denied: "callee-unknown"},
		"not-registered":      {callee: "nobody", path: "/", denied: "callee-unknown"},
		"no-name":             {callee: "", path: "/", denied: "callee-unknown"},
		"own-url":             {callee: "ledger", path: "/rpc/", below: "/rpc/", binding: a2a.HTTPJSON},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := withGRPC().open(t, RootForm, test.callee, meshtest.Call{From: "caller", Host: test.host, To: test.path, Body: meshtest.Send("pay")})
			if x.Verdict.Reason != test.denied || x.Below != test.below || x.Binding != test.binding {
				t.Errorf("%q at %q over %s, want %q at %q over %s", x.Verdict.Reason, x.Below, x.Binding, test.denied, test.below, test.binding)
			}
		})
	}
}

// TestPublicDocuments reads what needs no identity, each where a route leads to the mesh's own documents.
func TestPublicDocuments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		form   Form
		path   string
		method string
		denied bool
	}{
		"card-by-host":      {HostForm, agent.CardPath, "GET", false},
		"card-at-the-root":  {RootForm, agent.LegacyCardPath, "HEAD", false},
		"keys-by-host":      {HostForm, agent.KeySetPath, "GET", false},
		"keys-by-post":      {HostForm, agent.KeySetPath, "POST", true},
		"keys-by-path":      {PathForm, "/agents/weather" + agent.KeySetPath, "GET", true}, // the agent's own, should it have any
		"keys-of-a-route":   {RouteForm, agent.KeySetPath, "GET", true},
		"more-than-the-set": {HostForm, agent.KeySetPath + "/x", "GET", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := withGRPC().open(t, test.form, "weather", meshtest.Call{Method: test.method, Host: "weather.mesh.test", To: test.path})
			if test.form == RootForm {
				x = withGRPC().open(t, test.form, "weather", meshtest.Call{Method: test.method, To: test.path})
			}
			if x.denied() != test.denied || !x.Final {
				t.Errorf("verdict %+v, final %v", x.Verdict, x.Final)
			}
		})
	}
}
