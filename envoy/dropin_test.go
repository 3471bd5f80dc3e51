package envoy_test

import (
	"encoding/json"
	"os"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/anypb"

	"ringfence.dev/ringfence/tests/envoytest"
	"ringfence.dev/ringfence/xds"
)

const (
	dropin  = "dropin/envoy.yaml"
	snippet = "dropin/filters.yaml"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func decodeYAML(t *testing.T, content []byte) map[string]any {
	t.Helper()
	var decoded map[string]any
	if err := yaml.Unmarshal(content, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

// decode reads a configuration as Envoy does: strictly, and every typed_config with it.
func decode(t *testing.T, content []byte) *bootstrapv3.Bootstrap {
	t.Helper()
	encoded, err := json.Marshal(decodeYAML(t, content))
	if err != nil {
		t.Fatal(err)
	}
	bootstrap := &bootstrapv3.Bootstrap{}
	if err := protojson.Unmarshal(encoded, bootstrap); err != nil {
		t.Fatal(err)
	}
	return bootstrap
}

// validateAll checks the rules of a message and of everything in it, typed configs included, and counts those.
func validateAll(t *testing.T, message proto.Message) int {
	t.Helper()
	if checked, ok := message.(interface{ ValidateAll() error }); ok {
		if err := checked.ValidateAll(); err != nil {
			t.Errorf("%s: %v", message.ProtoReflect().Descriptor().FullName(), err)
		}
	}
	if packed, ok := message.(*anypb.Any); ok {
		inner, err := packed.UnmarshalNew()
		if err != nil {
			t.Errorf("decoding %s: %v", packed.GetTypeUrl(), err)
			return 0
		}
		return 1 + validateAll(t, inner)
	}
	count := 0
	visit := func(value protoreflect.Value) { count += validateAll(t, value.Message().Interface()) }
	message.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
			if field.MapValue().Message() != nil {
				value.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { visit(v); return true })
			}
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				visit(value.List().Get(i))
			}
		default:
			visit(value)
		}
		return true
	})
	return count
}

func TestDropinLoads(t *testing.T) {
	t.Parallel()
	config := read(t, dropin)
	envoytest.Validate(t, envoytest.Binary(t), config)
	envoytest.Validate(t, envoytest.OldestBinary(t), config)
}

func TestDropinIsValid(t *testing.T) {
	t.Parallel()
	// The connection manager, three filters, the callee, two protocol options and the conditions of local replies.
	if count := validateAll(t, decode(t, read(t, dropin))); count < 8 {
		t.Errorf("only %d typed configs were found", count)
	}
}

// gateway returns the listener of the configuration and its connection manager.
func gateway(t *testing.T, listener *listenerv3.Listener) *hcmv3.HttpConnectionManager {
	t.Helper()
	manager := &hcmv3.HttpConnectionManager{}
	if err := listener.GetFilterChains()[0].GetFilters()[0].GetTypedConfig().UnmarshalTo(manager); err != nil {
		t.Fatal(err)
	}
	return manager
}

// What the xDS server generates for the same addresses must not differ from what people copy.
func TestDropinAgreesWithGenerated(t *testing.T) {
	t.Parallel()
	settings := xds.DefaultSettings()
	settings.Governor, settings.Cards = "127.0.0.1:15010", "127.0.0.1:15020"
	generated, err := xds.Build(settings, nil)
	if err != nil {
		t.Fatal(err)
	}
	shipped := decode(t, read(t, dropin)).GetStaticResources()
	if got, want := shipped.GetListeners()[0].GetPerConnectionBufferLimitBytes().GetValue(), generated.Listener.GetPerConnectionBufferLimitBytes().GetValue(); got != want {
		t.Errorf("the buffer limit is %d, generated is %d", got, want)
	}
	got, want := gateway(t, shipped.GetListeners()[0]), gateway(t, generated.Listener)
	// One filter finds route tables, of which a static configuration has one.
	if diff := cmp.Diff(want.GetHttpFilters()[1:], got.GetHttpFilters(), protocmp.Transform()); diff != "" {
		t.Errorf("filters (-generated +shipped):\n%s", diff)
	}
	// A subset is shipped, to keep the file readable.
	for _, mapper := range got.GetLocalReplyConfig().GetMappers() {
		found := false
		for _, other := range want.GetLocalReplyConfig().GetMappers() {
			found = found || sameReply(mapper, other)
		}
		if !found {
			t.Errorf("the local reply %s is not one that is generated", mapper.GetBodyFormatOverride().GetTextFormatSource().GetInlineString())
		}
	}
	agent := got.GetRouteConfig().GetVirtualHosts()[0]
	if diff := cmp.Diff(generated.Routes.GetRequestHeadersToAdd(), agent.GetRequestHeadersToAdd(), protocmp.Transform()); diff != "" {
		t.Errorf("request fields (-generated +shipped):\n%s", diff)
	}
	for _, m := range []*hcmv3.HttpConnectionManager{got, want} {
		// Where routes come from, what is logged and the server's name are the operator's.
		m.HttpFilters, m.LocalReplyConfig, m.RouteSpecifier, m.AccessLog, m.ServerName = nil, nil, nil, nil, ""
		m.EarlyHeaderMutationExtensions = nil
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("connection manager (-generated +shipped):\n%s", diff)
	}
	clusters := map[string]*clusterv3.Cluster{}
	for _, cluster := range generated.Clusters {
		clusters[cluster.GetName()] = cluster
	}
	for _, cluster := range shipped.GetClusters()[1:] {
		if diff := cmp.Diff(clusters[cluster.GetName()], cluster, protocmp.Transform()); diff != "" {
			t.Errorf("cluster %s (-generated +shipped):\n%s", cluster.GetName(), diff)
		}
	}
}

// sameReply compares what local replies say, and not how their conditions are put in brackets.
func sameReply(a, b *hcmv3.ResponseMapper) bool {
	return proto.Equal(a.GetBodyFormatOverride(), b.GetBodyFormatOverride()) &&
		cmp.Equal(a.GetHeadersToAdd(), b.GetHeadersToAdd(), protocmp.Transform())
}

// The file to copy from must say what the complete file says.
func TestSnippetAgreesWithDropin(t *testing.T) {
	t.Parallel()
	whole, part := decode(t, read(t, dropin)).GetStaticResources(), decodeYAML(t, read(t, snippet))
	manager := gateway(t, whole.GetListeners()[0])
	clusters, filters, host := &bootstrapv3.Bootstrap_StaticResources{}, &hcmv3.HttpConnectionManager{}, &routev3.VirtualHost{}
	for message, keys := range map[proto.Message][]string{
		clusters: {"clusters"}, filters: {"http_filters"},
		host: {"typed_per_filter_config", "request_headers_to_add", "request_headers_to_remove"},
	} {
		fields := map[string]any{}
		for _, key := range keys {
			fields[key] = part[key]
			delete(part, key)
		}
		encoded, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		if err := protojson.Unmarshal(encoded, message); err != nil {
			t.Fatal(err)
		}
	}
	if len(part) != 0 {
		t.Errorf("the snippet has more parts: %v", part)
	}
	if diff := cmp.Diff(whole.GetClusters()[1:], clusters.GetClusters(), protocmp.Transform()); diff != "" {
		t.Errorf("clusters (-whole +snippet):\n%s", diff)
	}
	if diff := cmp.Diff(manager.GetHttpFilters()[:3], filters.GetHttpFilters(), protocmp.Transform()); diff != "" {
		t.Errorf("filters (-whole +snippet):\n%s", diff)
	}
	agent := proto.CloneOf(manager.GetRouteConfig().GetVirtualHosts()[0])
	agent.Name, agent.Domains, agent.Routes, agent.RetryPolicy = "", nil, nil, nil // these are the operator's
	if diff := cmp.Diff(agent, host, protocmp.Transform()); diff != "" {
		t.Errorf("virtual host of an agent (-whole +snippet):\n%s", diff)
	}
}
