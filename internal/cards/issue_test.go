package cards_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
)

func issuer(t testing.TB, policy cards.Policy) *cards.Issuer {
	t.Helper()
	signer, err := cards.NewSigner(private(1))
	if err != nil {
		t.Fatal(err)
	}
	return cards.NewIssuer(signer, policy)
}

func TestIssuerSignsOncePerRevisionAndBase(t *testing.T) {
	t.Parallel()
	i := issuer(t, cards.Policy{})
	record := &agent.Record{Name: "geo", Revision: 1, Card: parse(t, plain)}
	one, two := agent.Base{URL: "https://one.example"}, agent.Base{URL: "https://two.example"}
	issue := func(base agent.Base) cards.Issued {
		t.Helper()
		card, err := i.Card(record, base)
		if err != nil {
			t.Fatal(err)
		}
		return card
	}
	first := issue(one)
	if again := issue(one); &again.Body[0] != &first.Body[0] {
		t.Error("a card is signed twice for one revision and base")
	}
	if other := issue(two); !bytes.Contains(other.Body, []byte("https://two.example")) || other.Tag == first.Tag {
		t.Errorf("another base gets %s", other.Body)
	}
	record = &agent.Record{Name: "geo", Revision: 2, Card: parse(t, strings.Replace(plain, "Geo", "Neo", 1))}
	if later := issue(one); !bytes.Contains(later.Body, []byte("Neo")) || later.Tag == first.Tag {
		t.Errorf("another revision gets %s", later.Body)
	}
	if _, err := i.Card(record, agent.Base{}); err == nil {
		t.Error("a card is issued without a base")
	}
}

func TestIssuerExtended(t *testing.T) {
	t.Parallel()
	record := &agent.Record{Name: "geo", Revision: 1, Card: parse(t, plain), CardKeys: nil}
	base := agent.Base{URL: "https://mesh.example/agents/geo"}
	extended := strings.Replace(plain, `"id":"a"`, `"id":"secret"`, 1)
	signedByAgent := signed(t, extended, extended, private(7), jose.EdDSA, map[string]any{"kid": "k7"})
	policy := cards.Policy{Verifier: verifier(edKey(t, 7))}
	tests := []struct {
		name, card string
		policy     cards.Policy
		want       bool
	}{
		{"unsigned", extended, cards.Policy{Mode: cards.Warn}, true},
		{"signed", signedByAgent, cards.Policy{Mode: cards.Off}, true},
		{"required-and-signed", signedByAgent, policy, true},
		{"required-and-unsigned", extended, policy, false},
		{"required-and-changed", strings.Replace(signedByAgent, "secret", "other", 1), policy, false},
		{"required-and-nothing-verifies", signedByAgent, cards.Policy{}, false},
		{"other-host", strings.Replace(extended, "geo.example", "evil.example", 1), cards.Policy{Mode: cards.Off}, false},
		{"malformed", `{"name":"x"`, cards.Policy{Mode: cards.Off}, false},
		{"no-card", `[]`, cards.Policy{Mode: cards.Off}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			i := issuer(t, test.policy)
			got, err := i.Extended(record, []byte(test.card), base, noon)
			if (err == nil) != test.want {
				t.Fatalf("%s, %v", got, err)
			}
			if err != nil {
				return
			}
			keys, err := cards.ParseKeySet(i.KeySet().Body)
			if err != nil {
				t.Fatal(err)
			}
			if v := verifier(keys...).Verify(got, cards.Keys{}, noon); !v.Verified() || bytes.Contains(got, []byte("geo.example")) ||
				!bytes.Contains(got, []byte(base.URL)) || !bytes.Contains(got, []byte("secret")) {
				t.Errorf("%+v\n%s", v, got)
			}
		})
	}
}

func BenchmarkIssuerCard(b *testing.B) {
	i := issuer(b, cards.Policy{})
	record := &agent.Record{Name: "geo", Card: parse(b, plain)}
	for b.Loop() {
		record.Revision++
		if _, err := i.Card(record, agent.Base{URL: "https://mesh.example"}); err != nil {
			b.Fatal(err)
		}
	}
}
