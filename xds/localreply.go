package xds

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	rpccode "google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// reply is what a client is told when Envoy itself answers with a status.
type reply struct {
	status int
	// rpc is the google.rpc code of HTTP+JSON (A2A 1.0 section 11.6) and gRPC errors; reason is machine-readable.
	rpc             rpccode.Code
	reason, message string
}

var replies = []reply{
	{status: 400, rpc: rpccode.Code_INVALID_ARGUMENT, reason: "MALFORMED_REQUEST", message: "the request is not well-formed HTTP"},
	{status: 404, rpc: rpccode.Code_NOT_FOUND, reason: "NO_ROUTE", message: "no agent is reached by this host, path and method"},
	{status: 408, rpc: rpccode.Code_DEADLINE_EXCEEDED, reason: "REQUEST_TIMEOUT", message: "the request made no progress in time"},
	{status: 413, rpc: rpccode.Code_RESOURCE_EXHAUSTED, reason: "BODY_TOO_LARGE", message: "the request body is larger than the mesh inspects"},
	{status: 431, rpc: rpccode.Code_RESOURCE_EXHAUSTED, reason: "HEADERS_TOO_LARGE", message: "the request headers are too large"},
	{status: 500, rpc: rpccode.Code_INTERNAL, reason: "MESH_FAILURE", message: "the mesh could not handle the request"},
	{status: 502, rpc: rpccode.Code_UNAVAILABLE, reason: "AGENT_FAILURE", message: "the agent's answer could not be understood"},
	{status: 503, rpc: rpccode.Code_UNAVAILABLE, reason: "UNAVAILABLE", message: "the mesh or the agent is unavailable; try again later"},
	{status: 504, rpc: rpccode.Code_DEADLINE_EXCEEDED, reason: "TIMEOUT", message: "the mesh or the agent did not answer in time"},
}

// governed tells denials of the governor, which have their shape already, from Envoy's own answers: both are
// local replies to Envoy.
const governed = `response.code_details.startsWith("ext_authz_denied") || response.code_details.startsWith("` + denialDetails + `")`

// called tells gRPC as Envoy does, which makes a status of each of its answers to such a request: the body becomes the
// message.
const called = `request.headers["content-type"].matches("^application/grpc($|[+])")`

// resty tells HTTP+JSON from JSON-RPC without a route, as an unrouted request has none: JSON-RPC only posts, and
// of what HTTP+JSON posts, everything has a verb or configures push notifications (A2A 1.0 section 11.3).
const resty = `request.method != "POST" || request.url_path.matches("(:[a-z]+|/pushNotificationConfigs)$")`

// localReplies gives Envoy's own answers the shape of A2A errors, so that SDK clients read them as such.
func localReplies() *hcmv3.LocalReplyConfig {
	config := &hcmv3.LocalReplyConfig{}
	for _, r := range replies {
		own := `response.code == ` + strconv.Itoa(r.status) + ` && !(` + governed + `)`
		config.Mappers = append(config.Mappers,
			r.grpc(own+` && `+called),
			r.mapper(own+` && (`+resty+`)`, r.rest()),
			r.mapper(own, r.jsonrpc()))
	}
	return config
}

// grpc returns the mapper for gRPC calls. Without it Envoy would choose codes by the HTTP status alone, and most of its
// answers would be UNKNOWN.
func (r reply) grpc(expression string) *hcmv3.ResponseMapper {
	mapper := r.mapper(expression, r.message)
	mapper.BodyFormatOverride.ContentType = ""
	details, err := anypb.New(&errdetails.ErrorInfo{Reason: r.reason, Domain: "ringfence.dev"})
	if err != nil {
		return mapper // which leaves out what programs read; the code and the message stay
	}
	encoded, err := marshal(&status.Status{Code: int32(r.rpc), Message: r.message, Details: []*anypb.Any{details}})
	if err != nil {
		return mapper
	}
	mapper.HeadersToAdd = append(mapper.HeadersToAdd,
		overwrite("grpc-status", strconv.Itoa(int(r.rpc))),
		overwrite("grpc-status-details-bin", base64.RawStdEncoding.EncodeToString(encoded)))
	return mapper
}

func (r reply) mapper(expression, body string) *hcmv3.ResponseMapper {
	mapper := &hcmv3.ResponseMapper{
		Filter: &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{
			ExtensionFilter: &accesslogv3.ExtensionFilter{
				Name: "envoy.access_loggers.extension_filters.cel",
				ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{
					TypedConfig: pack(&celv3.ExpressionFilter{Expression: expression}),
				},
			},
		}},
		BodyFormatOverride: &corev3.SubstitutionFormatString{
			ContentType: "application/json",
			Format: &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{
				Specifier: &corev3.DataSource_InlineString{InlineString: strings.ReplaceAll(body, "%", "%%")},
			}},
		},
	}
	if r.status == 503 {
		mapper.HeadersToAdd = append(mapper.HeadersToAdd, overwrite("retry-after", "1"))
	}
	return mapper
}

func overwrite(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// info is a google.rpc.ErrorInfo in its JSON form.
type info struct {
	Type   string `json:"@type"`
	Reason string `json:"reason"`
	Domain string `json:"domain"`
}

func (r reply) info() []info {
	return []info{{Type: "type.googleapis.com/google.rpc.ErrorInfo", Reason: r.reason, Domain: "ringfence.dev"}}
}

// jsonrpc is the error object for a request whose id is not known (JSON-RPC 2.0 section 5). Its code follows the
// governor's convention of -31000 minus the HTTP status, outside the ranges JSON-RPC and A2A reserve.
func (r reply) jsonrpc() string {
	type failure struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    []info `json:"data"`
	}
	return encode(struct {
		Version string  `json:"jsonrpc"`
		ID      any     `json:"id"`
		Error   failure `json:"error"`
	}{"2.0", nil, failure{-31000 - r.status, r.message, r.info()}})
}

func (r reply) rest() string {
	type failure struct {
		Code    int    `json:"code"`
		Status  string `json:"status"`
		Message string `json:"message"`
		Details []info `json:"details"`
	}
	return encode(struct {
		Error failure `json:"error"`
	}{failure{r.status, r.rpc.String(), r.message, r.info()}})
}

// encode is given structs of strings and numbers only, which always encode.
func encode(v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(body)
}
