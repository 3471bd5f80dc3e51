package xds_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// silent is an agent that begins an answer and says no more. It reports each call that is ended for it.
func silent(t *testing.T) (url string, ended chan struct{}) {
	ended = make(chan struct{}, 16)
	url = talker(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("x-envoy-upstream-rq-timeout-ms") != "" {
			t.Error("the agent is told of the bound")
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "begun"):
			w.Header().Set("content-type", "application/json")
			http.NewResponseController(w).Flush()
		case strings.HasSuffix(r.URL.Path, "fields"):
			w.Header().Set("content-type", "text/event-stream")
			http.NewResponseController(w).Flush()
		case strings.HasSuffix(r.URL.Path, "events"):
			w.Header().Set("content-type", "text/event-stream")
			fmt.Fprint(w, "data: 1\n\n")
			http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
		ended <- struct{}{}
	})
	return url, ended
}

// cut is a governor that passes what it is sent, or holds the whole answer, and says one thing more when it is told to,
// without having been asked.
type cut struct {
	hold bool
	at   chan struct{}
	say  *extprocv3.ProcessingResponse
}

func (c cut) converse(s extprocv3.ExternalProcessor_ProcessServer) error {
	r := relay{judge: whole}
	if !c.hold {
		r.judge = func(chunk []byte, _ bool) ([]byte, bool) { return chunk, false }
	}
	talk := &conversation{relay: r, ExternalProcessor_ProcessServer: s}
	received := make(chan error)
	go func() {
		for {
			m, err := s.Recv()
			if err == nil && m.GetResponseHeaders() != nil && !c.hold {
				err = talk.pass(nil, false)
			} else if err == nil {
				_, err = talk.next(m)
			}
			if err != nil {
				received <- err
				return
			}
		}
	}()
	select {
	case <-c.at:
		if c.say == nil {
			go func() { <-received }()
			return status.Error(codes.Aborted, "cut")
		}
		if err := s.Send(c.say); err != nil {
			return err
		}
		<-received
		return nil
	case err := <-received:
		return err
	}
}

// TestAnswersAreCutOff has the governor end calls on which the agent is silent, unasked.
func TestAnswersAreCutOff(t *testing.T) {
	t.Parallel()
	url, ended := silent(t)
	b := start(t, "DELTA_GRPC", record("weather", rest, url+"/rest"))
	last := streamed([]byte("data: denied\n\n"), true)
	for _, test := range []struct {
		name, path   string
		hold, broken bool
		say          *extprocv3.ProcessingResponse
		status       int
		body         string
	}{
		{name: "waiting", path: "none", say: immediate(403, "denied"), status: 403, body: "denied"},
		{name: "waiting-and-failing", path: "none", status: 503, body: `"reason":"UNAVAILABLE"`},
		{name: "held", path: "begun", hold: true, say: immediate(403, "denied"), status: 403, body: "denied"},
		{name: "fields", path: "fields", say: immediate(403, "denied"), status: 200, broken: true},
		{name: "fields-with-a-last-piece", path: "fields", say: last, status: 200, broken: true},
		{name: "events", path: "events", say: last, status: 200, body: "data: 1\n\ndata: denied\n\n"},
		{name: "events-with-an-immediate-response", path: "events", say: immediate(403, "denied"), status: 200, body: "data: 1\n\n", broken: true},
		{name: "events-and-failing", path: "events", status: 200, body: "data: 1\n\n", broken: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := make(chan struct{})
			b.governor.talk(cut{hold: test.hold, at: at, say: test.say}.converse)
			go func() {
				<-time.After(300 * time.Millisecond) // by then, Envoy waits for the agent
				close(at)
			}()
			response, err := b.client.Get("http://" + b.gateway + "/agents/weather/tasks/" + test.path)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if response.StatusCode != test.status || !strings.Contains(string(body), test.body) || test.broken && string(body) != test.body || (err != nil) != test.broken {
				t.Errorf("the client has %d %q, %v", response.StatusCode, body, err)
			}
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Error("the agent goes on")
			}
		})
	}
}

// events begins a gRPC stream, which the callee would go on with for long, and has it send a number of messages.
func events(t *testing.T, b *bench, u *callee, host string, messages int) grpc.ClientStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	s, err := b.dial(host).NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, stream)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SendMsg(wrapperspb.String(strings.Repeat("x", 100_000))); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for range messages {
		u.next <- struct{}{}
		if err := s.RecvMsg(&wrapperspb.StringValue{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestGRPCAnswersAreCutOff(t *testing.T) {
	t.Parallel()
	u := newCallee(t, "weather")
	b := start(t, "DELTA_GRPC", record("weather", overGRPC, u.address()))
	refusal := immediate(200, "")
	refusal.GetImmediateResponse().Headers = &extprocv3.HeaderMutation{}
	for _, f := range denial(codes.PermissionDenied) {
		refusal.GetImmediateResponse().Headers.SetHeaders = append(refusal.GetImmediateResponse().Headers.SetHeaders,
			&corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: f[0], RawValue: []byte(f[1])}})
	}
	for _, test := range []struct {
		name     string
		messages int
		say      *extprocv3.ProcessingResponse
		code     codes.Code
		reason   string
	}{
		{"waiting", 0, refusal, codes.PermissionDenied, "RING_TOO_LOW"},
		{"under-way", 2, streamed(nil, true), codes.Internal, ""},
		{"under-way-with-an-immediate-response", 2, refusal, codes.Internal, ""},
		{"under-way-and-failing", 2, nil, codes.Internal, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := make(chan struct{})
			b.governor.talk(cut{at: at, say: test.say}.converse)
			s := events(t, b, u, "weather.mesh.local", test.messages)
			<-time.After(300 * time.Millisecond) // by then, Envoy waits for the agent
			close(at)
			got := status.Convert(s.RecvMsg(&wrapperspb.StringValue{}))
			if got.Code() != test.code || reasonOf(got) != test.reason {
				t.Errorf("the client has %v with reason %q", got, reasonOf(got))
			}
			idle := 0
			b.await("the agent's end", func() (string, bool) {
				select {
				case u.next <- struct{}{}: // which it takes for as long as the call is not over for it
					idle = 0
				default:
					idle++
				}
				return "", idle == 20
			})
		})
	}
}

// TestCallsAreBoundedOneByOne has ext_authz bound how long the agent may take, which no client can.
func TestCallsAreBoundedOneByOne(t *testing.T) {
	t.Parallel()
	url, ended := silent(t)
	u := newCallee(t, "grpc")
	b := start(t, "DELTA_GRPC", record("weather", rpc, url, rest, url+"/rest"), record("grpc", overGRPC, u.address()))
	relay{judge: func(chunk []byte, _ bool) ([]byte, bool) { return chunk, false }}.talk(b.governor)
	bound := func(millis string) {
		b.governor.set(func(*authv3.CheckRequest) *authv3.CheckResponse {
			return &authv3.CheckResponse{Status: &statuspb.Status{}, HttpResponse: &authv3.CheckResponse_OkResponse{
				OkResponse: &authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{{
					Header:       &corev3.HeaderValue{Key: "x-envoy-upstream-rq-timeout-ms", Value: millis},
					AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
				}}},
			}}
		}, nil)
	}
	get := func(t *testing.T, method, path string) (int, string, error) {
		t.Helper()
		r, err := http.NewRequest(method, "http://"+b.gateway+"/agents/weather"+path, strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("x-envoy-upstream-rq-timeout-ms", "1") // which would be long over
		response, err := b.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		<-ended
		return response.StatusCode, string(body), err
	}
	bound("500")
	if code, body, err := get(t, "POST", ""); code != 504 || !strings.Contains(body, `"code":-31504`) || err != nil {
		t.Errorf("JSON-RPC: %d %s %v", code, body, err)
	}
	if code, body, err := get(t, "GET", "/tasks/none"); code != 504 || !strings.Contains(body, `"status":"DEADLINE_EXCEEDED"`) || err != nil {
		t.Errorf("HTTP+JSON: %d %s %v", code, body, err)
	}
	if code, body, err := get(t, "GET", "/tasks/events"); code != 200 || body != "data: 1\n\n" || err == nil {
		t.Errorf("a stream: %d %q %v", code, body, err)
	}
	got := status.Convert(events(t, b, u, "grpc.mesh.local", 0).RecvMsg(&wrapperspb.StringValue{}))
	if got.Code() != codes.DeadlineExceeded || reasonOf(got) != "TIMEOUT" {
		t.Errorf("gRPC: %v with reason %q", got, reasonOf(got))
	}
	if got := status.Convert(events(t, b, u, "grpc.mesh.local", 1).RecvMsg(&wrapperspb.StringValue{})); got.Code() != codes.Internal {
		t.Errorf("a gRPC stream: %v", got)
	}
}
