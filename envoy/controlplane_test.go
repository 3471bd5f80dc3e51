package envoy_test

import (
	"encoding/json"
	"net"
	"strconv"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/tests/envoytest"
)

// controlPlane answers every subscription with nothing, and tells of the node of each stream.
type controlPlane struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer

	nodes chan string
}

func (c *controlPlane) DeltaAggregatedResources(stream grpc.BidiStreamingServer[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse]) error {
	for first := true; ; first = false {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		if first {
			c.nodes <- request.GetNode().GetId() + " " + request.GetNode().GetCluster()
		} else if request.GetNode() != nil {
			c.nodes <- "the node was sent again"
		}
		if request.GetResponseNonce() != "" {
			continue
		}
		answer := &discoveryv3.DeltaDiscoveryResponse{TypeUrl: request.GetTypeUrl(), Nonce: "1"}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

func (c *controlPlane) serve(t *testing.T, address string) *grpc.Server {
	t.Helper()
	// A process that another test starts has the socket of an earlier listener too, until it becomes another program.
	var listener net.Listener
	envoytest.Eventually(t, func() (err error) {
		listener, err = net.Listen("tcp4", address)
		return err
	})
	server := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(server, c)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return server
}

func TestBootstrapFindsControlPlaneAgain(t *testing.T) {
	t.Parallel()
	binary := envoytest.Binary(t)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(envoytest.FreePort(t)))
	plane := &controlPlane{nodes: make(chan string, 64)}
	server := plane.serve(t, address)
	config, err := envoy.Bootstrap{
		NodeID: "gateway-1", NodeCluster: "ringfence", Admin: anyPort, ControlPlane: address,
	}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	e := envoytest.Start(t, envoytest.Options{Binary: binary, Config: string(config)})
	if got := <-plane.nodes; got != "gateway-1 ringfence" {
		t.Errorf("the node is %q", got)
	}
	server.Stop()
	plane.serve(t, address)
	if got := <-plane.nodes; got != "gateway-1 ringfence" {
		t.Errorf("the node is %q", got)
	}
	e.AwaitCounter(t, "control_plane.connected_state", 1)
}

// Without a control plane there is nothing to serve, and Envoy must not say that it is ready.
func TestBootstrapIsNotReadyAlone(t *testing.T) {
	t.Parallel()
	config, err := bootstraps[0].bootstrap.JSON()
	if err != nil {
		t.Fatal(err)
	}
	instance, err := envoy.Start(t.Context(), process(t, config))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = instance.Terminate(envoytest.DefaultWait) }()
	envoytest.Eventually(t, func() error {
		_, err := instance.Admin().Stats(t.Context(), "^cluster.ringfence-xds.upstream_cx_connect_fail$")
		return err
	})
	if err := instance.Admin().Ready(t.Context()); err == nil {
		t.Error("Envoy is ready with nothing to serve")
	}
}

func TestBootstrapKeepsStatisticsOfAgentsFew(t *testing.T) {
	t.Parallel()
	binary := envoytest.Binary(t)
	generated, err := bootstraps[0].bootstrap.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(generated, &config); err != nil {
		t.Fatal(err)
	}
	var routed map[string]any
	if err := json.Unmarshal([]byte(agentsConfig), &routed); err != nil {
		t.Fatal(err)
	}
	delete(config, "dynamic_resources")
	config["static_resources"] = routed
	encoded, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	e := envoytest.Start(t, envoytest.Options{Binary: binary, Config: string(encoded)})
	for _, path := range []string{"/agent", "/other"} {
		if err := get(t, e.Address(t, "gateway"), path); err == nil {
			t.Fatalf("there is something at %s", path)
		}
	}
	e.AwaitCounter(t, "cluster.ringfence-other.upstream_cx_connect_fail", 1)
	e.AwaitCounter(t, "cluster.agent/weather/1.upstream_cx_connect_fail", 1)
	agent, other := e.Stats(t, `^cluster\.agent/weather/1\.`), e.Stats(t, `^cluster\.ringfence-other\.`)
	for _, kept := range []string{
		"upstream_rq_total", "upstream_rq_5xx", "upstream_rq_active", "upstream_rq_timeout", "upstream_cx_active",
		"upstream_cx_connect_fail", "membership_healthy", "membership_total", "outlier_detection.ejections_active",
	} {
		if _, ok := agent["cluster.agent/weather/1."+kept]; !ok {
			t.Errorf("%s is missing", kept)
		}
	}
	if len(agent) > 30 || len(other) < 100 {
		t.Errorf("an agent has %d statistics, another cluster has %d", len(agent), len(other))
	}
}

const agentsConfig = `{
  "listeners": [{
    "name": "gateway",
    "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
    "filter_chains": [{"filters": [{
      "name": "envoy.filters.network.http_connection_manager",
      "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
          {"match": {"prefix": "/agent"}, "route": {"cluster": "agent/weather/1"}},
          {"match": {"prefix": "/other"}, "route": {"cluster": "ringfence-other"}}
        ]}]},
        "http_filters": [{
          "name": "envoy.filters.http.router",
          "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
        }]
      }
    }]}]
  }],
  "clusters": [
    {"name": "agent/weather/1", "outlier_detection": {}, "load_assignment": {"cluster_name": "agent/weather/1",
      "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 9}}}}]}]}},
    {"name": "ringfence-other", "outlier_detection": {}, "load_assignment": {"cluster_name": "ringfence-other",
      "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 9}}}}]}]}}
  ]
}`
