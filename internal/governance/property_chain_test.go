package governance

import (
	"math/rand/v2"
	"net/http"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/meshtest"
)

// The values at which decisions change.
var (
	rings  = []agent.Ring{agent.Untrusted, agent.User, agent.Supervisor, agent.Kernel}
	trusts = []agent.Trust{0, 249, 250, 399, 400, 699, 700, 899, 900, 1000}
)

// demand is what a callee asks for.
type demand struct {
	ring   agent.Ring
	trust  agent.Trust
	effect agent.Effect
}

// demands are every ring, every effect and every score.
func demands() []demand {
	all := []demand{{agent.Untrusted, 0, agent.EffectWrite}, {agent.Untrusted, 0, agent.EffectAdmin}, {agent.Kernel, 1000, agent.EffectWrite}}
	for _, ring := range rings {
		all = append(all, demand{ring, 0, agent.EffectRead})
	}
	for _, trust := range trusts[1:] {
		all = append(all, demand{agent.Untrusted, trust, agent.EffectRead})
	}
	return all
}

// met reports whether a ring and a score are enough for the demand.
func (d demand) met(ring agent.Ring, trust agent.Trust) bool {
	return ring >= max(d.ring, DefaultRings().forEffect(d.effect)) && trust >= d.trust
}

// asked is one signed request that is decided in many meshes.
type asked struct {
	*trial
	governor *Governor
	known    Mesh
}

// ask returns a request of caller to ledger with the header, in the mesh of the fixture as it will be.
func ask(t testing.TB, f *fixture, header http.Header) *asked {
	t.Helper()
	a := &asked{trial: f.signed(t, &draft{call: meshtest.Call{From: "caller", To: "/agents/ledger", Header: header}, raw: meshtest.Send("do it")})}
	steps := a.stages()
	for i := range steps {
		switch steps[i].name {
		case "rate":
			steps[i].stage = rateStage{meter: unmetered{}, limits: f.policy.RingLimits}
		case "concurrency":
			steps[i].stage = concurrencyStage{meter: unmetered{}, limits: f.policy.RingLimits}
		}
	}
	config := a.config()
	config.Mesh, config.Now, config.Meter = func() Mesh { return a.known }, f.clock, unmetered{}
	a.governor = &Governor{config: config, steps: steps}
	return a
}

// decide has the request decided in the mesh of the fixture as it is now.
func (a *asked) decide() *Exchange {
	a.known = a.mesh()
	return a.by(a.governor)
}

// stands gives an agent a ceiling and a score.
func (f *fixture) stands(name agent.ID, ceiling agent.Ring, base agent.Trust) {
	record := *f.Records[name]
	record.Ceiling, record.Base = ceiling, base
	f.Records[name] = &record
}

// demanding has ledger ask for what is demanded.
func (f *fixture) demanding(d demand) {
	record := *f.Records["ledger"]
	record.RequiredRing, record.RequiredTrust, record.Effect = d.ring, d.trust, d.effect
	f.Records["ledger"] = &record
}

// chained returns a fixture with more agents that may delegate, and the header of a chain from the first to caller.
func chained(t *testing.T, holders ...agent.ID) (*fixture, http.Header) {
	t.Helper()
	f := newFixture()
	var links []link
	for i, name := range holders {
		f.Add(name, agent.Kernel)
		next := agent.ID("caller")
		if i+1 < len(holders) {
			next = holders[i+1]
		}
		links = append(links, link{from: name, to: next, depth: len(holders) - 1 - i})
	}
	if len(links) == 0 {
		return f, nil
	}
	return f, chainOf(t, links...)
}

// TestPrivilegeNeverDenies goes through every ceiling and score of the two holders of a chain, and all that a callee can
// ask for (P9): the call is let through if and only if both have the ring and the score, and the root may delegate. So more
// of either, for either, never makes a deny of an allow.
func TestPrivilegeNeverDenies(t *testing.T) {
	t.Parallel()
	f, header := chained(t, "boss")
	a := ask(t, f, header)
	for _, d := range demands() {
		f.demanding(d)
		for _, c := range holdingsOf() {
			f.stands("caller", c.ceiling, c.base)
			for _, b := range holdingsOf() {
				f.stands("boss", b.ceiling, b.base)
				want := b.ring() > agent.Untrusted && d.met(min(b.ring(), c.ring()), min(b.trust(), c.trust()))
				if v := a.decide().Verdict; (v.Decision == Allow) != want {
					t.Fatalf("root %+v, caller %+v, demand %+v: %+v", b, c, d, v)
				}
			}
		}
	}
}

// vouched is what an administrator vouches for.
type vouched struct {
	ceiling agent.Ring
	base    agent.Trust
}

func (v vouched) trust() agent.Trust { return min(v.base, agent.ScoreCeiling(v.ceiling)) }
func (v vouched) ring() agent.Ring   { return min(v.ceiling, v.base.Ring()) }

// holdingsOf returns every ceiling with every score.
func holdingsOf() []vouched {
	var all []vouched
	for _, ceiling := range rings {
		for _, base := range trusts {
			all = append(all, vouched{ceiling, base})
		}
	}
	return all
}

// TestAnotherHopNeverWidens goes through the scores of all holders of chains of up to three, in which each has the ring of
// its score, and all that a callee can ask for (P2): with a holder less, at any place before the caller, whatever was let
// through still is.
func TestAnotherHopNeverWidens(t *testing.T) {
	t.Parallel()
	type chain struct{ first, second, caller agent.Trust } // -1 for a holder that is not there
	decisions := map[chain]uint32{}                        // a bit for each demand
	for _, holders := range [][]agent.ID{nil, {"boss"}, {"boss", "clerk"}} {
		f, header := chained(t, holders...)
		a := ask(t, f, header)
		scores := func(name agent.ID, visit func(agent.Trust)) {
			if _, there := f.Records[name]; !there {
				visit(-1)
				return
			}
			for _, trust := range trusts {
				f.stands(name, agent.Kernel, trust)
				visit(trust)
			}
		}
		for i, d := range []demand{
			{0, 0, agent.EffectRead},
			{agent.User, 0, agent.EffectRead},
			{0, 0, agent.EffectAdmin},
			{agent.Kernel, 0, agent.EffectWrite},
			{0, 250, agent.EffectRead},
			{0, 900, agent.EffectWrite},
			{0, 1000, agent.EffectRead},
		} {
			f.demanding(d)
			scores("boss", func(first agent.Trust) {
				scores("clerk", func(second agent.Trust) {
					scores("caller", func(caller agent.Trust) {
						if a.decide().Verdict.Decision == Allow {
							decisions[chain{first, second, caller}] |= 1 << i
						}
					})
				})
			})
		}
	}
	for c, allowed := range decisions {
		for _, shorter := range []chain{{c.first, -1, c.caller}, {c.second, -1, c.caller}, {-1, -1, c.caller}} {
			if shorter.first < 0 && c.first >= 0 && shorter != (chain{-1, -1, c.caller}) {
				continue
			}
			if wider := allowed &^ decisions[shorter]; wider != 0 {
				t.Fatalf("%+v is let through with demands %b that are denied to %+v", c, wider, shorter)
			}
		}
	}
	if decisions[chain{-1, -1, 1000}] != 1<<7-1 || decisions[chain{900, 1000, 900}] == 0 {
		t.Fatalf("too little is let through: %b, %b", decisions[chain{-1, -1, 1000}], decisions[chain{900, 1000, 900}])
	}
}

// TestAnotherHopOfAnyScopeNeverWidens does the same for drawn scopes, depths and lifetimes: every suffix of a chain lets
// through at least what the chain does.
func TestAnotherHopOfAnyScopeNeverWidens(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(21, 22))
	allowed := 0
	for range 100 {
		f := newFixture()
		names := []agent.ID{"boss", "clerk", "weather", "caller"}
		f.Add("boss", agent.Kernel)
		f.Add("clerk", agent.Kernel)
		for _, name := range append(names, "ledger") {
			f.stands(name, agent.Kernel, trusts[2+random.IntN(len(trusts)-2)])
			f.Records[name].Capabilities = scopes[random.IntN(len(scopes))]
		}
		f.demanding(demands()[random.IntN(len(demands()))])
		scope, depth := scopes[random.IntN(len(scopes))], 2+random.IntN(3)
		before := Allow
		for first := len(names) - 1; first >= 0; first-- {
			var links []link
			for i := first; i+1 < len(names); i++ {
				links = append(links, link{from: names[i], to: names[i+1], capabilities: scope, depth: depth - i})
			}
			var header http.Header
			if len(links) > 0 {
				header = chainOf(t, links...)
			}
			x := ask(t, f, header).decide()
			if x.Verdict.Decision > before {
				t.Fatalf("with %s before it the chain of %v is let through: %+v", names[first], names[first+1:], x.Authority)
			}
			if before = x.Verdict.Decision; before == Allow && len(links) > 0 {
				allowed++
			}
		}
	}
	if allowed < 20 {
		t.Errorf("only %d chains were let through: the test says little", allowed)
	}
}

var scopes = [][]agent.Capability{{"*:*"}, {"call:*"}, {"call:*"}, {"read:*", "write:ledger"}, {"call:ledger"}, {"SendMessage:l*"}, {"read:*"}, {"call:weather"}, nil}
