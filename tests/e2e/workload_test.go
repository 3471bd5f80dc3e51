package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/tests/envoytest"
)

// certifier certifies the ends of connections.
type certifier struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newCertifier(t *testing.T) *certifier {
	t.Helper()
	c := &certifier{}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	certificate, key := c.issue(t, template)
	c.certificate, c.key = certificate, key
	return c
}

// issue makes a certificate for an hour. The first one of all is signed by itself.
func (c *certifier) issue(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	parent, signer := template, key
	if c.certificate != nil {
		parent, signer = c.certificate, c.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

// workload returns the certificate of a workload with a SPIFFE ID.
func (c *certifier) workload(t *testing.T, id string) tls.Certificate {
	t.Helper()
	name, err := url.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := c.issue(t, &x509.Certificate{
		URIs: []*url.URL{name}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}
}

func encoded(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// weatherHost is the name of the agent in the shipped configuration of Envoy.
const weatherHost = "weather.agents.example"

// mutualTLS starts an Envoy with the shipped configuration, with TLS before it that asks for certificates of the
// certifier, and returns its address.
func (c *certifier) mutualTLS(t *testing.T, governor, agent string) string {
	t.Helper()
	certificate, key := c.issue(t, &x509.Certificate{
		DNSNames: []string{weatherHost}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	socket := fmt.Sprintf(`    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates: [{certificate_chain: {inline_string: %q}, private_key: {inline_string: %q}}]
            validation_context: {trusted_ca: {inline_string: %q}}
      filters:
`, encoded("CERTIFICATE", certificate.Raw), encoded("PRIVATE KEY", private), encoded("CERTIFICATE", c.certificate.Raw))
	shipped, err := os.ReadFile("../../envoy/dropin/envoy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := string(shipped)
	for _, change := range [][2]string{
		{"    filter_chains:\n    - filters:\n", socket},
		{"port_value: 9901", "port_value: 0"},
		{"port_value: 10000", "port_value: 0"},
		{"port_value: 9100", "port_value: " + portOf(agent)},
		{"port_value: 15010", "port_value: " + portOf(governor)},
	} {
		if !strings.Contains(config, change[0]) {
			t.Fatalf("the shipped configuration has no %q", change[0])
		}
		config = strings.ReplaceAll(config, change[0], change[1])
	}
	return envoytest.Start(t, envoytest.Options{Config: config}).Address(t, "gateway")
}

// TestWorkloads has agents known by their connections, on an Envoy that an operator configures.
func TestWorkloads(t *testing.T) {
	t.Parallel()
	m := upWith(t, "serve", "", "identity: {hops: ['spiffe://mesh.example/proxy/*']}\n")
	anna, bert := newCaller(t), newCaller(t)
	agent := echo(t)
	m.register(t, map[string]any{"name": "anna", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{anna.did}, "ringCeiling": 2, "spiffeIds": []string{"spiffe://mesh.example/anna"}})
	m.register(t, map[string]any{"name": "bert", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{bert.did}, "ringCeiling": 2})
	m.register(t, map[string]any{"name": "weather", "card": jsonCard(agent)})
	known, other := newCertifier(t), newCertifier(t)
	at, err := url.Parse(agent)
	if err != nil {
		t.Fatal(err)
	}
	gateway := known.mutualTLS(t, m.ready.GRPC, at.Host)
	roots := x509.NewCertPool()
	roots.AddCert(known.certificate)
	call := func(t *testing.T, certificate *tls.Certificate, by *caller, header http.Header) (int, string, error) {
		t.Helper()
		settings := &tls.Config{RootCAs: roots, ServerName: weatherHost}
		if certificate != nil {
			// A server may say whose certificates it takes; who pretends does not look.
			settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: settings}, Timeout: bound}
		t.Cleanup(client.CloseIdleConnections)
		body := message("m", "")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+gateway+"/rpc", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = weatherHost
		r.Header = http.Header{"Content-Type": {"application/json"}, "A2a-Version": {"1.0"}}
		for name, values := range header {
			r.Header[name] = values
		}
		if by != nil {
			if err := by.signer.Sign(r, []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		return exchangeBy(client, r)
	}
	for _, c := range []struct {
		name      string
		by        *certifier
		workload  string
		signer    *caller
		header    http.Header
		status    int
		part      string
		assurance string
	}{
		{name: "workload", by: known, workload: "spiffe://mesh.example/anna", status: http.StatusOK, part: `"done"`, assurance: "workload"},
		{name: "workload-and-signature", by: known, workload: "spiffe://mesh.example/anna", signer: anna, status: http.StatusOK, part: `"done"`, assurance: "agent"},
		{name: "carried", by: known, workload: "spiffe://mesh.example/proxy/east", signer: bert, status: http.StatusOK, part: `"done"`, assurance: "agent"},
		{name: "proxy-of-nobody", by: known, workload: "spiffe://mesh.example/proxy/east", status: http.StatusUnauthorized, part: "MISSING"},
		{name: "unknown-workload", by: known, workload: "spiffe://mesh.example/carl", status: http.StatusUnauthorized, part: "MISSING"},
		{name: "nobody", status: http.StatusUnauthorized, part: "MISSING"},
		{
			name: "claimed-in-a-field", status: http.StatusUnauthorized, part: "MISSING",
			header: http.Header{"X-Forwarded-Client-Cert": {"URI=spiffe://mesh.example/anna"}},
		},
		{name: "over-a-connection-of-another", by: known, workload: "spiffe://mesh.example/anna", signer: bert, status: http.StatusUnauthorized, part: "HOP_MISMATCH"},
		{name: "away-from-its-workload", by: known, workload: "spiffe://mesh.example/carl", signer: anna, status: http.StatusUnauthorized, part: "HOP_MISMATCH"},
		{name: "of-another-authority", by: other, workload: "spiffe://mesh.example/anna"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var certificate *tls.Certificate
			if c.by != nil {
				made := c.by.workload(t, c.workload)
				certificate = &made
			}
			status, answer, err := call(t, certificate, c.signer, c.header)
			if c.status == 0 {
				if err == nil {
					t.Errorf("the connection is taken: %d %s", status, answer)
				}
				return
			}
			if err := mismatch(c.status, c.part)(status, answer, err); err != nil {
				t.Fatal(err)
			}
			if c.assurance == "" {
				return
			}
			if r := m.record(t, "the call", func(r audit.Record) bool { return r.Decision == "allow" }); r.Assurance != c.assurance {
				t.Errorf("%+v", r)
			}
		})
	}
}

func exchangeBy(client *http.Client, r *http.Request) (int, string, error) {
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}
