package extproc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/governance"
)

// Misconfigurations that would let requests pass unjudged end the stream with these errors, which Envoy turns
// into a 503.
var (
	errOrder    = errors.New("the filter must send request headers first, then the body, then what the agent answers")
	errReplace  = errors.New("a request that ends in trailers cannot be replaced")
	errBodyMode = errors.New("the filter must send whole bodies: set request_body_mode to BUFFERED")
)

// exchange is the state of one processing stream: nothing, then headers seen, then the request decided, then the answer
// under way. It may be cut off from the moment at which the request is decided (cut.go), by other goroutines than that
// which receives: all but what never changes is guarded by mu, sending included.
type exchange struct {
	governor *governance.Governor
	open     *governance.Open
	send     func(*extprocv3.ProcessingResponse) error

	due atomic.Pointer[judge]

	mu      sync.Mutex
	current *governance.Exchange
	entered bool // in open
	decided bool // the request is
	answer  *answer
	mesh    bool  // the answer is Envoy's own
	over    bool  // the last answer was sent
	failed  error // of sending that
}

// take answers one message of the stream and reports whether that was the last answer. Of a stream that was cut off
// meanwhile, the message is one that Envoy sent before it knew.
func (e *exchange) take(ctx context.Context, message *extprocv3.ProcessingRequest) (last bool, err error) {
	e.mu.Lock()
	if e.over || e.failed != nil {
		defer e.mu.Unlock()
		return true, e.failed
	}
	answers, last, err := e.next(ctx, message)
	if err == nil {
		err = e.say(answers)
	}
	e.over = last && err == nil
	e.mu.Unlock()
	e.settle()
	return last, err
}

// say sends answers to Envoy.
func (e *exchange) say(answers replies) error {
	for _, answer := range answers {
		if err := e.send(answer); err != nil {
			return fmt.Errorf("sending processing response: %w", err)
		}
	}
	return nil
}

// next takes one message of the stream and returns the answers to it. last reports that no message is to follow.
func (e *exchange) next(ctx context.Context, message *extprocv3.ProcessingRequest) (answers replies, last bool, err error) {
	switch part := message.GetRequest().(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		if e.current != nil {
			return nil, false, errOrder
		}
		return e.headers(ctx, message, part.RequestHeaders)
	case *extprocv3.ProcessingRequest_RequestBody:
		// In BUFFERED mode, which headers made sure of, the one body message is whole, even without
		// end_of_stream: then trailers follow.
		return e.close(ctx, part.RequestBody.GetBody(), continueBody(), governance.ReplacesAllButVerb)
	case *extprocv3.ProcessingRequest_RequestTrailers:
		// A request may end in trailers without ever having had a body.
		if e.decided {
			return one(continueTrailers()), !e.relays(), nil
		}
		return e.close(ctx, nil, continueTrailers(), governance.ReplacesNothing)
	case *extprocv3.ProcessingRequest_ResponseHeaders:
		if !e.decided || e.answer != nil || e.mesh {
			return nil, false, errOrder
		}
		if source := envoyhttp.ResponseSource(message.GetAttributes()); source != "" && source != envoyhttp.FromAgent {
			e.mesh = true
			return one(continueAnswer()), part.ResponseHeaders.GetEndOfStream(), nil
		}
		e.answer = &answer{exchange: e.current}
		return e.answer.headers(ctx, e.governor, part.ResponseHeaders)
	case *extprocv3.ProcessingRequest_ResponseBody:
		if e.mesh {
			return own(part.ResponseBody), part.ResponseBody.GetEndOfStream(), nil
		}
		if e.answer == nil {
			return nil, false, errOrder
		}
		return e.answer.body(ctx, part.ResponseBody)
	case *extprocv3.ProcessingRequest_ResponseTrailers:
		if e.mesh {
			return one(continueAnswerTrailers(nil)), true, nil
		}
		if e.answer == nil {
			return nil, false, errOrder
		}
		return e.answer.trailers(ctx, part.ResponseTrailers)
	default:
		return nil, false, errOrder
	}
}

// end closes what the stream leaves open. Afterwards nothing is sent any more.
func (e *exchange) end() {
	e.mu.Lock()
	e.over = true
	if e.answer != nil {
		e.answer.relay.End()
	}
	e.mu.Unlock()
	if e.entered {
		e.open.Leave(e.current, e)
	}
	if e.current != nil {
		e.governor.Leave(e.current)
	}
}

func (e *exchange) relays() bool { return e.governor.Relays(e.current) }

func (e *exchange) headers(ctx context.Context, message *extprocv3.ProcessingRequest, headers *extprocv3.HttpHeaders) (replies, bool, error) {
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
		return one(verdict(e.current, continueHeaders())), true, nil
	case headers.GetEndOfStream():
		return e.close(ctx, nil, withAnswer(continueHeaders()), governance.ReplacesAll)
	case message.GetProtocolConfig().GetRequestBodyMode() != filterv3.ProcessingMode_BUFFERED:
		return nil, false, errBodyMode
	}
	return one(withAnswer(continueHeaders())), false, nil
}

// close decides the request and answers the message that completed it.
func (e *exchange) close(ctx context.Context, body []byte, proceed *extprocv3.ProcessingResponse, replaces governance.Replaces) (replies, bool, error) {
	if e.current == nil || e.decided {
		return nil, false, errOrder
	}
	e.open.Enter(e.current, e)
	e.entered, e.current.Replaces = true, replaces
	e.governor.Close(ctx, e.current, body)
	e.decided = true
	if e.current.Sent != nil && e.current.Verdict.Decision == governance.Allow {
		var err error
		if proceed, err = replaced(proceed, e.current.Sent); err != nil {
			return nil, false, err
		}
	}
	return one(verdict(e.current, proceed)), !e.relays(), nil
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
