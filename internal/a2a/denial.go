package a2a

import (
	"encoding/base64"
	"net/http"
	"strconv"
)

// ErrorDomain is the domain of the ErrorInfo in every denial: it tells the mesh's errors from the agent's.
const ErrorDomain = "ringfence.dev"

// The gRPC status codes that denials use when none is set or the parser sets one.
const (
	grpcInvalidArgument   = 3
	grpcPermissionDenied  = 7
	grpcResourceExhausted = 8
	grpcUnimplemented     = 12
	grpcInternal          = 13
)

// grpcNames are the names of google.rpc.Code.
var grpcNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// Pair is one entry of a denial's metadata.
type Pair struct{ Key, Value string }

// Denial is a refusal on its way to the caller, before it has the shape of a binding. The zero value is a 403
// without a word of explanation.
type Denial struct {
	// Binding decides the shape; for an unknown binding it is a JSON-RPC error body under the HTTP status.
	Binding Binding
	// Streaming says that the caller expects a stream of events. JSON-RPC clients take a plain JSON answer to a
	// streaming method for an empty stream.
	Streaming bool
	// Transport says that the refusal comes before A2A is spoken: the caller is not known, the agent does not
	// exist, the mesh cannot decide. JSON-RPC then carries HTTPStatus instead of 200, and never a stream.
	Transport bool
	// RequestID is the JSON-RPC id to echo, as raw JSON. Anything but a string, number or null becomes null.
	RequestID []byte
	// HTTPStatus is used by HTTP+JSON, by unknown bindings and by transport-level refusals. Outside 400 to 599
	// it counts as 403.
	HTTPStatus int
	// Code is the JSON-RPC error code; 0 counts as CodeDenied.
	Code int
	// GRPC is the google.rpc.Code, 1 to 16; anything else counts as PERMISSION_DENIED.
	GRPC int
	// Reason is for programs, in UPPER_SNAKE_CASE; Message is for people. Both reach the caller.
	Reason, Message string
	// Metadata are the details of the ErrorInfo, written in this order. Their keys must differ.
	Metadata []Pair
	// RetryAfterSeconds tells when a repeat may succeed; 0 says nothing.
	RetryAfterSeconds int
}

// Response is an HTTP answer. Header names are lower case, in a fixed order.
type Response struct {
	Status  int
	Headers [][2]string
	Body    []byte
}

// Response returns the denial in the shape which clients of the binding and method can read: the same bytes for
// the same denial.
func (d Denial) Response() Response {
	d = d.defaulted()
	switch d.Binding {
	case GRPC:
		return d.trailersOnly()
	case HTTPJSON:
		return d.answer(d.HTTPStatus, "application/json", d.appendStatus(nil))
	case JSONRPC:
		switch {
		case d.Transport:
			return d.answer(d.HTTPStatus, "application/json", d.appendRPC(nil))
		case d.Streaming:
			return d.answer(http.StatusOK, "text/event-stream", d.Event())
		default:
			return d.answer(http.StatusOK, "application/json", d.appendRPC(nil))
		}
	default:
		d.RequestID = nil
		return d.answer(d.HTTPStatus, "application/json", d.appendRPC(nil))
	}
}

// Event returns the denial as the last event of a stream that has begun, where no status can be sent any more: the
// error of the binding as one event of text/event-stream, which over HTTP+JSON has the name error. It is nil for a binding
// that has no such streams.
func (d Denial) Event() []byte {
	d = d.defaulted()
	var event []byte
	switch d.Binding {
	case JSONRPC:
		event = d.appendRPC([]byte("data: "))
	case HTTPJSON:
		// Without an envelope, clients tell an error from an answer by the name of the event, or not at all.
		event = d.appendStatus([]byte("event: error\ndata: "))
	default:
		return nil
	}
	return append(event, "\n\n"...)
}

// defaulted returns the denial with the values that count where none or none that is possible is set.
func (d Denial) defaulted() Denial {
	if d.HTTPStatus < 400 || d.HTTPStatus > 599 {
		d.HTTPStatus = http.StatusForbidden
	}
	if d.GRPC < 1 || d.GRPC >= len(grpcNames) {
		d.GRPC = grpcPermissionDenied
	}
	if d.Code == 0 {
		d.Code = CodeDenied
	}
	return d
}

func (d Denial) answer(status int, contentType string, body []byte) Response {
	headers := [][2]string{{"content-type", contentType}, {"cache-control", "no-store"}}
	return Response{Status: status, Headers: d.retryAfter(headers), Body: body}
}

// trailersOnly returns the answer of a gRPC call that failed before its first message.
func (d Denial) trailersOnly() Response {
	headers := [][2]string{
		{"content-type", "application/grpc"},
		{"grpc-status", strconv.Itoa(d.GRPC)},
		{"grpc-message", grpcMessage(d.Message)},
		{"grpc-status-details-bin", base64.RawStdEncoding.EncodeToString(d.appendProtoStatus(nil))},
	}
	return Response{Status: http.StatusOK, Headers: d.retryAfter(headers)}
}

func (d Denial) retryAfter(headers [][2]string) [][2]string {
	if d.RetryAfterSeconds <= 0 {
		return headers
	}
	return append(headers, [2]string{"retry-after", strconv.Itoa(d.RetryAfterSeconds)})
}

// appendRPC appends a JSON-RPC error response (A2A 1.0 puts google.rpc details into data).
func (d Denial) appendRPC(b []byte) []byte {
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	if scalarID(d.RequestID) {
		b = append(b, d.RequestID...)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"error":{"code":`...)
	b = strconv.AppendInt(b, int64(d.Code), 10)
	b = append(b, `,"message":`...)
	b = appendString(b, d.Message)
	b = append(b, `,"data":`...)
	b = d.appendDetails(b)
	return append(b, "}}"...)
}

// appendStatus appends the error body of HTTP+JSON (AIP-193).
func (d Denial) appendStatus(b []byte) []byte {
	b = append(b, `{"error":{"code":`...)
	b = strconv.AppendInt(b, int64(d.HTTPStatus), 10)
	b = append(b, `,"status":`...)
	b = appendString(b, grpcNames[d.GRPC])
	b = append(b, `,"message":`...)
	b = appendString(b, d.Message)
	b = append(b, `,"details":`...)
	b = d.appendDetails(b)
	return append(b, "}}"...)
}

func (d Denial) appendDetails(b []byte) []byte {
	b = append(b, `[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":`...)
	b = appendString(b, d.Reason)
	b = append(b, `,"domain":"`+ErrorDomain+`","metadata":{`...)
	for i, m := range d.Metadata {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, m.Key)
		b = append(b, ':')
		b = appendString(b, m.Value)
	}
	b = append(b, "}}"...)
	if d.RetryAfterSeconds > 0 {
		b = append(b, `,{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"`...)
		b = strconv.AppendInt(b, int64(d.RetryAfterSeconds), 10)
		b = append(b, `s"}`...)
	}
	return append(b, ']')
}
