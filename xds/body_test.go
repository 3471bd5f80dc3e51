package xds_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

func TestBodyCap(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, "weather")
	b := startWith(t, "DELTA_GRPC", func(s *settingsValue) { s.Timeouts.Authz = 20 * time.Second }, record("weather", rpc, u.URL))
	limit := int(b.settings.MaxBody)
	h2 := &http.Transport{Protocols: new(http.Protocols)}
	h2.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(h2.CloseIdleConnections)
	for protocol, transport := range map[string]http.RoundTripper{"http1": b.client.Transport, "http2": h2} {
		for size, want := range map[int]int{limit: 200, limit + 1: 413, 4 * limit: 413} {
			for _, chunked := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/%t", protocol, size, chunked), func(t *testing.T) {
					t.Parallel()
					body := io.Reader(strings.NewReader(strings.Repeat("x", size)))
					if chunked {
						body = io.MultiReader(body) // hides the length
					}
					request, err := http.NewRequest("POST", "http://"+b.gateway+"/agents/weather", body)
					if err != nil {
						t.Fatal(err)
					}
					response, err := transport.RoundTrip(request)
					if err != nil {
						if protocol == "http1" && size == 4*limit && strings.Contains(err.Error(), "connection reset") {
							return // Envoy answered and closed before all was written, which HTTP/1.1 cannot tell
						}
						t.Fatal(err)
					}
					response.Body.Close()
					if response.StatusCode != want {
						t.Errorf("got %d, want %d", response.StatusCode, want)
					}
				})
			}
		}
	}
}

// TestBodyFillsBuffersBeforeTheVerdict sends more than Envoy reads ahead while the governor still thinks.
func TestBodyFillsBuffersBeforeTheVerdict(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, "weather")
	b := startWith(t, "DELTA_GRPC", func(s *settingsValue) {
		s.MaxBody, s.Timeouts.Authz = 1<<20, 20*time.Second
	}, record("weather", rpc, u.URL))
	for _, size := range []int{70 << 10, 300 << 10, 1 << 20, 2 << 20} {
		verdict := make(chan struct{})
		b.governor.set(func(*authv3.CheckRequest) *authv3.CheckResponse { <-verdict; return nil }, nil)
		connection, err := net.Dial("tcp", b.gateway)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		connection.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(connection, "POST /agents/weather HTTP/1.1\r\nHost: gateway.example\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", size)
		var writing sync.WaitGroup
		writing.Go(func() { fmt.Fprintf(connection, "%s\r\n0\r\n\r\n", strings.Repeat("x", size)) })
		if size <= 300<<10 {
			writing.Wait() // the kernel and Envoy's buffers have all of it now
		}
		close(verdict)
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatalf("a body of %d bytes got no answer: %v", size, err)
		}
		if want := map[bool]int{true: 200, false: 413}[size <= 1<<20]; response.StatusCode != want {
			t.Errorf("a body of %d bytes got %d, want %d", size, response.StatusCode, want)
		}
		connection.Close()
		writing.Wait()
	}
}
