package xds

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	upstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence.dev/ringfence/internal/agent"
)

const (
	httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
	tlsSocket   = "envoy.transport_sockets.tls"

	// agentIdle closes connections to agents before they do: common servers give up idle connections after
	// 5 s, and a POST that meets a closing connection cannot be retried.
	agentIdle = 4 * time.Second
	// agentCalls bounds concurrent calls on one agent. Every HTTP/1.1 stream holds a connection of its own.
	agentCalls = 4096
	// agentBuffer is what Envoy reads ahead of an answer, and so the most that it hands the governor at once, which
	// takes messages of MaxBody and more.
	agentBuffer = smallestCap
	// governorCalls is out of reach on purpose: each open event stream may hold an ext_proc stream, and
	// Envoy's default of 1024 would turn load into failures.
	governorCalls = 1 << 20
	// keepaliveInterval finds a dead governor connection. The gRPC server's keepalive enforcement must permit
	// pings this often.
	keepaliveInterval = 30 * time.Second
)

// clusters builds the cluster parts that depend on the settings alone.
type clusters struct {
	connect  *durationpb.Duration
	caBundle string
	http1    *anypb.Any
	http2    *anypb.Any
	alpn     *anypb.Any
	breakers *clusterv3.CircuitBreakers
	outliers *clusterv3.OutlierDetection
}

func newClusters(s Settings) clusters {
	common := &corev3.HttpProtocolOptions{IdleTimeout: durationpb.New(agentIdle)}
	return clusters{
		connect:  durationpb.New(s.Timeouts.Connect),
		caBundle: s.CABundle,
		http1: pack(&upstreamv3.HttpProtocolOptions{
			CommonHttpProtocolOptions: common,
			UpstreamProtocolOptions: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_{
				ExplicitHttpConfig: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig{
					ProtocolConfig: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{
						HttpProtocolOptions: &corev3.Http1ProtocolOptions{},
					},
				},
			},
		}),
		// No pings: gRPC servers close connections on which they come more often than every five minutes. Idle
		// connections are closed long before a vanished host could matter.
		http2: pack(&upstreamv3.HttpProtocolOptions{
			CommonHttpProtocolOptions: common,
			UpstreamProtocolOptions:   http2(&corev3.Http2ProtocolOptions{}),
		}),
		alpn: pack(&upstreamv3.HttpProtocolOptions{
			CommonHttpProtocolOptions: common,
			UpstreamProtocolOptions: &upstreamv3.HttpProtocolOptions_AutoConfig{
				AutoConfig: &upstreamv3.HttpProtocolOptions_AutoHttpConfig{},
			},
		}),
		breakers: breakers(agentCalls),
		outliers: &clusterv3.OutlierDetection{
			Interval:         durationpb.New(10 * time.Second),
			BaseEjectionTime: durationpb.New(30 * time.Second),
			// Half, so that an agent with one address is never ejected altogether.
			MaxEjectionPercent:                 wrapUint32(50),
			ConsecutiveGatewayFailure:          wrapUint32(5),
			EnforcingConsecutiveGatewayFailure: wrapUint32(100),
			// Some SDKs answer 500 to malformed requests: a caller must not be able to eject an agent.
			EnforcingConsecutive_5Xx: wrapUint32(0),
			EnforcingSuccessRate:     wrapUint32(0),
		},
	}
}

// agent returns the cluster of one origin of an agent.
func (c clusters) agent(name agent.ID, o origin) *clusterv3.Cluster {
	cluster := c.plain(o.cluster(name), endpoint{host: o.host, port: o.port})
	cluster.PerConnectionBufferLimitBytes = wrapUint32(agentBuffer)
	cluster.CircuitBreakers = c.breakers
	cluster.OutlierDetection = c.outliers
	cluster.LbPolicy = clusterv3.Cluster_LEAST_REQUEST
	cluster.TypedExtensionProtocolOptions = map[string]*anypb.Any{httpOptions: c.http1}
	if o.tls {
		cluster.TypedExtensionProtocolOptions[httpOptions] = c.alpn
		cluster.TransportSocket = c.tls(o)
	}
	if o.grpc {
		// Over TLS too, where Envoy then offers h2 alone: gRPC on HTTP/1.1 would lose its trailers.
		cluster.TypedExtensionProtocolOptions[httpOptions] = c.http2
	}
	// An agent that cannot be resolved must not hold up Envoy's start.
	cluster.WaitForWarmOnInit = wrapBool(false)
	return cluster
}

// tls verifies the agent's certificate against the bundle and the host in the agent's URL.
func (c clusters) tls(o origin) *corev3.TransportSocket {
	san := &tlsv3.SubjectAltNameMatcher{
		SanType: tlsv3.SubjectAltNameMatcher_DNS,
		Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: o.host}},
	}
	context := &tlsv3.UpstreamTlsContext{
		CommonTlsContext: &tlsv3.CommonTlsContext{
			TlsParams: &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2},
			ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{
				ValidationContext: &tlsv3.CertificateValidationContext{
					TrustedCa:                 &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: c.caBundle}},
					MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{san},
				},
			},
		},
	}
	if o.ip() {
		san.SanType = tlsv3.SubjectAltNameMatcher_IP_ADDRESS // RFC 6066 section 3 allows no address in SNI
	} else {
		context.Sni = o.host
	}
	return &corev3.TransportSocket{
		Name:       tlsSocket,
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: pack(context)},
	}
}

// cards returns the cluster of the endpoint that serves cards.
func (c clusters) cards(e endpoint) *clusterv3.Cluster {
	cluster := c.plain(CardsCluster, e)
	cluster.CircuitBreakers = c.breakers
	cluster.TypedExtensionProtocolOptions = map[string]*anypb.Any{httpOptions: c.http1}
	return cluster
}

// governor returns one of the two clusters of the policy services.
func (c clusters) governor(name string, e endpoint) *clusterv3.Cluster {
	cluster := c.plain(name, e)
	cluster.CircuitBreakers = breakers(governorCalls)
	cluster.TypedExtensionProtocolOptions = map[string]*anypb.Any{httpOptions: pack(&upstreamv3.HttpProtocolOptions{
		UpstreamProtocolOptions: http2(&corev3.Http2ProtocolOptions{
			ConnectionKeepalive: &corev3.KeepaliveSettings{
				Interval: durationpb.New(keepaliveInterval),
				Timeout:  durationpb.New(5 * time.Second),
			},
		}),
	})}
	return cluster
}

// http2 has a cluster speak HTTP/2 and nothing else, without TLS by prior knowledge (RFC 9113 section 3.3).
func http2(options *corev3.Http2ProtocolOptions) *upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_ {
	return &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_{
		ExplicitHttpConfig: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
				Http2ProtocolOptions: options,
			},
		},
	}
}

// plain returns a cluster with one endpoint: static when it needs no resolution.
func (c clusters) plain(name string, e endpoint) *clusterv3.Cluster {
	discovery := clusterv3.Cluster_STATIC
	if e.socket == "" && !(origin{host: e.host}).ip() {
		discovery = clusterv3.Cluster_STRICT_DNS
	}
	cluster := &clusterv3.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: discovery},
		ConnectTimeout:       c.connect,
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: name,
			Endpoints: []*endpointv3.LocalityLbEndpoints{{
				LbEndpoints: []*endpointv3.LbEndpoint{{
					HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
						Endpoint: &endpointv3.Endpoint{Address: e.address()},
					},
				}},
			}},
		},
	}
	if discovery == clusterv3.Cluster_STRICT_DNS {
		// localhost and most container names have both families while servers often bind only the old one.
		cluster.DnsLookupFamily = clusterv3.Cluster_V4_PREFERRED
	}
	return cluster
}

func (e endpoint) address() *corev3.Address {
	if e.socket != "" {
		return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: e.socket}}}
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       e.host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: e.port},
	}}}
}

func breakers(limit uint32) *clusterv3.CircuitBreakers {
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections:     wrapUint32(limit),
		MaxPendingRequests: wrapUint32(limit),
		MaxRequests:        wrapUint32(limit),
	}}}
}
