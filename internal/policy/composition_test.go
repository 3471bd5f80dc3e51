package policy

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// law draws sets of documents and calls, and has each judged.
func law(t *testing.T, sets int, holds func(t *testing.T, g generator, docs []*Document, set *Set)) {
	t.Helper()
	t.Parallel()
	for seed := range seeds(sets) {
		g := newGenerator(seed + 1_000_000)
		docs, set := drawSet(t, g, 1+g.IntN(8))
		if holds(t, g, docs, set); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// obligations are what a call that is not refused has to meet, each as a text.
func obligations(o *Outcome) map[string]bool {
	all := map[string]bool{}
	for _, b := range o.Budgets {
		if b.Mode == Enforce {
			all[fmt.Sprintf("%+v", b)] = true
		}
	}
	for _, a := range o.Approvals {
		if a.Mode == Enforce {
			all[fmt.Sprintf("%+v", a)] = true
		}
	}
	for _, t := range o.Thresholds {
		if t.Mode == Enforce {
			all[fmt.Sprintf("%+v %t", t.Ref, t.Requirement == nil)] = true
		}
	}
	return all
}

// within reports whether what the narrower outcome lets through, the wider one lets through too, with no more asked for.
func within(narrower, wider *Outcome) error {
	if narrower.Decision == Deny {
		return nil
	}
	if wider.Decision == Deny {
		return fmt.Errorf("allowed where it should be refused for %+v", wider.Refusal)
	}
	narrow := obligations(narrower)
	for o := range obligations(wider) {
		if !narrow[o] {
			return fmt.Errorf("it does not have to meet %s", o)
		}
	}
	if wider.TimeLimit > 0 && (narrower.TimeLimit == 0 || narrower.TimeLimit > wider.TimeLimit) {
		return fmt.Errorf("it may take %s and not %s", narrower.TimeLimit, wider.TimeLimit)
	}
	return nil
}

func compile(t testing.TB, docs []*Document) *Set {
	t.Helper()
	set, problems := Compile(docs, world)
	if len(problems) > 0 {
		t.Fatal(problemText(problems))
	}
	return set
}

// TestRestrictionsNeverWiden adds a document without a permit, the first document of a party, and the first permit of one.
func TestRestrictionsNeverWiden(t *testing.T) {
	law(t, 150, func(t *testing.T, g generator, docs []*Document, set *Set) {
		added, _ := g.accepted(1)
		more := *added[0]
		more.Name = "added"
		closes := referencePermits(&more) && slices.ContainsFunc(docs, func(d *Document) bool {
			return d.Party == more.Party && d.Mode == Enforce && referencePermits(d)
		})
		if closes {
			return // another permit of a party that is closed may widen it
		}
		wider := compile(t, append(slices.Clone(docs), &more))
		for range 40 {
			c := g.call()
			before, after := set.Evaluate(c, AllParties), wider.Evaluate(c, AllParties)
			if err := within(&after, &before); err != nil {
				t.Errorf("adding a document widens: %v\n%s", err, telling(append(docs, &more), c))
			}
		}
	})
}

// TestPermitsWidenTheirPartyAlone adds a permit to a party that is closed: what other parties refuse stays refused.
func TestPermitsWidenTheirPartyAlone(t *testing.T) {
	law(t, 100, func(t *testing.T, g generator, docs []*Document, set *Set) {
		more := &Document{Name: "added", Party: Party(1 + g.IntN(4)), Rules: []Rule{{Kind: Permit}}}
		wider := compile(t, append(slices.Clone(docs), more))
		others := AllParties &^ more.Party.set()
		for range 40 {
			c := g.call()
			before, after := set.Evaluate(c, others), wider.Evaluate(c, others)
			if !reflect.DeepEqual(before, after) {
				t.Errorf("a permit of the %s changes what others say\n%s", more.Party, telling(docs, c))
			}
			all := wider.Evaluate(c, AllParties)
			if err := within(&all, &before); err != nil {
				t.Errorf("a permit of the %s undoes what others say: %v\n%s", more.Party, err, telling(docs, c))
			}
		}
	})
}

// TestOrderDoesNotMatter compiles the documents in other orders, and rules in other orders where each still has its place.
func TestOrderDoesNotMatter(t *testing.T) {
	law(t, 100, func(t *testing.T, g generator, docs []*Document, set *Set) {
		shuffled := slices.Clone(docs)
		g.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		again := compile(t, shuffled)
		if again.Epoch() != set.Epoch() {
			t.Errorf("the epoch depends on the order of documents: %s and %s", again.Epoch(), set.Epoch())
		}
		if len(docs) > 1 && compile(t, docs[1:]).Epoch() == set.Epoch() {
			t.Error("the epoch does not tell that a document is missing")
		}
		for range 40 {
			c := g.call()
			if a, b := set.Evaluate(c, AllParties), again.Evaluate(c, AllParties); !reflect.DeepEqual(a, b) {
				t.Errorf("the outcome depends on the order of documents\n%s", telling(docs, c))
			}
		}
	})
}

// TestDuplicatesDoNotMatter adds copies of documents under other names: nothing more is let through, and nothing less.
func TestDuplicatesDoNotMatter(t *testing.T) {
	law(t, 100, func(t *testing.T, g generator, docs []*Document, set *Set) {
		twice := slices.Clone(docs)
		for i, d := range docs {
			other := *d
			other.Name = fmt.Sprintf("z-%d", i)
			twice = append(twice, &other)
		}
		double := compile(t, twice)
		for range 40 {
			c, found := g.call(), g.findings()
			a, b := set.Evaluate(c, AllParties), double.Evaluate(c, AllParties)
			first, by := a.Settle(found)
			second, also := b.Settle(found)
			if first != second || by != also || a.TimeLimit != b.TimeLimit || 2*len(a.Budgets) != len(b.Budgets) {
				t.Errorf("with copies, %s by %+v becomes %s by %+v\n%s", first, by, second, also, telling(docs, c))
			}
		}
	})
}

// TestJointlyIsApart evaluates the parties one by one, as sidecars do, and meets what they say.
func TestJointlyIsApart(t *testing.T) {
	law(t, 150, func(t *testing.T, g generator, docs []*Document, set *Set) {
		for range 40 {
			c := g.call()
			joint, met := set.Evaluate(c, AllParties), Outcome{Decision: Allow}
			for p := CallerParty; p <= OrganisationParty; p++ {
				meet(&met, set.Evaluate(c, p.set()))
			}
			if !reflect.DeepEqual(joint, met) {
				t.Errorf("jointly it is %+v, apart %+v\n%s", joint, met, telling(docs, c))
			}
		}
	})
}

// meet adds the outcome of another party to those of the parties before it.
func meet(to *Outcome, o Outcome) {
	if to.Decision == Allow && o.Decision == Deny {
		to.Decision, to.Refusal = o.Decision, o.Refusal
	}
	to.Budgets = append(to.Budgets, o.Budgets...)
	to.Approvals = append(to.Approvals, o.Approvals...)
	to.Thresholds = append(to.Thresholds, o.Thresholds...)
	to.Permits = append(to.Permits, o.Permits...)
	to.Shadowed = append(to.Shadowed, o.Shadowed...)
	if o.TimeLimit > 0 && (to.TimeLimit == 0 || o.TimeLimit < to.TimeLimit) {
		to.TimeLimit, to.Timed = o.TimeLimit, o.Timed
	}
}

// TestShadowChangesNothing takes the documents in shadow mode away.
func TestShadowChangesNothing(t *testing.T) {
	law(t, 150, func(t *testing.T, g generator, docs []*Document, set *Set) {
		enforced := compile(t, slices.DeleteFunc(slices.Clone(docs), func(d *Document) bool { return d.Mode == Shadow }))
		for range 40 {
			c, found := g.call(), g.findings()
			a, b := set.Evaluate(c, AllParties), enforced.Evaluate(c, AllParties)
			first, by := a.Settle(found)
			second, also := b.Settle(found)
			if first != second || by != also || a.Decision != b.Decision || !reflect.DeepEqual(a.Refusal, b.Refusal) ||
				a.TimeLimit != b.TimeLimit || !reflect.DeepEqual(a.Permits, b.Permits) || !reflect.DeepEqual(obligations(&a), obligations(&b)) {
				t.Errorf("documents in shadow mode change the outcome\n%s", telling(docs, c))
			}
			if len(b.Shadowed) > 0 {
				t.Errorf("without documents in shadow mode, %+v is told", b.Shadowed)
			}
		}
	})
}

// TestEveryDenyHasAWitness finds for each deny a document that alone denies.
func TestEveryDenyHasAWitness(t *testing.T) {
	denied := 0
	law(t, 150, func(t *testing.T, g generator, docs []*Document, set *Set) {
		for range 40 {
			c := g.call()
			o := set.Evaluate(c, AllParties)
			if o.Decision == Allow {
				continue
			}
			denied++
			i := slices.IndexFunc(docs, func(d *Document) bool { return d.Name == o.Refusal.Policy })
			if i < 0 {
				t.Fatalf("the refusal names the document %q, which there is not", o.Refusal.Policy)
			}
			alone := compile(t, docs[i:i+1]).Evaluate(c, o.Refusal.Party.set())
			if alone.Decision != Deny || alone.Refusal.Party != o.Refusal.Party || alone.Refusal.Policy != o.Refusal.Policy {
				t.Errorf("%+v does not deny alone: %+v\n%s", o.Refusal, alone.Refusal, telling(docs, c))
			}
		}
	})
	if denied == 0 {
		t.Error("nothing was denied")
	}
}

// TestPrivilegeNeverNarrows raises ring, trust and assurance (P9): what is let through stays so, and no more is asked for.
func TestPrivilegeNeverNarrows(t *testing.T) {
	law(t, 300, func(t *testing.T, g generator, docs []*Document, set *Set) {
		for range 40 {
			c := g.call()
			raised := *c
			raised.Ring = agent.Ring(int(c.Ring) + g.IntN(4-int(c.Ring)))
			raised.Trust = c.Trust + agent.Trust(g.IntN(int(agent.MaxTrust-c.Trust)+1))
			if c.Assurance != identity.AssuranceNone {
				raised.Assurance = c.Assurance + identity.Assurance(g.IntN(5-int(c.Assurance)))
			}
			before, after := set.Evaluate(c, AllParties), set.Evaluate(&raised, AllParties)
			if err := within(&before, &after); err != nil {
				t.Errorf("with ring %s for %s, trust %d for %d, %s for %s: %v\n%s", raised.Ring, c.Ring, raised.Trust, c.Trust,
					raised.Assurance, c.Assurance, err, telling(docs, c))
			}
		}
	})
}
