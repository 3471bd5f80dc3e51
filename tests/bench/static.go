package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"ringfence.dev/ringfence/envoy"
)

const typeURL = "type.googleapis.com/"

// asks is how a filter reaches a service.
func asks(service string) object {
	return object{"envoy_grpc": object{"cluster_name": service, "skip_envoy_headers": true}, "timeout": "5s"}
}

// staticBootstrap returns the configuration of an Envoy with listeners that lead to the agent, and the services that they ask.
func staticBootstrap(agentURL string, services map[string]string, listeners []object) ([]byte, error) {
	agent, err := cluster("agent", agentURL[len("http://"):], false)
	if err != nil {
		return nil, err
	}
	clusters := []object{agent}
	for _, name := range slices.Sorted(maps.Keys(services)) {
		service, err := cluster(name, services[name], true)
		if err != nil {
			return nil, err
		}
		clusters = append(clusters, service)
	}
	return json.Marshal(object{
		"admin":            object{"address": address("127.0.0.1", 0)},
		"static_resources": object{"listeners": listeners, "clusters": clusters},
	})
}

// asking is an Envoy whose listeners ask services, on ports that were reserved for them.
type asking struct {
	*envoy.Instance
	reserved []*envoy.Reservation
}

// listen reserves a port and returns it with its URL.
func (a *asking) listen() (int, string, error) {
	reserved, err := envoy.ReservePort("127.0.0.1:0")
	if err != nil {
		return 0, "", err
	}
	a.reserved = append(a.reserved, reserved)
	return int(reserved.Addr().Port()), "http://" + reserved.Addr().String(), nil
}

func (a *asking) stop() {
	if a.Instance != nil {
		_ = a.Terminate(3 * time.Second)
	}
	for _, r := range a.reserved {
		_ = r.Close()
	}
}

// checks has a service be asked about headers, with their bytes as they are or as a map, and about what more says.
func checks(service string, raw bool, more object) object {
	settings := object{
		"@type": typeURL + "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz", "transport_api_version": "V3",
		"grpc_service": asks(service), "encode_raw_headers": raw, "failure_mode_allow": false,
	}
	maps.Copy(settings, more)
	return object{"name": "envoy.filters.http.ext_authz", "typed_config": settings}
}

// startStatic starts an Envoy with as many workers as the governed one, and a name for its directory.
func (b *bench) startStatic(ctx context.Context, name string, bootstrap []byte) (*envoy.Instance, error) {
	workers, err := workersOf(ctx, envoy.NewAdmin(b.gateways[0].ready.EnvoyAdmin))
	if err != nil {
		return nil, err
	}
	e, err := envoy.Start(ctx, envoy.Process{Binary: b.envoyPath, Bootstrap: bootstrap, Dir: filepath.Join(b.dir, name), Concurrency: workers})
	if err != nil {
		return nil, fmt.Errorf("starting the Envoy of %s: %w", name, err)
	}
	if err := e.Ready(ctx); err != nil {
		_ = e.Terminate(3 * time.Second)
		return nil, fmt.Errorf("starting the Envoy of %s: %w", name, err)
	}
	return e, nil
}

// plainListener leads all requests to the agent through filters, which have settings for all of them.
func plainListener(name string, port int, settings object, filters ...object) object {
	all := object{
		"name": "all", "domains": []string{"*"},
		"routes": []object{{"match": object{"prefix": "/"}, "route": object{"cluster": "agent", "timeout": "0s"}}},
	}
	if settings != nil {
		all["typed_per_filter_config"] = settings
	}
	manager := object{
		"@type":        typeURL + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
		"stat_prefix":  name,
		"route_config": object{"name": name, "virtual_hosts": []object{all}},
		"http_filters": append(filters, object{"name": routerFilter, "typed_config": object{
			"@type": typeURL + "envoy.extensions.filters.http.router.v3.Router", "suppress_envoy_headers": true,
		}}),
	}
	return object{
		"name": name, "address": address("127.0.0.1", port),
		"filter_chains": []object{{"filters": []object{{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}}}},
	}
}
