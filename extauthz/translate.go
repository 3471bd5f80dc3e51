package extauthz

import (
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/governance"
)

// Context extensions that routes and virtual hosts may carry for this filter.
const (
	// FormExtension says how the route names the callee: by the agent's own host name, by the path on the
	// gateway's host, or by CalleeExtension at the root of that host. Without it and without CalleeExtension the
	// request is denied.
	FormExtension = "ringfence.form"
	HostForm      = "host"
	PathForm      = "path"
	RootForm      = "root"
	// CalleeExtension names the callee: the one at the root, or without RootForm that of a route which is not
	// Ringfence's and keeps the paths that the agent has without a mesh.
	CalleeExtension = "ringfence.callee"
	// BodyExtension, with the value IncludedBody, says that the filter is configured to send whole bodies, so
	// that one check decides everything.
	BodyExtension = "ringfence.body"
	IncludedBody  = "included"
)

// request translates a check. Envoy fills header_map when encode_raw_headers is on, headers otherwise.
func request(check *authv3.CheckRequest) governance.Request {
	attributes := check.GetAttributes()
	http := attributes.GetRequest().GetHttp()
	headers := http.GetHeaderMap().GetHeaders()
	if headers == nil {
		headers = make([]*corev3.HeaderValue, 0, len(http.GetHeaders()))
		for name, value := range http.GetHeaders() {
			headers = append(headers, &corev3.HeaderValue{Key: name, Value: value})
		}
	}
	header, _ := envoyhttp.Header(headers)
	extensions := attributes.GetContextExtensions()
	r := governance.Request{
		Method:    http.GetMethod(),
		Scheme:    http.GetScheme(),
		Authority: http.GetHost(),
		Path:      http.GetPath(),
		Header:    header,
		Peer:      peer(attributes.GetSource().GetPrincipal()),
		Callee:    extensions[CalleeExtension],
	}
	switch {
	case extensions[FormExtension] == RootForm:
		r.Form = governance.RootForm
	case r.Callee != "":
		r.Form = governance.RouteForm
	case extensions[FormExtension] == HostForm:
		r.Form = governance.HostForm
	case extensions[FormExtension] == PathForm:
		r.Form = governance.PathForm
	}
	if extensions[BodyExtension] == IncludedBody {
		// A body cut short by allow_partial_message fails its digest, so it needs no case of its own.
		r.Complete = true
		if r.Body = http.GetRawBody(); r.Body == nil {
			r.Body = []byte(http.GetBody())
		}
	}
	return r
}

// response translates a verdict. Only an allow yields an OK status; a denial is whole: status, fields, body.
func response(x *governance.Exchange) *authv3.CheckResponse {
	if x.Verdict.Decision == governance.Allow {
		return &authv3.CheckResponse{
			Status: &status.Status{Code: int32(codes.OK)},
			HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
				Headers:              bounds(x),
				ResponseHeadersToAdd: envoyhttp.Options([][2]string{{governance.DecisionHeader, x.ID}}),
			}},
			DynamicMetadata: envoyhttp.Passage(x.Passage().String()),
		}
	}
	return &authv3.CheckResponse{
		Status:       &status.Status{Code: int32(x.Verdict.Kind.Codes().GRPC)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: denied(x.Denial())},
	}
}

// timeoutField is how Envoy's router is told, for one request, how long all of it may take. It does not reach the agent.
const timeoutField = "x-envoy-upstream-rq-timeout-ms"

// grace is how much longer than allowed the router lets a call take. The governor ends calls itself, with a last event
// where they are streams, which the router cannot; the router's bound is for what the governor does not see.
const grace = 3 * time.Second

// bounds returns the fields that bound an allowed call. Envoy strips a client's own.
func bounds(x *governance.Exchange) []*corev3.HeaderValueOption {
	if x.TimeLimit <= 0 {
		return nil
	}
	return envoyhttp.Options([][2]string{{timeoutField, strconv.FormatInt((x.TimeLimit + grace).Milliseconds(), 10)}})
}

// peer returns the SPIFFE ID of a connection's principal. One that is no SPIFFE ID identifies no workload; one that looks
// like an ID and is none belongs to nobody.
func peer(principal string) string {
	if !strings.HasPrefix(principal, "spiffe:") {
		return ""
	}
	return principal
}

func denied(r a2a.Response) *authv3.DeniedHttpResponse {
	return &authv3.DeniedHttpResponse{
		Status:  &typev3.HttpStatus{Code: typev3.StatusCode(r.Status)},
		Headers: envoyhttp.Options(r.Headers),
		Body:    string(r.Body),
	}
}
