package delegation

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

var noon = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)

// counting is a source of bytes that are all different links' own.
type counting byte

func (c *counting) Read(p []byte) (int, error) {
	*c++
	for i := range p {
		p[i] = byte(*c) + byte(i)
	}
	return len(p), nil
}

// keyOf returns the key of a name, the same each time.
func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func publicOf(name string) ed25519.PublicKey { return keyOf(name).Public().(ed25519.PublicKey) }

// registry knows the keys of the agents in it, by name.
type registry map[string]identity.Signatory

func registered(names ...string) registry {
	r := registry{}
	for _, name := range names {
		key := agent.NewKey(publicOf(name))
		for _, id := range key.IDs() {
			did, _, _ := strings.Cut(id, "#")
			r[id] = identity.Signatory{Public: key.Public, Agent: agent.ID(name), DID: did, Role: agent.AgentKey}
		}
	}
	return r
}

func (r registry) Signatory(keyID string, _ time.Time) (identity.Signatory, bool) {
	s, ok := r[keyID]
	return s, ok
}

func (r registry) revoke(name string) {
	for id, s := range r {
		if s.Agent == agent.ID(name) {
			delete(r, id)
		}
	}
}

// mesh is the agents of most tests: a delegates to b, b to c, c to d.
func mesh() registry { return registered("a", "b", "c", "d", "eve") }

// hop makes one link below parent, from one agent to another.
func hop(t testing.TB, parent, from, to string, change func(*Order)) string {
	t.Helper()
	o := Order{
		Key: keyOf(from), Parent: parent, Holder: publicOf(to), Lifetime: 10 * time.Minute,
		Capabilities: []agent.Capability{"read:*", "call:ledger"}, Depth: 3 - strings.Count(parent, separator),
	}
	if parent != "" {
		o.Depth--
	}
	if change != nil {
		change(&o)
	}
	random := counting(len(parent))
	field, err := Issue(o, noon, &random)
	if err != nil {
		t.Fatal(err)
	}
	return field
}

// chainOf makes a chain through the agents.
func chainOf(t testing.TB, names ...string) string {
	t.Helper()
	field := ""
	for i := range names[1:] {
		field = hop(t, field, names[i], names[i+1], nil)
	}
	return field
}

func presented(field, by string) Presentation {
	return Presentation{Field: field, Agent: agent.ID(by), Key: publicOf(by), Callee: "ledger"}
}

// raw makes a link that Issue would refuse: header and claims are those of a good link after change.
type raw struct {
	header, claims map[string]any
	parent         string
}

func rawLink(parent, from, to string) raw {
	key := agent.NewKey(publicOf(from))
	link := raw{
		parent: parent,
		header: map[string]any{"alg": "Ed25519", "typ": "aat+jwt", "kid": key.IDs()[0]},
		claims: map[string]any{
			"iss": key.DID, "iat": noon.Unix(), "exp": noon.Add(10 * time.Minute).Unix(), "jti": "raw", "del_depth": 0, "del_max_depth": 3,
			"cnf":                   map[string]any{"jwk": map[string]any{"kty": "OKP", "crv": "Ed25519", "x": encode(publicOf(to))}},
			"authorization_details": []any{map[string]any{"type": "ringfence-capabilities", "capabilities": []string{"read:*", "call:ledger"}}},
		},
	}
	if parent != "" {
		last := parent[strings.LastIndex(parent, separator)+1:]
		sum := sha256.Sum256([]byte(last))
		link.claims["par_hash"] = encode(sum[:])
		link.claims["del_depth"] = strings.Count(parent, separator) + 1
	}
	return link
}

func grants(capabilities ...string) []any {
	return []any{map[string]any{"type": "ringfence-capabilities", "capabilities": capabilities}}
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// field signs the link with the key of an agent and puts it below its parent.
func (r raw) field(t testing.TB, signer string) string {
	t.Helper()
	header, err := json.Marshal(r.header)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := json.Marshal(r.claims)
	if err != nil {
		t.Fatal(err)
	}
	return r.below(signText(string(header), string(claims), signer))
}

func (r raw) below(compact string) string {
	if r.parent == "" {
		return compact
	}
	return r.parent + separator + compact
}

func signText(header, claims, signer string) string {
	signed := encode([]byte(header)) + "." + encode([]byte(claims))
	return signed + "." + encode(ed25519.Sign(keyOf(signer), []byte(signed)))
}
