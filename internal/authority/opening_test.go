package authority

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

// TestGateStaysWithinItsOwner holds that a call through a gate has no more than its caller's own authority and than the
// gate says (P10), for all rings, scores, ends and scopes.
func TestGateStaysWithinItsOwner(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(11, 12))
	for range 10_000 {
		own := drawn(random)
		gate := Opening{Ring: rings[random.IntN(len(rings))], Until: ends[random.IntN(len(ends))], Capabilities: sets[random.IntN(len(sets))]}
		inside := Through(gate, own)
		if exceeds(inside, own) || inside.Ring > gate.Ring || inside.Until.After(gate.Until) {
			t.Fatalf("through %+v, %+v became %+v", gate, own, inside)
		}
		for _, r := range requests {
			if inside.Covers(r.resource, r.verbs...) && !granted(gate.Capabilities, r.resource, r.verbs) {
				t.Fatalf("through %+v, %+v covers %v", gate, own, r)
			}
		}
	}
}

// TestGateOfTheExample is the example of the design: A in ring 3 has B in ring 2 call C.
func TestGateOfTheExample(t *testing.T) {
	t.Parallel()
	a := Holding{Ring: agent.Untrusted, Trust: 300, Capabilities: everything, Active: true}
	b := Holding{Ring: agent.User, Trust: 500, Capabilities: everything, Active: true}
	deep := Depths{4, 4, 4, 4}
	chained, w := Compose([]Holding{a, b}, []Grant{{everything, forever, 0}}, deep)
	if chained.Ring != agent.Untrusted || w.Ring != (Factor{}) {
		t.Errorf("for A: %+v, %+v", chained, w)
	}
	inside := Through(Opening{agent.Supervisor, []agent.Capability{"read-metrics:c"}, forever}, OfHolder(b, deep))
	if inside.Ring != agent.User || !inside.Covers("c", "read-metrics") || inside.Covers("c", "deploy") {
		t.Errorf("through the gate: %+v", inside)
	}
}

// TestUnchainedStaysBelowTheLowWaterMark holds that a call without a chain has no more than any task that its caller may
// be serving (P14), and exactly the meet.
func TestUnchainedStaysBelowTheLowWaterMark(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(13, 14))
	for range 10_000 {
		own := drawn(random)
		served := make([]Authority, random.IntN(5))
		want := own
		for i := range served {
			served[i] = drawn(random)
			want = want.Meet(served[i])
		}
		mark := LowWater(own, served)
		if !same(mark, want) {
			t.Fatalf("%+v serving %+v: %+v, want %+v", own, served, mark, want)
		}
		for _, a := range served {
			if exceeds(mark, a) || !mark.Within(a) {
				t.Fatalf("%+v exceeds %+v", mark, a)
			}
		}
	}
}

func TestLowWaterStaysSmall(t *testing.T) {
	t.Parallel()
	served := make([]Authority, 1000)
	for i := range served {
		served[i] = Authority{Scope: [][]agent.Capability{{"read:*"}, {"call:*", "read:*"}}}
	}
	if mark := LowWater(Top(), served); len(mark.Scope) > 3 {
		t.Errorf("%d sets of two", len(mark.Scope))
	}
}

// TestLowWaterOfManyScopes goes beyond what a scope may have: then it covers nothing.
func TestLowWaterOfManyScopes(t *testing.T) {
	t.Parallel()
	var served []Authority
	for i := range MaxSets {
		served = append(served, Authority{Scope: [][]agent.Capability{{"call:ledger", agent.Capability(fmt.Sprint("call:c", i))}}})
	}
	if mark := LowWater(Top(), served[:MaxSets-1]); !mark.Covers("ledger", "call") {
		t.Errorf("%d sets cover nothing", len(mark.Scope))
	}
	if mark := LowWater(Top(), served); len(mark.Scope) > MaxSets || mark.Covers("ledger", "call") {
		t.Errorf("%d sets cover something", len(mark.Scope))
	}
}
