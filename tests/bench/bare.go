package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/xds"
)

// bareEnvoy is the governed Envoy without what governs it.
type bareEnvoy struct {
	*envoy.Instance
	reserved *envoy.Reservation
	url      string
}

// startBare starts an Envoy with the configuration and the number of workers that the Envoy behind the admin address has
// now, made bare.
func startBare(ctx context.Context, binary, dir, admin string) (*bareEnvoy, error) {
	dump, err := envoy.NewAdmin(admin).Get(ctx, "/config_dump")
	if err != nil {
		return nil, err
	}
	reserved, err := envoy.ReservePort("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &bareEnvoy{reserved: reserved, url: "http://" + reserved.Addr().String()}
	bootstrap, err := stripped(dump, int(reserved.Addr().Port()))
	workers := 0
	if err == nil {
		workers, err = workersOf(ctx, envoy.NewAdmin(admin))
	}
	if err == nil {
		b.Instance, err = envoy.Start(ctx, envoy.Process{Binary: binary, Bootstrap: bootstrap, Dir: dir, Concurrency: workers})
	}
	if err == nil {
		err = b.Ready(ctx)
	}
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("starting the bare Envoy: %w", err)
	}
	return b, nil
}

func (b *bareEnvoy) stop() {
	if b.Instance != nil {
		_ = b.Terminate(3 * time.Second)
	}
	_ = b.reserved.Close()
}

// target returns the bare Envoy as it is driven.
func (b *bareEnvoy) target(agentPID int) target {
	return target{side: bare, url: b.url, processes: map[string]int{procEnvoy: b.PID(), procAgent: agentPID}}
}

// workersOf returns how many workers an Envoy has.
func workersOf(ctx context.Context, admin *envoy.Admin) (int, error) {
	answer, err := admin.Get(ctx, "/server_info")
	if err != nil {
		return 0, err
	}
	var info struct {
		Options struct {
			Concurrency int `json:"concurrency"`
		} `json:"command_line_options"`
	}
	if err := json.Unmarshal(answer, &info); err != nil || info.Options.Concurrency == 0 {
		return 0, fmt.Errorf("reading Envoy's options: no number of workers: %w", err)
	}
	return info.Options.Concurrency, nil
}

// object is a JSON object of Envoy's configuration.
type object = map[string]any

const routerFilter = "envoy.filters.http.router"

// stripped turns a configuration dump of the governed Envoy into the bootstrap of a bare one that listens on port:
// the same node settings, listener, routes and clusters, all static; no filter but the router, no per-route filter
// settings, no policy services.
func stripped(dump []byte, port int) ([]byte, error) {
	var all struct {
		Configs []struct {
			Bootstrap        object `json:"bootstrap"`
			DynamicListeners []struct {
				ActiveState struct {
					Listener object `json:"listener"`
				} `json:"active_state"`
			} `json:"dynamic_listeners"`
			DynamicActiveClusters []struct {
				Cluster object `json:"cluster"`
			} `json:"dynamic_active_clusters"`
			DynamicRouteConfigs []struct {
				RouteConfig object `json:"route_config"`
			} `json:"dynamic_route_configs"`
		} `json:"configs"`
	}
	if err := json.Unmarshal(dump, &all); err != nil {
		return nil, fmt.Errorf("reading Envoy's configuration: %w", err)
	}
	var bootstrap, listener object
	var clusters, tables []object
	for _, c := range all.Configs {
		if c.Bootstrap != nil {
			bootstrap = c.Bootstrap
		}
		for _, d := range c.DynamicListeners {
			listener = d.ActiveState.Listener
		}
		for _, d := range c.DynamicRouteConfigs {
			tables = append(tables, d.RouteConfig)
		}
		for _, d := range c.DynamicActiveClusters {
			clusters = append(clusters, d.Cluster)
		}
	}
	routes := merged(tables)
	if bootstrap == nil || listener == nil || routes == nil || len(clusters) == 0 {
		return nil, errors.New("reading Envoy's configuration: the dump lacks a bootstrap, listener, routes or clusters")
	}
	if err := strip(listener, routes, port); err != nil {
		return nil, err
	}
	clusters = slices.DeleteFunc(clusters, func(c object) bool {
		return c["name"] == xds.AuthzCluster || c["name"] == xds.ProcCluster
	})
	for _, c := range clusters {
		delete(c, "@type")
	}
	delete(bootstrap, "dynamic_resources")
	bootstrap["node"] = object{"id": "bare", "cluster": "bare"}
	bootstrap["static_resources"] = object{"listeners": []object{listener}, "clusters": clusters}
	return json.Marshal(bootstrap)
}

// merged returns one table with the routes of all, or nil without the gateway's own. What agents have on the gateway's
// hosts is found in a tree of paths: the bare Envoy does not pay for looking up tables, and not for many agents either.
func merged(tables []object) object {
	at := slices.IndexFunc(tables, func(t object) bool { return t["name"] == xds.Gateway })
	if at < 0 {
		return nil
	}
	table := tables[at]
	hosts, _ := table["virtual_hosts"].([]any)
	gateway, _ := hosts[0].(object)
	tree := object{"/": routeList(gateway["routes"])}
	delete(gateway, "routes")
	for _, other := range slices.Delete(slices.Clone(tables), at, at+1) {
		of, _ := other["virtual_hosts"].([]any)
		name, _ := other["name"].(string)
		for _, host := range of {
			host, _ := host.(object)
			if reflect.DeepEqual(host["domains"], gateway["domains"]) {
				tree[agent.MeshPrefix+strings.Split(name, "/")[1]] = routeList(host["routes"])
			} else {
				hosts = append(hosts, host)
			}
		}
	}
	gateway["matcher"] = object{"matcher_tree": object{
		"input": object{"name": "path", "typed_config": object{
			"@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput", "header_name": ":path",
		}},
		"prefix_match_map": object{"map": tree},
	}}
	table["virtual_hosts"] = hosts
	return table
}

// routeList is an entry of the tree.
func routeList(routes any) object {
	return object{"action": object{"name": "routes", "typed_config": object{
		"@type": "type.googleapis.com/envoy.config.route.v3.RouteList", "routes": routes,
	}}}
}

// strip makes the listener bare, with routes of its own on the given port.
func strip(listener, routes object, port int) error {
	socket, ok := at(listener, "address", "socket_address")
	if !ok {
		return errors.New("reading Envoy's configuration: the listener has no socket address")
	}
	socket["port_value"] = port
	manager, ok := at(listener, "filter_chains", 0, "filters", 0, "typed_config")
	if !ok {
		return errors.New("reading Envoy's configuration: the listener has no connection manager")
	}
	filters, _ := manager["http_filters"].([]any)
	kept := slices.DeleteFunc(filters, func(f any) bool {
		filter, _ := f.(object)
		return filter["name"] != routerFilter
	})
	if len(kept) != 1 {
		return errors.New("reading Envoy's configuration: the connection manager has no router")
	}
	manager["http_filters"] = kept
	// By this log Envoy tells the governor of the end of calls; nobody else is told of any.
	delete(manager, "access_log")
	forget(routes, "typed_per_filter_config")
	delete(routes, "@type")
	delete(listener, "@type")
	delete(manager, "scoped_routes")
	delete(manager, "early_header_mutation_extensions")
	manager["route_config"] = routes
	return nil
}

// at walks down keys of objects and indices of lists.
func at(value any, path ...any) (object, bool) {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			o, _ := value.(object)
			value = o[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil, false
			}
			value = list[step]
		}
	}
	o, ok := value.(object)
	return o, ok
}

// forget removes a key wherever it stands.
func forget(value any, key string) {
	switch value := value.(type) {
	case object:
		delete(value, key)
		for _, below := range value {
			forget(below, key)
		}
	case []any:
		for _, below := range value {
			forget(below, key)
		}
	}
}

// address is an Envoy address on a port; 0 takes a free one.
func address(host string, port int) object {
	return object{"socket_address": object{"address": host, "port_value": port}}
}

// reached is the address of a socket: host:port, or the absolute path of a Unix socket.
func reached(endpoint string) (object, error) {
	if filepath.IsAbs(endpoint) {
		return object{"pipe": object{"path": endpoint}}, nil
	}
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		return nil, fmt.Errorf("reading an address: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("reading an address: %w", err)
	}
	return address(host, number), nil
}

// cluster is a static cluster with one endpoint, over HTTP/2 where it serves gRPC. Its circuit breakers do not open.
func cluster(name, endpoint string, grpc bool) (object, error) {
	at, err := reached(endpoint)
	if err != nil {
		return nil, err
	}
	const many = 1 << 20
	c := object{
		"name": name, "type": "STATIC", "connect_timeout": "2s",
		"circuit_breakers": object{"thresholds": []object{{"max_connections": many, "max_pending_requests": many, "max_requests": many}}},
		"load_assignment": object{"cluster_name": name, "endpoints": []object{{"lb_endpoints": []object{{
			"endpoint": object{"address": at},
		}}}}},
	}
	if grpc {
		c["typed_extension_protocol_options"] = object{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": object{
			"@type":                typeURL + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
			"explicit_http_config": object{"http2_protocol_options": object{}},
		}}
	}
	return c, nil
}
