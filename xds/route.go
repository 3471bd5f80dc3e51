package xds

import (
	"path"
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence.dev/ringfence/internal/agent"
)

// routes builds the route tables and holds the parts all of them share. Envoy holds each message of every agent's
// table: what can be said once, for the listener or a table, is not said per route.
type routes struct {
	domain string
	// public are the gateway's own hosts.
	public     []string
	byHost     map[string]*anypb.Any
	byPath     map[string]*anypb.Any
	endless    *durationpb.Duration
	unbodied   map[string]*anypb.Any
	ungoverned map[string]*anypb.Any
}

func newRoutes(s Settings) routes {
	noProc := pack(&routev3.FilterConfig{Disabled: true})
	noAuthz := pack(&extauthzv3.ExtAuthzPerRoute{Override: &extauthzv3.ExtAuthzPerRoute_Disabled{Disabled: true}})
	public := s.PublicHosts
	if len(public) == 0 {
		public = []string{"*"}
	}
	return routes{
		domain: s.MeshDomain,
		public: public,
		byHost: extensions(s.context()),
		byPath: extensions(map[string]string{formExtension: formPath}),
		// Zero switches off the bound on the whole response, which would cut event streams short. The listener's
		// bound on whole calls holds for gRPC too: Envoy looks at grpc-timeout only where a route tells it to.
		endless: durationpb.New(0),
		// A card has no request body to inspect; who may read it is decided on headers.
		unbodied:   map[string]*anypb.Any{procFilter: noProc},
		ungoverned: map[string]*anypb.Any{authzFilter: noAuthz, procFilter: noProc},
	}
}

// entry is one entrance with the upstream behind it.
type entry struct {
	agent.Entrance
	upstream
}

func (r routes) hostName(name agent.ID) string { return string(name) + "." + r.domain }

// host returns the virtual host of the agent's own name. The form is said by its table.
func (r routes) host(name agent.ID, entries []entry) *routev3.VirtualHost {
	return &routev3.VirtualHost{
		Name:        prefix(name) + "host",
		Domains:     []string{r.hostName(name)},
		Routes:      append([]*routev3.Route{r.card(name, cardsByHost)}, r.entrances(name, "", entries)...),
		RetryPolicy: retries(),
	}
}

// path returns the agent's part of the gateway's hosts: its card and its entrances below its path.
func (r routes) path(name agent.ID, entries []entry) *routev3.VirtualHost {
	base := agent.MeshPrefix + string(name)
	return &routev3.VirtualHost{
		Name:                 prefix(name) + "path",
		Domains:              r.public,
		Routes:               append(r.cards(name, base), r.entrances(name, base, entries)...),
		RetryPolicy:          retries(),
		TypedPerFilterConfig: r.byPath,
	}
}

// root returns the agent's routes at the gateway's own root: those of its own host, each of which says that it is
// the root and whose, as no virtual host of the gateway does.
func (r routes) root(name agent.ID, entries []entry) []*routev3.Route {
	list := append([]*routev3.Route{r.card(name, cardsByRoot)}, r.entrances(name, "", entries)...)
	settings := extensions(map[string]string{formExtension: formRoot, calleeExtension: string(name)})
	for _, route := range list {
		route.TypedPerFilterConfig = settings
	}
	return list
}

// entrances returns the routes of the entrances below a base, the longest paths first: those of gRPC and of numbered
// entrances stand below the path that HTTP+JSON has at the base.
func (r routes) entrances(name agent.ID, base string, entries []entry) []*routev3.Route {
	var services, numbered, rest []*routev3.Route
	for _, e := range entries {
		switch {
		case e.Interface.Binding == agent.GRPC:
			services = append(services, r.services(name, base, e)...)
		case e.Suffix != "":
			numbered = append(numbered, r.entrance(name, base+e.Suffix, e)...)
		default:
			rest = append(rest, r.entrance(name, base, e)...)
		}
	}
	return slices.Concat(services, numbered, rest)
}

// services returns the routes of a gRPC interface. gRPC has no paths but those of services: what the interface's URL
// says after its host counts for nothing, as it does for clients.
func (r routes) services(name agent.ID, base string, e entry) []*routev3.Route {
	var list []*routev3.Route
	for _, service := range e.Services.Paths() {
		below := &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: base + service}}
		list = append(list, r.call(name, e, below, service))
	}
	return list
}

// entrance returns the routes of one entrance of another binding. They follow the same grammar as agent.Card.Enter but
// for what the governor refuses anyway: HTTP+JSON at the base itself or at the paths of gRPC, and numbers no interface
// has.
func (r routes) entrance(name agent.ID, base string, e entry) []*routev3.Route {
	if e.Interface.Binding == agent.HTTPJSON {
		below := &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: base + "/"}}
		return []*routev3.Route{r.call(name, e, below, e.path+"/")}
	}
	target := e.path
	if target == "" {
		target = "/"
	}
	list := []*routev3.Route{r.call(name, e, exactly(base+"/"), target)}
	if base != "" {
		list = append(list, r.call(name, e, exactly(base), target))
	}
	return list
}

// call routes to the agent itself. The query passes unchanged. Routes have no names: the cluster names the agent too,
// and each name is one more thing that Envoy makes anew with every change.
func (r routes) call(name agent.ID, e entry, match *routev3.RouteMatch, rewrite string) *routev3.Route {
	return &routev3.Route{
		Match: match,
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier:     &routev3.RouteAction_Cluster{Cluster: e.origin.cluster(name)},
			PrefixRewrite:        rewrite,
			HostRewriteSpecifier: &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: e.authority},
			Timeout:              r.endless,
		}},
	}
}

// wellKnown is where cards stand below an agent's base, under one name or another.
var wellKnown = path.Dir(agent.CardPath) + "/"

// card routes what is well-known below a host's root, the card and the keys that verify it, to the cards endpoint,
// which answers for methods and names. ext_proc is left on: it passes on what ext_authz has decided, and one route less
// to configure counts for every agent.
func (r routes) card(name agent.ID, place string) *routev3.Route {
	return &routev3.Route{
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: wellKnown}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: CardsCluster},
			PrefixRewrite:    place + string(name) + "/",
		}},
	}
}

// keys routes to the keys that verify the mesh's signatures of cards, on the gateway's own host. Whoever wants to trust
// a card has to read them first, so everybody may; and as no agent is called, there is nothing for the governor to
// decide about. The route reaches that one document alone.
func (r routes) keys() *routev3.Route {
	return &routev3.Route{
		Match: exactly(agent.KeySetPath),
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: CardsCluster},
		}},
		TypedPerFilterConfig: r.ungoverned,
	}
}

// cards routes to the agent's card below the gateway, under both of its names. A card has no body to inspect.
func (r routes) cards(name agent.ID, base string) []*routev3.Route {
	var list []*routev3.Route
	for _, path := range []string{agent.CardPath, agent.LegacyCardPath} {
		list = append(list, &routev3.Route{
			Match: exactly(base + path),
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{
				ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: CardsCluster},
				PrefixRewrite:    cardsByPath + string(name),
			}},
			TypedPerFilterConfig: r.unbodied,
		})
	}
	return list
}

// exactly matches one path, as JSON-RPC is called. That only POST calls is for the governor to say.
func exactly(path string) *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: path}}
}

// extensions returns the filter settings that tell the governor how a route names the callee.
func extensions(context map[string]string) map[string]*anypb.Any {
	return map[string]*anypb.Any{authzFilter: pack(&extauthzv3.ExtAuthzPerRoute{
		Override: &extauthzv3.ExtAuthzPerRoute_CheckSettings{CheckSettings: &extauthzv3.CheckSettings{
			ContextExtensions: context,
		}},
	})}
}

// retries repeats a call only where the agent cannot have seen it: sends are not idempotent.
func retries() *routev3.RetryPolicy {
	return &routev3.RetryPolicy{
		RetryOn:    "connect-failure,refused-stream,reset-before-request",
		NumRetries: wrapUint32(2),
	}
}
