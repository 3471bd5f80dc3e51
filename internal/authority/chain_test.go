package authority

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

var sets = [][]agent.Capability{{"*:*"}, {"read:*"}, {"read:weather", "call:ledger"}, {"call:*"}, {"write:ledger", "read:*"}, nil}

func drawnHolding(random *rand.Rand) Holding {
	return Holding{
		Agent: "a", Ring: rings[random.IntN(len(rings))], Trust: trusts[random.IntN(len(trusts))],
		Capabilities: sets[random.IntN(len(sets))], Active: random.IntN(12) > 0,
	}
}

func drawnGrant(random *rand.Rand) Grant {
	return Grant{Capabilities: sets[random.IntN(len(sets))], Until: ends[random.IntN(len(ends))], Depth: random.IntN(4)}
}

func drawnChain(random *rand.Rand) ([]Holding, []Grant) {
	holders, grants := []Holding{drawnHolding(random)}, []Grant{}
	for range random.IntN(MaxLinks + 1) {
		holders, grants = append(holders, drawnHolding(random)), append(grants, drawnGrant(random))
	}
	return holders, grants
}

// reference is the definition in semantics.md written out: the meet over holders and links, and the depth rule for each
// holder and link with the number of links below it.
func reference(holders []Holding, grants []Grant, depths Depths) Authority {
	n := len(grants)
	a, ring := Top(), agent.Kernel
	for i, h := range holders {
		own := OfHolder(h, depths)
		ring = min(ring, own.Ring)
		own.Depth = depths.Of(ring) - (n - i)
		a = a.Meet(own)
		if i < n {
			link := Top()
			link.Scope, link.Until, link.Depth = [][]agent.Capability{grants[i].Capabilities}, grants[i].Until, grants[i].Depth-(n-1-i)
			a = a.Meet(link)
		}
	}
	if a.Depth < 0 {
		return Authority{}
	}
	return a
}

func TestComposeIsTheMeet(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		holders, grants := drawnChain(random)
		got, _ := Compose(holders, grants, depths)
		want := reference(holders, grants, depths)
		if !slices.ContainsFunc(holders, func(h Holding) bool { return !h.Active }) && got.Depth != want.Depth {
			t.Fatalf("depth %d, want %d: %+v %+v", got.Depth, want.Depth, holders, grants)
		}
		got.Depth, want.Depth = 0, 0
		if !same(got, want) {
			t.Fatalf("%+v, want %+v: %+v %+v", got, want, holders, grants)
		}
	}
}

// TestHopsOnlyNarrow holds that one more hop never widens (P2), wherever it is, and that what is left to pass on shrinks
// by at least one with each link (P8).
func TestHopsOnlyNarrow(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 8))
	for range 20_000 {
		holders, grants := drawnChain(random)
		before, _ := Compose(holders, grants, depths)
		longer, _ := Compose(append(slices.Clone(holders), drawnHolding(random)), append(slices.Clone(grants), drawnGrant(random)), depths)
		if exceeds(longer, before) || longer.Depth > max(before.Depth-1, 0) {
			t.Fatalf("%+v became %+v: %+v %+v", before, longer, holders, grants)
		}
		at := random.IntN(len(holders))
		inner, _ := Compose(slices.Insert(slices.Clone(holders), at, drawnHolding(random)), slices.Insert(slices.Clone(grants), at, drawnGrant(random)), depths)
		if exceeds(inner, before) {
			t.Fatalf("a holder more at %d: %+v became %+v", at, before, inner)
		}
	}
}

// TestAnyFaultLeavesNothing injects one fault into each factor (P7): the chain then allows nothing.
func TestAnyFaultLeavesNothing(t *testing.T) {
	t.Parallel()
	holders := []Holding{
		{Ring: agent.Kernel, Trust: 1000, Capabilities: everything, Active: true},
		{Ring: agent.Supervisor, Trust: 800, Capabilities: everything, Active: true},
		{Ring: agent.User, Trust: 500, Capabilities: everything, Active: true},
	}
	grants := []Grant{{everything, noon.Add(time.Hour), 2}, {everything, noon.Add(time.Hour), 1}}
	if a, _ := Compose(holders, grants, depths); !allows(a, 2, agent.User, 500, noon) || a.Depth != 1 {
		t.Fatalf("the whole chain: %+v", a)
	}
	check := func(name string, holders []Holding, grants []Grant) {
		if a, _ := Compose(holders, grants, depths); allows(a, 2, agent.Untrusted, 0, noon) {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for i := range holders {
		for name, fault := range map[string]Holding{
			"zero": {}, "inactive": {Ring: agent.Kernel, Trust: 1000, Capabilities: everything},
			"no-capabilities": {Ring: agent.Kernel, Trust: 1000, Active: true},
		} {
			faulty := slices.Clone(holders)
			faulty[i] = fault
			check(name, faulty, grants)
		}
		check("dropped-holder", slices.Delete(slices.Clone(holders), i, i+1), grants)
	}
	for i := range grants {
		for name, fault := range map[string]Grant{
			"zero-link": {}, "over": {everything, noon, 3}, "nothing-granted": {nil, noon.Add(time.Hour), 3},
		} {
			faulty := slices.Clone(grants)
			faulty[i] = fault
			check(name, holders, faulty)
		}
		check("dropped-link", holders, slices.Delete(slices.Clone(grants), i, i+1))
	}
	check("link-that-allows-no-other", holders, []Grant{{everything, noon.Add(time.Hour), 0}, grants[1]})
	holders[0].Ring = agent.Untrusted
	check("root-in-ring-3", holders, grants)
}

// TestDepthsOfRings goes through every ring of three holders: each needs as many links as follow it.
func TestDepthsOfRings(t *testing.T) {
	t.Parallel()
	for _, first := range rings {
		for _, second := range rings {
			for _, third := range rings {
				holders := make([]Holding, 3)
				lowest := agent.Kernel
				deep := false
				for i, ring := range []agent.Ring{first, second, third} {
					holders[i] = Holding{Ring: ring, Trust: 1000, Capabilities: everything, Active: true}
					lowest = min(lowest, ring)
					deep = deep || depths.Of(lowest) < 2-i
				}
				a, w := Compose(holders, []Grant{{everything, forever, 9}, {everything, forever, 9}}, depths)
				if w.TooDeep != deep || deep != !a.Covers("weather", "read") {
					t.Errorf("rings %v, %v, %v: too deep %v, %+v", first, second, third, w.TooDeep, a)
				}
				if !deep && a.Depth != min(depths.Of(first)-2, depths.Of(min(first, second))-1, depths.Of(lowest)) {
					t.Errorf("rings %v, %v, %v: %d left", first, second, third, a.Depth)
				}
			}
		}
	}
}

func TestWitness(t *testing.T) {
	t.Parallel()
	holders := []Holding{
		{Ring: agent.Kernel, Trust: 950, Capabilities: []agent.Capability{"*:*"}, Active: true},
		{Ring: agent.User, Trust: 450, Capabilities: []agent.Capability{"call:*", "read:*"}, Active: true},
		{Ring: agent.User, Trust: 450, Capabilities: []agent.Capability{"*:*"}, Active: true},
	}
	grants := []Grant{{[]agent.Capability{"read:*"}, noon.Add(time.Hour), 2}, {[]agent.Capability{"read:*"}, noon, 1}}
	a, w := Compose(holders, grants, depths)
	want := Witness{
		Ring: Factor{Index: 1}, Trust: Factor{Index: 1}, Scope: Factor{Link: true}, Until: Factor{Link: true, Index: 1}, Depth: Factor{Link: true},
	}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("witness (-want +got):\n%s", diff)
	}
	if f, ok := w.Refusing(a, "ledger", "write"); !ok || f != (Factor{Link: true}) || f.String() != "link 0" {
		t.Errorf("writing is refused by %v, %v", f, ok)
	}
	if f, ok := w.Refusing(a, "ledger", "read"); ok {
		t.Errorf("reading is refused by %v", f)
	}
	grants[0].Depth = 0
	if a, w := Compose(holders, grants, depths); !w.TooDeep || w.Depth != (Factor{Link: true}) || !same(a, Authority{}) {
		t.Errorf("a link too many: %+v, %+v", a, w)
	}
}

// TestWitnessBoundsAlone holds that the witness of each component has by itself the value of the whole chain, and that no
// factor before it has.
func TestWitnessBoundsAlone(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(9, 10))
	for range 10_000 {
		holders, grants := drawnChain(random)
		a, w := Compose(holders, grants, depths)
		if _, again := Compose(holders, grants, depths); again != w {
			t.Fatalf("two witnesses of one chain: %+v, %+v", w, again)
		}
		for request, r := range requests {
			f, refused := w.Refusing(a, r.resource, r.verbs...)
			if refused == a.Covers(r.resource, r.verbs...) || refused && !w.TooDeep && factorCovers(holders, grants, f, request) {
				t.Fatalf("%v refuses %v: %+v %+v", f, r, holders, grants)
			}
		}
		if w.TooDeep {
			continue
		}
		for i, h := range holders {
			own := OfHolder(h, depths)
			if i < w.Ring.Index && own.Ring <= a.Ring || i == w.Ring.Index && own.Ring != a.Ring ||
				i < w.Trust.Index && own.Trust <= a.Trust || i == w.Trust.Index && own.Trust != a.Trust {
				t.Fatalf("%+v is no witness of %+v: %+v", w, a, holders)
			}
		}
		if w.Until.Link && !grants[w.Until.Index].Until.Equal(a.Until) {
			t.Fatalf("%+v is no witness of %+v: %+v", w, a, grants)
		}
	}
}

func factorCovers(holders []Holding, grants []Grant, f Factor, request int) bool {
	set := grants
	if f.Link {
		return granted(set[f.Index].Capabilities, requests[request].resource, requests[request].verbs)
	}
	return holders[f.Index].Active && granted(holders[f.Index].Capabilities, requests[request].resource, requests[request].verbs)
}

func TestComposeOfOneAllocatesItsScopeAlone(t *testing.T) {
	holders := []Holding{{Ring: agent.User, Trust: 400, Capabilities: everything, Active: true}}
	if n := testing.AllocsPerRun(100, func() { Compose(holders, nil, depths) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCompose(b *testing.B) {
	holders := []Holding{
		{Ring: agent.Kernel, Trust: 950, Capabilities: []agent.Capability{"*:*"}, Active: true},
		{Ring: agent.Supervisor, Trust: 800, Capabilities: []agent.Capability{"call:*", "read:*"}, Active: true},
		{Ring: agent.User, Trust: 450, Capabilities: []agent.Capability{"call:*", "read:*"}, Active: true},
		{Ring: agent.User, Trust: 450, Capabilities: []agent.Capability{"call:*", "read:*"}, Active: true},
	}
	grants := []Grant{{holders[1].Capabilities, noon, 3}, {holders[1].Capabilities, noon, 2}, {[]agent.Capability{"read:weather"}, noon, 1}}
	b.ReportAllocs()
	for b.Loop() {
		if _, w := Compose(holders, grants, depths); w.TooDeep {
			b.Fatal("too deep")
		}
	}
}
