package attack

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/meshtest"
)

// call is a request before it is signed.
type call struct {
	from   agent.ID // whose key signs; nobody's when empty
	to     agent.ID
	verb   string // POST when empty
	below  string // the path below the agent's entrance
	body   string
	header map[string]string
	key    ed25519.PrivateKey // in place of the agent's own
	keyID  string             // in place of the key's did:key
	ahead  time.Duration      // how far the sender's clock runs ahead
}

// pay is a call that writes, ask one that reads; both are let through for agents in ring 2.
func pay(from agent.ID) call { return call{from: from, to: basalt, body: meshtest.Send("pay 5")} }
func ask(from agent.ID) call { return call{from: from, to: cobalt, body: meshtest.Send("rain?")} }

// with returns the call with one more header field.
func (c call) with(name, value string) call {
	header := map[string]string{name: value}
	for n, v := range c.header {
		if n != name {
			header[n] = v
		}
	}
	c.header = header
	return c
}

// wire is a request on its way, as everybody on the way could change it.
type wire struct {
	governance.Request
	body []byte
}

// sign returns the call as its sender sends it, now.
func (w *world) sign(c call) *wire {
	w.Helper()
	if c.verb == "" {
		c.verb = http.MethodPost
	}
	url := meshtest.Gateway + "/agents/" + string(c.to) + c.below
	r, err := http.NewRequestWithContext(w.Context(), c.verb, url, strings.NewReader(c.body))
	if err != nil {
		w.Fatal(err)
	}
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	if c.from != "" {
		if err := c.signer(w).Sign(r, []byte(c.body)); err != nil {
			w.Fatal(err)
		}
	}
	return received(r, c.body)
}

func (c call) signer(w *world) identity.Signer {
	if c.key == nil {
		c.key = privateKey(c.from)
	}
	if c.keyID == "" {
		c.keyID = meshtest.Public(c.key).IDs()[0]
	}
	return identity.Signer{Key: c.key, KeyID: c.keyID, Random: &w.ids, Now: func() time.Time { return time.Now().Add(c.ahead) }}
}

// received returns a request as a proxy tells of it.
func received(r *http.Request, body string) *wire {
	s := &wire{
		Request: governance.Request{Method: r.Method, Scheme: "http", Authority: r.Host, Path: r.URL.RequestURI(), Form: governance.PathForm},
		body:    []byte(body),
	}
	for name, values := range r.Header {
		for _, value := range values {
			s.Header = append(s.Header, identity.Field{Name: strings.ToLower(name), Value: value})
		}
	}
	if body != "" {
		s.set("content-length", fmt.Sprint(len(body)))
	}
	return s
}

// copy returns a second request of the same bytes.
func (s *wire) copy() *wire {
	other := *s
	other.Header = append(identity.Header(nil), s.Header...)
	other.body = bytes.Clone(s.body)
	return &other
}

// get returns a field, empty when there is none.
func (s *wire) get(name string) string {
	value, _ := s.Header.Get(name)
	return value
}

// set gives the request a field in place of all of that name.
func (s *wire) set(name, value string) {
	s.strip(name)
	s.Header = append(s.Header, identity.Field{Name: name, Value: value})
}

// strip takes fields away.
func (s *wire) strip(names ...string) {
	kept := s.Header[:0:0]
	for _, field := range s.Header {
		drop := false
		for _, name := range names {
			drop = drop || field.Name == name
		}
		if !drop {
			kept = append(kept, field)
		}
	}
	s.Header = kept
}

// edit replaces text in a field.
func (s *wire) edit(name, old, with string) { s.set(name, strings.ReplaceAll(s.get(name), old, with)) }

// signature is what a sender says of the signature that it makes by hand.
type signature struct {
	key        ed25519.PrivateKey
	components []string
	params     string
}

// plain is the signature that the profile asks for, by an agent of the cast, made now.
func (w *world) plain(from agent.ID, components ...string) signature {
	now := time.Now().Unix()
	return signature{key: privateKey(from), components: components, params: fmt.Sprintf(
		`;created=%d;expires=%d;nonce="%s";keyid="%s";alg="ed25519";tag="a2a-agent"`, now, now+60, w.nonce(), publicKey(from).IDs()[0])}
}

func (w *world) nonce() string {
	var nonce [16]byte
	if _, err := io.ReadFull(&w.ids, nonce[:]); err != nil {
		w.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(nonce[:])
}

// whole are the components that a request with a body has to have signed.
var whole = []string{"@method", "@authority", "@path", "content-digest"}

// by signs the request by hand, whatever a verifier may think of it (RFC 9421 section 2.5).
func (s *wire) by(sig signature) *wire {
	path, query, hasQuery := strings.Cut(s.Path, "?")
	values := map[string]string{"@method": s.Method, "@authority": s.Authority, "@path": path}
	if hasQuery {
		values["@query"] = "?" + query
	}
	base, listed := "", make([]string, len(sig.components))
	for i, name := range sig.components {
		value, derived := values[name]
		if !derived {
			value = s.get(name)
		}
		base += fmt.Sprintf("%q: %s\n", name, value)
		listed[i] = fmt.Sprintf("%q", name)
	}
	input := "(" + strings.Join(listed, " ") + ")" + sig.params
	base += `"@signature-params": ` + input
	s.set("signature-input", "agent="+input)
	s.set("signature", "agent=:"+base64.StdEncoding.EncodeToString(ed25519.Sign(sig.key, []byte(base)))+":")
	return s
}
