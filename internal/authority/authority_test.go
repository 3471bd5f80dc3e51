package authority

import (
	"testing"
	"testing/quick"

	"ringfence.dev/ringfence/internal/agent"
)

// sample returns an authority made from a few random numbers.
func sample(ring uint8, trust uint16, scopes []uint8) Authority {
	capabilities := []agent.Capability{"call:*", "read:*", "write:ledger", "read:weather", "admin:ledger"}
	a := Authority{Ring: agent.Ring(ring % 4), Trust: agent.Trust(trust % 1001)}
	for _, s := range scopes {
		a.Scope = append(a.Scope, []agent.Capability{capabilities[int(s)%len(capabilities)]})
	}
	return a
}

var requests = []struct {
	resource string
	verbs    []string
}{
	{"weather", []string{"read", "call"}},
	{"ledger", []string{"write", "call"}},
	{"ledger", []string{"admin", "call"}},
	{"ledger", []string{"read", "GetTask", "call"}},
}

// same reports whether two authorities allow the same.
func same(a, b Authority) bool {
	for _, r := range requests {
		if a.Covers(r.resource, r.verbs...) != b.Covers(r.resource, r.verbs...) {
			return false
		}
	}
	return a.Ring == b.Ring && a.Trust == b.Trust
}

func TestMeetLaws(t *testing.T) {
	t.Parallel()
	law := func(r1, r2, r3 uint8, t1, t2, t3 uint16, s1, s2, s3 []uint8) bool {
		a, b, c := sample(r1, t1, s1), sample(r2, t2, s2), sample(r3, t3, s3)
		ab := a.Meet(b)
		for _, r := range requests {
			if ab.Covers(r.resource, r.verbs...) != (a.Covers(r.resource, r.verbs...) && b.Covers(r.resource, r.verbs...)) {
				return false
			}
		}
		return same(a.Meet(a), a) && same(ab, b.Meet(a)) && same(ab.Meet(c), a.Meet(b.Meet(c))) &&
			ab.Ring <= a.Ring && ab.Ring <= b.Ring && ab.Trust <= a.Trust && ab.Trust <= b.Trust
	}
	if err := quick.Check(law, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func TestMeetLeavesItsOperandsAlone(t *testing.T) {
	t.Parallel()
	a := sample(2, 500, []uint8{0})
	a.Scope = append(make([][]agent.Capability, 0, 8), a.Scope...)
	b, c := a.Meet(sample(2, 500, []uint8{1})), a.Meet(sample(2, 500, []uint8{2}))
	if !b.Covers("weather", "read", "call") || c.Covers("weather", "read", "call") {
		t.Error("two meets of one authority share their scope")
	}
}

func TestNobodyHoldsNothing(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]Authority{"zero": {}, "anonymous": Of(nil), "no-capabilities": Of(&agent.Record{Ceiling: agent.Kernel, Base: 1000})} {
		for _, r := range requests {
			if a.Covers(r.resource, r.verbs...) {
				t.Errorf("%s covers %v", name, r)
			}
		}
	}
	if a := Of(nil); a.Ring != agent.Untrusted || a.Trust != 0 {
		t.Errorf("anonymous holds %+v", a)
	}
}
