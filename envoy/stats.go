package envoy

import (
	"strings"

	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/config/metrics/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// agentClusters begins the statistics of the clusters that lead to agents, as the xDS server names them.
const agentClusters = `cluster\.agent/.*\.`

// unwatched are the statistics of an agent's cluster that Envoy does not keep. They are about 110 of 140; with ten
// thousand agents they would cost hundreds of megabytes. Traffic, failures, health and connections remain.
var unwatched = []string{
	`(assignment|lb|original_dst|update)_.*`,
	`(circuit_breakers|default|external|http[123]|internal|ssl|tls)\..*`,
	`bind_errors|max_host_weight|retry_or_shadow_abandoned|version`,
	`outlier_detection\.ejections_(consecutive|detected|enforced|overflow|success|total).*`,
	`upstream_cx_(close|connect_(ms|with)|destroy|http|idle|length|max|none|overflow|pool|preconnect|protocol|rx|tx).*`,
	`upstream_(flow_control|http3|internal|queue).*`,
	`upstream_rq_(0rtt|cancelled|completed|header|maintenance|max_duration|per_|pending_(active|failure|total)|retry_).*`,
	`upstream_rq_\d\d\d`,
}

func statsConfig() *metricsv3.StatsConfig {
	pattern := agentClusters + "(" + strings.Join(unwatched, "|") + ")"
	return &metricsv3.StatsConfig{StatsMatcher: &metricsv3.StatsMatcher{
		StatsMatcher: &metricsv3.StatsMatcher_ExclusionList{ExclusionList: &matcherv3.ListStringMatcher{
			Patterns: []*matcherv3.StringMatcher{
				// Envoy makes every virtual host's statistics anew with every change of the route table. Nobody reads
				// them: the agents' clusters count the same requests.
				{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "vhost."}},
				// What became of each agent's route table is known to the control plane. The statistics would cost a
				// registration as much as the table does.
				{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "http.gateway.rds.agent/"}},
				{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: pattern}}},
			},
		}},
	}}
}
