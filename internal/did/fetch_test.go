package did_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"ringfence.dev/ringfence/internal/did"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// authority issues certificates to the hosts of tests.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	roots       *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{roots: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, key := issue(t, template, nil, nil)
	var err error
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.key = key
	a.roots.AddCert(a.certificate)
	return a
}

func (a *authority) leaf(t *testing.T, host string) tls.Certificate {
	t.Helper()
	der, key := issue(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{host},
	}, a.certificate, a.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func issue(t *testing.T, template, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

// host is agents.example on loopback, with a certificate of its own authority.
type host struct {
	port      string
	requests  atomic.Int32
	authority *authority
}

func newHost(t *testing.T, handler http.HandlerFunc, configure ...func(*httptest.Server)) *host {
	t.Helper()
	h := &host{authority: newAuthority(t)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.requests.Add(1)
		handler(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{h.authority.leaf(t, "agents.example")}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	for _, c := range configure {
		c(server)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, h.port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return h
}

// did is the DID of alice on this host.
func (h *host) did() string { return "did:web:agents.example%3A" + h.port + ":a" }

func (h *host) document() string { return documentOf(h.did(), "#k1", aliceK) }

// documentOf returns a document with pairs of an id and a key, all for authentication.
func documentOf(of string, pairs ...string) string {
	var methods, references []string
	for i := 0; i+1 < len(pairs); i += 2 {
		methods = append(methods, strings.Replace(method(pairs[i], pairs[i+1]), alice, of, 1))
		references = append(references, fmt.Sprintf("%q", pairs[i]))
	}
	return fmt.Sprintf(`{"id":%q,"verificationMethod":[%s],"authentication":[%s]}`, of, strings.Join(methods, ","), strings.Join(references, ","))
}

// fetcher returns one that resolves every name to loopback and trusts the host's authority. It waits longer than others.
func (h *host) fetcher(t *testing.T, changes ...func(*did.FetchConfig)) *did.Fetcher {
	t.Helper()
	config := did.FetchConfig{
		Hosts: hosts(t, "agents.example:"+h.port), AllowedNetworks: loopback, Roots: h.authority.roots,
		Resolver: dns(func(string, dnsmessage.Type) []string { return []string{"127.0.0.1"} }),
	}
	for _, change := range changes {
		change(&config)
	}
	f := did.NewFetcher(config)
	f.SetTimeout(time.Minute) // machines that run tests may be slower than hosts may be
	return f
}

func hosts(t testing.TB, list ...string) did.Hosts {
	t.Helper()
	h, err := did.ParseHosts(list)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestFetchFindsTheDocument(t *testing.T) {
	t.Parallel()
	var h *host
	h = newHost(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/a/did.json" || r.Host != "agents.example:"+h.port || r.TLS.ServerName != "agents.example" {
			t.Errorf("%s of %s, asked for as %s", r.URL, r.Host, r.TLS.ServerName)
		}
		if accept := r.Header.Get("Accept"); accept != "application/did+json, application/json" {
			t.Errorf("Accept: %s", accept)
		}
		io.WriteString(w, h.document())
	})
	document, err := h.fetcher(t).Resolve(t.Context(), web(t, h.did()))
	if err != nil || len(document.Keys) != 1 || document.Keys[0].ID != h.did()+"#k1" {
		t.Errorf("%+v, %v", document, err)
	}
}

func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	const secret = "secret-body"
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, code) }
	}
	serve := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    did.ResolveError
	}{
		{"redirect", http.RedirectHandler("/target", http.StatusFound).ServeHTTP, did.ResolveError{Outcome: did.Refused, Problem: "the host redirects, which is not followed"}},
		{"redirect-inside", http.RedirectHandler("https://169.254.169.254/", http.StatusTemporaryRedirect).ServeHTTP, did.ResolveError{Outcome: did.Refused, Problem: "the host redirects, which is not followed"}},
		{"not-found", status(404), did.ResolveError{Outcome: did.Withdrawn, Problem: "the host has no document: it answers with status 404"}},
		{"gone", status(410), did.ResolveError{Outcome: did.Withdrawn, Problem: "the host has no document: it answers with status 410"}},
		{"server-error", status(503), did.ResolveError{Outcome: did.Failed, Problem: "the host answers with status 503"}},
		{"no-content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, did.ResolveError{Outcome: did.Failed, Problem: "the host answers with status 204"}},
		{"encoded", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", "br") }, did.ResolveError{Outcome: did.Refused, Problem: "the host answers with a content encoding that was not asked for"}},
		{"too-large", serve(strings.Repeat(" ", did.MaxDocument+1)), did.ResolveError{Outcome: did.Refused, Problem: "the document has more than 65536 bytes"}},
		{"html", serve("<html>" + secret), did.ResolveError{Outcome: did.Refused, Problem: "the document is not valid: is not valid JSON at byte 1"}},
		{"of-somebody-else", serve(documentOf(alice, "#k1", aliceK)), did.ResolveError{Outcome: did.Refused, Problem: "the document is not that of the DID: its id differs"}},
		{"broken-off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			io.WriteString(w, secret)
		}, did.ResolveError{Outcome: did.Failed, Problem: "the host did not give a whole answer over HTTPS"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/a/did.json" {
					t.Error("a redirect was followed")
				}
				test.handler(w, r)
			})
			wantProblem(t, h.fetcher(t), h.did(), test.want)
		})
	}
}

func wantProblem(t *testing.T, f *did.Fetcher, text string, want did.ResolveError) {
	t.Helper()
	_, err := f.Resolve(t.Context(), web(t, text))
	var got *did.ResolveError
	if !errors.As(err, &got) {
		t.Fatalf("%s: %v", text, err)
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", text, diff)
	}
}

func TestFetchWithoutAnyKeyLeft(t *testing.T) {
	t.Parallel()
	var h *host
	h = newHost(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, documentOf(h.did())) })
	wantProblem(t, h.fetcher(t), h.did(), did.ResolveError{
		Outcome: did.Withdrawn, Problem: "the document has no Ed25519 key for authentication that can be used",
	})
}

func TestFetchAsksListedHostsAlone(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(http.ResponseWriter, *http.Request) {})
	lookups := 0
	f := h.fetcher(t, func(c *did.FetchConfig) {
		c.Hosts = hosts(t, "agents.example", "*.agents.example:"+h.port)
		c.Resolver = dns(func(string, dnsmessage.Type) []string { lookups++; return []string{"127.0.0.1"} })
	})
	problem := did.ResolveError{Outcome: did.Refused, Problem: "the host is not among those of identity.web.hosts"}
	for _, text := range []string{h.did(), "did:web:evil.example", "did:web:evilagents.example%3A" + h.port} {
		wantProblem(t, f, text, problem)
	}
	wantProblem(t, did.NewFetcher(did.FetchConfig{AllowedNetworks: loopback}), h.did(), problem)
	if h.requests.Load() != 0 || lookups != 0 {
		t.Errorf("%d requests and %d look-ups", h.requests.Load(), lookups)
	}
}

func TestFetchStaysOutOfPrivateNetworks(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1", "fd00:ec2::254", "fe80::1"} {
		h := newHost(t, func(http.ResponseWriter, *http.Request) {})
		f := h.fetcher(t, func(c *did.FetchConfig) {
			c.AllowedNetworks = nil
			c.Resolver = dns(func(string, dnsmessage.Type) []string { return []string{addr} })
		})
		_, err := f.Resolve(t.Context(), web(t, h.did()))
		var got *did.ResolveError
		if !errors.As(err, &got) || got.Outcome != did.Refused || !strings.Contains(got.Problem, "is not a public one; to allow it") {
			t.Errorf("%s: %v", addr, err)
		}
		if h.requests.Load() != 0 {
			t.Errorf("%s was asked", addr)
		}
	}
}

// TestFetchJudgesTheAddressItConnectsTo resolves the name to an allowed address first and to a forbidden one from
// then on. A check that looks the name up by itself would be satisfied by the first answer.
func TestFetchJudgesTheAddressItConnectsTo(t *testing.T) {
	t.Parallel()
	var h *host
	h = newHost(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, h.document()) })
	var lookups atomic.Int32
	f := h.fetcher(t, func(c *did.FetchConfig) {
		c.AllowedNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		c.Resolver = dns(func(_ string, kind dnsmessage.Type) []string {
			if kind == dnsmessage.TypeA && lookups.Add(1) == 1 {
				return []string{"127.0.0.1"}
			}
			return []string{"127.0.0.2"} // stands for the inside
		})
	})
	if _, err := f.Resolve(t.Context(), web(t, h.did())); err != nil {
		t.Fatalf("while the name is that of the host: %v", err)
	}
	_, err := f.Resolve(t.Context(), web(t, h.did()))
	if err == nil || !strings.Contains(err.Error(), "127.0.0.2 is not a public one") {
		t.Errorf("%v", err)
	}
	if n := h.requests.Load(); n != 1 {
		t.Errorf("%d requests, want the one to the allowed address", n)
	}
}

func TestFetchNeedsACertificateOfTheHost(t *testing.T) {
	t.Parallel()
	problem := did.ResolveError{Outcome: did.Failed, Problem: "the host cannot be reached: its certificate is not one that counts for its name"}
	h := newHost(t, func(http.ResponseWriter, *http.Request) { t.Error("asked without a certificate that counts") })
	wantProblem(t, h.fetcher(t, func(c *did.FetchConfig) { c.Roots = newAuthority(t).roots }), h.did(), problem)
	other := newHost(t, func(http.ResponseWriter, *http.Request) { t.Error("asked with the certificate of another host") })
	f := other.fetcher(t, func(c *did.FetchConfig) { c.Hosts = hosts(t, "other.example:"+other.port) })
	wantProblem(t, f, "did:web:other.example%3A"+other.port, problem)
	old := newHost(t, func(http.ResponseWriter, *http.Request) { t.Error("asked over TLS 1.1") }, func(s *httptest.Server) {
		s.TLS.MinVersion, s.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	})
	wantProblem(t, old.fetcher(t), old.did(), did.ResolveError{Outcome: did.Failed, Problem: "the host did not give a whole answer over HTTPS"})
}

func TestFetchGivesSlowHostsUp(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"id":`)
		w.(http.Flusher).Flush()
		<-r.Context().Done() // only the bound of the fetch ends the wait
	})
	f := h.fetcher(t)
	if bound := did.NewFetcher(did.FetchConfig{}).Timeout(); bound != 3*time.Second {
		t.Errorf("a fetch may take %s", bound)
	}
	f.SetTimeout(50 * time.Millisecond)
	wantProblem(t, f, h.did(), did.ResolveError{Outcome: did.Failed, Problem: "the host did not answer within 3s"})
}

func TestFetchUsesNoProxy(t *testing.T) {
	h := newHost(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") })
	t.Setenv("HTTPS_PROXY", "https://127.0.0.1:"+h.port)
	t.Setenv("https_proxy", "https://127.0.0.1:"+h.port)
	f := did.NewFetcher(did.FetchConfig{Hosts: hosts(t, "agents.example"), Resolver: dns(func(string, dnsmessage.Type) []string { return []string{"10.0.0.1"} })})
	if _, err := f.Resolve(t.Context(), web(t, "did:web:agents.example")); err == nil {
		t.Error("fetched")
	}
}

// dns answers every question about addresses from lookup, over pipes: no packet leaves the process.
func dns(lookup func(name string, kind dnsmessage.Type) []string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go answer(server, lookup)
		return client, nil
	}}
}

// answer serves one question in the framing of DNS over TCP.
func answer(conn net.Conn, lookup func(string, dnsmessage.Type) []string) {
	defer conn.Close()
	length := make([]byte, 2)
	if _, err := io.ReadFull(conn, length); err != nil {
		return
	}
	packet := make([]byte, int(length[0])<<8|int(length[1]))
	var question dnsmessage.Message
	if _, err := io.ReadFull(conn, packet); err != nil || question.Unpack(packet) != nil {
		return
	}
	q := question.Questions[0]
	reply := dnsmessage.Message{Header: dnsmessage.Header{ID: question.ID, Response: true, RecursionAvailable: true}, Questions: question.Questions}
	header := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}
	for _, s := range lookup(q.Name.String(), q.Type) {
		switch addr := netip.MustParseAddr(s); {
		case addr.Is4() && q.Type == dnsmessage.TypeA:
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: addr.As4()}})
		case addr.Is6() && q.Type == dnsmessage.TypeAAAA:
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
		}
	}
	packed, err := reply.Pack()
	if err != nil {
		return
	}
	fmt.Fprintf(conn, "%s%s", []byte{byte(len(packed) >> 8), byte(len(packed))}, packed)
}
