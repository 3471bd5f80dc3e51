package extauthz

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/identity"
)

// translated returns what Ringfence reads of a check that generated code has read. Envoy fills header_map when
// encode_raw_headers is on, headers otherwise.
func translated(request *authv3.CheckRequest) envoywire.Check {
	attributes := request.GetAttributes()
	http := attributes.GetRequest().GetHttp()
	headers := http.GetHeaderMap().GetHeaders()
	if headers == nil {
		headers = make([]*corev3.HeaderValue, 0, len(http.GetHeaders()))
		for name, value := range http.GetHeaders() {
			headers = append(headers, &corev3.HeaderValue{Key: name, Value: value})
		}
	}
	check := envoywire.Check{
		Method:    http.GetMethod(),
		Scheme:    http.GetScheme(),
		Authority: http.GetHost(),
		Path:      http.GetPath(),
		Principal: attributes.GetSource().GetPrincipal(),
		Body:      http.GetRawBody(),
	}
	check.Header, _ = envoyhttp.Header(headers)
	for key, value := range attributes.GetContextExtensions() {
		check.Extensions = append(check.Extensions, identity.Field{Name: key, Value: value})
	}
	if check.Body == nil && http.GetBody() != "" {
		check.Body = []byte(http.GetBody())
	}
	return check
}

// written returns the message that says a verdict, for generated code to write.
func written(v *envoywire.Verdict) *authv3.CheckResponse {
	if v.Allowed {
		metadata := envoyhttp.Passage(v.Passage)
		if v.Next != "" {
			metadata.Fields[envoywire.NextKey] = structpb.NewStringValue(v.Next)
		}
		return &authv3.CheckResponse{
			Status: &status.Status{Code: int32(codes.OK)},
			HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
				Headers:              envoyhttp.Options(v.Request),
				ResponseHeadersToAdd: envoyhttp.Options(v.Answer),
			}},
			DynamicMetadata: metadata,
		}
	}
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(v.GRPC())},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(v.Status)},
			Headers: envoyhttp.Options(v.Header),
			Body:    string(v.Body),
		}},
	}
}
