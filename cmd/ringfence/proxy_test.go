package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// proxyTo starts a signing proxy before a handler that speaks both versions of HTTP, and returns its URL.
func proxyTo(t *testing.T, gateway http.Handler) (base string, key agent.Key) {
	t.Helper()
	server := httptest.NewUnstartedServer(gateway)
	server.Config.Protocols = protocols((*http.Protocols).SetHTTP1, (*http.Protocols).SetUnencryptedHTTP2)
	server.Start()
	t.Cleanup(server.Close)
	return proxyAt(t, server.URL)
}

func proxyAt(t *testing.T, gateway string) (base string, key agent.Key) {
	t.Helper()
	target, err := url.Parse(gateway)
	if err != nil {
		t.Fatal(err)
	}
	private, err := identity.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key = agent.NewKey(private.Public().(ed25519.PublicKey))
	s := identity.Signer{Key: private, KeyID: key.IDs()[0], Now: time.Now, Random: rand.Reader}
	server := httptest.NewUnstartedServer(newProxy(s, target, 1<<20, log.New(io.Discard, "", 0)))
	server.Config.Protocols = protocols((*http.Protocols).SetHTTP1, (*http.Protocols).SetUnencryptedHTTP2)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, key
}

// clients speak one version of HTTP each.
func clients(t *testing.T) map[string]*http.Client {
	t.Helper()
	made := map[string]*http.Client{}
	for name, speak := range map[string]func(*http.Protocols, bool){
		"HTTP/1.1": (*http.Protocols).SetHTTP1,
		"HTTP/2.0": (*http.Protocols).SetUnencryptedHTTP2,
	} {
		transport := upstream(speak)
		t.Cleanup(transport.CloseIdleConnections)
		made[name] = &http.Client{Transport: transport}
	}
	return made
}

// arrival is a request as the gateway got it.
type arrival struct {
	Proto, Method, URI, Host, Body string
	Header                         http.Header
}

func arrived(r *http.Request) arrival {
	body, _ := io.ReadAll(r.Body)
	return arrival{r.Proto, r.Method, r.RequestURI, r.Host, string(body), r.Header}
}

// verified returns why the mesh would not know the caller, or nil.
func (a arrival) verified(key agent.Key) error {
	path, query, hasQuery := strings.Cut(a.URI, "?")
	m := identity.Message{
		Method: a.Method, Scheme: "http", Authority: a.Host, Path: path, RawQuery: query, HasQuery: hasQuery,
		HasBody: a.Body != "",
	}
	for name, values := range a.Header {
		for _, value := range values {
			m.Header = append(m.Header, identity.Field{Name: strings.ToLower(name), Value: value})
		}
	}
	proof, err := identity.Verify(m, oneKey{key}, time.Now())
	if err == nil && a.Body != "" {
		err = identity.CheckDigest(proof.Caller.ContentDigest, []byte(a.Body))
	}
	return err
}

func TestProxySignsAndChangesNothingElse(t *testing.T) {
	t.Parallel()
	arrivals := make(chan arrival, 1)
	base, key := proxyTo(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrivals <- arrived(r)
		w.Header()["X-Answer"] = []string{"one", "two"}
		w.Header().Set("Trailer", "X-Announced")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "short and stout")
		w.Header().Set("X-Announced", "1")
		w.Header().Set(http.TrailerPrefix+"X-Unannounced", "2")
	}))
	for version, client := range clients(t) {
		for _, uri := range []string{"/agents/weather", "/agents/weather/tasks/7:cancel?a=%zz;b&a", "//odd/%2e%2f/p"} {
			r, err := http.NewRequest(http.MethodPost, base, strings.NewReader(`{"jsonrpc":"2.0"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.URL = requested(t, base, uri)
			r.Host = "weather.mesh.example:8080"
			r.Header = http.Header{"A2a-Version": {"1.0"}, "Content-Type": {"application/json"}, "User-Agent": {""}, "Traceparent": {"00-1-2-01"}}
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode != http.StatusTeapot || string(answer) != "short and stout" || len(response.Header["X-Answer"]) != 2 {
				t.Errorf("%s: %s %q %v", version, response.Status, answer, response.Header)
			}
			if want := (http.Header{"X-Announced": {"1"}, "X-Unannounced": {"2"}}); !cmp.Equal(want, response.Trailer) {
				t.Errorf("%s: trailers %v", version, response.Trailer)
			}
			got := <-arrivals
			if got.Proto != version || got.URI != uri || got.Host != "weather.mesh.example:8080" {
				t.Errorf("%s %s arrived as %s %s for %s", version, uri, got.Proto, got.URI, got.Host)
			}
			if err := got.verified(key); err != nil {
				t.Errorf("%s %s: %v", version, uri, err)
			}
			want := []string{"A2a-Version", "Content-Digest", "Content-Length", "Content-Type", "Signature", "Signature-Input", "Traceparent"}
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got.Header))); diff != "" {
				t.Errorf("%s: header fields that arrived (-want +got)\n%s", version, diff)
			}
		}
	}
}

// requested is the URL that makes net/http send the request target as it is written.
func requested(t *testing.T, base, target string) *url.URL {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.RawPath, u.RawQuery, _ = strings.Cut(target, "?")
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		t.Fatal(err)
	}
	return u
}

// oneKey knows one key.
type oneKey struct{ key agent.Key }

func TestProxyFlushesEvents(t *testing.T) {
	t.Parallel()
	heard := make(chan struct{})
	base, _ := proxyTo(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			// A proxy that keeps the event back would keep the next one from being sent.
			select {
			case <-heard:
			case <-r.Context().Done():
				return
			}
		}
	}))
	for version, client := range clients(t) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		defer response.Body.Close()
		events := 0
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if lines.Text() == fmt.Sprintf("data: %d", events) {
				events++
				heard <- struct{}{}
			}
		}
		if events != 3 {
			t.Errorf("%s: %d events came through", version, events)
		}
	}
}

// TestProxyCarriesGRPC calls a service that answers, refuses without a message (trailers only) and streams.
func TestProxyCarriesGRPC(t *testing.T) {
	t.Parallel()
	service := health.NewServer()
	gateway := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, in any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		received, _ := metadata.FromIncomingContext(ctx)
		if len(received["signature"]) != 1 || len(received["content-digest"]) != 1 {
			return nil, status.Error(codes.Unauthenticated, "not signed")
		}
		grpc.SetHeader(ctx, metadata.Pairs("x-header", "h"))                        //nolint:errcheck // asserted at the client
		grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "t", "x-raw-bin", "\x00")) //nolint:errcheck // asserted at the client
		return next(ctx, in)
	}))
	healthpb.RegisterHealthServer(gateway, service)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go gateway.Serve(l) //nolint:errcheck // ends with Stop
	t.Cleanup(gateway.Stop)
	base, _ := proxyAt(t, "http://"+l.Addr().String())

	conn, err := grpc.NewClient(strings.TrimPrefix(base, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	client := healthpb.NewHealthClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()

	var header, trailer metadata.MD
	answer, err := client.Check(ctx, &healthpb.HealthCheckRequest{}, grpc.Header(&header), grpc.Trailer(&trailer))
	if err != nil || answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("check: %v, %v", answer, err)
	}
	if len(header["x-header"]) != 1 || len(trailer["x-trailer"]) != 1 || trailer["x-raw-bin"][0] != "\x00" {
		t.Errorf("header %v, trailer %v", header, trailer)
	}
	if _, err = client.Check(ctx, &healthpb.HealthCheckRequest{Service: "nobody"}); status.Code(err) != codes.NotFound {
		t.Errorf("a refusal came through as %v", err)
	}
	stream, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []healthpb.HealthCheckResponse_ServingStatus{healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING} {
		update, err := stream.Recv()
		if err != nil || update.GetStatus() != want {
			t.Fatalf("update %v, %v; want %v", update, err, want)
		}
		service.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	}
}

func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	base, _ := proxyTo(t, http.NotFoundHandler())
	gone := httptest.NewServer(nil)
	gone.Close()
	lost, _ := proxyAt(t, gone.URL)
	for _, test := range []struct {
		name, url, body, signature string
		status                     int
		part                       string
	}{
		{"too-large", base, strings.Repeat("x", 1<<20+1), "", http.StatusRequestEntityTooLarge, "too large"},
		{"signed-already", base, "{}", "x=:AA==:", http.StatusBadGateway, "already signed"},
		{"no-gateway", lost, "{}", "", http.StatusBadGateway, "is the mesh up? --to"},
	} {
		for version, client := range clients(t) {
			t.Run(test.name+"-"+version, func(t *testing.T) {
				r, err := http.NewRequest(http.MethodPost, test.url, strings.NewReader(test.body))
				if err != nil {
					t.Fatal(err)
				}
				if test.signature != "" {
					r.Header.Set("Signature", test.signature)
				}
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				answer, _ := io.ReadAll(response.Body)
				if response.StatusCode != test.status || !strings.Contains(string(answer), test.part) ||
					!strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
					t.Errorf("%s %s", response.Status, answer)
				}
			})
		}
	}
}

func TestProxyCommand(t *testing.T) {
	t.Parallel()
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Signature-Input") != "")
	}))
	t.Cleanup(gateway.Close)
	key := t.TempDir() + "/key.pem"
	if _, err := run(t, "identity", "new", "--out", key); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"127.0.0.1:1", "ftp://127.0.0.1:1", "http://127.0.0.1:1/agents/x", "http://u@127.0.0.1:1", "http://127.0.0.1:1?x"} {
		if _, err := run(t, "proxy", "--key", key, "--to", to); err == nil || !strings.Contains(err.Error(), "--to must be") {
			t.Errorf("--to %s: %v", to, err)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	cmd := root()
	out, printed := io.Pipe()
	cmd.SetOut(printed)
	cmd.SetErr(&bytes.Buffer{})
	cmd.SetArgs([]string{"proxy", "--key", key, "--to", gateway.URL})
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if string(answer) != "true" {
		t.Errorf("the gateway got no signature: %s", answer)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func (k oneKey) Signatory(keyID string, _ time.Time) (identity.Signatory, bool) {
	did, _, _ := strings.Cut(keyID, "#")
	signatory := identity.Signatory{Public: k.key.Public, Agent: "caller", DID: did, Role: agent.AgentKey}
	return signatory, slices.Contains(k.key.IDs(), keyID)
}
