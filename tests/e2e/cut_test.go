package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/meshtest"
)

// mute is an agent that begins streams with one event or message, says no more, and never answers single calls but those
// of a method that only tests have. It reports each call that begins and each that is ended for it.
type mute struct{ begun, ended chan string }

func (m mute) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	kind := "single"
	switch {
	case strings.Contains(string(body), "org.example/none"):
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"jsonrpc":"2.0","id":7,"result":{}}`) //nolint:errcheck // the test sees what comes of it
		return
	case r.Header.Get("Content-Type") == "application/grpc":
		kind = "messages"
		w.Header().Set("Content-Type", "application/grpc")
		// A status update of the task t in the context c: it is being worked on.
		w.Write(a2a.AppendFrame(nil, []byte{0x1a, 10, 0x0a, 1, 't', 0x12, 1, 'c', 0x1a, 2, 0x08, 2})) //nolint:errcheck // as above
	case strings.Contains(string(body), "SendStreamingMessage"):
		kind = "events"
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, said("one")) //nolint:errcheck // as above
	}
	if kind != "single" {
		w.(http.Flusher).Flush()
	}
	m.begun <- kind
	<-r.Context().Done()
	m.ended <- kind
}

// take takes what is reported of so many calls.
func take(t *testing.T, calls int, reports chan string) {
	t.Helper()
	late := time.After(bound)
	for range calls {
		select {
		case <-reports:
		case <-late:
			t.Fatalf("waited %s for the agent", bound)
		}
	}
}

// newMute serves the agent over JSON-RPC and gRPC and returns its card too.
func newMute(t *testing.T) (m mute, card string) {
	t.Helper()
	m = mute{begun: make(chan string, 16), ended: make(chan string, 16)}
	server := httptest.NewUnstartedServer(m)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	card = strings.Replace(string(jsonCard(server.URL+"/rpc")), `"supportedInterfaces":[`, fmt.Sprintf(
		`"supportedInterfaces":[{"url":%q,"protocolBinding":"GRPC","protocolVersion":"1.0"},`, server.Listener.Addr().String()), 1)
	return m, card
}

// open sends a call and returns its answer once its fields are there.
func (c *caller) open(t *testing.T, url, media, body string) (*http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", media)
	r.Header.Set("A2A-Version", "1.0")
	transport := &http.Transport{Protocols: new(http.Protocols)}
	if media == "application/grpc" {
		r.Header.Set("TE", "trailers")
		transport.Protocols.SetUnencryptedHTTP2(true)
	} else {
		transport.Protocols.SetHTTP1(true)
	}
	t.Cleanup(transport.CloseIdleConnections)
	if err := c.signer.Sign(r, []byte(body)); err != nil {
		t.Fatal(err)
	}
	return transport.RoundTrip(r)
}

// openCalls are a call of each kind on which the agent is silent.
type openCalls struct {
	single           chan string // nil where there is none
	number           int
	events, messages *bufio.Reader
}

func (c *caller) openAll(t *testing.T, url string) openCalls {
	t.Helper()
	o := openCalls{number: 2}
	// In the fused shape nobody but Envoy knows a call that waits for the first of its answer.
	if shape != "fused" {
		o.single, o.number = make(chan string, 1), 3
		go func() {
			status, answer, err := c.call(url, message("m", ""))
			o.single <- fmt.Sprint(status, " ", answer, " ", err)
		}()
	}
	begin := func(url, media, body string, first int) *bufio.Reader {
		response, err := c.open(t, url, media, body)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		reader := bufio.NewReader(response.Body)
		if start, err := reader.Peek(first); err != nil {
			t.Fatalf("the stream begins with %d %q %v", response.StatusCode, start, err)
		}
		reader.Discard(first) //nolint:errcheck // it is there
		return reader
	}
	o.events = begin(url, "application/json", meshtest.Invoke("SendStreamingMessage", "hello"), len(said("one")))
	sent := string(a2a.AppendFrame(nil, []byte{0x0a, 12, 0x0a, 1, 'm', 0x20, 1, 0x2a, 5, 0x0a, 3, 'h', 'e', 'y'}))
	o.messages = begin(url+"/lf.a2a.v1.A2AService/SendStreamingMessage", "application/grpc", sent, 17)
	return o
}

// TestKillSwitchesCutOpenCalls pulls each kind of switch while calls are under way, none of which would end by itself,
// and lifts it again.
func TestKillSwitchesCutOpenCalls(t *testing.T) {
	t.Parallel()
	agent, card := newMute(t)
	m := upWith(t, "up", "", "")
	anna := newCaller(t)
	m.register(t, map[string]any{"name": "anna", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{anna.did}, "ringCeiling": 2, "owner": "team a/b"})
	m.register(t, map[string]any{"name": "mute", "card": json.RawMessage(card), "owner": "team mute"})
	url := m.ready.GatewayURL + "/agents/mute"
	const settles = "org.example/none"
	for _, path := range []string{"agents/anna", "agents/mute", "owners/team%20a%2Fb", "mesh"} {
		anna.expect(t, url, rpc(settles, "{}"), http.StatusOK, `"result"`)
		calls := anna.openAll(t, url)
		take(t, calls.number, agent.begun)
		begun := time.Now()
		if status, answer := m.api(t, http.MethodPut, "/v1/kill/"+path, `{"reason":"drill","by":"test"}`); status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
		if calls.single != nil {
			if got := <-calls.single; !strings.Contains(got, "_INACTIVE") {
				t.Errorf("%s: the single call ends with %s", path, got)
			}
		}
		if rest, err := io.ReadAll(calls.events); err != nil || !strings.HasPrefix(string(rest), "data: {") || !strings.Contains(string(rest), "_INACTIVE") {
			t.Errorf("%s: the events end with %q %v", path, rest, err)
		}
		if rest, err := io.ReadAll(calls.messages); len(rest) != 0 {
			t.Errorf("%s: the messages end with %q %v", path, rest, err)
		}
		t.Logf("%s: all were cut off after %s", path, time.Since(begun))
		take(t, calls.number, agent.ended)
		if _, answer, err := anna.call(url, rpc(settles, "{}")); err != nil || !strings.Contains(answer, "_INACTIVE") {
			t.Errorf("%s: a new call ends with %s %v", path, answer, err)
		}
		if status, answer := m.api(t, http.MethodDelete, "/v1/kill/"+path, ""); status != http.StatusNoContent {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
	}
	anna.expect(t, url, rpc(settles, "{}"), http.StatusOK, `"result"`)
}
