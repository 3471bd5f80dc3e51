package xds

import (
	"strconv"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	grpclogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/grpc/v3"
	matchingv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/matching/v3"
	actionv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/matcher/action/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	inputsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"
	metadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/input_matchers/metadata/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Shape is how Envoy asks the governor about a request. The zero value is Split.
type Shape uint8

// The shapes.
const (
	// Split asks about the headers first (ext_authz), then about the body (ext_proc), which stays with Envoy until the
	// caller is known.
	Split Shape = iota
	// Fused asks about both at once (ext_authz with the body). ext_proc is asked only where the governor wants to see the
	// answer, has to replace the request, or did not get all of the body, which may have FusedBody bytes.
	Fused
)

// FusedBody is the most of a body, in bytes, that Envoy holds for somebody whose headers nobody has judged.
const FusedBody = 32 << 10

// fusedBuffer is what Envoy reads ahead in the fused shape. ext_authz has to find room in it for all that it sends: what
// does not fit is refused as too large, though the governor would take it.
const fusedBuffer = 2 * FusedBody

// answersFilter is the second ext_proc filter, which sees answers alone.
const answersFilter = "ringfence.answers"

// What the governor says about how a call goes on (envoywire.NextKey), in its answer to either filter, and what routes say about
// Envoy (extauthz.BodyExtension, extauthz.BelowExtension, extauthz.CallsExtension).
const (
	nextKey        = "next"
	nextPass       = "pass"
	nextAnswer     = "answer"
	bodyExtension  = "ringfence.body"
	bodyIncluded   = "included"
	belowExtension = "ringfence.below"
	callsExtension = "ringfence.calls"
	callsTold      = "told"
	passageKey     = "ringfence"
)

// context returns what the route table tells the governor of all routes.
func (s Settings) context() map[string]string {
	context := map[string]string{formExtension: formHost}
	if s.Shape == Fused {
		context[bodyExtension], context[belowExtension] = bodyIncluded, strconv.Itoa(FusedBody)
	}
	if s.CallsTold {
		context[callsExtension] = callsTold
	}
	return context
}

// body has ext_authz send bodies. Of one that is not shorter it sends the beginning: the governor then judges the headers
// alone, as in the split shape.
func (s Settings) body() *extauthzv3.BufferSettings {
	if s.Shape != Fused {
		return nil
	}
	return &extauthzv3.BufferSettings{MaxRequestBytes: FusedBody, AllowPartialMessage: true, PackAsBytes: true}
}

// buffer is what Envoy reads ahead of the filters on each connection, in bytes.
func (s Settings) buffer() uint32 {
	if s.Shape == Fused {
		return fusedBuffer
	}
	return connectionBuffer
}

// judging returns the ext_proc filters. Where Envoy does not tell how calls go on, one sees requests and answers. Else one
// sees requests, and another the answers that the governor wants to see. In the fused shape the first is skipped too, for
// what ext_authz has decided; a call of which the governor said nothing goes through it.
func judging(s Settings) []*hcmv3.HttpFilter {
	requests, answers := proc(s), proc(s)
	if !s.CallsTold {
		return []*hcmv3.HttpFilter{filter(procFilter, requests)}
	}
	requests.AllowModeOverride, answers.AllowModeOverride = false, false
	requests.ForwardRules = &extprocv3.HeaderForwardingRules{AllowedHeaders: telling()}
	requests.MetadataOptions.ReceivingNamespaces = &extprocv3.MetadataOptions_MetadataNamespaces{Untyped: []string{authzFilter}}
	answers.ProcessingMode = &extprocv3.ProcessingMode{
		RequestHeaderMode:   extprocv3.ProcessingMode_SKIP,
		RequestTrailerMode:  extprocv3.ProcessingMode_SKIP,
		ResponseHeaderMode:  extprocv3.ProcessingMode_SEND,
		ResponseBodyMode:    extprocv3.ProcessingMode_FULL_DUPLEX_STREAMED,
		ResponseTrailerMode: extprocv3.ProcessingMode_SEND,
	}
	pass, answer := nextIs(nextPass), nextIs(nextAnswer)
	first := filter(procFilter, requests)
	if s.Shape == Fused {
		first = skipped(procFilter, requests, &xdsmatcherv3.Matcher_MatcherList_Predicate{
			MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_OrMatcher{OrMatcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_PredicateList{
				Predicate: []*xdsmatcherv3.Matcher_MatcherList_Predicate{pass, answer},
			}},
		})
	}
	// Denials of the filters before it are answers too, and about nothing that the governor waits for.
	return []*hcmv3.HttpFilter{first, skipped(answersFilter, answers, &xdsmatcherv3.Matcher_MatcherList_Predicate{
		MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_NotMatcher{NotMatcher: answer},
	})}
}

// telling are the fields of a request that say what it is for and how to refuse it: the governor has seen the others, and of
// a request that ext_authz was skipped for, as it has no route, they are all that matters.
func telling() *matcherv3.ListStringMatcher {
	list := &matcherv3.ListStringMatcher{Patterns: []*matcherv3.StringMatcher{{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: ":"}}}}
	for _, name := range []string{"content-type", "accept", "a2a-version"} {
		list.Patterns = append(list.Patterns, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name}})
	}
	return list
}

// skipped returns a filter that leaves alone what the predicate is true of.
func skipped(name string, config *extprocv3.ExternalProcessor, when *xdsmatcherv3.Matcher_MatcherList_Predicate) *hcmv3.HttpFilter {
	return filter(name, &matchingv3.ExtensionWithMatcher{
		XdsMatcher: &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherList_{MatcherList: &xdsmatcherv3.Matcher_MatcherList{
			Matchers: []*xdsmatcherv3.Matcher_MatcherList_FieldMatcher{{
				Predicate: when,
				OnMatch: &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{
					Action: &xdscorev3.TypedExtensionConfig{Name: "skip", TypedConfig: pack(&actionv3.SkipFilter{})},
				}},
			}},
		}}},
		ExtensionConfig: &corev3.TypedExtensionConfig{Name: name, TypedConfig: pack(config)},
	})
}

// nextIs is true of calls that go on in one way. Only the governor can say so: no client writes metadata.
func nextIs(next string) *xdsmatcherv3.Matcher_MatcherList_Predicate {
	return &xdsmatcherv3.Matcher_MatcherList_Predicate{
		MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_{
			SinglePredicate: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate{
				Input: &xdscorev3.TypedExtensionConfig{
					Name: "next",
					TypedConfig: pack(&inputsv3.DynamicMetadataInput{
						Filter: authzFilter,
						Path:   []*inputsv3.DynamicMetadataInput_PathSegment{{Segment: &inputsv3.DynamicMetadataInput_PathSegment_Key{Key: nextKey}}},
					}),
				},
				Matcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_CustomMatch{CustomMatch: &xdscorev3.TypedExtensionConfig{
					Name: "metadata",
					TypedConfig: pack(&metadatav3.Metadata{Value: &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_StringMatch{
						StringMatch: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: next}},
					}}}),
				}},
			},
		},
	}
}

// Envoy tells of calls that are over in batches: after this time, or once there are this many bytes of them.
const (
	tellWithin = 100 * 1e6
	tellBytes  = 16 << 10
)

// told is the logger that tells the governor of the end of the calls which it let through.
func told(s Settings) []*accesslogv3.AccessLog {
	if !s.CallsTold {
		return nil
	}
	return []*accesslogv3.AccessLog{{
		Name: "ringfence.calls",
		Filter: &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_MetadataFilter{MetadataFilter: &accesslogv3.MetadataFilter{
			Matcher: &matcherv3.MetadataMatcher{
				Filter: authzFilter,
				Path:   []*matcherv3.MetadataMatcher_PathSegment{{Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: passageKey}}},
				Value:  &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_PresentMatch{PresentMatch: true}},
			},
			MatchIfKeyNotFound: wrapBool(false),
		}}},
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: pack(&grpclogv3.HttpGrpcAccessLogConfig{
			CommonConfig: &grpclogv3.CommonGrpcAccessLogConfig{
				LogName:             "calls",
				GrpcService:         governor(AuthzCluster, nil),
				TransportApiVersion: corev3.ApiVersion_V3,
				BufferFlushInterval: durationpb.New(tellWithin),
				BufferSizeBytes:     wrapUint32(tellBytes),
			},
		})},
	}}
}
