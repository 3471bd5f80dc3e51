package extproc

import (
	"context"
	"errors"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/governance"
)

// Misconfigurations that would let requests pass unjudged end the stream with these errors, which Envoy turns
// into a 503.
var (
	errOrder    = errors.New("the filter must send request headers first: set request_header_mode to SEND")
	errBodyMode = errors.New("the filter must send whole bodies: set request_body_mode to BUFFERED")
)

// exchange is the state of one processing stream: nothing, then headers seen, then decided.
type exchange struct {
	governor *governance.Governor
	current  *governance.Exchange
}

// next takes one message of the stream and returns the answer to it. decided reports that it is the last.
func (e *exchange) next(ctx context.Context, message *extprocv3.ProcessingRequest) (answer *extprocv3.ProcessingResponse, decided bool, err error) {
	switch part := message.GetRequest().(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		if e.current != nil {
			return nil, false, errOrder
		}
		return e.headers(ctx, message, part.RequestHeaders)
	case *extprocv3.ProcessingRequest_RequestBody:
		if e.current == nil {
			return nil, false, errOrder
		}
		// In BUFFERED mode, which headers made sure of, the one body message is whole, even without
		// end_of_stream: then trailers follow.
		e.governor.Close(ctx, e.current, part.RequestBody.GetBody())
		return verdict(e.current, continueBody), true, nil
	case *extprocv3.ProcessingRequest_RequestTrailers:
		// A request may end in trailers without ever having had a body.
		if e.current == nil {
			return nil, false, errOrder
		}
		e.governor.Close(ctx, e.current, nil)
		return verdict(e.current, continueTrailers), true, nil
	default:
		return nil, false, errOrder
	}
}

func (e *exchange) headers(ctx context.Context, message *extprocv3.ProcessingRequest, headers *extprocv3.HttpHeaders) (*extprocv3.ProcessingResponse, bool, error) {
	header, pseudo := envoyhttp.Header(headers.GetHeaders().GetHeaders())
	request := governance.Request{
		Method:    pseudo["method"],
		Scheme:    pseudo["scheme"],
		Authority: pseudo["authority"],
		Path:      pseudo["path"],
		Header:    header,
	}
	e.current = e.begin(ctx, message.GetMetadataContext(), request)
	switch {
	case e.current.Final:
		return verdict(e.current, continueHeaders), true, nil
	case headers.GetEndOfStream():
		e.governor.Close(ctx, e.current, nil)
		return verdict(e.current, continueHeaders), true, nil
	case message.GetProtocolConfig().GetRequestBodyMode() != filterv3.ProcessingMode_BUFFERED:
		return nil, false, errBodyMode
	}
	return continueHeaders(), false, nil
}

// begin takes up the exchange where ext_authz left it. Envoy skips ext_authz for requests without a route: what it left
// nothing for has no callee, and the header phase, judged here, denies it.
func (e *exchange) begin(ctx context.Context, metadata *corev3.Metadata, request governance.Request) *governance.Exchange {
	passage, err := governance.ParsePassage(envoyhttp.PassageText(metadata))
	if err != nil {
		return e.governor.Open(ctx, request)
	}
	return e.governor.Resume(passage, request)
}
