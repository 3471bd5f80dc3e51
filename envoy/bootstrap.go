package envoy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	downstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	upstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// ControlPlaneCluster names the static cluster that leads to Ringfence's xDS server.
	ControlPlaneCluster = "ringfence-xds"
	// DefaultMaxConnections is the bound on downstream connections when a [Bootstrap] sets none.
	DefaultMaxConnections = 50_000
)

const (
	controlPlaneConnectTimeout = time.Second
	// Envoy's own reconnect pause grows to 30 s, which would leave routes stale long after a restart.
	reconnectBase = 100 * time.Millisecond
	reconnectMax  = 2 * time.Second
	// Pings find a control plane that vanished without closing the connection. The server's keepalive enforcement
	// must permit them this often.
	keepaliveInterval = 30 * time.Second
	keepaliveTimeout  = 5 * time.Second
)

// Bootstrap is the configuration that Envoy starts with. Everything else reaches it over delta ADS.
type Bootstrap struct {
	// NodeID and NodeCluster tell the control plane which Envoy is calling. Both are required.
	NodeID, NodeCluster string
	// Admin is the address of Envoy's admin interface: an IP address and a port, 0 for a free one. The interface can
	// stop Envoy and show its configuration, so only a loopback address is accepted.
	Admin string
	// ControlPlane is the xDS server: host:port, or unix: and the absolute path of a socket.
	ControlPlane string
	// MaxConnections bounds the connections of clients over all listeners; zero means [DefaultMaxConnections].
	MaxConnections int64
	// InitialFetchTimeout bounds how long Envoy waits for its first configuration before it starts without one. Zero
	// waits for as long as it takes: Envoy is then never ready with nothing to serve.
	InitialFetchTimeout time.Duration
}

// JSON returns the configuration in the form Envoy reads. The same values give the same bytes.
func (b Bootstrap) JSON() ([]byte, error) {
	config, err := b.message()
	if err != nil {
		return nil, fmt.Errorf("generating the Envoy bootstrap: %w", err)
	}
	if err := config.ValidateAll(); err != nil {
		return nil, fmt.Errorf("generating the Envoy bootstrap: %w", err)
	}
	encoded, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encoding the Envoy bootstrap: %w", err)
	}
	// protojson varies its white space from build to build on purpose.
	var stable bytes.Buffer
	if err := json.Indent(&stable, encoded, "", "  "); err != nil {
		return nil, fmt.Errorf("encoding the Envoy bootstrap: %w", err)
	}
	stable.WriteByte('\n')
	return stable.Bytes(), nil
}

func (b Bootstrap) message() (*bootstrapv3.Bootstrap, error) {
	if b.NodeID == "" || b.NodeCluster == "" {
		return nil, errors.New("the node needs an id and a cluster")
	}
	if b.MaxConnections < 0 || b.InitialFetchTimeout < 0 {
		return nil, errors.New("limits and timeouts must not be negative")
	}
	admin, err := netip.ParseAddrPort(b.Admin)
	if err != nil || !admin.Addr().IsLoopback() {
		return nil, fmt.Errorf("the admin address %q must be a loopback IP address and a port, such as 127.0.0.1:0", b.Admin)
	}
	cluster, err := b.controlPlane()
	if err != nil {
		return nil, err
	}
	overload, err := b.overload()
	if err != nil {
		return nil, err
	}
	return &bootstrapv3.Bootstrap{
		Node:             &corev3.Node{Id: b.NodeID, Cluster: b.NodeCluster},
		Admin:            &bootstrapv3.Admin{Address: socketAddress(admin.Addr().String(), admin.Port())},
		StaticResources:  &bootstrapv3.Bootstrap_StaticResources{Clusters: []*clusterv3.Cluster{cluster}},
		DynamicResources: b.dynamicResources(),
		StatsConfig:      statsConfig(),
		// Creates a cluster's traffic statistics at its first request: idle agents cost nothing.
		DeferredStatOptions: &bootstrapv3.Bootstrap_DeferredStatOptions{EnableDeferredCreationStats: true},
		OverloadManager:     overload,
	}, nil
}

func (b Bootstrap) dynamicResources() *bootstrapv3.Bootstrap_DynamicResources {
	source := func() *corev3.ConfigSource {
		return &corev3.ConfigSource{
			ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			InitialFetchTimeout:   durationpb.New(b.InitialFetchTimeout),
			ResourceApiVersion:    corev3.ApiVersion_V3,
		}
	}
	reconnect := &corev3.RetryPolicy{RetryBackOff: &corev3.BackoffStrategy{
		BaseInterval: durationpb.New(reconnectBase),
		MaxInterval:  durationpb.New(reconnectMax),
	}}
	return &bootstrapv3.Bootstrap_DynamicResources{
		AdsConfig: &corev3.ApiConfigSource{
			ApiType:                   corev3.ApiConfigSource_DELTA_GRPC,
			TransportApiVersion:       corev3.ApiVersion_V3,
			SetNodeOnFirstMessageOnly: true,
			GrpcServices: []*corev3.GrpcService{{
				TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
					EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: ControlPlaneCluster, RetryPolicy: reconnect},
				},
			}},
		},
		CdsConfig: source(),
		LdsConfig: source(),
	}
}

// controlPlane returns the cluster of the xDS server.
func (b Bootstrap) controlPlane() (*clusterv3.Cluster, error) {
	address, discovery, err := parseTarget(b.ControlPlane)
	if err != nil {
		return nil, err
	}
	options, err := packed(&upstreamv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_{
			ExplicitHttpConfig: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
					Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
						ConnectionKeepalive: &corev3.KeepaliveSettings{
							Interval: durationpb.New(keepaliveInterval),
							Timeout:  durationpb.New(keepaliveTimeout),
						},
					},
				},
			},
		},
	})
	if err != nil {
		return nil, err
	}
	cluster := &clusterv3.Cluster{
		Name:                 ControlPlaneCluster,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: discovery},
		ConnectTimeout:       durationpb.New(controlPlaneConnectTimeout),
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: ControlPlaneCluster,
			Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address}},
			}}}},
		},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options,
		},
	}
	if discovery == clusterv3.Cluster_STRICT_DNS {
		// localhost has both families while the server often binds the old one alone.
		cluster.DnsLookupFamily = clusterv3.Cluster_V4_PREFERRED
	}
	return cluster, nil
}

// parseTarget reads host:port, or unix: and the absolute path of a socket.
func parseTarget(target string) (*corev3.Address, clusterv3.Cluster_DiscoveryType, error) {
	if path, ok := strings.CutPrefix(target, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		// Linux bounds the path of a socket at 108 bytes with the terminator.
		if !strings.HasPrefix(path, "/") || len(path) > 107 {
			return nil, 0, fmt.Errorf("the control plane %q must be unix: and an absolute path of at most 107 bytes", target)
		}
		return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path}}}, clusterv3.Cluster_STATIC, nil
	}
	host, portText, err := net.SplitHostPort(target)
	port, portErr := strconv.ParseUint(portText, 10, 16)
	if err != nil || portErr != nil || host == "" || port == 0 {
		return nil, 0, fmt.Errorf("the control plane %q must be host:port, or unix: and the path of a socket", target)
	}
	discovery := clusterv3.Cluster_STRICT_DNS
	if _, err := netip.ParseAddr(host); err == nil {
		discovery = clusterv3.Cluster_STATIC
	}
	return socketAddress(host, uint16(port)), discovery, nil
}

// overload refuses new connections beyond the bound instead of running out of file descriptors.
func (b Bootstrap) overload() (*overloadv3.OverloadManager, error) {
	limit := b.MaxConnections
	if limit == 0 {
		limit = DefaultMaxConnections
	}
	monitor, err := packed(&downstreamv3.DownstreamConnectionsConfig{MaxActiveDownstreamConnections: limit})
	if err != nil {
		return nil, err
	}
	return &overloadv3.OverloadManager{ResourceMonitors: []*overloadv3.ResourceMonitor{{
		Name:       "envoy.resource_monitors.global_downstream_max_connections",
		ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: monitor},
	}}}, nil
}

func socketAddress(host string, port uint16) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
	}}}
}

// packed wraps a message for a typed_config field.
func packed(message proto.Message) (*anypb.Any, error) {
	result := &anypb.Any{}
	if err := anypb.MarshalFrom(result, message, proto.MarshalOptions{Deterministic: true}); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", message.ProtoReflect().Descriptor().FullName(), err)
	}
	return result, nil
}
