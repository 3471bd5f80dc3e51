package xds_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/tests/envoytest"
	"ringfence.dev/ringfence/xds"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// caBundle is a bundle every Linux image with CA certificates has.
const caBundle = "/etc/ssl/certs/ca-certificates.crt"

type golden struct {
	settings xds.Settings
	records  []*agent.Record
	// show are the parts in the file.
	show []string
}

func goldens() map[string]golden {
	with := func(change func(*xds.Settings)) xds.Settings {
		s := settings()
		change(&s)
		return s
	}
	secure := with(func(s *xds.Settings) { s.CABundle = caBundle })
	quarantined := record("quarantined", rpc, "http://10.0.0.1")
	quarantined.Status = agent.Quarantined
	return map[string]golden{
		"gateway-listener":   {settings: settings(), show: []string{"listener"}},
		"gateway-fused":      {settings: with(func(s *xds.Settings) { s.Shape, s.CallsTold = xds.Fused, true }), show: []string{"listener", "routes"}},
		"gateway-told":       {settings: with(func(s *xds.Settings) { s.CallsTold = true }), show: []string{"listener", "routes"}},
		"governance":         {settings: settings(), show: []string{"clusters", "routes"}},
		"governance-tcp":     {settings: with(func(s *xds.Settings) { s.Governor, s.Cards = "governor.internal:9000", "[::1]:9100" }), show: []string{"clusters"}},
		"access-log-stdout":  {settings: with(func(s *xds.Settings) { s.AccessLog = "-" }), show: []string{"listener"}},
		"access-log-file":    {settings: with(func(s *xds.Settings) { s.AccessLog = "/dev/null" }), show: []string{"listener"}},
		"public-hosts":       {settings: with(func(s *xds.Settings) { s.PublicHosts = []string{"gateway.example", "gateway.mesh.local"} }), records: []*agent.Record{simple("gateway"), simple("one")}, show: []string{"listener", "routes", "problems"}},
		"json-rpc":           {settings: settings(), records: []*agent.Record{record("weather", rpc, "http://10.0.0.1:8080/a2a")}, show: []string{"scopes", "routes", "clusters"}},
		"http-json":          {settings: settings(), records: []*agent.Record{record("weather", rest, "http://10.0.0.1:8080/v1/")}, show: []string{"routes"}},
		"both-on-one-origin": {settings: settings(), records: []*agent.Record{record("weather", rpc, "http://10.0.0.1:8080", rest, "http://10.0.0.1:8080")}, show: []string{"routes", "clusters"}},
		"numbered-entrances": {settings: settings(), records: []*agent.Record{record("weather", rpc, "http://10.0.0.1/1.0", rpc, "http://10.0.0.1/0.3", string(agent.GRPC), "10.0.0.1:50051", rest, "http://10.0.0.1/rest", rest, "http://10.0.0.2")}, show: []string{"routes"}},
		"grpc-only":          {settings: settings(), records: []*agent.Record{record("weather", string(agent.GRPC), "10.0.0.1:50051")}, show: []string{"routes", "clusters"}},
		"grpc-beside-json":   {settings: secure, records: []*agent.Record{record("weather", rpc, "https://weather.example", string(agent.GRPC), "https://weather.example/x", rest, "http://10.0.0.1", string(agent.GRPC), "http://10.0.0.1")}, show: []string{"routes", "clusters"}},
		"root-agent":         {settings: with(func(s *xds.Settings) { s.RootAgent = "weather" }), records: []*agent.Record{simple("other"), record("weather", rpc, "http://10.0.0.1", rest, "http://10.0.0.1", string(agent.GRPC), "10.0.0.1:50051")}, show: []string{"routes"}},
		"https-by-name":      {settings: secure, records: []*agent.Record{record("weather", rpc, "https://Weather.Example/a2a")}, show: []string{"routes", "clusters"}},
		"https-by-address":   {settings: secure, records: []*agent.Record{record("weather", rpc, "https://[2001:DB8::1]:8443")}, show: []string{"clusters"}},
		"http-by-name":       {settings: settings(), records: []*agent.Record{record("weather", rpc, "http://weather_agent:8000/")}, show: []string{"clusters"}},
		"not-active":         {settings: settings(), records: []*agent.Record{quarantined, simple("one")}, show: []string{"routes", "problems"}},
		"problems": {settings: settings(), records: []*agent.Record{
			record("credentials", rpc, "http://user:secret@10.0.0.1"), record("fragment", rpc, "http://10.0.0.1/#x"),
			record("no-bundle", rpc, "https://weather.example"), record("Upper", rpc, "http://10.0.0.1"),
			record("port", rpc, "http://10.0.0.1:0"), record("query", rpc, "http://10.0.0.1/?x"),
			record("relative", rpc, "/rpc"), record("second-bad", rpc, "http://10.0.0.1", rest, "ftp://10.0.0.1"),
		}, show: []string{"problems"}},
	}
}

// TestGolden renders each case to testdata/<case>.txt: the parts, each after a line with its name.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := goldens()
	for _, file := range files {
		if _, ok := cases[strings.TrimSuffix(filepath.Base(file), ".txt")]; ok {
			continue
		}
		if !*update {
			t.Errorf("%s belongs to no case", file)
		} else if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := build(t, c)
			file := filepath.Join("testdata", name+".txt")
			got := render(t, r, c.show)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v; run with -update to write it", err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			consistent(t, r)
		})
	}
}

func build(t testing.TB, c golden) xds.Resources {
	t.Helper()
	r, err := xds.Build(c.settings, registry.NewSnapshot(1, c.records))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(t *testing.T, r xds.Resources, show []string) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, part := range show {
		fmt.Fprintf(&out, "-- %s --\n", part)
		switch part {
		case "listener":
			renderMessage(t, &out, r.Listener)
		case "routes":
			renderMessage(t, &out, r.Routes)
			for _, table := range r.Agents {
				renderMessage(t, &out, table)
			}
		case "scopes":
			for _, scope := range r.Scopes {
				renderMessage(t, &out, scope)
			}
		case "clusters":
			for _, c := range r.Clusters {
				if len(r.Clusters) == 3 || strings.HasPrefix(c.GetName(), "agent/") {
					renderMessage(t, &out, c)
				}
			}
		case "problems":
			for _, p := range r.Problems {
				fmt.Fprintf(&out, "%s: %s\n", p.Agent, p.Reason)
			}
		}
	}
	return out.Bytes()
}

// renderMessage undoes the white space that protojson varies on purpose.
func renderMessage(t *testing.T, out *bytes.Buffer, m proto.Message) {
	t.Helper()
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		t.Fatal(err)
	}
	if err := json.Indent(out, compact.Bytes(), "", " "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
}

// consistent checks that every table has its scopes and clusters, and Envoy's rules of every message.
func consistent(t *testing.T, r xds.Resources) {
	t.Helper()
	tables := map[string]bool{xds.Gateway: false}
	for _, table := range r.Agents {
		tables[table.GetName()] = false
	}
	for _, scope := range r.Scopes {
		if _, ok := tables[scope.GetRouteConfigurationName()]; !ok {
			t.Errorf("scope %s leads to no table", scope.GetName())
		}
		tables[scope.GetRouteConfigurationName()] = true
	}
	for name, reached := range tables {
		if !reached {
			t.Errorf("no scope leads to table %s", name)
		}
	}
	clusters := map[string]bool{}
	for _, c := range r.Clusters {
		clusters[c.GetName()] = true
	}
	for _, table := range append(r.Agents, r.Routes) {
		for _, host := range table.GetVirtualHosts() {
			for _, route := range host.GetRoutes() {
				if r := route.GetRoute(); r != nil && !clusters[r.GetCluster()] {
					t.Errorf("%s routes to cluster %q, which is none", host.GetName(), route.GetRoute().GetCluster())
				}
			}
		}
	}
}

// TestEnvoyAcceptsEveryCase loads each case as a static configuration, on the pinned Envoy and on the oldest.
func TestEnvoyAcceptsEveryCase(t *testing.T) {
	t.Parallel()
	t.Run("pinned", func(t *testing.T) {
		t.Parallel()
		acceptsEveryCase(t, envoytest.Binary(t))
	})
	t.Run("oldest", func(t *testing.T) {
		t.Parallel()
		acceptsEveryCase(t, envoytest.OldestBinary(t))
	})
}

func acceptsEveryCase(t *testing.T, envoy string) {
	t.Helper()
	for name, c := range goldens() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.settings.CABundle != "" {
				if _, err := os.Stat(c.settings.CABundle); err != nil {
					t.Skipf("no CA bundle: %v", err)
				}
			}
			r := build(t, c)
			config, err := protojson.Marshal(static(t, r))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "envoy.json")
			if err := os.WriteFile(path, config, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(envoy, "--mode", "validate", "--disable-hot-restart", "-l", "warning", "-c", path).CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			if strings.Contains(string(out), "eprecated") {
				t.Errorf("Envoy warns: %s", out)
			}
		})
	}
}

// static returns a bootstrap with the resources in place of their discovery.
func static(t *testing.T, r xds.Resources) *bootstrapv3.Bootstrap {
	t.Helper()
	listener := proto.CloneOf(r.Listener)
	config := listener.GetFilterChains()[0].GetFilters()[0].GetTypedConfig()
	manager := &hcmv3.HttpConnectionManager{}
	if err := config.UnmarshalTo(manager); err != nil {
		t.Fatal(err)
	}
	tables := map[string]*routev3.RouteConfiguration{r.Routes.GetName(): r.Routes}
	for _, table := range r.Agents {
		tables[table.GetName()] = table
	}
	list := &hcmv3.ScopedRouteConfigurationsList{}
	for _, scope := range r.Scopes {
		list.ScopedRouteConfigurations = append(list.ScopedRouteConfigurations, &routev3.ScopedRouteConfiguration{
			Name: scope.GetName(), Key: scope.GetKey(), RouteConfiguration: tables[scope.GetRouteConfigurationName()],
		})
	}
	scoped := manager.GetScopedRoutes()
	scoped.ConfigSpecifier = &hcmv3.ScopedRoutes_ScopedRouteConfigurationsList{ScopedRouteConfigurationsList: list}
	scoped.RdsConfigSource = nil
	inlined, err := anypb.New(manager)
	if err != nil {
		t.Fatal(err)
	}
	listener.GetFilterChains()[0].GetFilters()[0].ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: inlined}
	clusters := make([]*clusterv3.Cluster, len(r.Clusters))
	copy(clusters, r.Clusters)
	return &bootstrapv3.Bootstrap{StaticResources: &bootstrapv3.Bootstrap_StaticResources{
		Listeners: []*listenerv3.Listener{listener}, Clusters: clusters,
	}}
}

// TestAgentsAreVerified calls an agent over TLS whose certificate the bundle does not vouch for.
func TestAgentsAreVerified(t *testing.T) {
	t.Parallel()
	good := newUpstreamTLS(t)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, good.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(good.address())
	b := startWith(t, "DELTA_GRPC", func(s *settingsValue) { s.CABundle = bundle },
		record("vouched", rpc, "https://127.0.0.1:"+port), record("misnamed", rpc, "https://localhost:"+port))
	if got := b.call("POST", "vouched.mesh.local", "/", "{}"); got.Status != 200 {
		t.Errorf("a verified agent answered %d %s", got.Status, got.Body)
	}
	if got := b.call("POST", "misnamed.mesh.local", "/", "{}"); got.Status != 503 {
		t.Errorf("an agent whose certificate is for another name answered %d %s", got.Status, got.Body)
	}
}
