// Package meshtest is the small mesh that tests of several packages share: three agents with known keys, and
// requests signed by them.
package meshtest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/internal/registry"
)

// Noon is the moment at which the mesh lives.
var Noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Gateway is the URL of the mesh's gateway, and Domain its mesh domain.
const (
	Gateway = "http://gateway.test:10000"
	Domain  = "mesh.test"
)

// Mesh is a mesh of three agents in ring 2: caller, weather, which only reads, and ledger, which writes. Each has
// a JSON-RPC and an HTTP+JSON interface. Change Records before Snapshot.
type Mesh struct {
	Records map[agent.ID]*agent.Record
	keys    map[agent.ID]ed25519.PrivateKey
}

// New returns the mesh.
func New() *Mesh {
	m := &Mesh{Records: map[agent.ID]*agent.Record{}, keys: map[agent.ID]ed25519.PrivateKey{}}
	for _, name := range []agent.ID{"caller", "weather", "ledger"} {
		m.Add(name, agent.User)
	}
	m.Records["weather"].Effect = agent.EffectRead
	return m
}

// Add registers one more agent, vouched for up to a ring, and returns its record.
func (m *Mesh) Add(name agent.ID, ring agent.Ring) *agent.Record {
	private := Private(name)
	key := Public(private)
	m.keys[name] = private
	m.Records[name] = &agent.Record{
		Name: name, Status: agent.Active, DIDs: []string{key.DID, key.Mesh},
		Capabilities: []agent.Capability{"call:*"}, Ceiling: ring, Base: agent.VouchedTrust(ring),
		Card: agent.Card{Interfaces: []agent.Interface{
			{URL: "http://10.0.0.1:9000/rpc", Binding: agent.JSONRPC, Version: "1.0"},
			{URL: "http://10.0.0.1:9000/rest", Binding: agent.HTTPJSON, Version: "1.0"},
		}},
	}
	return m.Records[name]
}

// Private returns the key of the agent of a name, in every mesh.
func Private(name agent.ID) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Public returns the names of a private key's public half.
func Public(private ed25519.PrivateKey) agent.Key {
	public, _ := private.Public().(ed25519.PublicKey)
	return agent.NewKey(public)
}

// Snapshot returns the mesh as it is now.
func (m *Mesh) Snapshot() *registry.Snapshot {
	return registry.NewSnapshot(7, slices.Collect(maps.Values(m.Records)))
}

// Signer returns the signer of an agent at the given moment. Its nonces are fixed: two requests alike have one
// signature.
func (m *Mesh) Signer(name agent.ID, now time.Time) identity.Signer {
	return identity.Signer{
		Key:    m.keys[name],
		KeyID:  Public(m.keys[name]).IDs()[0],
		Now:    func() time.Time { return now },
		Random: repeat(7),
	}
}

type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// Call is one request as a test describes it.
type Call struct {
	From   agent.ID // signs; empty sends no signature
	Method string   // POST when empty
	Host   string   // the gateway's when empty
	To     string   // path on the gateway
	Body   string
	Header http.Header
}

// Request returns the call as a client would send it at Noon.
func (m *Mesh) Request(c Call) (*http.Request, error) {
	if c.Method == "" {
		c.Method = http.MethodPost
	}
	r, err := http.NewRequest(c.Method, Gateway+c.To, strings.NewReader(c.Body))
	if err != nil {
		return nil, err
	}
	maps.Copy(r.Header, c.Header)
	if c.Host != "" {
		r.Host = c.Host
	}
	if c.From != "" {
		if err := m.Signer(c.From, Noon).Sign(r, []byte(c.Body)); err != nil {
			return nil, err
		}
	}
	r.Body = io.NopCloser(bytes.NewReader([]byte(c.Body)))
	return r, nil
}

// Send returns the body of a JSON-RPC SendMessage with one text.
func Send(text string) string { return Invoke("SendMessage", text) }

// Invoke returns the body of a JSON-RPC request for a method that takes a message.
func Invoke(method, text string) string {
	return `{"jsonrpc":"2.0","id":"r1","method":"` + method + `","params":{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"` + text + `"}]}}}`
}

// Phrases is a scanner that finds fixed phrases, each with its class, and blocks.
type Phrases map[string]string

// Scan reports each phrase in each text, and those that begin in what was said before.
func (p Phrases) Scan(texts []a2a.Text, opts inspect.Options) []inspect.Finding {
	var findings []inspect.Finding
	prior := strings.ReplaceAll(strings.ToLower(opts.Prior), "\x00", "")
	for i, text := range texts {
		for phrase, class := range p {
			found := inspect.Finding{Rule: class + "-1", Class: class, Severity: inspect.High, Action: inspect.Block, Text: i, Last: i, View: inspect.ViewText}
			value := strings.ToLower(text.Value)
			if at := strings.Index(value, phrase); at >= 0 {
				found.Start, found.End, found.LastEnd = at, at+len(phrase), at+len(phrase)
				findings = append(findings, found)
			} else if at := strings.Index(prior+value, phrase); prior != "" && !text.Key && at >= 0 && at < len(prior) {
				found.View, found.End = inspect.ViewJoined, at+len(phrase)-len(prior)
				found.LastEnd = found.End
				findings = append(findings, found)
			}
		}
	}
	return findings
}
