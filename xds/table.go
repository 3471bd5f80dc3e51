package xds

import (
	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"

	"ringfence.dev/ringfence/internal/agent"
)

// rootKey is the root agent's in the gateway's prefix tree. Of all keys that begin a path, the longest counts.
const rootKey = "/"

// shared returns what the prefix tree holds whatever agents there are.
func (r routes) shared() map[string]*xdsmatcherv3.Matcher_OnMatch {
	return map[string]*xdsmatcherv3.Matcher_OnMatch{
		agent.KeySetPath: action("keys", &routev3.RouteList{Routes: []*routev3.Route{r.keys()}}),
		// Below it, a name that no agent has leads nowhere, and not to the agent at the root.
		agent.MeshPrefix: action("nobody", &routev3.RouteList{}),
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
		TypedPerFilterConfig: extensions(map[string]string{formExtension: formPath}),
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
	return &routev3.RouteConfiguration{
		Name:                    Gateway,
		VirtualHosts:            append([]*routev3.VirtualHost{gateway}, hosts...),
		TypedPerFilterConfig:    extensions(s.context()),
		RequestHeadersToRemove:  untrusted,
		ResponseHeadersToRemove: overreaching,
		RequestHeadersToAdd:     []*corev3.HeaderValueOption{overwrite("accept-encoding", "identity")},
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
