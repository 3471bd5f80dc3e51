package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/meshtest"
)

// slow is an agent of three bindings that never answers a single call, and begins streams with one event, or with their
// fields alone when they are to be silent from the beginning.
type slow struct {
	started chan string
	silent  bool
}

func newSlow(t *testing.T, silent bool) (s *slow, card json.RawMessage) {
	t.Helper()
	s = &slow{started: make(chan string, 64), silent: silent}
	server := httptest.NewUnstartedServer(s)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	offered := fmt.Sprintf(`"supportedInterfaces":[{"url":%q,"protocolBinding":"HTTP+JSON","protocolVersion":"1.0"},{"url":%q,"protocolBinding":"GRPC","protocolVersion":"1.0"},`,
		server.URL+"/rest", server.Listener.Addr().String())
	return s, json.RawMessage(strings.Replace(string(jsonCard(server.URL+"/rpc")), `"supportedInterfaces":[`, offered, 1))
}

func (s *slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	grpc := r.Header.Get("Content-Type") == "application/grpc"
	event := `{"statusUpdate":{"taskId":"t","contextId":"c","status":{"state":"TASK_STATE_WORKING"}}}`
	switch {
	case grpc && strings.HasSuffix(r.URL.Path, "/SendStreamingMessage"):
		w.Header().Set("Content-Type", "application/grpc")
		event = string(a2a.AppendFrame(nil, []byte{0x1a, 10, 0x0a, 1, 't', 0x12, 1, 'c', 0x1a, 2, 0x08, 2}))
	case strings.HasSuffix(r.URL.Path, "/message:stream"):
		w.Header().Set("Content-Type", "text/event-stream")
		event = "data: " + event + "\n\n"
	case strings.Contains(string(body), "SendStreamingMessage"):
		w.Header().Set("Content-Type", "text/event-stream")
		event = `data: {"jsonrpc":"2.0","id":7,"result":` + event + "}\n\n"
	default:
		event = ""
	}
	if event != "" {
		if s.silent {
			event = ""
		}
		io.WriteString(w, event) //nolint:errcheck // the client notices
		w.(http.Flusher).Flush()
	}
	s.started <- r.URL.Path
	<-r.Context().Done()
}

// lowly registers an agent in ring 3 that calls others.
func (m *mesh) lowly(t *testing.T, name string) *caller {
	t.Helper()
	c := newCaller(t)
	m.register(t, map[string]any{"name": name, "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{c.did}})
	return c
}

// refusal is what an agent is told in each binding: the HTTP status of HTTP+JSON, the code of JSON-RPC and of gRPC.
type refusal struct {
	reason    string
	http, rpc int
	grpc      string
	retry     bool
}

// told returns what is wrong with an answer that should be the refusal.
func (f refusal) told(binding string, h heard) error {
	status, part := http.StatusOK, fmt.Sprintf(`"code":%d`, f.rpc)
	switch binding {
	case "HTTP+JSON":
		status, part = f.http, fmt.Sprintf(`"code":%d`, f.http)
	case "GRPC":
		part = ""
		if h.grpc != f.grpc {
			return fmt.Errorf("grpc-status %s in %+v", h.grpc, h)
		}
	}
	if h.reason != f.reason || h.status != status || !strings.Contains(h.body, part) || h.err != nil || (h.retry != "") != f.retry {
		return fmt.Errorf("%+v, not %+v in %s", h, f, binding)
	}
	return nil
}

// TestLimitsOfRingThree has agents in ring 3 ask too often, for too many calls at once, and for too much, with the limits
// that nobody has changed.
func TestLimitsOfRingThree(t *testing.T) {
	t.Parallel()
	m := upWith(t, "up", "", "")
	slow, card := newSlow(t, false)
	m.register(t, map[string]any{"name": "slow", "card": card, "effect": "read"})
	m.register(t, map[string]any{"name": "quick", "cardUrl": conformanceAgent(t).URL, "effect": "read"})
	quick, long := m.entrances(t, "quick"), m.entrances(t, "slow")
	completed := func(h heard) bool {
		return h.status == http.StatusOK && h.reason == "" && strings.Contains(h.body, "Hello from TCK")
	}

	t.Run("rate", func(t *testing.T) {
		t.Parallel()
		c := m.lowly(t, "often")
		want := refusal{reason: "RATE_EXCEEDED", http: http.StatusTooManyRequests, rpc: -31429, grpc: "8", retry: true}
		for n, binding := range bindings {
			// All at once, so that a slow machine is not slow enough.
			told := make([]heard, 30)
			var calls sync.WaitGroup
			for i := range told {
				calls.Go(func() { told[i], _ = speak(binding, quick[binding], false, 0).try(c.signs) })
			}
			calls.Wait()
			refused := slices.DeleteFunc(told, func(h heard) bool { return h.reason != want.reason })
			if len(refused) == 0 || n == 0 && len(refused) > 20 {
				t.Errorf("%d of 30 calls at once were refused in %s", len(refused), binding)
				continue
			}
			if err := want.told(binding, refused[0]); err != nil {
				t.Error(err)
			}
		}
		eventually(t, "the agent may call again", func() error {
			if h := speak("JSONRPC", quick["JSONRPC"], false, 0).say(t, c.signs); !completed(h) {
				return fmt.Errorf("%+v", h)
			}
			return nil
		})
	})

	t.Run("concurrency", func(t *testing.T) {
		t.Parallel()
		c := m.lowly(t, "at-once")
		var streams []*http.Response
		for range 4 {
			response, err := c.open(t, long["JSONRPC"], "application/json", meshtest.Invoke("SendStreamingMessage", "hello"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { response.Body.Close() })
			streams = append(streams, response)
			<-slow.started
		}
		want := refusal{reason: "CALLS_WAITING", http: http.StatusTooManyRequests, rpc: -31429, grpc: "8", retry: true}
		for _, binding := range bindings {
			if err := want.told(binding, speak(binding, quick[binding], false, 0).say(t, c.signs)); err != nil {
				t.Error(err)
			}
		}
		streams[0].Body.Close()
		eventually(t, "there is room for one more call", func() error {
			if h := speak("JSONRPC", quick["JSONRPC"], false, 0).say(t, c.signs); !completed(h) {
				return fmt.Errorf("%+v", h)
			}
			return nil
		})
	})

	t.Run("size", func(t *testing.T) {
		t.Parallel()
		c := m.lowly(t, "large")
		want := refusal{reason: "BODY_TOO_LARGE", http: http.StatusRequestEntityTooLarge, rpc: -31413, grpc: "8"}
		for _, binding := range bindings {
			if h := speak(binding, quick[binding], false, 60<<10).say(t, c.signs); !completed(h) {
				t.Errorf("60 KiB in %s: %+v", binding, h)
			}
			if err := want.told(binding, speak(binding, quick[binding], false, 64<<10).say(t, c.signs)); err != nil {
				t.Error(err)
			}
		}
		unannounced := speak("JSONRPC", quick["JSONRPC"], false, 64<<10)
		signed, err := http.NewRequest(http.MethodPost, unannounced.url, strings.NewReader(unannounced.body))
		if err != nil {
			t.Fatal(err)
		}
		signed.Header.Set("Content-Type", unannounced.media)
		signed.Header.Set("A2A-Version", "1.0")
		if err := c.signer.Sign(signed, []byte(unannounced.body)); err != nil {
			t.Fatal(err)
		}
		signed.ContentLength = -1
		if err := mismatch(http.StatusOK, want.reason)(exchange(signed)); err != nil {
			t.Errorf("without a length: %v", err)
		}
	})
}

// TestTimePerCall lets an agent in ring 3 wait for a second, and for what the mesh takes to see that it is over.
func TestTimePerCall(t *testing.T) {
	t.Parallel()
	m := upWith(t, "up", "", strings.Replace(generous, "ring3: {", "ring3: {time: 1s, ", 1))
	at := map[bool]map[string]string{}
	for silent, name := range map[bool]string{false: "slow", true: "silent"} {
		_, card := newSlow(t, silent)
		m.register(t, map[string]any{"name": name, "card": card, "effect": "read"})
		at[silent] = m.entrances(t, name)
	}
	c := m.lowly(t, "waiting")
	speak("JSONRPC", at[false]["JSONRPC"], false, 0).say(t, c.signs) // everything is under way
	single := refusal{reason: "TIME_EXCEEDED", http: http.StatusGatewayTimeout, rpc: -31504, grpc: "4"}
	for _, binding := range bindings {
		for _, kind := range []string{"single", "stream", "silent-stream"} {
			t.Run(kind+"-"+binding, func(t *testing.T) {
				t.Parallel()
				h := speak(binding, at[kind == "silent-stream"][binding], kind != "single", 0).say(t, c.signs)
				t.Logf("ended after %s", h.after)
				var err error
				switch {
				case kind == "single" || kind == "silent-stream" && binding == "GRPC":
					err = single.told(binding, h)
				case kind == "silent-stream":
					// The fields of the answer have passed, and nothing can be said before the first of the body has.
					if h.err == nil || h.body != "" {
						err = errors.New("it does not break off")
					}
				case binding == "GRPC":
					// A stream of messages under way ends without a status (envoy-notes.md).
					if h.grpc != "" || len(h.body) != 17 {
						err = errors.New("it does not end behind its first message")
					}
				default:
					if events := strings.Split(strings.TrimSpace(h.body), "\n\n"); h.err != nil || len(events) != 2 || h.reason != single.reason || !strings.Contains(events[1], `"error":{`) {
						err = errors.New("it does not end with an event that says why")
					}
				}
				if err != nil {
					t.Errorf("%v: %+v", err, h)
				}
			})
		}
	}
}
