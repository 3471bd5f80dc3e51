package xds

import (
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	filelogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	streamlogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	managerFilter = "envoy.filters.network.http_connection_manager"
	// connectionBuffer and streamWindow are what Envoy reads ahead of the filters, per connection and per HTTP/2
	// stream (at least 65,535 bytes, RFC 9113 section 6.9.2). Reading goes on once the buffer filter has raised
	// the limit to the cap on bodies, provided that less than half the cap was read, hence smallestCap.
	connectionBuffer = 32 << 10
	streamWindow     = 64 << 10
	smallestCap      = 256 << 10
	// headersTimeout and uploadTimeout bound how slowly a client may send its headers and its whole request.
	headersTimeout = 10 * time.Second
	uploadTimeout  = time.Minute
	// clientIdle closes connections without requests.
	clientIdle = 5 * time.Minute
	// Streams a client may open at once on one HTTP/2 connection, and the bytes it may send ahead on all of them.
	clientStreams    = 256
	connectionWindow = 1 << 20
)

// listener returns the one listener of the gateway. Its routes come over SRDS and RDS, so that they change
// without draining connections.
func listener(s Settings) *listenerv3.Listener {
	return &listenerv3.Listener{
		Name:                          Gateway,
		Address:                       endpoint{host: s.ListenHost, port: s.ListenPort}.address(),
		PerConnectionBufferLimitBytes: wrapUint32(s.buffer()),
		FilterChains: []*listenerv3.FilterChain{{
			Filters: []*listenerv3.Filter{{
				Name:       managerFilter,
				ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: pack(manager(s))},
			}},
		}},
	}
}

func manager(s Settings) *hcmv3.HttpConnectionManager {
	return &hcmv3.HttpConnectionManager{
		StatPrefix: Gateway,
		// The key is made once paths have their one spelling, and before a route is looked for.
		EarlyHeaderMutationExtensions: []*corev3.TypedExtensionConfig{{Name: "scope", TypedConfig: pack(keyMutations(s))}},
		RouteSpecifier:                scopedRoutes(),
		HttpFilters:                   append([]*hcmv3.HttpFilter{respell()}, filters(s)...),

		// One spelling of a path reaches the services and the agent: what could be read in two ways is refused.
		NormalizePath:                wrapBool(true),
		MergeSlashes:                 true,
		PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_REJECT_REQUEST,
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			IdleTimeout:                  durationpb.New(clientIdle),
			MaxStreamDuration:            durationpb.New(s.Timeouts.MaxCall),
			HeadersWithUnderscoresAction: corev3.HttpProtocolOptions_REJECT_REQUEST,
		},
		Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
			MaxConcurrentStreams:        wrapUint32(clientStreams),
			InitialStreamWindowSize:     wrapUint32(streamWindow),
			InitialConnectionWindowSize: wrapUint32(connectionWindow),
		},
		RequestHeadersTimeout: durationpb.New(headersTimeout),
		RequestTimeout:        durationpb.New(uploadTimeout),
		StreamIdleTimeout:     durationpb.New(s.Timeouts.StreamIdle),

		// No client is internal, whatever its address: with x-envoy-* request fields it could ask for retries and
		// timeouts that the mesh does not grant.
		UseRemoteAddress:         wrapBool(true),
		XffNumTrustedHops:        s.TrustedHops,
		InternalAddressConfig:    &hcmv3.HttpConnectionManager_InternalAddressConfig{CidrRanges: nobody()},
		ForwardClientCertDetails: hcmv3.HttpConnectionManager_SANITIZE_SET,
		SetCurrentClientCertDetails: &hcmv3.HttpConnectionManager_SetCurrentClientCertDetails{
			Uri: true,
		},

		// Agents' server fields name products and versions; the mesh answers for them.
		ServerName:       "ringfence",
		LocalReplyConfig: localReplies(),
		AccessLog:        append(accessLog(s.AccessLog), told(s)...),
	}
}

// nobody is a range without hosts (RFC 6666): to Envoy, an empty list means more than none.
func nobody() []*corev3.CidrRange {
	return []*corev3.CidrRange{{AddressPrefix: "100::", PrefixLen: wrapUint32(128)}}
}

// accessLog returns the loggers for a destination. Fields that could carry secrets are not logged.
func accessLog(path string) []*accesslogv3.AccessLog {
	format := &corev3.SubstitutionFormatString{Format: &corev3.SubstitutionFormatString_JsonFormat{
		JsonFormat: &structpb.Struct{Fields: map[string]*structpb.Value{
			"time":     structpb.NewStringValue("%START_TIME%"),
			"request":  structpb.NewStringValue("%REQ(X-REQUEST-ID)%"),
			"method":   structpb.NewStringValue("%REQ(:METHOD)%"),
			"host":     structpb.NewStringValue("%REQ(:AUTHORITY)%"),
			"cluster":  structpb.NewStringValue("%UPSTREAM_CLUSTER%"),
			"status":   structpb.NewStringValue("%RESPONSE_CODE%"),
			"details":  structpb.NewStringValue("%RESPONSE_CODE_DETAILS%"),
			"flags":    structpb.NewStringValue("%RESPONSE_FLAGS%"),
			"attempts": structpb.NewStringValue("%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
			"millis":   structpb.NewStringValue("%DURATION%"),
			"received": structpb.NewStringValue("%BYTES_RECEIVED%"),
			"sent":     structpb.NewStringValue("%BYTES_SENT%"),
		}},
	}}
	var name string
	var config proto.Message
	switch path {
	case "":
		return nil
	case "-":
		name = "envoy.access_loggers.stdout"
		config = &streamlogv3.StdoutAccessLog{AccessLogFormat: &streamlogv3.StdoutAccessLog_LogFormat{LogFormat: format}}
	default:
		name = "envoy.access_loggers.file"
		config = &filelogv3.FileAccessLog{
			Path:            path,
			AccessLogFormat: &filelogv3.FileAccessLog_LogFormat{LogFormat: format},
		}
	}
	return []*accesslogv3.AccessLog{{
		Name:       name,
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: pack(config)},
	}}
}
