package xds_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/tests/envoytest"
	"ringfence.dev/ringfence/xds"
)

// binary returns the Envoy to test with.
func binary(t testing.TB) string {
	t.Helper()
	return envoytest.Binary(t)
}

// bench is a running mesh: a publisher, an Envoy connected to it, a fake governor, a cards endpoint.
type bench struct {
	t         testing.TB
	settings  xds.Settings
	publisher *xds.Publisher
	governor  *governor
	stop      func()
	cards     *upstream
	gateway   string
	client    *http.Client
	logs      *logs
	clock     *clock
	revision  uint64
}

// upstream is an HTTP server that answers with what it was asked.
type upstream struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seen
}

type seen struct{ Server, Method, Host, URI, Body string }

func newUpstream(t testing.TB, name string) *upstream {
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		what := seen{name, r.Method, r.Host, r.RequestURI, string(body)}
		u.mu.Lock()
		u.seen = append(u.seen, what)
		u.mu.Unlock()
		w.Header().Set("content-type", "application/json")
		json.NewEncoder(w).Encode(what)
	}))
	t.Cleanup(u.Close)
	return u
}

// count is how many requests came.
func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.seen)
}

func (u *upstream) address() string { return u.Listener.Addr().String() }

// start runs a mesh of the records, on the delta or the state-of-the-world variant of the protocol.
func start(t testing.TB, apiType string, records ...*agent.Record) *bench {
	t.Helper()
	return startWith(t, apiType, func(*settingsValue) {}, records...)
}

type settingsValue = xds.Settings

// startWith is start with changed settings.
func startWith(t testing.TB, apiType string, change func(*settingsValue), records ...*agent.Record) *bench {
	t.Helper()
	envoy := binary(t)
	dir, err := os.MkdirTemp("", "xds")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &bench{t: t, governor: &governor{}, cards: newUpstream(t, "cards"), logs: &logs{}, clock: newClock()}
	b.settings = settings()
	b.settings.ListenPort = reservedPort(t)
	b.settings.Governor = "unix:" + filepath.Join(dir, "governor.sock")
	b.settings.Cards = b.cards.address()
	b.settings.MaxBody = 256 << 10
	change(&b.settings)
	b.gateway = fmt.Sprintf("127.0.0.1:%d", b.settings.ListenPort)
	b.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: 30 * time.Second}
	if b.publisher, err = xds.NewPublisher(b.settings, slog.New(slog.DiscardHandler), b.clock.clock(), nil); err != nil {
		t.Fatal(err)
	}
	b.stop = b.governor.serve(t, "unix", filepath.Join(dir, "governor.sock"))
	ads := b.serveADS()
	b.run(envoy, dir, bootstrap(ads, apiType))
	b.publish(records...)
	b.await("the listener", func() (string, bool) {
		connection, err := net.Dial("tcp", b.gateway)
		if err != nil {
			return "", false
		}
		return "", connection.Close() == nil
	})
	return b
}

func (b *bench) serveADS() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	server := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(server, xds.NewServer(context.Background(), b.publisher))
	go server.Serve(listener)
	b.t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func (b *bench) run(envoy, dir, config string) {
	path := filepath.Join(dir, "bootstrap.json")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		b.t.Fatal(err)
	}
	command := exec.Command(envoy, "-c", path, "--disable-hot-restart", "--concurrency", "2", "-l", "warning")
	command.Stdout, command.Stderr = b.logs, b.logs
	if err := command.Start(); err != nil {
		b.t.Fatalf("starting Envoy: %v", err)
	}
	b.t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
		if b.t.Failed() {
			b.t.Logf("Envoy said:\n%s", b.logs)
		}
	})
}

// publish registers exactly these agents and waits until Envoy has them.
func (b *bench) publish(records ...*agent.Record) {
	b.t.Helper()
	b.revision++
	b.publisher.Publish(registry.NewSnapshot(b.revision, records))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.publisher.Synced(ctx, b.revision); err != nil {
		b.t.Fatalf("%v; status %+v; Envoy said:\n%s", err, b.publisher.Status(), b.logs)
	}
}

// await polls until the condition holds.
func (b *bench) await(what string, holds func() (string, bool)) string {
	b.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		if value, ok := holds(); ok {
			return value
		}
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("%s did not come; Envoy said:\n%s", what, b.logs)
		}
	}
}

// answer is a response as far as the tests look.
type answer struct {
	Status int
	Body   string
	Header http.Header
}

// call sends a request; host and path are used as given.
func (b *bench) call(method, host, path, body string) answer {
	b.t.Helper()
	a, err := b.try(method, host, path, body)
	if err != nil {
		b.t.Fatalf("%s %s%s: %v", method, host, path, err)
	}
	return a
}

func (b *bench) try(method, host, path, body string) (answer, error) {
	r, err := http.NewRequest(method, "http://"+b.gateway+"/", strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.URL.Opaque = "//" + b.gateway + path
	if strings.HasPrefix(path, "/") {
		r.URL.Opaque = path
	}
	r.Host = host
	response, err := b.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, string(text), response.Header}, err
}

func (a answer) seen(t testing.TB) seen {
	t.Helper()
	var s seen
	if err := json.Unmarshal([]byte(a.Body), &s); err != nil {
		t.Fatalf("answer %d %q is not an upstream's", a.Status, a.Body)
	}
	return s
}

// headersAndTrailers sends an HTTP/2 request that has trailers but no body, and returns its :status.
func (b *bench) headersAndTrailers(path string) string {
	b.t.Helper()
	connection, err := net.Dial("tcp", b.gateway)
	if err != nil {
		b.t.Fatal(err)
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(20 * time.Second))
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	io.WriteString(connection, http2.ClientPreface)
	framer := http2.NewFramer(connection, connection)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	framer.WriteSettings()
	for _, f := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":authority", "gateway.example"}, {":path", path}, {"te", "trailers"},
	} {
		encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: bytes.Clone(block.Bytes()), EndHeaders: true})
	block.Reset()
	encoder.WriteField(hpack.HeaderField{Name: "x-trailer", Value: "1"})
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			b.t.Fatalf("reading the answer: %v", err)
		}
		if headers, ok := frame.(*http2.MetaHeadersFrame); ok {
			return headers.PseudoValue("status")
		}
	}
}

// readLine returns the first line of a file once it is there.
func readLine(path string) (string, bool) {
	text, err := os.ReadFile(path)
	line, _, ok := strings.Cut(string(text), "\n")
	return line, err == nil && ok
}

// logs keeps the end of what Envoy writes.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// reservedPort returns a port that only an Envoy can listen on.
func reservedPort(t testing.TB) uint32 {
	t.Helper()
	address, err := netip.ParseAddrPort(envoytest.ReservedAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return uint32(address.Port())
}

// bootstrap returns the bootstrap of an Envoy that gets everything over ADS.
func bootstrap(ads, apiType string) string {
	host, port, _ := net.SplitHostPort(ads)
	return fmt.Sprintf(`{
  "node": {"id": "test", "cluster": "test"},
  "dynamic_resources": {
    "ads_config": {"api_type": %q, "transport_api_version": "V3", "set_node_on_first_message_only": true,
      "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}]},
    "cds_config": {"ads": {}, "resource_api_version": "V3"},
    "lds_config": {"ads": {}, "resource_api_version": "V3"}
  },
  "static_resources": {"clusters": [{
    "name": "xds", "type": "STATIC", "connect_timeout": "1s",
    "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      "explicit_http_config": {"http2_protocol_options": {}}}},
    "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [{"endpoint":
      {"address": {"socket_address": {"address": %q, "port_value": %s}}}}]}]}
  }]}
}`, apiType, host, port)
}

// newUpstreamTLS is newUpstream with a certificate for 127.0.0.1 and example.com, and HTTP/2.
func newUpstreamTLS(t testing.TB) *upstream {
	u := &upstream{}
	u.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	u.EnableHTTP2 = true
	u.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what the test is about
	u.StartTLS()
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: u.Certificate().Raw})
}
