package xds

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	bufferv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/buffer/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// filters returns the filter chain in the order requests pass it. Every failure to decide is a 503; neither
// policy filter may let a request pass undecided, or have it routed anew once its callee was authorized.
//
// The buffer filter makes the cap on bodies exact and sure. On its own, Envoy would take an HTTP/2 stream's window
// for the limit, and would stall a request whose body filled the connection's buffer while ext_authz or the
// header message of ext_proc was being answered: it stops reading then, and ext_proc waits for the body's end.
func filters(s Settings) []*hcmv3.HttpFilter {
	return slices.Concat(
		[]*hcmv3.HttpFilter{
			filter(authzFilter, authz(s)),
			filter(bufferFilter, &bufferv3.Buffer{MaxRequestBytes: wrapUint32(s.MaxBody)}),
		},
		judging(s),
		[]*hcmv3.HttpFilter{filter(routerFilter, &routerv3.Router{SuppressEnvoyHeaders: true})},
	)
}

func filter(name string, config proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(config)}}
}

func authz(s Settings) *extauthzv3.ExtAuthz {
	return &extauthzv3.ExtAuthz{
		Services: &extauthzv3.ExtAuthz_GrpcService{
			GrpcService: governor(AuthzCluster, durationpb.New(s.Timeouts.Authz)),
		},
		TransportApiVersion: corev3.ApiVersion_V3,
		FailureModeAllow:    false,
		StatusOnError:       &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		// Repeated fields stay apart and bytes stay bytes: signatures cover both.
		EncodeRawHeaders:  true,
		WithRequestBody:   s.body(),
		DisallowedHeaders: envoysOwn(),
	}
}

// envoysOwn are fields that Envoy adds by itself. Nobody signs them and the governor reads none of them.
func envoysOwn() *matcherv3.ListStringMatcher {
	return &matcherv3.ListStringMatcher{Patterns: []*matcherv3.StringMatcher{
		{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: "x-request-id"}},
		{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "x-forwarded-"}},
		{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "x-envoy-"}},
		{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "ringfence-scope-"}},
	}}
}

// proc holds request headers until the governor judged the buffered body. Trailers are sent too, since a request
// of headers and trailers alone has no body message to judge.
//
// The governor asks for the answer when it is told of the request (allow_mode_override). Were the filter to send all
// answers, Envoy would send it those of the filters before it too, denials of ext_authz among them, about requests that
// it knows nothing of. After that, response.code_details tells it the agent's answer, via_upstream, from Envoy's own,
// which has its shape already.
func proc(s Settings) *extprocv3.ExternalProcessor {
	return &extprocv3.ExternalProcessor{
		GrpcService:      governor(ProcCluster, nil),
		FailureModeAllow: false,
		StatusOnError:    &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		ProcessingMode: &extprocv3.ProcessingMode{
			RequestHeaderMode:   extprocv3.ProcessingMode_SEND,
			RequestBodyMode:     extprocv3.ProcessingMode_BUFFERED,
			RequestTrailerMode:  extprocv3.ProcessingMode_SEND,
			ResponseHeaderMode:  extprocv3.ProcessingMode_SKIP,
			ResponseBodyMode:    extprocv3.ProcessingMode_NONE,
			ResponseTrailerMode: extprocv3.ProcessingMode_SKIP,
		},
		AllowModeOverride:  true,
		ResponseAttributes: []string{"response.code_details"},
		MessageTimeout:     durationpb.New(s.Timeouts.Message),
		RouteCacheAction:   extprocv3.ExternalProcessor_RETAIN,
		MetadataOptions: &extprocv3.MetadataOptions{
			ForwardingNamespaces: &extprocv3.MetadataOptions_MetadataNamespaces{Untyped: []string{authzFilter}},
		},
	}
}

func governor(cluster string, timeout *durationpb.Duration) *corev3.GrpcService {
	return &corev3.GrpcService{
		TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{
			ClusterName:      cluster,
			SkipEnvoyHeaders: true,
		}},
		Timeout: timeout,
	}
}
