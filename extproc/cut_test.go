package extproc_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	a2apb "github.com/a2aproject/a2a-go/v2/a2apb/v1"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"ringfence.dev/ringfence/extproc"
	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/meshtest/governed"
)

// killed is the verdict on whoever a switch stops.
func killed(*governance.Exchange) governance.Verdict {
	return governance.Verdict{
		Factor: "killed", Kind: governance.Forbidden, Party: governance.Organisation, Reason: "agent-killed",
		Message: "an operator stopped the agent", Evidence: []string{"switch:agent"},
	}
}

func allowed(*governance.Exchange) governance.Verdict {
	return governance.Verdict{Decision: governance.Allow}
}

// frame is a message as gRPC sends it.
func frame(t *testing.T, m proto.Message) string {
	t.Helper()
	encoded, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(a2a.AppendFrame(nil, encoded))
}

// streamGRPC is a call of a gRPC interface, which weather is given.
func streamGRPC(t *testing.T, m *meshtest.Mesh) meshtest.Call {
	t.Helper()
	card := &m.Records["weather"].Card
	card.Interfaces = append(card.Interfaces, agent.Interface{URL: "10.0.0.1:9001", Binding: agent.GRPC, Version: "1.0"})
	return meshtest.Call{
		From: "caller", To: "/agents/weather/lf.a2a.v1.A2AService/SendStreamingMessage",
		Header: http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}},
		Body: frame(t, &a2apb.SendMessageRequest{Message: &a2apb.Message{
			MessageId: "m", Role: a2apb.Role_ROLE_USER, Parts: []*a2apb.Part{{Content: &a2apb.Part_Text{Text: "how is it?"}}},
		}}),
	}
}

// conversing is a processing stream on which a test sends and receives in turn.
type conversing struct {
	t *testing.T
	extprocv3.ExternalProcessor_ProcessClient
}

// say sends a message and returns its answers.
func (c conversing) say(m *extprocv3.ProcessingRequest, answers int) (got []string) {
	c.t.Helper()
	if err := c.Send(m); err != nil && !errors.Is(err, io.EOF) { // the stream may be over
		c.t.Fatal(err)
	}
	for range answers {
		got = append(got, c.next())
	}
	return got
}

// next returns what the service says next.
func (c conversing) next() string {
	c.t.Helper()
	answer, err := c.Recv()
	switch {
	case errors.Is(err, io.EOF):
		return "over"
	case err != nil:
		return "broken: " + err.Error()
	}
	text := describe(answer)
	if body := answer.GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse(); strings.Contains(string(body.GetBody()), "AGENT_KILLED") {
		return "final event"
	}
	return text
}

func TestCallsUnderWayAreCutOff(t *testing.T) {
	t.Parallel()
	both(t, testCallsUnderWayAreCutOff)
}

func testCallsUnderWayAreCutOff(t *testing.T, coding envoywire.Coding) {
	t.Helper()
	const (
		whole = `{"jsonrpc":"2.0","id":"r1","result":{}}`
		event = "data: {\"jsonrpc\":\"2.0\",\"id\":\"r1\",\"result\":{}}\n\n"
	)
	update := frame(t, &a2apb.StreamResponse{Payload: &a2apb.StreamResponse_StatusUpdate{StatusUpdate: &a2apb.TaskStatusUpdateEvent{
		TaskId: "t", ContextId: "c", Status: &a2apb.TaskStatus{State: a2apb.TaskState_TASK_STATE_WORKING},
	}}})
	json := func(*meshtest.Mesh) meshtest.Call {
		return meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay")}
	}
	streaming := func(*meshtest.Mesh) meshtest.Call {
		return meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Invoke("SendStreamingMessage", "pay")}
	}
	overGRPC := func(m *meshtest.Mesh) meshtest.Call { return streamGRPC(t, m) }
	type part struct {
		message *extprocv3.ProcessingRequest
		answers int
	}
	for _, c := range []struct {
		name  string
		call  func(*meshtest.Mesh) meshtest.Call
		parts []part
		want  string
		late  *extprocv3.ProcessingRequest // is sent before Envoy knows
	}{
		{"waiting", json, nil, "denied ringfence_killed", answerHeaders("application/json", false)},
		{"waiting-over-grpc", overGRPC, nil, "denied ringfence_killed", answerHeaders("application/grpc", false)},
		{"fields-held", json, []part{{answerHeaders("application/json", false), 0}}, "denied ringfence_killed", answerBody(whole, true)},
		{"body-held", json, []part{{answerHeaders("application/json", false), 0}, {answerBody(whole[:9], false), 0}}, "denied ringfence_killed", answerTrailers("x", "1")},
		{"events-begun", streaming, []part{{answerHeaders("text/event-stream", false), 1}}, "denied ringfence_killed", answerBody(event, false)},
		{"between-events", streaming, []part{{answerHeaders("text/event-stream", false), 1}, {answerBody(event, false), 1}}, "final event", answerBody(event, true)},
		{"amid-an-event", streaming, []part{{answerHeaders("text/event-stream", false), 1}, {answerBody(event+event[:9], false), 1}}, "final event", answerBody(event[9:], false)},
		{"messages-held", overGRPC, []part{{answerHeaders("application/grpc", false), 0}}, "denied ringfence_killed", answerBody(update, false)},
		{"between-messages", overGRPC, []part{{answerHeaders("application/grpc", false), 0}, {answerBody(update, false), 2}}, `"" true`, answerTrailers("grpc-status", "0")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := meshtest.New()
			call := c.call(m)
			governor, records := governed.Governor(m)
			open := &governance.Open{}
			client, err := serveOpen(t, governor, open, coding).Process(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s := conversing{t, client}
			s.say(headers(call, passage(t, governor, m, call), filterv3.ProcessingMode_BUFFERED, false), 1)
			if open.Review(killed); open.Len() != 0 {
				t.Error("an undecided request is under way")
			}
			if got := s.say(body(call.Body, true), 1); got[0] != "body" {
				t.Fatal(got)
			}
			for _, p := range c.parts {
				s.say(p.message, p.answers)
			}
			if open.Review(allowed); open.Len() != 1 {
				t.Errorf("%d calls are under way", open.Len())
			}
			awaitAnswer(open, len(c.parts) > 0)
			open.Review(killed)
			open.Review(killed)
			if got := s.next(); got != c.want {
				t.Errorf("the call is cut off with %s, want %s", got, c.want)
			}
			if got := s.say(c.late, 1); got[0] != "over" {
				t.Errorf("what comes late is answered %s", got)
			}
			all := records.All()
			if len(all) != 2 {
				t.Fatalf("%d records", len(all))
			}
			if last := all[1]; last.Decision != "deny" || last.Factor != "killed" || last.Reason != "agent-killed" || last.Phase != "answer" || len(last.Evidence) != 1 {
				t.Errorf("the record is %+v", last)
			}
			if open.Len() != 0 {
				t.Error("the call is still under way")
			}
		})
	}
}

// awaitAnswer returns when the call under way is at rest and its answer has begun, if it is to: what is held is not
// answered.
func awaitAnswer(open *governance.Open, begun bool) {
	for waits := true; waits; {
		seen := make(chan bool, 1)
		open.Review(func(x *governance.Exchange) governance.Verdict {
			seen <- x.Reply.Status != 0
			return allowed(x)
		})
		waits = <-seen != begun
	}
}

// TestCallsThatAreOverAreNotCutOff reviews calls of which nothing is left to cut.
func TestCallsThatAreOverAreNotCutOff(t *testing.T) {
	t.Parallel()
	both(t, testCallsThatAreOverAreNotCutOff)
}

func testCallsThatAreOverAreNotCutOff(t *testing.T, coding envoywire.Coding) {
	t.Helper()
	const whole = `{"jsonrpc":"2.0","id":"r1","result":{}}`
	for _, c := range []struct {
		name     string
		messages []*extprocv3.ProcessingRequest
		want     []string
		end      string
	}{
		{"answered", []*extprocv3.ProcessingRequest{answerHeaders("application/json", false), answerBody(whole, true)}, []string{"fields", `"` + strings.ReplaceAll(whole, `"`, `\"`) + `" true`}, "over"},
		{"answered-by-envoy", []*extprocv3.ProcessingRequest{from("upstream_reset", answerHeaders("application/json", false))}, []string{"fields"}, "broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := meshtest.New()
			governor, records := governed.Governor(m)
			open := &governance.Open{}
			client, err := serveOpen(t, governor, open, coding).Process(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s := conversing{t, client}
			call := meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay")}
			s.say(headers(call, passage(t, governor, m, call), filterv3.ProcessingMode_BUFFERED, false), 1)
			s.say(body(call.Body, true), 1)
			for _, message := range c.messages {
				if err := s.Send(message); err != nil {
					t.Fatal(err)
				}
			}
			for _, want := range c.want {
				if got := s.next(); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			open.Review(killed)
			if err := s.CloseSend(); err != nil {
				t.Fatal(err)
			}
			if got := s.next(); !strings.HasPrefix(got, c.end) {
				t.Errorf("the stream is %s, want %s", got, c.end)
			}
			if n := len(records.All()); n != 1 || open.Len() != 0 {
				t.Errorf("%d records, %d under way", n, open.Len())
			}
		})
	}
}

// slow is a stream to an Envoy that takes no answer until it is told to.
type slow struct {
	grpc.ServerStream
	ctx     context.Context
	in      chan *extprocv3.ProcessingRequest
	sending chan struct{}
	take    chan struct{}
	out     chan *extprocv3.ProcessingResponse
}

func (s slow) Context() context.Context { return s.ctx }

func (s slow) RecvMsg(m any) error {
	request, ok := <-s.in
	if !ok {
		return io.EOF
	}
	encoded, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	return envoywire.Codec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(encoded)}, m)
}

func (s slow) SendMsg(m any) error {
	answer, err := sent(m)
	if err != nil {
		return err
	}
	s.sending <- struct{}{}
	<-s.take
	s.out <- answer
	return nil
}

// sent returns the answer that a message says to Envoy.
func sent(m any) (*extprocv3.ProcessingResponse, error) {
	encoded, err := envoywire.Codec().Marshal(m)
	if err != nil {
		return nil, err
	}
	answer := &extprocv3.ProcessingResponse{}
	return answer, proto.Unmarshal(encoded.Materialize(), answer)
}

// registered is the service as it is registered with a gRPC server.
type registered struct {
	service *grpc.ServiceDesc
	server  any
}

func (r *registered) RegisterService(service *grpc.ServiceDesc, server any) {
	r.service, r.server = service, server
}

// process serves one stream.
func process(governor *governance.Governor, open *governance.Open, coding envoywire.Coding, stream grpc.ServerStream) error {
	var r registered
	extproc.Register(&r, extproc.New(governor, open, slog.New(slog.DiscardHandler)), coding)
	return r.service.Streams[0].Handler(r.server, stream)
}

// TestReviewsWaitForNobody reviews a call while Envoy does not take what it is sent: the cut, or what it was sent before.
func TestReviewsWaitForNobody(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, coding envoywire.Coding) {
		for name, busy := range map[string]bool{"idle": false, "busy": true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				reviewSlow(t, busy, coding)
			})
		}
	})
}

func reviewSlow(t *testing.T, busy bool, coding envoywire.Coding) {
	t.Helper()
	m := meshtest.New()
	governor, _ := governed.Governor(m)
	open := &governance.Open{}
	call := meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay")}
	s := slow{
		ctx: t.Context(), in: make(chan *extprocv3.ProcessingRequest), sending: make(chan struct{}, 8),
		take: make(chan struct{}), out: make(chan *extprocv3.ProcessingResponse, 8),
	}
	ended := make(chan error, 1)
	go func() { ended <- process(governor, open, coding, s) }()
	s.in <- headers(call, passage(t, governor, m, call), filterv3.ProcessingMode_BUFFERED, false)
	<-s.sending
	s.take <- struct{}{}
	s.in <- body(call.Body, true)
	<-s.sending
	if busy {
		open.Review(killed)
		s.take <- struct{}{}
	} else {
		s.take <- struct{}{}
		awaitAnswer(open, false)
		open.Review(killed)
	}
	<-s.sending // the cut
	open.Review(killed)
	open.Review(allowed)
	s.take <- struct{}{}
	close(s.in)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	var got []string
	for close(s.out); ; {
		answer, ok := <-s.out
		if !ok {
			break
		}
		got = append(got, word(answer))
	}
	if strings.Join(got, ", ") != "headers, body, denied ringfence_killed" {
		t.Errorf("Envoy was sent %q", got)
	}
}

// broken is a stream that fails at the first answer that denies.
type broken struct{ slow }

func (s broken) SendMsg(m any) error {
	answer, err := sent(m)
	if err != nil {
		return err
	}
	s.sending <- struct{}{}
	if answer.GetImmediateResponse() != nil {
		return errors.New("the connection is gone")
	}
	return nil
}

// TestCutsThatFail lets nothing more pass where the cut did not reach Envoy.
func TestCutsThatFail(t *testing.T) {
	t.Parallel()
	both(t, testCutsThatFail)
}

func testCutsThatFail(t *testing.T, coding envoywire.Coding) {
	t.Helper()
	m := meshtest.New()
	governor, _ := governed.Governor(m)
	open := &governance.Open{}
	call := meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay")}
	s := broken{slow{ctx: t.Context(), in: make(chan *extprocv3.ProcessingRequest), sending: make(chan struct{})}}
	ended := make(chan error, 1)
	go func() { ended <- process(governor, open, coding, s) }()
	s.in <- headers(call, passage(t, governor, m, call), filterv3.ProcessingMode_BUFFERED, false)
	<-s.sending
	s.in <- body(call.Body, true)
	<-s.sending
	open.Review(killed)
	<-s.sending
	s.in <- answerHeaders("application/json", false)
	if err := <-ended; err == nil {
		t.Error("the stream ended as if all was said")
	}
}

// TestCutsAtAnyMoment cuts calls off while they go on: each one is answered whole or cut off, and nothing follows a cut.
func TestCutsAtAnyMoment(t *testing.T) {
	t.Parallel()
	both(t, testCutsAtAnyMoment)
}

func testCutsAtAnyMoment(t *testing.T, coding envoywire.Coding) {
	t.Helper()
	const event = "data: {\"jsonrpc\":\"2.0\",\"id\":\"r1\",\"result\":{}}\n\n"
	m := meshtest.New()
	governor, _ := governed.Governor(m)
	open := &governance.Open{}
	client := serveOpen(t, governor, open, coding)
	call := meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Invoke("SendStreamingMessage", "pay")}
	metadata := passage(t, governor, m, call)
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for range 50 {
				converseEvents(t, client, call, metadata, event)
			}
		})
	}
	done := make(chan struct{})
	go func() { calls.Wait(); close(done) }()
	for reviews := 0; ; reviews++ {
		select {
		case <-done:
			if open.Len() != 0 {
				t.Errorf("%d calls are under way", open.Len())
			}
			return
		default:
			open.Review(func(x *governance.Exchange) governance.Verdict {
				if reviews%3 == 0 {
					return killed(x)
				}
				return allowed(x)
			})
		}
	}
}

func converseEvents(t *testing.T, client extprocv3.ExternalProcessorClient, call meshtest.Call, metadata *corev3.Metadata, event string) {
	stream, err := client.Process(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	for _, message := range []*extprocv3.ProcessingRequest{
		headers(call, metadata, filterv3.ProcessingMode_BUFFERED, false), body(call.Body, true),
		answerHeaders("text/event-stream", false), answerBody(event, false), answerBody(event, false), answerBody("", true),
	} {
		if stream.Send(message) != nil {
			break
		}
	}
	stream.CloseSend() //nolint:errcheck // the stream may be over
	last := false
	for {
		answer, err := stream.Recv()
		if err != nil {
			if !last || !errors.Is(err, io.EOF) {
				t.Errorf("the stream ended with %v, and was said to: %v", err, last)
			}
			return
		}
		if last {
			t.Errorf("after its end comes %s", describe(answer))
		}
		piece := answer.GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse()
		last = piece.GetEndOfStream() || answer.GetImmediateResponse() != nil
	}
}
