package identity

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// signable returns the components the Signer covers, or an error when no verifier would take them.
func signable(m *Message) ([]string, error) {
	components := covered(m)
	if len(components) > maxComponents {
		return nil, fmt.Errorf("too many fields have to be signed; at most %d can be", maxComponents)
	}
	for i, name := range components {
		if validComponent(i, name) != nil {
			return nil, errors.New("the header has a field whose name cannot be signed")
		}
	}
	return components, nil
}

// covered returns the components the Signer covers, each once.
func covered(m *Message) []string {
	var components []string
	for name := range m.required() {
		if !slices.Contains(components, name) {
			components = append(components, name)
		}
	}
	if _, ok := m.Header.Get("content-type"); ok {
		components = append(components, "content-type")
	}
	return components
}

// outgoing returns the message that net/http will send for the request, with its Content-Digest.
func outgoing(r *http.Request, body []byte) (Message, error) {
	if r.URL == nil || !strings.HasPrefix(r.URL.RequestURI(), "/") {
		return Message{}, errors.New("the URL must have an absolute path")
	}
	header, err := outgoingHeader(r.Header)
	if err != nil {
		return Message{}, err
	}
	if _, signed := header.Get("signature"); signed {
		return Message{}, errors.New("the request is already signed")
	}
	if _, signed := header.Get("signature-input"); signed {
		return Message{}, errors.New("the request is already signed")
	}
	m := Message{Method: r.Method, Scheme: r.URL.Scheme, Header: header, HasBody: mayHaveBody(r.Method, body)}
	if m.Method == "" {
		m.Method = http.MethodGet
	}
	if m.Authority, err = hostField(r); err != nil {
		return Message{}, err
	}
	m.Path, m.RawQuery, m.HasQuery = strings.Cut(r.URL.RequestURI(), "?")
	digest, ok := header.combined(contentDigest)
	switch {
	case ok:
		if err := CheckDigest(digest, body); err != nil {
			return Message{}, err
		}
	case m.HasBody:
		m.Header = append(m.Header, Field{Name: contentDigest, Value: DigestOf(body)})
	}
	return m, nil
}

// mayHaveBody errs on the side of a digest: proxies differ in what they take for a request without a body.
func mayHaveBody(method string, body []byte) bool {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return true
	}
	return len(body) > 0
}

func outgoingHeader(h http.Header) (Header, error) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	header := make(Header, 0, len(h)+1)
	for _, name := range names {
		lower := strings.ToLower(name)
		// Spellings of one name are sent in no fixed order, so what they combine to is not known.
		if _, taken := header.Get(lower); taken {
			return nil, fmt.Errorf("the header spells %s in two ways", http.CanonicalHeaderKey(name))
		}
		for _, value := range h[name] {
			header = append(header, Field{Name: lower, Value: value})
		}
	}
	return header, nil
}

// hostField returns the Host field that net/http will send for the request.
func hostField(r *http.Request) (string, error) {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	if plainHost(host) {
		return host, nil
	}
	// net/http converts internationalised names and drops IPv6 zones on the way out, and has no function that
	// says to what: what it writes is the truth.
	var sent bytes.Buffer
	probe := http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: "host", Path: "/"}, Host: host}
	if err := probe.Write(&sent); err != nil {
		return "", errors.New("the host is not valid")
	}
	received, err := http.ReadRequest(bufio.NewReader(&sent))
	if err != nil || received.Host == "" {
		return "", errors.New("the host is not valid")
	}
	return received.Host, nil
}

func plainHost(host string) bool {
	for i := range len(host) {
		c := host[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("-._:[]", c) >= 0:
		default:
			return false
		}
	}
	return host != ""
}
