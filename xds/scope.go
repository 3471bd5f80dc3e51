package xds

import (
	"fmt"
	"strings"

	mutationrulesv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"ringfence.dev/ringfence/internal/agent"
)

// Envoy finds the table of routes for a request by a key of two parts, which it writes into these request fields before
// it looks for a route: what the path and what the host say of the agent. The key only names the table that is
// consulted. A table has routes for the host and the paths of its own agent alone, so a key that reads them in another
// way than Envoy's routing, or that came from a client, leads to no route.
const (
	pathKeyField = "ringfence-scope-path"
	hostKeyField = "ringfence-scope-host"
)

const (
	// absent is the part of a key that says nothing. No agent has the name.
	absent = "-"
	// ownPath is the part of the path for all that leads to no agent. No path has it: Envoy refuses fragments.
	ownPath = "#"
)

// scopeKey is the key of a scope.
type scopeKey struct{ path, host string }

// scope returns the resource that leads from a key to a table.
func (k scopeKey) scope(name, table string) *routev3.ScopedRouteConfiguration {
	fragment := func(s string) *routev3.ScopedRouteConfiguration_Key_Fragment {
		return &routev3.ScopedRouteConfiguration_Key_Fragment{
			Type: &routev3.ScopedRouteConfiguration_Key_Fragment_StringKey{StringKey: s},
		}
	}
	return &routev3.ScopedRouteConfiguration{
		Name:                   name,
		RouteConfigurationName: table,
		Key: &routev3.ScopedRouteConfiguration_Key{
			Fragments: []*routev3.ScopedRouteConfiguration_Key_Fragment{fragment(k.path), fragment(k.host)},
		},
	}
}

// scopes returns the scopes of an agent: one for its paths below the gateway, one for its own host.
func scopes(name agent.ID) []*routev3.ScopedRouteConfiguration {
	table := tableName(name)
	return []*routev3.ScopedRouteConfiguration{
		scopeKey{path: string(name), host: absent}.scope(scopeName(pathScope, name), table),
		scopeKey{path: absent, host: string(name)}.scope(scopeName(hostScope, name), table),
	}
}

// gatewayScope leads to the gateway's own table.
func gatewayScope() *routev3.ScopedRouteConfiguration {
	return scopeKey{path: ownPath, host: absent}.scope(Gateway, Gateway)
}

func tableName(name agent.ID) string { return prefix(name) + "routes" }

// keyMutations return the changes of a request's fields that make the key. Each is one expression of comparisons: Envoy
// would compile a regular expression in it anew for each request.
//
// The segment of the path stands behind its second slash, the label of the host before its first dot; the static parts
// are spelled so that they are found in the same places.
func keyMutations(s Settings) *earlyv3.HeaderMutation {
	onHost := hostCondition(s)
	below := fmt.Sprintf("request.url_path.startsWith('%s')", agent.MeshPrefix)
	set := func(field, expression string) *mutationrulesv3.HeaderMutation {
		return &mutationrulesv3.HeaderMutation{Action: &mutationrulesv3.HeaderMutation_Append{
			Append: overwrite(field, "%CEL("+expression+")%"),
		}}
	}
	return &earlyv3.HeaderMutation{Mutations: []*mutationrulesv3.HeaderMutation{
		set(pathKeyField, fmt.Sprintf("%s ? '//%s' : %s ? request.url_path : '//%s'", onHost, absent, below, ownPath)),
		set(hostKeyField, fmt.Sprintf("%s ? request.host : '%s'", onHost, absent)),
	}}
}

// hostCondition says whether a request is for a host below the mesh domain, in lower case, that is not the gateway's
// own. Expressions cannot spell the label of another host in lower case: respelling does that, and only such hosts and
// those of agents pay for finding out.
func hostCondition(s Settings) string {
	domain := "." + s.MeshDomain
	condition := fmt.Sprintf("(request.host.endsWith('%[1]s') || request.host.contains('%[1]s:')) && !request.host.matches('[A-Z]')", domain)
	for _, host := range s.PublicHosts {
		if strings.HasSuffix(host, domain) {
			condition += fmt.Sprintf(" && !(request.host == '%[1]s' || request.host.startsWith('%[1]s:'))", host)
		}
	}
	return "(" + condition + ")"
}

// respelling makes the key of a host below the mesh domain that is spelled in upper case, once its virtual host was
// found: names of hosts are the same in either (RFC 9110 section 4.2.3).
const respelling = `function envoy_on_request(handle)
  local fields = handle:headers()
  fields:replace("` + pathKeyField + `", "//` + absent + `")
  fields:replace("` + hostKeyField + `", fields:get(":authority"):lower():match("^[^.:]*"))
  handle:clearRouteCache()
end`

// respelled returns the virtual host of all hosts below the mesh domain that no key was made for. Its
// route holds the settings; were the key not made, it would answer that there is none.
func (r routes) respelled() *routev3.VirtualHost {
	return &routev3.VirtualHost{
		Name:    "respelled",
		Domains: []string{"*." + r.domain},
		Routes: []*routev3.Route{{
			Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
			Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 404}},
		}},
		TypedPerFilterConfig: map[string]*anypb.Any{respellFilter: pack(&luav3.LuaPerRoute{
			Override: &luav3.LuaPerRoute_SourceCode{SourceCode: &corev3.DataSource{
				Specifier: &corev3.DataSource_InlineString{InlineString: respelling},
			}},
		})},
	}
}

// respell is the filter that does so. It is no part of the chain for other requests.
func respell() *hcmv3.HttpFilter {
	f := filter(respellFilter, &luav3.Lua{})
	f.Disabled = true
	return f
}

// scopedRoutes has the connection manager find tables by key, both over ADS.
func scopedRoutes() *hcmv3.HttpConnectionManager_ScopedRoutes {
	part := func(field, separator string, index uint32) *hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder {
		return &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder{
			Type: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_{
				HeaderValueExtractor: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor{
					Name:             field,
					ElementSeparator: separator,
					ExtractType:      &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_Index{Index: index},
				},
			},
		}
	}
	return &hcmv3.HttpConnectionManager_ScopedRoutes{ScopedRoutes: &hcmv3.ScopedRoutes{
		Name: Gateway,
		ScopeKeyBuilder: &hcmv3.ScopedRoutes_ScopeKeyBuilder{
			Fragments: []*hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder{part(pathKeyField, "/", 2), part(hostKeyField, ".", 0)},
		},
		RdsConfigSource: ads(),
		ConfigSpecifier: &hcmv3.ScopedRoutes_ScopedRds{ScopedRds: &hcmv3.ScopedRds{ScopedRdsConfigSource: ads()}},
	}}
}

func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ResourceApiVersion:    corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
	}
}
