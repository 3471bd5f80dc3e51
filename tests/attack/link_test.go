package attack

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/delegation"
)

// grant is a link that keeps the rules: its maker's tools refuse to make any other.
type grant struct {
	from, to     agent.ID
	capabilities []agent.Capability // call:* when nil
	depth        int
	lifetime     time.Duration
	audience     []agent.ID
}

// chain returns the field of links, root first.
func (w *world) chain(grants ...grant) string {
	w.Helper()
	field := ""
	for _, g := range grants {
		if g.capabilities == nil {
			g.capabilities = []agent.Capability{"call:*"}
		}
		var err error
		field, err = delegation.Issue(delegation.Order{
			Key: privateKey(g.from), Parent: field, Holder: publicKey(g.to).Public, Capabilities: g.capabilities,
			Lifetime: g.lifetime, Depth: g.depth, Audience: g.audience,
		}, time.Now(), &w.ids)
		if err != nil {
			w.Fatal(err)
		}
	}
	return field
}

// forgery is a link made by hand, whatever the rules say.
type forgery struct {
	header, claims map[string]any
	key            ed25519.PrivateKey
}

// below is a link by an agent below a chain, as the rules have it: for another agent, narrower in nothing.
func (w *world) below(parent string, from, to agent.ID) forgery {
	w.Helper()
	now := time.Now().Unix()
	f := forgery{
		key:    privateKey(from),
		header: map[string]any{"alg": "Ed25519", "typ": "aat+jwt", "kid": publicKey(from).IDs()[0]},
		claims: map[string]any{
			"iss": publicKey(from).DID, "iat": now, "exp": now + 600, "jti": w.nonce(), "del_depth": 0, "del_max_depth": 1,
			"cnf": map[string]any{"jwk": map[string]any{
				"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(publicKey(to).Public),
			}},
			"authorization_details": []any{map[string]any{"type": "ringfence-capabilities", "capabilities": []string{"read:*"}}},
		},
	}
	if kid, _, _ := strings.Cut(publicKey(from).IDs()[0], "#"); kid != f.claims["iss"] {
		f.claims["iss"] = kid
	}
	if parent != "" {
		links := strings.Split(parent, "~")
		sum := sha256.Sum256([]byte(links[len(links)-1]))
		f.claims["par_hash"] = base64.RawURLEncoding.EncodeToString(sum[:])
		f.claims["del_depth"] = len(links)
	}
	return f
}

func (f forgery) claim(name string, value any) forgery {
	f.claims = maps.Clone(f.claims)
	f.claims[name] = value
	return f
}

func (f forgery) head(name string, value any) forgery {
	f.header = maps.Clone(f.header)
	f.header[name] = value
	return f
}

// after returns the field of the chain with the link behind it.
func (f forgery) after(parent string) string {
	encode := base64.RawURLEncoding.EncodeToString
	header, _ := json.Marshal(f.header) // texts, numbers and lists alone
	claims, _ := json.Marshal(f.claims)
	input := encode(header) + "." + encode(claims)
	link := input + "." + encode(ed25519.Sign(f.key, []byte(input)))
	if parent == "" {
		return link
	}
	return parent + "~" + link
}

func granting(capabilities ...string) any {
	return []any{map[string]any{"type": "ringfence-capabilities", "capabilities": append([]string{}, capabilities...)}}
}

// cutChain returns the links of a field in another order, by their numbers.
func cutChain(field string, order ...int) string {
	links := strings.Split(field, "~")
	picked := make([]string, len(order))
	for i, n := range order {
		picked[i] = links[n]
	}
	return strings.Join(picked, "~")
}
