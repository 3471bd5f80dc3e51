package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// DefaultMaxBody is the largest body a Transport signs unless told otherwise, in bytes.
const DefaultMaxBody = 16 << 20

// Transport is an http.RoundTripper that signs every request. It holds the whole body in memory, because the
// digest has to precede it.
type Transport struct {
	// Signer signs.
	Signer Signer
	// Base sends; nil means http.DefaultTransport.
	Base http.RoundTripper
	// MaxBody is the largest body in bytes; 0 means DefaultMaxBody. Larger ones are an error.
	MaxBody int64
}

// RoundTrip signs a copy of the request and sends it. The request itself is not changed; its body is closed.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := t.read(r)
	if err != nil {
		return nil, fmt.Errorf("signing request: %w", err)
	}
	signed := r.Clone(r.Context())
	signed.ContentLength = int64(len(body))
	signed.TransferEncoding = nil
	signed.Body, signed.GetBody = http.NoBody, nil
	if len(body) > 0 {
		signed.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		signed.Body, _ = signed.GetBody()
	}
	if err := t.Signer.Sign(signed, body); err != nil {
		return nil, err
	}
	base := t.Base
	if base == nil {
		base = http.DefaultTransport
	}
	return base.RoundTrip(signed)
}

func (t *Transport) read(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	limit := t.MaxBody
	if limit <= 0 {
		limit = DefaultMaxBody
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if closing := r.Body.Close(); err == nil {
		err = closing
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading body: %w", err)
	case int64(len(body)) > limit:
		return nil, fmt.Errorf("the body exceeds %d bytes", limit)
	case r.ContentLength > 0 && r.ContentLength != int64(len(body)):
		return nil, errors.New("the body does not have the length its request declares")
	}
	return body, nil
}
