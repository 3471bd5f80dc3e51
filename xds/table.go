package xds

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"ringfence.dev/ringfence/internal/agent"
)

// gateway returns the table of all that leads to no agent, and of the agent at the gateway's root, whose routes may be
// none.
func (r routes) gateway(root []*routev3.Route) *routev3.RouteConfiguration {
	return table(Gateway, &routev3.VirtualHost{
		Name:        Gateway,
		Domains:     r.public,
		Routes:      append([]*routev3.Route{r.keys()}, root...),
		RetryPolicy: retries(),
	}, r.respelled())
}

// agent returns the table of one agent: its own host, and its paths below the gateway.
func (r routes) agent(name agent.ID, entries []entry) *routev3.RouteConfiguration {
	return table(tableName(name), r.host(name, entries), r.path(name, entries))
}

// table returns a table without what all of them have.
func table(name string, hosts ...*routev3.VirtualHost) *routev3.RouteConfiguration {
	return &routev3.RouteConfiguration{Name: name, VirtualHosts: hosts}
}

// complete sets what all tables have. Their form of naming the callee is that of agents' own hosts, and of no use to a
// gateway's host, which says its own or has no callee.
func (r routes) complete(table *routev3.RouteConfiguration) {
	table.TypedPerFilterConfig = r.byHost
	table.RequestHeadersToRemove = untrusted
	table.ResponseHeadersToRemove = overreaching
	table.RequestHeadersToAdd = []*corev3.HeaderValueOption{overwrite("accept-encoding", "identity")}
	// The port a client puts into Host is part of what it signed, so Envoy leaves it there and only looks past it here.
	table.IgnorePortInHostMatching = true
}

// forms returns the forms of all types: route tables alone have a part in common, which stands last in all of them.
func (r routes) forms() (map[string]*form, error) {
	everywhere := &routev3.RouteConfiguration{}
	r.complete(everywhere)
	rest, err := marshal(everywhere)
	if err != nil {
		return nil, fmt.Errorf("encoding what route tables share: %w", err)
	}
	all := map[string]*form{}
	for _, typeURL := range typeURLs {
		all[typeURL] = &form{typeURL: typeURL}
	}
	all[resource.RouteType].rest = rest
	return all, nil
}
