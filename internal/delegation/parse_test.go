package delegation

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/base64url"
)

func TestClaims(t *testing.T) {
	t.Parallel()
	jwk := func(members ...string) any {
		m := map[string]any{}
		for i := 0; i < len(members); i += 2 {
			m[members[i]] = members[i+1]
		}
		return map[string]any{"jwk": m}
	}
	key := agent.NewKey(publicOf("b"))
	x := encode(key.Public)
	many := make([]string, maxGrants+1)
	for i := range many {
		many[i] = "read:a"
	}
	tests := []struct {
		name, claim string
		value       any // nil removes the claim
		ok          bool
	}{
		{"no-issuer", "iss", nil, false},
		{"other-issuer", "iss", "did:key:z6Mk", false},
		{"issuer-that-is-no-text", "iss", 1, false},
		{"no-id", "jti", nil, false},
		{"empty-id", "jti", "", false},
		{"long-id", "jti", strings.Repeat("a", 129), false},
		{"no-holder", "cnf", nil, false},
		{"holder-by-thumbprint", "cnf", map[string]any{"jkt": "abc"}, false},
		{"two-holders", "cnf", map[string]any{"jwk": jwk("kty", "OKP", "crv", "Ed25519", "x", x).(map[string]any)["jwk"], "jku": "https://example.com"}, false},
		{"holder-without-type", "cnf", jwk("crv", "Ed25519", "x", x), false},
		{"holder-with-private-key", "cnf", jwk("kty", "OKP", "crv", "Ed25519", "x", x, "d", x), false},
		{"holder-on-another-curve", "cnf", jwk("kty", "OKP", "crv", "X25519", "x", x), false},
		{"holder-of-another-type", "cnf", jwk("kty", "EC", "crv", "Ed25519", "x", x), false},
		{"short-holder", "cnf", jwk("kty", "OKP", "crv", "Ed25519", "x", x[:20]), false},
		{"padded-holder", "cnf", jwk("kty", "OKP", "crv", "Ed25519", "x", x+"="), false},
		{"no-time", "iat", nil, false},
		{"fraction-of-a-second", "iat", 1775044800.5, false},
		{"time-as-text", "iat", "1775044800", false},
		{"negative-time", "iat", -1, false},
		{"no-end", "exp", nil, false},
		{"end-before-begin", "exp", noon.Unix() - 1, false},
		{"no-life", "exp", noon.Unix(), false},
		{"longest-life", "exp", noon.Add(MaxLifetime).Unix(), true},
		{"longer-than-longest-life", "exp", noon.Add(MaxLifetime).Unix() + 1, false},
		{"end-of-time", "exp", int64(1) << 62, false},
		{"no-place", "del_depth", nil, false},
		{"negative-place", "del_depth", -1, false},
		{"child-without-parent", "del_depth", 1, false},
		{"no-deepest-place", "del_max_depth", nil, false},
		{"deepest-place-out-of-range", "del_max_depth", 256, false},
		{"root-with-parent", "par_hash", encode(make([]byte, 32)), false},
		{"no-grant", "authorization_details", nil, false},
		{"empty-list-of-details", "authorization_details", []any{}, false},
		{"two-details", "authorization_details", append(grants("read:a"), grants("read:b")...), false},
		{"detail-of-another-type", "authorization_details", []any{map[string]any{"type": "attenuating_agent_token", "capabilities": []string{}}}, false},
		{"detail-with-more", "authorization_details", []any{map[string]any{"type": "ringfence-capabilities", "capabilities": []string{}, "locations": []string{}}}, false},
		{"detail-without-capabilities", "authorization_details", []any{map[string]any{"type": "ringfence-capabilities"}}, false},
		{"capabilities-null", "authorization_details", []any{map[string]any{"type": "ringfence-capabilities", "capabilities": nil}}, false},
		{"capability-without-resource", "authorization_details", grants("read"), false},
		{"too-many-capabilities", "authorization_details", grants(many...), false},
		{"most-capabilities", "authorization_details", grants(many[1:]...), true},
		{"audience", "aud", []string{"ledger"}, true},
		{"one-audience", "aud", "ledger", true},
		{"empty-audience", "aud", []string{}, false},
		{"null-audience", "aud", json.RawMessage("null"), false},
		{"audience-twice", "aud", []string{"ledger", "ledger"}, false},
		{"audience-that-is-no-agent", "aud", []string{"https://example.com"}, false},
		{"subject", "sub", key.DID, true},
		{"minted-subject", "sub", key.Mesh, true},
		{"subject-with-another-key", "sub", agent.NewKey(publicOf("eve")).DID, false},
		{"subject-that-is-a-name", "sub", "b", false},
		{"empty-subject", "sub", "", false},
		{"not-before", "nbf", noon.Unix(), false},
		{"unknown-claim", "conditions", map[string]any{"max": 3}, false},
		{"known-claim-in-capitals", "AUD", "ledger", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := rawLink("", "a", "b")
			r.claims[test.claim] = test.value
			if test.value == nil {
				delete(r.claims, test.claim)
			}
			p := presented(r.field(t, "a"), "b")
			_, refusal := NewVerifier(10).Verify(p, mesh(), noon)
			if (refusal == nil) != test.ok || refusal != nil && refusal.Reason != Malformed {
				t.Errorf("%v, want accepted=%v", refusal, test.ok)
			}
		})
	}
}

// TestText has links whose header and claims are not written as they must be.
func TestText(t *testing.T) {
	t.Parallel()
	good := rawLink("", "a", "b")
	text := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	header, claims := text(good.header), text(good.claims)
	valid := signText(header, claims, "a")
	parts := strings.Split(valid, ".")
	tests := []struct{ name, field string }{
		{"duplicate-claim", signText(header, strings.Replace(claims, "{", `{"exp":1,`, 1), "a")},
		{"duplicate-by-escape", signText(header, strings.Replace(claims, "{", `{"\u0065xp":1,`, 1), "a")},
		{"duplicate-header", signText(strings.Replace(header, "{", `{"alg":"none",`, 1), claims, "a")},
		{"space-before", signText(header, " "+claims, "a")},
		{"space-after", signText(header, claims+"\n", "a")},
		{"data-after", signText(header, claims+"{}", "a")},
		{"list", signText(header, "["+claims+"]", "a")},
		{"no-json", signText(header, "claims", "a")},
		{"bad-utf8", signText(header, strings.Replace(claims, "raw", "\xff", 1), "a")},
		{"header-without-type", signText(strings.Replace(header, "aat+jwt", "JWT", 1), claims, "a")},
		{"header-of-no-key", signText(`{"alg":"Ed25519","typ":"aat+jwt"}`, claims, "a")},
		{"header-number", signText(`{"alg":"Ed25519","typ":"aat+jwt","kid":1}`, claims, "a")},
		{"four-parts", valid + "." + parts[2]},
		{"two-parts", parts[0] + "." + parts[1]},
		{"one-part", parts[0]},
		{"padded", parts[0] + "." + parts[1] + "." + parts[2] + "=="},
		{"line-end-inside", parts[0] + "." + parts[1] + "." + parts[2][:10] + "\n" + parts[2][10:]},
		{"standard-alphabet", parts[0] + "." + parts[1] + "." + strings.Repeat("+/", 43)},
		{"space", " " + valid},
		{"scheme", "Bearer " + valid},
	}
	for _, test := range tests {
		if _, refusal := NewVerifier(10).Verify(presented(test.field, "b"), mesh(), noon); reasonOf(refusal) != "malformed" {
			t.Errorf("%s: %v", test.name, refusal)
		}
	}
	if _, refusal := NewVerifier(10).Verify(presented(valid, "b"), mesh(), noon); refusal != nil {
		t.Errorf("the link itself: %v", refusal)
	}
}

func TestEmptyGrantGrantsNothing(t *testing.T) {
	t.Parallel()
	r := rawLink("", "a", "b")
	r.claims["authorization_details"] = []any{map[string]any{"type": "ringfence-capabilities", "capabilities": []string{}}}
	chain, refusal := NewVerifier(10).Verify(presented(r.field(t, "a"), "b"), mesh(), noon)
	if refusal != nil || len(chain.AppendGrants(nil)[0].Capabilities) != 0 {
		t.Errorf("%+v, %v", chain, refusal)
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	field := chainOf(t, "a", "b", "stranger")
	statements, err := Inspect(field)
	if err != nil {
		t.Fatal(err)
	}
	key := agent.NewKey(publicOf("a"))
	want := Statement{
		ID: statements[0].ID, KeyID: key.IDs()[0], Issuer: key.DID, Holder: publicOf("b"), Issued: noon, Expires: noon.Add(10 * time.Minute),
		MaxDepth: 3, Capabilities: []agent.Capability{"read:*", "call:ledger"},
	}
	if diff := cmp.Diff(want, statements[0], cmp.AllowUnexported(Statement{})); diff != "" {
		t.Errorf("root (-want +got):\n%s", diff)
	}
	if len(statements) != 2 || statements[1].Position != 1 || statements[1].ID == statements[0].ID {
		t.Errorf("%+v", statements)
	}
	parts := strings.Split(field, separator)
	if statements, err := Inspect(parts[1]); err == nil || len(statements) != 1 {
		t.Errorf("a chain without its root: %+v, %v", statements, err)
	}
	if statements, err := Inspect(rawLink(parts[0], "b", "c").field(t, "eve")); err == nil || len(statements) != 2 {
		t.Errorf("a link signed by another: %+v, %v", statements, err)
	}
	if statements, err := Inspect("nonsense"); err == nil || len(statements) != 0 {
		t.Errorf("nonsense: %+v, %v", statements, err)
	}
}

// FuzzVerify holds that nothing crashes, that a chain which verifies is well formed, and that what is remembered changes
// no answer.
func FuzzVerify(f *testing.F) {
	f.Add(chainOf(f, "a", "b"), "b")
	f.Add(chainOf(f, "a", "b", "c", "d"), "d")
	f.Add(rawLink(chainOf(f, "a", "b"), "eve", "c").field(f, "eve"), "c")
	f.Add("~~~", "a")
	f.Add("..", "a")
	keys, warm := mesh(), NewVerifier(100)
	f.Fuzz(func(t *testing.T, field, by string) {
		p := Presentation{Field: field, Agent: agent.ID(by), Key: publicOf(by), Callee: "ledger"}
		chain, refusal := (&Verifier{}).Verify(p, keys, noon)
		for range 2 {
			again, other := warm.Verify(p, keys, noon)
			if reasonOf(other) != reasonOf(refusal) || len(again.Links) != len(chain.Links) {
				t.Fatalf("without memory %v, with it %v", refusal, other)
			}
		}
		if refusal != nil {
			return
		}
		if len(field) > MaxField || len(chain.Links) > MaxLinks || len(chain.Holders) != len(chain.Links)+1 {
			t.Fatalf("%d links, %d holders", len(chain.Links), len(chain.Holders))
		}
		for i := range chain.Links {
			if chain.Links[i].Agent == "" || chain.Links[i].Depth() < 0 || !noon.Before(chain.Links[i].Expires) {
				t.Fatalf("%+v", chain.Links[i])
			}
		}
	})
}

// FuzzClaims signs whatever header and claims are given, and holds what is accepted against a reading by encoding/json.
func FuzzClaims(f *testing.F) {
	for _, field := range []string{chainOf(f, "a", "b"), rawLink("", "a", "b").field(f, "a")} {
		parts := strings.Split(field, ".")
		header, _ := base64url.Decode(parts[0])
		claims, _ := base64url.Decode(parts[1])
		f.Add(string(header), string(claims))
	}
	f.Fuzz(func(t *testing.T, header, claims string) {
		statements, _ := Inspect(signText(header, claims, "a"))
		if len(statements) == 0 {
			return
		}
		var h struct{ Alg, Typ, Kid string }
		var c struct {
			Iss   string
			Iat   int64
			Exp   int64
			Depth int                                         `json:"del_depth"`
			Max   int                                         `json:"del_max_depth"`
			Raw   []struct{ Capabilities []agent.Capability } `json:"authorization_details"`
		}
		if err := json.Unmarshal([]byte(header), &h); err != nil {
			t.Fatalf("%q: %v", header, err)
		}
		if err := json.Unmarshal([]byte(claims), &c); err != nil {
			t.Fatalf("%q: %v", claims, err)
		}
		s := statements[0]
		if h.Typ != tokenType || h.Kid != s.KeyID || c.Iss != s.Issuer || c.Iat != s.Issued.Unix() || c.Exp != s.Expires.Unix() ||
			c.Depth != s.Position || c.Max != s.MaxDepth || len(c.Raw) != 1 || !cmp.Equal(c.Raw[0].Capabilities, s.Capabilities) {
			t.Fatalf("%q, %q are read as %+v", header, claims, s)
		}
	})
}
