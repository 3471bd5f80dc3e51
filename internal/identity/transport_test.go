package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// verifier answers 204 when the request verifies, and says why not otherwise.
func verifier(t *testing.T) (base *http.Transport) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		proof, err := Verify(received(r, "http"), keyring{}, noon)
		if err == nil && len(body) > 0 {
			err = CheckDigest(proof.Caller.ContentDigest, body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/here", http.StatusTemporaryRedirect)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	return &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}}
}

func TestTransport(t *testing.T) {
	t.Parallel()
	base := verifier(t)
	t.Cleanup(base.CloseIdleConnections)
	s := signer()
	s.Random = rand.Reader
	client := &http.Client{Transport: &Transport{Signer: s, Base: base}}
	tests := []struct {
		name, method, url string
		body              io.Reader
	}{
		{"get", "GET", "http://agent.example/card", nil},
		{"post", "POST", "http://agent.example/a2a?x=1", strings.NewReader(sampleBody)},
		{"post-without-body", "POST", "http://agent.example/a2a", nil},
		{"length-unknown", "POST", "http://agent.example/a2a", io.MultiReader(strings.NewReader(sampleBody))},
		{"redirected-with-body", "POST", "http://agent.example/moved", strings.NewReader(sampleBody)},
		{"unicode-host", "POST", "http://bücher.example/a2a", strings.NewReader(sampleBody)},
		{"user-in-url", "GET", "http://user:password@agent.example/x", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), tt.method, tt.url, tt.body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("A2A-Version", "1.0")
			before := r.Header.Clone()
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if answer, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusNoContent {
				t.Errorf("got %s: %s", response.Status, answer)
			}
			if diff := cmp.Diff(before, r.Header); diff != "" {
				t.Errorf("the request was changed (-want +got):\n%s", diff)
			}
		})
	}
}

// body records that it was closed.
type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error {
	b.closed = true
	return nil
}

type sink func(*http.Request) (*http.Response, error)

func (s sink) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

func TestTransportBody(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		body   io.Reader
		length int64
		max    int64
		want   string // the error, or the body sent
		fails  bool
	}{
		{"at-limit", strings.NewReader("12345"), 5, 5, "12345", false},
		{"beyond-limit", strings.NewReader("123456"), -1, 5, "exceeds 5 bytes", true},
		{"shorter-than-declared", strings.NewReader("1234"), 5, 0, "length", true},
		{"read-fails", io.MultiReader(strings.NewReader("1"), failing{}), -1, 0, "reading body: broken", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			given := &body{Reader: tt.body}
			r, err := http.NewRequest("POST", "http://agent.example/", given)
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength = tt.length
			var sent []string
			transport := Transport{Signer: signer(), MaxBody: tt.max, Base: sink(func(r *http.Request) (*http.Response, error) {
				again, err := r.GetBody()
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range []io.ReadCloser{r.Body, again} {
					data, _ := io.ReadAll(b)
					sent = append(sent, string(data))
				}
				return nil, errors.New("sent")
			})}
			_, err = transport.RoundTrip(r)
			if !given.closed {
				t.Error("the body was not closed")
			}
			if tt.fails {
				if err == nil || !strings.Contains(err.Error(), tt.want) || sent != nil {
					t.Errorf("got error %v after sending %q, want %q", err, sent, tt.want)
				}
				return
			}
			if diff := cmp.Diff([]string{tt.want, tt.want}, sent); diff != "" {
				t.Errorf("bodies sent (-want +got):\n%s", diff)
			}
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestTransportRefusesToResign(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequest("GET", "http://agent.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Signature", "x=:AA==:")
	if _, err := (&Transport{Signer: signer()}).RoundTrip(r); err == nil || !strings.Contains(err.Error(), "already signed") {
		t.Errorf("got error %v, want one that it is already signed", err)
	}
}
