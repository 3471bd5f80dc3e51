package governance

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/delegation"
	"ringfence.dev/ringfence/internal/meshtest"
)

// The benchmarks judge one request again and again: of caller to ledger, signed, with a chain of three links or with none.
// Keys, links and the mesh are warm. No nonce counts as used and no rate as exceeded; else only the first would be let
// through.

// measured returns a governor and a request with a chain of as many links.
func measured(b *testing.B, links int) (*Governor, *trial) {
	b.Helper()
	f := newFixture()
	f.replay = unspent{}
	header := http.Header{}
	holders := []agent.ID{"chief", "boss", "clerk", "caller"}
	field := ""
	for i := len(holders) - 1 - links; i+1 < len(holders); i++ {
		f.Add(holders[i], agent.Supervisor)
		var err error
		field, err = delegation.Issue(delegation.Order{
			Key: meshtest.Private(holders[i]), Parent: field, Holder: meshtest.Public(meshtest.Private(holders[i+1])).Public,
			Capabilities: []agent.Capability{"call:*", "read:*"}, Depth: len(holders) - 2 - i,
		}, meshtest.Noon, bytes.NewReader(bytes.Repeat([]byte{byte(i)}, 64)))
		if err != nil {
			b.Fatal(err)
		}
		header.Set("Agent-Delegation", field)
	}
	x := f.signed(b, &draft{call: meshtest.Call{From: "caller", To: "/agents/ledger", Header: header}, raw: meshtest.Send("pay")})
	config := x.config()
	config.Meter = unmetered{}
	g := New(config)
	if v := x.by(g).Verdict; v.Decision != Allow {
		b.Fatalf("%+v", v)
	}
	return g, x
}

// both runs a decision serially and on all cores at once. Each goroutine makes its own.
func both(b *testing.B, decision func() func() Decision) {
	b.Helper()
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		decide := decision()
		for b.Loop() {
			if decide() != Allow {
				b.Fatal("denied")
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			decide := decision()
			for pb.Next() {
				if decide() != Allow {
					b.Error("denied")
				}
			}
		})
	})
}

// BenchmarkAuthority is the decision about ring and authority for a chain of three links that are known: the stages
// delegation, expiry, ring, trust and scope. The mark is 5 µs.
func BenchmarkAuthority(b *testing.B) {
	g, x := measured(b, 3)
	prepared := g.Resume(g.Open(context.Background(), x.request).Passage(), x.request)
	g.Close(context.Background(), prepared, x.body)
	var stages []Stage
	for _, s := range g.steps {
		switch s.name {
		case "delegation", "expiry", "ring", "trust", "scope":
			stages = append(stages, s.stage)
		}
	}
	both(b, func() func() Decision {
		e := *prepared
		return func() Decision {
			v := allow()
			for _, s := range stages {
				v = v.Meet(s.Judge(context.Background(), &e))
			}
			if len(e.Chain.Holders) != 4 {
				return Deny
			}
			return v.Decision
		}
	})
}

// BenchmarkHeaderPhase is all that is judged of a request before its body, its signature included.
func BenchmarkHeaderPhase(b *testing.B) {
	for name, links := range map[string]int{"own": 0, "three-links": 3} {
		b.Run(name, func(b *testing.B) {
			g, x := measured(b, links)
			both(b, func() func() Decision {
				return func() Decision { return g.Open(context.Background(), x.request).Verdict.Decision }
			})
		})
	}
}

// BenchmarkBodyPhase is all that is judged of a request with its body, the record included.
func BenchmarkBodyPhase(b *testing.B) {
	for name, links := range map[string]int{"own": 0, "three-links": 3} {
		b.Run(name, func(b *testing.B) {
			g, x := measured(b, links)
			passage := g.Open(context.Background(), x.request).Passage()
			both(b, func() func() Decision {
				return func() Decision {
					e := g.Resume(passage, x.request)
					g.Close(context.Background(), e, x.body)
					g.Leave(e)
					return e.Verdict.Decision
				}
			})
		})
	}
}

// BenchmarkReview is judging anew one call under way, as happens to each after every change in the mesh.
func BenchmarkReview(b *testing.B) {
	g, x := measured(b, 3)
	e := g.Resume(g.Open(context.Background(), x.request).Passage(), x.request)
	g.Close(context.Background(), e, x.body)
	both(b, func() func() Decision {
		return func() Decision { return g.Review(context.Background(), e).Decision }
	})
}
