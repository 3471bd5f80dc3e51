package policy

import (
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// standings are all that a caller can be, as far as rules of this test can tell.
func standings(visit func(ring agent.Ring, trust agent.Trust, assurance identity.Assurance)) {
	for ring := agent.Untrusted; ring <= agent.Kernel; ring++ {
		for _, trust := range worldTrusts {
			for assurance := identity.AssuranceNone; assurance <= identity.AssuranceAgent; assurance++ {
				visit(ring, trust, assurance)
			}
		}
	}
}

// TestAcceptedIsMonotone holds by the reference, and for all standings, that no document which is taken refuses the more
// privileged what it lets the less privileged do, whatever its selectors and its Cedar say.
func TestAcceptedIsMonotone(t *testing.T) {
	t.Parallel()
	taken, refused := 0, 0
	for seed := range seeds(400) {
		g := newGenerator(seed + 2_000_000)
		d := g.wild()
		if _, problems := Compile([]*Document{d}, world); len(problems) > 0 {
			refused++
			continue
		}
		taken++
		docs := []*Document{d}
		for range 6 {
			c := g.call()
			if err := rises(docs, c); err != "" {
				t.Fatalf("seed %d: %s\n%s", seed, err, telling(docs, c))
			}
		}
	}
	if uint64(taken) < seeds(40) || uint64(refused) < seeds(40) {
		t.Errorf("%d documents are taken and %d refused: the draw does not tell them apart", taken, refused)
	}
}

// rises compares each standing with those that have one step more of something.
func rises(docs []*Document, c *Call) (failure string) {
	type standing struct {
		ring      agent.Ring
		trust     int
		assurance identity.Assurance
	}
	outcomes := map[standing]Outcome{}
	place := map[agent.Trust]int{}
	for i, trust := range worldTrusts {
		place[trust] = i
	}
	standings(func(ring agent.Ring, trust agent.Trust, assurance identity.Assurance) {
		at := *c
		at.Ring, at.Trust, at.Assurance = ring, trust, assurance
		outcomes[standing{ring, place[trust], assurance}] = reference(docs, &at, AllParties)
	})
	for s, less := range outcomes {
		for _, up := range []standing{{s.ring + 1, s.trust, s.assurance}, {s.ring, s.trust + 1, s.assurance}, {s.ring, s.trust, s.assurance + 1}} {
			more, ok := outcomes[up]
			if !ok {
				continue
			}
			if err := within(&less, &more); err != nil {
				return "from " + s.ring.String() + "/" + worldTrusts[s.trust].Ring().String() + "/" + s.assurance.String() + ": " + err.Error()
			}
		}
	}
	return ""
}

// TestRefusedIsUnreachable holds by the reference that a rule which is refused because it does nothing does nothing: no
// drawn call is decided in another way without it.
func TestRefusedIsUnreachable(t *testing.T) {
	t.Parallel()
	judged := 0
	for seed := range seeds(1500) {
		g := newGenerator(seed + 3_000_000)
		d := g.document("drawn")
		d.Mode = Enforce
		_, problems := Compile([]*Document{d}, world)
		for _, p := range problems {
			kind, _, unreachable := strings.Cut(p.Reason, " is unreachable")
			if k, err := ParseKind(kind); !unreachable || err != nil || k == Cedar {
				continue // what Cedar says begins on other lines
			}
			judged++
			i := p.Line - 2
			without := *d
			without.Rules = append(append([]Rule(nil), d.Rules[:i]...), d.Rules[i+1:]...)
			for range 150 {
				c := g.call()
				if c.Method.ReadOnly() && c.Effect != agent.EffectRead || c.Method.Writes() && c.Effect == agent.EffectRead {
					continue // there is no such call
				}
				with := reference([]*Document{d}, c, AllParties)
				if bearing(&with, &without, c, d.Rules[i].Kind, i) {
					t.Fatalf("seed %d: rule %d is refused, but decides: %s\n%s", seed, i, p.Reason, telling([]*Document{d}, c))
				}
			}
		}
	}
	if uint64(judged) < seeds(200) {
		t.Errorf("only %d rules were refused", judged)
	}
}

// bearing reports whether a rule of a document decides a call: a permit by letting it through, another rule by refusing
// what is let through without it.
func bearing(with *Outcome, without *Document, c *Call, k Kind, rule int) bool {
	switch k {
	case Forbid, ReadOnly, MaxBody, RequireAssurance, MinTrust, RequireRing:
		o := reference([]*Document{without}, c, AllParties)
		return with.Decision != o.Decision
	case Permit:
		if with.Decision != Allow {
			return false
		}
		others := 0
		mine := false
		for _, ref := range with.Permits {
			mine = mine || ref.Rule == rule
			if ref.Rule != rule {
				others++
			}
		}
		return mine && others == 0
	}
	return false
}
