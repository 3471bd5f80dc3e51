package delegation

import (
	"crypto/ed25519"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
	"ringfence.dev/ringfence/internal/identity"
)

func holdings(chain Chain) []authority.Holding {
	holders := make([]authority.Holding, len(chain.Holders))
	for i, name := range chain.Holders {
		holders[i] = authority.Holding{Agent: name, Ring: agent.Supervisor, Trust: 800, Capabilities: []agent.Capability{"*:*"}, Active: true}
	}
	return holders
}

// decide verifies a chain of three links and composes its authority: all that a request costs once links are known.
func decide(b *testing.B, v *Verifier, p Presentation, keys identity.Keys) {
	chain, refusal := v.Verify(p, keys, noon)
	if refusal != nil {
		b.Fatal(refusal)
	}
	a, w := authority.Compose(holdings(chain), chain.AppendGrants(nil), authority.Depths{4, 3, 2, 0})
	if w.TooDeep || !a.Covers("ledger", "call") {
		b.Fatal(w)
	}
}

func BenchmarkKnownChainOfThree(b *testing.B) {
	v, p, keys := NewVerifier(1000), presented(chainOf(b, "a", "b", "c", "d"), "d"), mesh()
	b.ReportAllocs()
	for b.Loop() {
		decide(b, v, p, keys)
	}
}

func BenchmarkKnownChainOfThreeParallel(b *testing.B) {
	v, p, keys := NewVerifier(1000), presented(chainOf(b, "a", "b", "c", "d"), "d"), mesh()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			decide(b, v, p, keys)
		}
	})
}

func BenchmarkKnownChainsParallel(b *testing.B) {
	v, keys := NewVerifier(1000), mesh()
	var all []Presentation
	for i := range 64 {
		field := hop(b, "", "a", "b", func(o *Order) { o.Lifetime = time.Duration(600+i) * time.Second })
		all = append(all, presented(hop(b, hop(b, field, "b", "c", nil), "c", "d", nil), "d"))
	}
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			decide(b, v, all[i%len(all)], keys)
		}
	})
}

func BenchmarkNewChainOfThree(b *testing.B) {
	p, keys := presented(chainOf(b, "a", "b", "c", "d"), "d"), mesh()
	b.ReportAllocs()
	for b.Loop() {
		decide(b, &Verifier{}, p, keys)
	}
}

func BenchmarkBareVerifyOfThree(b *testing.B) {
	l, refusal := parse(chainOf(b, "a", "b"))
	if refusal != nil {
		b.Fatal(refusal)
	}
	for b.Loop() {
		for range 3 {
			if !ed25519.Verify(publicKeyA, []byte(l.signed), l.signature) {
				b.Fatal("bad signature")
			}
		}
	}
}

var publicKeyA = publicOf("a")
