package authority

import (
	"math/rand/v2"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Values at which decisions change.
var (
	rings  = []agent.Ring{agent.Untrusted, agent.User, agent.Supervisor, agent.Kernel}
	trusts = []agent.Trust{0, 249, 250, 399, 400, 699, 700, 899, 900, 1000}
	scopes = [][][]agent.Capability{
		nil, {{}}, {{"*:*"}}, {{"read:*"}}, {{"read:weather", "call:ledger"}}, {{"call:*"}, {"read:*", "write:ledger"}}, {{"admin:ledger", "GetTask:w*"}},
	}
	noon = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	ends = []time.Time{{}, noon, noon.Add(time.Hour), forever}
)

var requests = []struct {
	resource string
	verbs    []string
}{
	{"weather", []string{"read", "SendMessage", "call"}},
	{"weather", []string{"read", "GetTask", "call"}},
	{"ledger", []string{"write", "SendMessage", "call"}},
	{"ledger", []string{"admin", "call"}},
	{"ledger", []string{"read", "GetTask", "call"}},
}

// drawn returns an authority drawn from the values at which decisions change.
func drawn(random *rand.Rand) Authority {
	return Authority{
		Ring: rings[random.IntN(len(rings))], Trust: trusts[random.IntN(len(trusts))], Scope: scopes[random.IntN(len(scopes))],
		Until: ends[random.IntN(len(ends))], Depth: random.IntN(5),
	}
}

// allows reports whether a allows all that is asked for by an operation: the floors of a decision.
func allows(a Authority, request int, ring agent.Ring, trust agent.Trust, now time.Time) bool {
	return a.Covers(requests[request].resource, requests[request].verbs...) && a.Ring >= ring && a.Trust >= trust && !a.Over(now)
}

// exceeds reports whether a allows what b does not, for every operation and every floor.
func exceeds(a, b Authority) bool {
	for request := range requests {
		if a.Covers(requests[request].resource, requests[request].verbs...) && !b.Covers(requests[request].resource, requests[request].verbs...) {
			return true
		}
	}
	return a.Ring > b.Ring || a.Trust > b.Trust || a.Until.After(b.Until) || a.Depth > b.Depth
}

func same(a, b Authority) bool { return !exceeds(a, b) && !exceeds(b, a) }

// TestMeetLaws holds the laws of a meet (P1) for every pair of rings, scores, ends, depths and scopes.
func TestMeetLaws(t *testing.T) {
	t.Parallel()
	var all []Authority
	for i, ring := range rings {
		for j, trust := range trusts {
			for k, scope := range scopes {
				all = append(all, Authority{Ring: ring, Trust: trust, Scope: scope, Until: ends[(i+j+k)%len(ends)], Depth: (i * k) % 5})
			}
		}
	}
	for _, a := range all {
		if !same(a.Meet(a), a) || !same(a.Meet(Top()), a) || !same(Top().Meet(a), a) || !a.Within(Top()) || !(Authority{}).Within(a) {
			t.Fatalf("%+v: not idempotent, or top or nothing is in the wrong place", a)
		}
		for _, b := range all {
			ab := a.Meet(b)
			if !same(ab, b.Meet(a)) || exceeds(ab, a) || exceeds(ab, b) || !ab.Within(a) || !ab.Within(b) {
				t.Fatalf("%+v and %+v meet in %+v", a, b, ab)
			}
			if a.Within(b) && (exceeds(a, b) || !same(ab, a)) {
				t.Fatalf("%+v is said to be within %+v", a, b)
			}
		}
	}
}

// TestMeetIsTheGreatest holds that what is within both is within their meet, and that grouping does not matter.
func TestMeetIsTheGreatest(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		a, b, c := drawn(random), drawn(random), drawn(random)
		if !same(a.Meet(b).Meet(c), a.Meet(b.Meet(c))) {
			t.Fatalf("grouping matters for %+v, %+v, %+v", a, b, c)
		}
		if c.Within(a) && c.Within(b) && exceeds(c, a.Meet(b)) {
			t.Fatalf("%+v is within %+v and %+v, and not within their meet", c, a, b)
		}
		for request := range requests {
			ring, trust, now := rings[random.IntN(len(rings))], trusts[random.IntN(len(trusts))], ends[random.IntN(len(ends))]
			if allows(a.Meet(b), request, ring, trust, now) != (allows(a, request, ring, trust, now) && allows(b, request, ring, trust, now)) {
				t.Fatalf("the meet of %+v and %+v decides otherwise than both", a, b)
			}
		}
	}
}

func TestMeetLeavesItsOperandsAlone(t *testing.T) {
	t.Parallel()
	a := Authority{Ring: agent.User, Trust: 500, Scope: [][]agent.Capability{{"call:*"}}}
	a.Scope = append(make([][]agent.Capability, 0, 8), a.Scope...)
	b := a.Meet(Authority{Scope: [][]agent.Capability{{"read:*"}}})
	c := a.Meet(Authority{Scope: [][]agent.Capability{{"write:ledger"}}})
	d := LowWater(a, []Authority{{Scope: [][]agent.Capability{{"read:*"}}}})
	e := LowWater(a, []Authority{{Scope: [][]agent.Capability{{"write:ledger"}}}})
	for i, narrowed := range []Authority{b, d} {
		if !narrowed.Covers("weather", "read", "call") || []Authority{c, e}[i].Covers("weather", "read", "call") {
			t.Errorf("two narrowings of one authority share their scope: %d", i)
		}
	}
}

// depths are those that holders have in tests: 4, 3, 2 and 0, as by default.
var depths = Depths{4, 3, 2, 0}

func TestNobodyHoldsNothing(t *testing.T) {
	t.Parallel()
	void, _ := Compose(nil, nil, depths)
	for name, a := range map[string]Authority{
		"zero": {}, "no-capabilities": OfHolder(Holding{Ring: agent.Kernel, Trust: 1000, Active: true}, depths),
		"nobody": OfHolder(Holding{}, depths), "chain-of-nobody": void, "closed-gate": Through(Opening{}, Top()),
		"inactive": OfHolder(Holding{Ring: agent.Kernel, Trust: 1000, Capabilities: everything}, depths),
	} {
		for _, r := range requests {
			if a.Covers(r.resource, r.verbs...) {
				t.Errorf("%s covers %v", name, r)
			}
		}
	}
	if a := OfHolder(Holding{}, depths); a.Ring != agent.Untrusted || a.Trust != 0 || a.Depth != 0 || !a.Over(noon) {
		t.Errorf("nobody holds %+v", a)
	}
}

// TestOverStaysOver holds that what has ended never comes back (P12), whatever it meets.
func TestOverStaysOver(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		a, b, c := drawn(random), drawn(random), drawn(random)
		for i, now := range ends {
			if a.Over(now) && (!a.Meet(b).Over(now) || !Through(Opening{b.Ring, nil, b.Until}, a).Over(now) || !LowWater(b, []Authority{c, a}).Over(now)) {
				t.Fatalf("%+v is over, and with %+v it is not", a, b)
			}
			if i > 0 && a.Over(ends[i-1]) && !a.Over(now) {
				t.Fatalf("%+v was over and came back", a)
			}
		}
	}
}

func TestRefusing(t *testing.T) {
	t.Parallel()
	a := Authority{Scope: [][]agent.Capability{{"*:*"}, {"read:*"}, {"read:weather"}}}
	tests := []struct {
		name, resource, verb string
		set                  int
		ok                   bool
	}{
		{"covered", "weather", "read", -1, false},
		{"second-set", "weather", "write", 1, true},
		{"third-set", "ledger", "read", 2, true},
	}
	for _, test := range tests {
		if set, ok := a.Refusing(test.resource, test.verb); set != test.set || ok != test.ok {
			t.Errorf("%s: %d, %v", test.name, set, ok)
		}
	}
	if set, ok := (Authority{}).Refusing("weather", "read"); set != -1 || !ok {
		t.Errorf("without sets: %d, %v", set, ok)
	}
}
