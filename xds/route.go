package xds

import (
	"path"
	"regexp"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence.dev/ringfence/internal/agent"
)

// routes builds the routes of agents and holds the parts all of them share. Envoy rebuilds the whole table when
// one agent changes, at a cost that grows with every message in it: what can be said once, for the listener or
// for all agents, is not said per route.
type routes struct {
	domain   string
	endless  *durationpb.Duration
	unbodied map[string]*anypb.Any
}

func newRoutes(s Settings) routes {
	return routes{
		domain: s.MeshDomain,
		// Zero switches off the bound on the whole response, which would cut event streams short.
		endless: durationpb.New(0),
		// A card has no request body to inspect; who may read it is decided on headers.
		unbodied: map[string]*anypb.Any{procFilter: pack(&extprocv3.ExtProcPerRoute{
			Override: &extprocv3.ExtProcPerRoute_Disabled{Disabled: true},
		})},
	}
}

// entry is one entrance with the upstream behind it.
type entry struct {
	agent.Entrance
	upstream
}

func (r routes) hostName(name agent.ID) string { return string(name) + "." + r.domain }

// host returns the virtual host of the agent's own name. The form is said once, for the whole table: settings in each
// virtual host would cost Envoy a third more for every change.
func (r routes) host(name agent.ID, entries []entry) *routev3.VirtualHost {
	return &routev3.VirtualHost{
		Name:        prefix(name) + "host",
		Domains:     []string{r.hostName(name)},
		Routes:      append([]*routev3.Route{r.card(name)}, r.entrances(name, "", entries)...),
		RetryPolicy: retries(),
	}
}

// path returns the agent's key in the gateway's prefix tree and its routes there. Envoy takes the longest key
// that begins the path; the routes below it then match whole segments, so a key that is a prefix of another
// agent's name does no harm.
func (r routes) path(name agent.ID, entries []entry) (string, *xdsmatcherv3.Matcher_OnMatch) {
	base := agent.MeshPrefix + string(name)
	return base, action("routes", &routev3.RouteList{Routes: r.entrances(name, base, entries)})
}

// entrances returns the routes of the entrances below a base. Numbered ones come first, as paths below the base
// include theirs.
func (r routes) entrances(name agent.ID, base string, entries []entry) []*routev3.Route {
	var list []*routev3.Route
	for _, numbered := range []bool{true, false} {
		for _, e := range entries {
			if numbered == (e.Suffix != "") {
				list = append(list, r.entrance(name, base+e.Suffix, e)...)
			}
		}
	}
	return list
}

// entrance returns the routes of one entrance. They follow the same grammar as agent.Card.Enter but for what
// the governor refuses anyway: HTTP+JSON at the base itself, and numbers no interface has.
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

// card routes the cards on the agent's own host to the cards endpoint, which answers for methods and names. ext_proc is
// left on: it passes on what ext_authz has decided, and one route less to configure counts for every agent.
func (r routes) card(name agent.ID) *routev3.Route {
	return &routev3.Route{
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: wellKnown}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: CardsCluster},
			PrefixRewrite:    cardsByHost + string(name) + "/",
		}},
	}
}

// cardPattern matches the path of any agent's card below the gateway.
var cardPattern = regexp.QuoteMeta(agent.MeshPrefix) + "([a-z0-9-]+)(?:" +
	regexp.QuoteMeta(agent.CardPath) + "|" + regexp.QuoteMeta(agent.LegacyCardPath) + ")"

// cards routes all cards below the gateway.
func (r routes) cards() *routev3.Route {
	return &routev3.Route{
		Name:  "cards",
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_SafeRegex{SafeRegex: regex(cardPattern)}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: CardsCluster},
			RegexRewrite: &matcherv3.RegexMatchAndSubstitute{
				Pattern: regex("^" + cardPattern + "$"), Substitution: cardsByPath + `\1`,
			},
		}},
		TypedPerFilterConfig: r.unbodied,
	}
}

// exactly matches one path, as JSON-RPC is called. That only POST calls is for the governor to say.
func exactly(path string) *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: path}}
}

// form returns the filter settings that tell the governor how a route names the callee.
func form(name string) map[string]*anypb.Any {
	return map[string]*anypb.Any{authzFilter: pack(&extauthzv3.ExtAuthzPerRoute{
		Override: &extauthzv3.ExtAuthzPerRoute_CheckSettings{CheckSettings: &extauthzv3.CheckSettings{
			ContextExtensions: map[string]string{formExtension: name},
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

// table assembles the route configuration: the gateway's own virtual host, where cards are found by pattern and
// agents in a prefix tree, and the agents' hosts.
func (r routes) table(s Settings, hosts []*routev3.VirtualHost, tree map[string]*xdsmatcherv3.Matcher_OnMatch) *routev3.RouteConfiguration {
	gateway := &routev3.VirtualHost{
		Name:        Gateway,
		Domains:     s.PublicHosts,
		RetryPolicy: retries(),
		// The most specific setting counts: this virtual host is the only one that agents are found in by path.
		TypedPerFilterConfig: form(formPath),
		Matcher: &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherList_{
			MatcherList: &xdsmatcherv3.Matcher_MatcherList{Matchers: []*xdsmatcherv3.Matcher_MatcherList_FieldMatcher{{
				Predicate: pathMatches(cardPattern + `(?:\?.*)?`),
				OnMatch:   action("cards", r.cards()),
			}}},
		}},
	}
	if len(gateway.Domains) == 0 {
		gateway.Domains = []string{"*"}
	}
	if len(tree) > 0 {
		gateway.Matcher.OnNoMatch = &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Matcher{
			Matcher: &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherTree_{
				MatcherTree: &xdsmatcherv3.Matcher_MatcherTree{
					Input: pathInput(),
					TreeType: &xdsmatcherv3.Matcher_MatcherTree_PrefixMatchMap{
						PrefixMatchMap: &xdsmatcherv3.Matcher_MatcherTree_MatchMap{Map: tree},
					},
				},
			}},
		}}
	}
	return &routev3.RouteConfiguration{
		Name:                   Gateway,
		VirtualHosts:           append([]*routev3.VirtualHost{gateway}, hosts...),
		TypedPerFilterConfig:   form(formHost),
		RequestHeadersToRemove: untrusted,
		// The port a client puts into Host is part of what it signed, so Envoy leaves it there and only looks
		// past it here.
		IgnorePortInHostMatching: true,
	}
}

func pathInput() *xdscorev3.TypedExtensionConfig {
	return &xdscorev3.TypedExtensionConfig{
		Name:        "path",
		TypedConfig: pack(&matcherv3.HttpRequestHeaderMatchInput{HeaderName: ":path"}),
	}
}

func pathMatches(pattern string) *xdsmatcherv3.Matcher_MatcherList_Predicate {
	return &xdsmatcherv3.Matcher_MatcherList_Predicate{
		MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_{
			SinglePredicate: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate{
				Input: pathInput(),
				Matcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_ValueMatch{
					ValueMatch: &xdsmatcherv3.StringMatcher{MatchPattern: &xdsmatcherv3.StringMatcher_SafeRegex{
						SafeRegex: &xdsmatcherv3.RegexMatcher{
							EngineType: &xdsmatcherv3.RegexMatcher_GoogleRe2{GoogleRe2: &xdsmatcherv3.RegexMatcher_GoogleRE2{}},
							Regex:      pattern,
						},
					}},
				},
			},
		},
	}
}

func regex(pattern string) *matcherv3.RegexMatcher { return &matcherv3.RegexMatcher{Regex: pattern} }

func action(name string, config proto.Message) *xdsmatcherv3.Matcher_OnMatch {
	return &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{
		Action: &xdscorev3.TypedExtensionConfig{Name: name, TypedConfig: pack(config)},
	}}
}
