package attack

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence.dev/ringfence/extproc"
	"ringfence.dev/ringfence/internal/envoyhttp"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/policy"
)

// hanging is the side of Envoy in one processing stream: it says some messages, and then hangs up, or takes no more answers.
type hanging struct {
	grpc.ServerStream
	ctx     context.Context
	says    []*extprocv3.ProcessingRequest
	then    error
	takes   int // answers, -1 for all
	answers int
	reset   bool
}

func (h *hanging) Context() context.Context { return h.ctx }

func (h *hanging) Recv() (*extprocv3.ProcessingRequest, error) {
	if len(h.says) == 0 {
		return nil, h.then
	}
	next := h.says[0]
	h.says = h.says[1:]
	return next, nil
}

func (h *hanging) Send(m *extprocv3.ProcessingResponse) error {
	if h.answers == h.takes {
		return errors.New("the connection is gone")
	}
	h.answers++
	h.reset = h.reset || m.GetImmediateResponse() != nil
	return nil
}

func fields(pairs ...string) *extprocv3.HttpHeaders {
	h := &extprocv3.HttpHeaders{Headers: &corev3.HeaderMap{}}
	for i := 0; i < len(pairs); i += 2 {
		h.Headers.Headers = append(h.Headers.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
	}
	return h
}

// carriedBy is what Envoy says in the stream of a request and of an answer that streams.
func (w *world) carriedBy(r *replica, s *wire) []*extprocv3.ProcessingRequest {
	w.Helper()
	x := r.governor.Open(w.Context(), s.Request)
	pairs := []string{":method", s.Method, ":scheme", s.Scheme, ":authority", s.Authority, ":path", s.Path}
	for _, f := range s.Header {
		pairs = append(pairs, f.Name, f.Value)
	}
	headers := &extprocv3.ProcessingRequest{
		MetadataContext: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{envoyhttp.MetadataNamespace: envoyhttp.Passage(x.Passage().String())}},
		ProtocolConfig:  &extprocv3.ProtocolConfiguration{RequestBodyMode: filterv3.ProcessingMode_BUFFERED},
		Request:         &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: fields(pairs...)},
	}
	event := (&conversation{x: x}).event("one")
	answer := func(body string, end bool) *extprocv3.ProcessingRequest {
		return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: &extprocv3.HttpBody{Body: []byte(body), EndOfStream: end}}}
	}
	return []*extprocv3.ProcessingRequest{
		headers,
		{Request: &extprocv3.ProcessingRequest_RequestBody{RequestBody: &extprocv3.HttpBody{Body: s.body, EndOfStream: true}}},
		{Request: &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: fields(":status", "200", "content-type", "text/event-stream")}},
		answer(event, false), answer(event[:9], false), answer(event[9:], false), answer("", true),
	}
}

// TestHangingUp hangs up at every message of the stream between Envoy and the mesh, in every way: no place among the calls
// under way is lost, and none is given back twice.
func TestHangingUp(t *testing.T) {
	const parts = 7 // messages in a stream
	for name, then := range map[string]error{"closed": io.EOF, "broken": context.Canceled, "unsendable": nil, "out-of-order": io.EOF, "again": io.EOF} {
		t.Run(name, func(t *testing.T) {
			under(t, nil, func(w *world) {
				r := w.replicas[0]
				w.write("p", "party: callee\ntargets: {agents: [cobalt]}\nrules: [{concurrency: {calls: 2, by: target}}]")
				server := extproc.New(r.governor, &r.open, quiet)
				kept := w.begin(r, r, w.sign(ask(dolomite))).allowed()
				for at := range parts + 1 {
					c := ask(amber)
					c.body = strings.Replace(c.body, "SendMessage", "SendStreamingMessage", 1)
					says := w.carriedBy(r, w.sign(c))
					stream := &hanging{ctx: w.Context(), says: says[:at], then: then, takes: -1}
					switch name {
					case "unsendable":
						stream.says, stream.takes = says, at
					case "out-of-order":
						stream.says = append(says[:at:at], says[max(at-1, 0)])
					case "again":
						stream.says = append(says[:at:at], says[:at]...)
					}
					err := server.Process(stream)
					if at < parts-1 && err == nil && !stream.reset {
						t.Errorf("hung up after %d: the stream ends well", at)
					}
					// One place is taken, and one is free.
					free := w.begin(r, r, w.sign(ask(amber))).allowed()
					r.send(w.sign(ask(mallory))).denied("budget", policy.ReasonConcurrency)
					free.close()
					if n := r.open.Len(); n != 1 {
						t.Errorf("hung up after %d: %d calls are under way", at, n)
					}
					w.pass(time.Second)
				}
				kept.close()
			})
		})
	}
}

// TestTrailersInPlaceOfTheBody has the request in whose place a message goes on end in trailers: they cannot be replaced.
func TestTrailersInPlaceOfTheBody(t *testing.T) {
	under(t, nil, func(w *world) {
		r := w.replicas[0]
		w.write("p", financeApproves)
		server := extproc.New(r.governor, &governance.Open{}, quiet)
		_, task := w.held(r, pay(amber))
		w.approve(strings.TrimPrefix(task, "ringfence-"), "ada")
		says := w.carriedBy(r, w.sign(about(amber, basalt, "GetTask", task)))
		says[1] = &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestTrailers{RequestTrailers: &extprocv3.HttpTrailers{}}}
		stream := &hanging{ctx: w.Context(), says: says[:2], then: io.EOF, takes: -1}
		if err := server.Process(stream); err == nil && !stream.reset {
			t.Error("a request without the body that was signed goes on")
		}
		w.goesOn(r, amber, basalt, task, "own-1")
	})
}
