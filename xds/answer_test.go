package xds_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// whole holds everything until the end.
func whole([]byte, bool) ([]byte, bool) { return nil, false }

// talker is an agent whose answers a test writes.
func talker(t *testing.T, answer http.HandlerFunc) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestWholeAnswersWait holds back answers of every length and pace until their end was judged.
func TestWholeAnswersWait(t *testing.T) {
	t.Parallel()
	const size = 5 << 20
	url := talker(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-type", "application/json")
		switch r.URL.Path {
		case "/rest/tasks/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/rest/tasks/slow":
			w.Write([]byte("a"))
			w.(http.Flusher).Flush()
			<-time.After(1500 * time.Millisecond) // longer than the governor may take for one message
			w.Write([]byte("b"))
		default:
			w.Write(bytes.Repeat([]byte("x"), size))
		}
	})
	b := start(t, "DELTA_GRPC", record("weather", rpc, url, rest, url+"/rest"))
	relay{judge: whole}.talk(b.governor)
	for name, test := range map[string]struct {
		method, path string
		status, size int
	}{
		"large":          {"POST", "/agents/weather", 200, size},
		"large-get":      {"GET", "/agents/weather/tasks/large", 200, size},
		"slow":           {"GET", "/agents/weather/tasks/slow", 200, 2},
		"without-a-body": {"GET", "/agents/weather/tasks/empty", 204, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := b.call(test.method, "gateway.example", test.path, "")
			if got.Status != test.status || len(got.Body) != test.size {
				t.Errorf("got %d with %d bytes: %.200s", got.Status, len(got.Body), got.Body)
			}
		})
	}
}

// TestPiecesOfAnswersAreBounded holds what the governor is sent of an answer at once to what it takes in any case.
func TestPiecesOfAnswersAreBounded(t *testing.T) {
	t.Parallel()
	url := talker(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("x"), 8<<20)) })
	b := start(t, "DELTA_GRPC", record("weather", rpc, url))
	relay{judge: whole}.talk(b.governor)
	b.call("POST", "gateway.example", "/agents/weather", "{}")
	_, messages := b.governor.seen()
	total := 0
	for _, m := range messages {
		n := len(m.GetResponseBody().GetBody())
		// Envoy stops reading at 256 KiB, once what it is reading is in.
		if total += n; n > 288<<10 {
			t.Errorf("a piece has %d bytes", n)
		}
	}
	if total != 8<<20 {
		t.Errorf("the governor was sent %d bytes", total)
	}
}

func TestAnswersAreRefused(t *testing.T) {
	t.Parallel()
	url := talker(t, func(w http.ResponseWriter, r *http.Request) { w.Write(bytes.Repeat([]byte("x"), 3<<20)) })
	b := start(t, "DELTA_GRPC", record("weather", rpc, url))
	for _, after := range []int{1, 1 << 20, 3 << 20} {
		relay{judge: whole, refuse: func(seen []byte) *extprocv3.ProcessingResponse {
			if len(seen) < after {
				return nil
			}
			return immediate(502, "refused")
		}}.talk(b.governor)
		if got := b.call("POST", "gateway.example", "/agents/weather", "{}"); got.Status != 502 || got.Body != "refused" {
			t.Errorf("refused after %d bytes, the answer is %d %.200s", after, got.Status, got.Body)
		}
	}
}

// TestAnswersNobodyJudges has the governor fail with the answer in its hands.
func TestAnswersNobodyJudges(t *testing.T) {
	t.Parallel()
	url := talker(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("secret")) })
	b := start(t, "DELTA_GRPC", record("weather", rpc, url))
	for _, at := range []string{"headers", "body"} {
		relay{judge: whole, fails: at}.talk(b.governor)
		got := b.call("POST", "gateway.example", "/agents/weather", "{}")
		if got.Status != 503 || !strings.Contains(got.Body, `"code":-31503`) {
			t.Errorf("failing on the %s, the answer is %d %s", at, got.Status, got.Body)
		}
	}
}

// TestAnswersSayWhoseTheyAre has the governor told the agent's answers from Envoy's own, which it is sent too once it
// asked for the answer.
func TestAnswersSayWhoseTheyAre(t *testing.T) {
	t.Parallel()
	url := talker(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	dead := httptest.NewServer(nil)
	dead.Close()
	b := start(t, "DELTA_GRPC", record("weather", rpc, url), record("dead", rpc, dead.URL))
	for name, want := range map[string]bool{"weather": true, "dead": false} {
		b.governor.set(nil, nil)
		relay{judge: whole}.talk(b.governor)
		if got := b.call("POST", "gateway.example", "/agents/"+name, "{}"); got.Status != 503 {
			t.Errorf("%s answered %d", name, got.Status)
		}
		_, messages := b.governor.seen()
		if len(messages) == 0 {
			t.Fatalf("the governor was not told of the answer of %s", name)
		}
		details := messages[0].GetAttributes()["envoy.filters.http.ext_proc"].GetFields()["response.code_details"].GetStringValue()
		if details == "" || (details == "via_upstream") != want {
			t.Errorf("the answer of %s comes %q", name, details)
		}
	}
}

// TestStreamsEndEarly ends an event stream with an event of the governor's own while the agent would go on.
func TestStreamsEndEarly(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	url := talker(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-type", "text/event-stream")
		for i := 0; ; i++ {
			fmt.Fprintf(w, "data: %d\n\n", i)
			if http.NewResponseController(w).Flush() != nil {
				break
			}
			select {
			case <-r.Context().Done():
				close(ended)
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	b := start(t, "DELTA_GRPC", record("weather", rpc, url))
	relay{judge: func(chunk []byte, _ bool) ([]byte, bool) {
		if strings.Contains(string(chunk), "data: 3") {
			return []byte("data: denied\n\n"), true
		}
		return chunk, false
	}}.talk(b.governor)
	response, err := b.client.Post("http://"+b.gateway+"/agents/weather", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var events []string
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if lines.Text() != "" {
			events = append(events, lines.Text())
		}
	}
	if got := strings.Join(events, " "); got != "data: 0 data: 1 data: 2 data: denied" {
		t.Errorf("got %q", got)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the agent goes on")
	}
}

func TestGRPCAnswers(t *testing.T) {
	t.Parallel()
	u := newCallee(t, "weather")
	b := start(t, "DELTA_GRPC", record("weather", overGRPC, u.address()))
	conn := b.dial("weather.mesh.local")
	relay{judge: whole}.talk(b.governor)
	if got, err := invoke(t, conn, getTask); err != nil || got != "weather:hello" {
		t.Errorf("got %q, %v", got, err)
	}
	relay{judge: func(chunk []byte, _ bool) ([]byte, bool) { return chunk, false }}.talk(b.governor)
	if got, err := invoke(t, conn, getTask); err != nil || got != "weather:hello" {
		t.Errorf("passing each chunk got %q, %v", got, err)
	}
	relay{judge: func(chunk []byte, _ bool) ([]byte, bool) { return chunk, false }, trailers: [][2]string{
		{"grpc-status", "7"}, {"grpc-message", "denied"},
	}}.talk(b.governor)
	if _, err := invoke(t, conn, getTask); status.Code(err) != codes.PermissionDenied {
		t.Errorf("with other trailers got %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	events, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, stream)
	if err != nil {
		t.Fatal(err)
	}
	if err := events.SendMsg(wrapperspb.String("12")); err != nil {
		t.Fatal(err)
	}
	if err := events.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		u.next <- struct{}{}
		if err := events.RecvMsg(&wrapperspb.StringValue{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := events.RecvMsg(&wrapperspb.StringValue{}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("the stream ended with %v", err)
	}
}
