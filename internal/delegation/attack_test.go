package delegation

import (
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// attack is one presentation that must be refused.
type attack struct {
	name, field, by string
	reason          string
	link            int
	culprit         agent.ID
	own             bool
}

func refuseAll(t *testing.T, attacks []attack) {
	t.Helper()
	var honest []Presentation
	for _, agents := range [][]string{{"a", "b"}, {"a", "b", "c"}, {"a", "b", "c", "d"}} {
		honest = append(honest, presented(chainOf(t, agents...), agents[len(agents)-1]))
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			for name, v := range verifiers() {
				// What is remembered of the honest chains must not help.
				for _, p := range honest {
					if _, refusal := v.Verify(p, mesh(), noon); refusal != nil {
						t.Fatal(refusal)
					}
				}
				for range 2 {
					chain, refusal := v.Verify(presented(a.field, a.by), mesh(), noon)
					if reasonOf(refusal) != a.reason || refusal.Link != a.link || refusal.Culprit != a.culprit || refusal.Own != a.own {
						t.Errorf("%s: %+v, want %+v", name, refusal, a)
					}
					if len(chain.Links)+len(chain.Holders) > 0 {
						t.Errorf("%s: a refused chain comes with %+v", name, chain)
					}
				}
			}
		})
	}
}

func TestChainsThatWereTakenApart(t *testing.T) {
	t.Parallel()
	links := strings.Split(chainOf(t, "a", "b", "c", "d"), separator)
	other := strings.Split(chainOf(t, "eve", "b", "c", "d"), separator)
	join := func(parts ...string) string { return strings.Join(parts, separator) }
	refuseAll(t, []attack{
		{name: "first-dropped", field: join(links[1], links[2]), by: "d", reason: "broken-hash"},
		{name: "middle-dropped", field: join(links[0], links[2]), by: "d", reason: "broken-hash", link: 1},
		{name: "last-dropped", field: join(links[0], links[1]), by: "d", reason: "wrong-holder", link: 1},
		{name: "all-but-last-dropped", field: links[2], by: "d", reason: "broken-hash"},
		{name: "reordered", field: join(links[1], links[0], links[2]), by: "d", reason: "broken-hash"},
		{name: "last-two-exchanged", field: join(links[0], links[2], links[1]), by: "c", reason: "broken-hash", link: 1},
		{name: "twice", field: join(links[0], links[0]), by: "b", reason: "broken-hash", link: 1},
		{name: "other-root", field: join(other[0], links[1], links[2]), by: "d", reason: "broken-hash", link: 1},
		{name: "other-middle", field: join(links[0], other[1], links[2]), by: "d", reason: "broken-hash", link: 1},
		{name: "other-last", field: join(links[0], links[1], other[2]), by: "d", reason: "broken-hash", link: 2},
		{name: "stolen", field: join(links...), by: "eve", reason: "wrong-holder", link: 2},
		{name: "used-by-an-earlier-holder", field: join(links...), by: "b", reason: "wrong-holder", link: 2},
		{name: "used-by-its-root", field: join(links...), by: "a", reason: "wrong-holder", link: 2},
		{name: "empty", field: "", by: "d", reason: "malformed"},
		{name: "empty-link", field: join(links[0], "", links[1]), by: "c", reason: "malformed", link: 1},
		{name: "trailing-separator", field: links[0] + separator, by: "b", reason: "malformed", link: 1},
		{name: "two-header-lines", field: links[0] + ", " + links[0], by: "b", reason: "malformed"},
		{name: "five-links", field: join(links[0], links[1], links[2], links[2], links[2]), by: "d", reason: "too-long"},
		{name: "too-many-bytes", field: links[0] + strings.Repeat("A", MaxField), by: "b", reason: "too-long"},
	})
}

// TestSplicedLinks has links that are validly signed, and by somebody who does not hold the link above.
func TestSplicedLinks(t *testing.T) {
	t.Parallel()
	first := chainOf(t, "a", "b")
	refuseAll(t, []attack{
		{name: "by-a-third", field: rawLink(first, "eve", "c").field(t, "eve"), by: "c", reason: "spliced", link: 1, culprit: "eve"},
		{name: "by-a-third-to-itself", field: rawLink(first, "eve", "eve").field(t, "eve"), by: "eve", reason: "spliced", link: 1, culprit: "eve", own: true},
		{name: "by-the-root-again", field: rawLink(first, "a", "c").field(t, "a"), by: "c", reason: "spliced", link: 1, culprit: "a"},
		{name: "in-another's-name", field: rawLink(first, "b", "eve").field(t, "eve"), by: "eve", reason: "bad-signature", link: 1},
		{name: "by-nobody", field: rawLink(first, "stranger", "c").field(t, "stranger"), by: "c", reason: "unknown-issuer", link: 1},
		{name: "root-by-nobody", field: rawLink("", "stranger", "c").field(t, "stranger"), by: "c", reason: "unknown-issuer"},
	})
}

func TestWidenedLinks(t *testing.T) {
	t.Parallel()
	first := chainOf(t, "a", "b")
	widened := func(claim string, value any) raw {
		r := rawLink(first, "b", "c")
		r.claims[claim] = value
		return r
	}
	own := rawLink(first, "b", "b")
	own.claims["authorization_details"] = grants("*:*")
	attacks := []attack{
		{name: "capability", field: widened("authorization_details", grants("read:*", "write:ledger")).field(t, "b"), reason: "widened"},
		{name: "glob", field: widened("authorization_details", grants("call:*")).field(t, "b"), reason: "widened"},
		{name: "verb", field: widened("authorization_details", grants("*:ledger")).field(t, "b"), reason: "widened"},
		{name: "expiry", field: widened("exp", noon.Add(10*time.Minute+time.Second).Unix()).field(t, "b"), reason: "widened"},
		{name: "depth", field: widened("del_max_depth", 4).field(t, "b"), reason: "widened"},
		{name: "below-its-own-depth", field: widened("del_max_depth", 0).field(t, "b"), reason: "too-deep"},
		{name: "place-skipped", field: widened("del_depth", 2).field(t, "b"), reason: "too-deep"},
	}
	for i := range attacks {
		attacks[i].by, attacks[i].link, attacks[i].culprit = "c", 1, "b"
	}
	attacks = append(attacks, attack{name: "for-oneself", field: own.field(t, "b"), by: "b", reason: "widened", link: 1, culprit: "b", own: true})
	attacks = append(attacks, attack{
		name: "before-its-parent", field: widened("iat", noon.Add(-time.Second).Unix()).field(t, "b"), by: "c", reason: "not-yet-valid", link: 1,
	})
	last := hop(t, "", "a", "b", func(o *Order) { o.Depth = 0 })
	attacks = append(attacks, attack{
		name: "below-a-last-link", field: rawLink(last, "b", "c").field(t, "b"), by: "c", reason: "widened", link: 1, culprit: "b",
	})
	refuseAll(t, attacks)
}

// TestHonestIssuersAreNotFramed has somebody put an honest agent's link below another parent, in which it would be a
// widened one: nobody but its presenter did that.
func TestHonestIssuersAreNotFramed(t *testing.T) {
	t.Parallel()
	honest := strings.Split(chainOf(t, "a", "b", "c"), separator)
	narrow := hop(t, "", "a", "b", func(o *Order) { o.Capabilities = nil })
	_, refusal := NewVerifier(10).Verify(presented(narrow+separator+honest[1], "c"), mesh(), noon)
	if reasonOf(refusal) != "broken-hash" || refusal.Culprit != "" || refusal.Own {
		t.Errorf("%+v", refusal)
	}
}

// TestAlgorithms has links whose header names another algorithm, or another key, than the one that signs.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	var attacks []attack
	for _, alg := range []string{"none", "None", "", "HS256", "ES256", "RS256", "PS256", "ed25519", "Ed448", "EdDSA "} {
		r := rawLink("", "a", "b")
		r.header["alg"] = alg
		attacks = append(attacks, attack{name: "alg-" + alg, field: r.field(t, "a"), by: "b", reason: "malformed"})
	}
	for name, member := range map[string]any{
		"jwk": map[string]any{"kty": "OKP", "crv": "Ed25519", "x": encode(publicOf("eve"))}, "jku": "https://example.com/keys", "x5c": []string{"AA"},
		"crit": []string{"exp"}, "b64": false, "cty": "JWT",
	} {
		r := rawLink("", "a", "b")
		r.header[name] = member
		attacks = append(attacks, attack{name: "header-" + name, field: r.field(t, "eve"), by: "b", reason: "malformed"})
	}
	unsigned := rawLink("", "a", "b").field(t, "a")
	unsigned = unsigned[:strings.LastIndex(unsigned, ".")+1]
	substituted := rawLink("", "a", "b")
	substituted.header["kid"] = agent.NewKey(publicOf("eve")).IDs()[0]
	refuseAll(t, append(
		attacks,
		attack{name: "no-signature", field: unsigned, by: "b", reason: "malformed"},
		attack{name: "short-signature", field: unsigned + "AAAA", by: "b", reason: "malformed"},
		attack{name: "signature-of-another", field: rawLink("", "a", "b").field(t, "eve"), by: "b", reason: "bad-signature"},
		attack{name: "kid-of-another-than-iss", field: substituted.field(t, "eve"), by: "b", reason: "malformed"},
	))
	eddsa := rawLink("", "a", "b")
	eddsa.header["alg"] = "EdDSA"
	if _, refusal := NewVerifier(10).Verify(presented(eddsa.field(t, "a"), "b"), mesh(), noon); refusal != nil {
		t.Errorf("the older name of the algorithm: %v", refusal)
	}
}

// TestEveryBitCounts flips each bit of a chain of two links: nothing of it may be without meaning (P7).
func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	field, keys, v := []byte(chainOf(t, "a", "b", "c")), mesh(), NewVerifier(1000)
	if _, refusal := v.Verify(presented(string(field), "c"), keys, noon); refusal != nil {
		t.Fatal(refusal)
	}
	for i := range field {
		for bit := range 8 {
			field[i] ^= 1 << bit
			if _, refusal := v.Verify(presented(string(field), "c"), keys, noon); refusal == nil {
				t.Errorf("bit %d of byte %d does not matter", bit, i)
			}
			field[i] ^= 1 << bit
		}
	}
}

// TestSmallKeysHoldNothing has a holder's key for which anybody can sign.
func TestSmallKeysHoldNothing(t *testing.T) {
	t.Parallel()
	r := rawLink("", "a", "b")
	r.claims["cnf"] = map[string]any{"jwk": map[string]any{"kty": "OKP", "crv": "Ed25519", "x": encode(make([]byte, 32))}}
	p := Presentation{Field: r.field(t, "a"), Agent: "b", Key: make([]byte, 32)}
	if _, refusal := NewVerifier(10).Verify(p, mesh(), noon); reasonOf(refusal) != "malformed" {
		t.Errorf("%v", refusal)
	}
}

// lying is an identity.Keys that says yes and gives nothing.
type lying struct{}

func (lying) Signatory(string, time.Time) (identity.Signatory, bool) {
	return identity.Signatory{}, true
}

func TestKeysThatKnowNothing(t *testing.T) {
	t.Parallel()
	if _, refusal := NewVerifier(10).Verify(presented(chainOf(t, "a", "b"), "b"), lying{}, noon); reasonOf(refusal) != "unknown-issuer" {
		t.Errorf("%v", refusal)
	}
}
