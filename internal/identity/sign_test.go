package identity

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// overWire returns the message a server reads when net/http writes the request.
func overWire(t *testing.T, r *http.Request, scheme string) Message {
	t.Helper()
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return received(got, scheme)
}

func TestSignThenVerify(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method, url, body string
		header                  http.Header
		host                    string
	}{
		{name: "get", method: "GET", url: "https://agent.example/card"},
		{name: "default-method", url: "https://agent.example/card"},
		{name: "no-path", method: "GET", url: "https://agent.example"},
		{name: "post", method: "POST", url: "https://agent.example/a2a", body: sampleBody},
		{name: "post-without-body", method: "POST", url: "https://agent.example/tasks/1:cancel"},
		{name: "delete-with-body", method: "DELETE", url: "https://agent.example/x", body: "x"},
		{name: "query", method: "POST", url: "https://agent.example/a2a?tenant=acme&x=%2F+y", body: sampleBody},
		{name: "empty-query", method: "GET", url: "https://agent.example/a2a?"},
		{name: "query-without-path", method: "GET", url: "https://agent.example?x=1"},
		{name: "encoded-path", method: "GET", url: "https://agent.example/a%2Fb%20c/%C3%A9"},
		{name: "unicode-path", method: "GET", url: "https://agent.example/é"},
		{name: "fragment", method: "GET", url: "https://agent.example/x#part"},
		{name: "upper-case-host", method: "GET", url: "https://Agent.Example/x"},
		{name: "unicode-host", method: "GET", url: "https://Bücher.example:8443/x"},
		{name: "default-port", method: "GET", url: "https://agent.example:443/x"},
		{name: "default-port-http", method: "GET", url: "http://agent.example:80/x"},
		{name: "other-port", method: "GET", url: "http://agent.example:443/x"},
		{name: "ipv6", method: "GET", url: "http://[::1]:8080/x"},
		{name: "ipv6-zone", method: "GET", url: "http://[fe80::1%25eth0]:8080/x"},
		{name: "host-field", method: "GET", url: "http://127.0.0.1:9/x", host: "agent.example"},
		{name: "duplicate-fields", method: "POST", url: "https://agent.example/a2a", body: sampleBody, header: http.Header{
			"A2a-Extensions": {"https://one.example", " https://two.example "}, "A2a-Version": {"1.0"},
			"Authorization": {"Bearer abc"}, "Agent-Delegation": {"a~b"}, "Content-Type": {"application/json"},
			"X-A2a-Extensions": {""}, "X-Other": {"not covered"},
		}},
		{name: "own-digest", method: "POST", url: "https://agent.example/a2a", body: rfcBody, header: http.Header{
			"Content-Digest": {rfcSHA512},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequest(tt.method, tt.url, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if tt.header != nil {
				r.Header = tt.header
			}
			if tt.host != "" {
				r.Host = tt.host
			}
			if err := signer().Sign(r, []byte(tt.body)); err != nil {
				t.Fatal(err)
			}
			m := overWire(t, r, r.URL.Scheme)
			proof, err := Verify(m, keyring{}, noon)
			if err != nil {
				t.Fatalf("%v\n%v", err, m)
			}
			if tt.body != "" {
				if err := CheckDigest(proof.Caller.ContentDigest, []byte(tt.body)); err != nil {
					t.Error(err)
				}
			}
			m.Path += "x"
			_, err = Verify(m, keyring{}, noon)
			wantRefusal(t, err, BadSignature)
		})
	}
}

func TestSignFields(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequest("POST", "https://agent.example/a2a?x", strings.NewReader(rfcBody))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	s := signer()
	s.Lifetime = 5 * time.Second
	if err := s.Sign(r, []byte(rfcBody)); err != nil {
		t.Fatal(err)
	}
	want := `agent=("@method" "@authority" "@path" "@query" "content-digest" "content-type");created=1795000000;` +
		`expires=1795000005;nonce="BwsNBwsNBwsNBwsNBwsNBw";keyid="` + s.KeyID + `";alg="ed25519";tag="a2a-agent"`
	if diff := cmp.Diff(want, r.Header.Get("Signature-Input")); diff != "" {
		t.Errorf("Signature-Input (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(rfcSHA256, r.Header.Get("Content-Digest")); diff != "" {
		t.Errorf("Content-Digest (-want +got):\n%s", diff)
	}
	first := r.Header.Get("Signature-Input")
	r.Header.Del("Signature-Input")
	r.Header.Del("Signature")
	if err := s.Sign(r, []byte(rfcBody)); err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("Signature-Input") == first {
		t.Error("two signatures share a nonce")
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	header := func(name, value string) func(*http.Request, *Signer) {
		return func(r *http.Request, _ *Signer) { r.Header[name] = append(r.Header[name], value) }
	}
	tests := []struct {
		name string
		edit func(*http.Request, *Signer)
		want string
	}{
		{"signed", header("Signature", "x=:AA==:"), "already signed"},
		{"half-signed", header("signature-input", "x=()"), "already signed"},
		{"wrong-digest", header("Content-Digest", rfcSHA256), "digest-mismatch"},
		{"two-spellings", func(r *http.Request, _ *Signer) {
			r.Header["A2a-Version"], r.Header["a2a-version"] = []string{"1.0"}, []string{"0.3"}
		}, "spells A2a-Version in two ways"},
		{"line-end", header("A2a-Version", "1.0\r\nx: y"), "cannot be signed"},
		{"unicode-value", header("Authorization", "Bearer é"), "cannot be signed"},
		{"long-name", header("A2a-"+strings.Repeat("x", 64), "1"), "cannot be signed"},
		{"many-fields", func(r *http.Request, _ *Signer) {
			for i := range maxComponents {
				r.Header["A2a-"+strings.Repeat("x", i+1)] = []string{"1"}
			}
		}, "too many"},
		{"opaque-url", func(r *http.Request, _ *Signer) { r.URL.Opaque = "//other/x" }, "absolute path"},
		{"no-url", func(r *http.Request, _ *Signer) { r.URL = nil }, "absolute path"},
		{"bad-host", func(r *http.Request, _ *Signer) { r.Host = "a b" }, "host is not valid"},
		{"no-key", func(_ *http.Request, s *Signer) { s.Key = nil }, "no Ed25519 key"},
		{"no-key-id", func(_ *http.Request, s *Signer) { s.KeyID = "" }, "key id"},
		{"key-id-not-ascii", func(_ *http.Request, s *Signer) { s.KeyID = "did:web:é" }, "string"},
		{"no-clock", func(_ *http.Request, s *Signer) { s.Now = nil }, "clock"},
		{"no-random", func(_ *http.Request, s *Signer) { s.Random = nil }, "random"},
		{"random-fails", func(_ *http.Request, s *Signer) { s.Random = iotest.ErrReader(errors.New("broken")) }, "drawing nonce: broken"},
		{"long-life", func(_ *http.Request, s *Signer) { s.Lifetime = 61 * time.Second }, "at most 1m0s"},
		{"part-of-a-second", func(_ *http.Request, s *Signer) { s.Lifetime = 1500 * time.Millisecond }, "whole seconds"},
		{"negative-life", func(_ *http.Request, s *Signer) { s.Lifetime = -time.Second }, "whole seconds"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequest("POST", "https://agent.example/a2a", nil)
			if err != nil {
				t.Fatal(err)
			}
			s := signer()
			tt.edit(r, &s)
			before := r.Header.Clone()
			err = s.Sign(r, []byte(sampleBody))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "signing request: ") {
				t.Errorf("got error %v, want one about %q", err, tt.want)
			}
			if diff := cmp.Diff(before, r.Header); diff != "" {
				t.Errorf("the header was changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSignerHeaders(t *testing.T) {
	t.Parallel()
	given := http.Header{"A2a-Version": {"1.0"}, "Host": {"agent.example"}}
	added, err := signer().Headers("POST", "http://127.0.0.1:9/a2a?x=1", given, []byte(rfcBody))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := added["A2a-Version"]; ok || len(added) != 3 || len(given) != 2 {
		t.Errorf("Headers returned %v and left %v", added, given)
	}
	m := Message{
		Method: "POST", Scheme: "http", Authority: "agent.example", Path: "/a2a", RawQuery: "x=1", HasQuery: true, HasBody: true,
		Header: Header{
			{"a2a-version", "1.0"},
			{"content-digest", added.Get("Content-Digest")},
			{"signature-input", added.Get("Signature-Input")},
			{"signature", added.Get("Signature")},
		},
	}
	if _, err := Verify(m, keyring{}, noon); err != nil {
		t.Error(err)
	}
	added, err = signer().Headers("GET", "http://agent.example", nil, nil)
	if err != nil || len(added) != 2 {
		t.Errorf("Headers of a GET = %v, %v, want two fields", added, err)
	}
	added, err = signer().Headers("POST", "http://agent.example", nil, nil)
	if err != nil || added.Get("Content-Digest") != DigestOf(nil) {
		t.Errorf("Headers of a POST without body = %v, %v, want the digest of nothing", added, err)
	}
	for _, url := range []string{"/a2a", "agent.example/a2a", "ftp://agent.example/", "http://%zz/", "http://"} {
		if _, err := signer().Headers("GET", url, nil, nil); err == nil {
			t.Errorf("Headers took the URL %q", url)
		}
	}
	if _, err := signer().Headers("GET", "http://user:secret@%zz/", nil, nil); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error for a bad URL is %v, want one without the URL", err)
	}
}
