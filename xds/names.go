// Package xds turns what the registry knows into Envoy configuration and serves it over ADS. It decides where a
// request goes; who may send it is decided by the services the configuration makes Envoy ask. Build is pure:
// the same settings and agents give the same bytes.
package xds

import (
	"strings"

	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"ringfence.dev/ringfence/internal/agent"
)

// Names of the resources that exist once.
const (
	// Gateway names the listener, the route table of all that leads to no agent, its scope, and the virtual host of the
	// gateway's own hosts.
	Gateway = "gateway"
	// AuthzCluster and ProcCluster lead to the governor. They are two so that neither filter can use up the
	// other's connections, and so that their statistics stay apart.
	AuthzCluster = "ringfence-authz"
	ProcCluster  = "ringfence-proc"
	// CardsCluster leads to the endpoint that serves agent cards.
	CardsCluster = "ringfence-cards"
)

// Names of the filters, under which Envoy keeps their metadata and per-route configuration.
const (
	authzFilter   = "envoy.filters.http.ext_authz"
	bufferFilter  = "envoy.filters.http.buffer"
	procFilter    = "envoy.filters.http.ext_proc"
	respellFilter = "envoy.filters.http.lua"
	routerFilter  = "envoy.filters.http.router"
)

// formExtension tells the authorization service how the route names the callee. It judges by the route that Envoy
// chose: were it to read the host itself, a host that the two read differently, or an agent whose routes are still on
// their way, would be judged as one agent and reach another.
const (
	formExtension = "ringfence.form"
	formHost      = "host"
	formPath      = "path"
	formRoot      = "root"
	// calleeExtension names the callee where formRoot says that the route does.
	calleeExtension = "ringfence.callee"
)

// untrusted are request headers with which clients could tell agents what the governor did not see: another method,
// another path, another client. With grpc-accept-encoding they could have agents answer in what it cannot read.
var untrusted = []string{
	"forwarded", "grpc-accept-encoding", "ringfence-decision", hostKeyField, pathKeyField, "x-forwarded-host", "x-http-method", "x-http-method-override", "x-method-override",
	"x-original-url", "x-rewrite-url",
}

// overreaching are response headers with which one agent could speak for the host that all of them share: clients would
// take their calls elsewhere, past the mesh, refuse its own scheme or forget what they know of it.
var overreaching = []string{"alt-svc", "clear-site-data", "strict-transport-security"}

// denialDetails begins the response code details of every denial the governor sends through ext_proc, so that
// Envoy's own answers can be told from them.
const denialDetails = "ringfence_"

// Paths on the cards endpoint, completed by the agent's name: cards whose URLs have the path form, the host form, or
// are those of the gateway's own root.
const (
	cardsByPath = "/cards/path/"
	cardsByHost = "/cards/host/"
	cardsByRoot = "/cards/root/"
)

// typeURLs are the resource types served, in the order Envoy must learn of additions.
var typeURLs = []string{resource.ClusterType, resource.ListenerType, resource.ScopedRouteType, resource.RouteType}

// kinds are the types' short names in status and metrics.
var kinds = map[string]string{
	resource.ClusterType:     "cluster",
	resource.ListenerType:    "listener",
	resource.ScopedRouteType: "scope",
	resource.RouteType:       "route",
}

// prefix begins the names of everything that exists for one agent but its scopes. The slash at its end keeps agents apart
// whose names begin alike.
func prefix(name agent.ID) string { return agentPrefix + string(name) + "/" }

// scopeName names a scope of an agent. With every change of a scope Envoy copies the names of all there are, which takes
// memory for each one that is longer than 22 bytes: most of what a registration then costs it.
func scopeName(form string, name agent.ID) string { return form + string(name) + "/" }

const (
	agentPrefix = "agent/"
	// pathScope and hostScope begin the names of scopes for an agent's paths below the gateway and for its own host.
	pathScope = "p/"
	hostScope = "h/"
)

// owner returns the agent whose resource has the name, or "" if it is no agent's.
func owner(resource string) agent.ID {
	for _, begin := range []string{agentPrefix, pathScope, hostScope} {
		if rest, ok := strings.CutPrefix(resource, begin); ok {
			name, _, _ := strings.Cut(rest, "/")
			return agent.ID(name)
		}
	}
	return ""
}

// mentions reports whether what Envoy says names something that exists for the agent.
func mentions(message string, name agent.ID) bool {
	return strings.Contains(message, prefix(name)) || strings.Contains(message, scopeName(pathScope, name)) ||
		strings.Contains(message, scopeName(hostScope, name))
}
