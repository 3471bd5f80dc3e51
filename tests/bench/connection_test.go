package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/tests/envoytest"
)

// TestReplayAll holds that every request is sent once, and that denials count as failed.
func TestReplayAll(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sent.Add(1)%4 == 0 {
			_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":null,"error":{}}`))
			return
		}
		answer(w, r)
	}))
	defer server.Close()
	done, err := replayAll(t.Context(), server.URL, "gateway:1", signedBatch(t, 40), 4)
	if err != nil || sent.Load() != 40 || done.Requests != 30 || done.Failed != 10 || done.Latency.P50 <= 0 {
		t.Errorf("%+v, sent %d, error %v", done, sent.Load(), err)
	}
}

// TestStreams has the client follow the agent's streams, and one that is refused.
func TestStreams(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(answer))
	defer server.Close()
	stream := request{method: http.MethodPost, path: "/", body: body(streamMessage, 1, bodySize)}.appendHTTP(nil, "gateway:1")
	refused := request{method: http.MethodPost, path: "/", body: []byte("{}")}.appendHTTP(nil, "gateway:1")
	done, err := streamOnce(t.Context(), target{side: bare, url: server.URL}, [][]byte{stream, refused, stream})
	if err != nil || done.Streams != 3 || done.Events != 2*streamEvents || done.Failed != streamEvents || done.First.P50 <= 0 || done.Event.Max < 0 {
		t.Errorf("%+v, error %v", done, err)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(5 * time.Millisecond)
	if wait(until); time.Now().Before(until) {
		t.Error("it returned early")
	}
}

// TestHeadersBootstrap has Envoy read the configuration.
func TestHeadersBootstrap(t *testing.T) {
	t.Parallel()
	bootstrap, err := headersBootstrap("http://127.0.0.1:9100", []checked{
		{name: procRingfence, port: 10001, service: "127.0.0.1:15010", raw: true}, {name: procOPA, port: 10002, service: "127.0.0.1:15011"},
	})
	if err != nil {
		t.Fatal(err)
	}
	envoytest.Validate(t, envoytest.Binary(t), bootstrap)
	_, err = headersBootstrap("http://nowhere", nil)
	check(t, err, "reading an address")
}

// TestFloorBootstrap has Envoy read the configuration.
func TestFloorBootstrap(t *testing.T) {
	t.Parallel()
	bootstrap, err := floorBootstrap("http://127.0.0.1:9100", "/nowhere/floor.sock", map[side]int{floorSplit: 10001, floorFused: 10002, floorStream: 10003})
	if err != nil {
		t.Fatal(err)
	}
	envoytest.Validate(t, envoytest.Binary(t), bootstrap)
}

// TestContest holds who may start over in a file, and whose rate says how many requests are made.
func TestContest(t *testing.T) {
	t.Parallel()
	contenders := []contender{{target: target{side: bare}, wrap: true}, {target: target{side: split}}, {target: target{side: fused}}}
	last := runs{{Side: bare, Seconds: 1, Requests: 900}, {Side: fused, Seconds: 1, Requests: 300}, {Side: split, Seconds: 1, Requests: 200}}
	if got := fastest(contenders, last); got != 300 {
		t.Errorf("%v, want 300", got)
	}
	if got, want := last.sides(), []side{bare, fused, split}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if line := (run{Side: split, Seconds: 1, Requests: 2, CPU: map[string]float64{procEnvoy: 10}, Allocations: 80}).String(); !strings.Contains(line, "envoy 5") || !strings.Contains(line, "allocations 40") {
		t.Errorf("%s", line)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c", "d", "e", "f"}
	for most, want := range map[int][]string{1: {"a"}, 3: {"a", "c", "e"}, 4: {"a", "b", "d", "e"}, 6: names, 9: names} {
		if got := spread(names, most); !slices.Equal(got, want) {
			t.Errorf("%d of them: %v, want %v", most, got, want)
		}
	}
}
