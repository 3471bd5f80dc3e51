package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dump is a configuration dump of a governed Envoy, cut down to one of each.
const dump = `{"configs":[
{"@type":"type.googleapis.com/envoy.admin.v3.BootstrapConfigDump","bootstrap":{
  "node":{"id":"n","extensions":[{"name":"e"}]},"admin":{"address":{}},"stats_config":{"s":1},
  "dynamic_resources":{"ads_config":{}},"static_resources":{"clusters":[{"name":"ringfence-xds"}]}}},
{"@type":"type.googleapis.com/envoy.admin.v3.ClustersConfigDump","dynamic_active_clusters":[
  {"cluster":{"@type":"c","name":"agent/a/0","lb_policy":"LEAST_REQUEST"}},
  {"cluster":{"@type":"c","name":"ringfence-authz"}},
  {"cluster":{"@type":"c","name":"ringfence-proc"}}]},
{"@type":"type.googleapis.com/envoy.admin.v3.ListenersConfigDump","dynamic_listeners":[{"active_state":{"listener":{
  "@type":"l","name":"gateway","address":{"socket_address":{"address":"127.0.0.1","port_value":10000}},
  "filter_chains":[{"filters":[{"name":"hcm","typed_config":{"@type":"h","scoped_routes":{},"early_header_mutation_extensions":[{}],"access_log":[{}],"normalize_path":true,"http_filters":[
    {"name":"envoy.filters.http.ext_authz"},{"name":"envoy.filters.http.buffer"},{"name":"envoy.filters.http.ext_proc"},
    {"name":"envoy.filters.http.router","typed_config":{"@type":"r"}}]}}]}]}}}]},
{"@type":"type.googleapis.com/envoy.admin.v3.RoutesConfigDump","dynamic_route_configs":[
  {"route_config":{"@type":"rc","name":"agent/a/routes","virtual_hosts":[{"name":"h","domains":["a.mesh.local"],"routes":[{"name":"ra"}]},
    {"name":"p","domains":["*"],"typed_per_filter_config":{"x":{}},"routes":[{"name":"rp"}]}]}},
  {"route_config":{"@type":"rc","name":"gateway","virtual_hosts":[{"name":"v","domains":["*"],"typed_per_filter_config":{"x":{}},
    "routes":[{"name":"r","typed_per_filter_config":{"x":{}}}]}]}}]}]}`

const strippedDump = `{"node":{"id":"bare","cluster":"bare"},"admin":{"address":{}},"stats_config":{"s":1},
"static_resources":{"clusters":[{"name":"agent/a/0","lb_policy":"LEAST_REQUEST"}],"listeners":[{
  "name":"gateway","address":{"socket_address":{"address":"127.0.0.1","port_value":4711}},
  "filter_chains":[{"filters":[{"name":"hcm","typed_config":{"@type":"h","normalize_path":true,
    "route_config":{"name":"gateway","virtual_hosts":[{"name":"v","domains":["*"],"matcher":{"matcher_tree":{
      "input":{"name":"path","typed_config":{"@type":"type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput","header_name":":path"}},
      "prefix_match_map":{"map":{
        "/":{"action":{"name":"routes","typed_config":{"@type":"type.googleapis.com/envoy.config.route.v3.RouteList","routes":[{"name":"r"}]}}},
        "/agents/a":{"action":{"name":"routes","typed_config":{"@type":"type.googleapis.com/envoy.config.route.v3.RouteList","routes":[{"name":"rp"}]}}}}}}}},
      {"name":"h","domains":["a.mesh.local"],"routes":[{"name":"ra"}]}]},
    "http_filters":[{"name":"envoy.filters.http.router","typed_config":{"@type":"r"}}]}}]}]}]}}`

func TestStripped(t *testing.T) {
	t.Parallel()
	got, err := stripped([]byte(dump), 4711)
	if err != nil {
		t.Fatal(err)
	}
	var gotValue, wantValue any
	if err := json.Unmarshal(got, &gotValue); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(strippedDump), &wantValue); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantValue, gotValue); diff != "" {
		t.Errorf("bootstrap (-want +got)\n%s", diff)
	}
}

func TestStrippedRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, dump, err string }{
		{"not-json", "x", "invalid character"},
		{"empty", `{"configs":[]}`, "lacks"},
		{"no-address", strings.Replace(dump, `"socket_address"`, `"pipe"`, 1), "socket address"},
		{"no-manager", strings.Replace(dump, `"filter_chains"`, `"x"`, 1), "connection manager"},
		{"no-router", strings.Replace(dump, "envoy.filters.http.router", "x", 1), "no router"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := stripped([]byte(c.dump), 1)
			check(t, err, c.err)
		})
	}
}
