package governance

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fixed is a factor with one verdict: a party that was asked elsewhere.
type fixed Verdict

func (f fixed) Judge(context.Context, *Exchange) Verdict { return Verdict(f) }

var (
	denying   = fixed(deny(Forbidden, Organisation, "guardrail", "the organisation does not let this through"))
	approving = fixed(Verdict{Decision: Approve, Kind: Forbidden, Party: CalleeSide, Reason: "approval", Message: "somebody has to approve", Quorums: []string{"owners"}})
	agreeing  = fixed(allow())
)

// faultSets calls visit with trials of many sets of faults, small ones more often, and the set.
func faultSets(t *testing.T, seed uint64, count int, visit func(random *rand.Rand, x *trial, faulty []string)) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, seed))
	names := append(factors(), establishing...)
	for i := range count {
		var faulty []string
		switch {
		case i == 0:
		case i <= len(names):
			faulty = names[i-1 : i]
		default:
			faulty = subset(random, names, 0.15)
		}
		visit(random, newTrial(t, faulty...), faulty)
	}
}

// deniedBy reports whether a pipeline of the named factors has to deny the faults: if and only if one of its stages does.
func deniedBy(faulty, names []string) bool {
	return slices.ContainsFunc(faulty, func(f string) bool {
		return slices.Contains(names, f) || slices.Contains(establishing, f)
	})
}

// TestDecisionIsTheMeetOfItsFactors has pipelines of arbitrary factors decide arbitrary faults: a call is let through
// if and only if every one of them lets it through.
func TestDecisionIsTheMeetOfItsFactors(t *testing.T) {
	t.Parallel()
	faultSets(t, 1, 400, func(random *rand.Rand, x *trial, faulty []string) {
		for range 8 {
			names := subset(random, factors(), 0.5)
			v := x.through(only(x.stages(), names...)).Verdict
			if (v.Decision != Allow) != deniedBy(faulty, names) || v.Decision != Allow && !slices.Contains(faulty, v.Factor) {
				t.Fatalf("faults %v, factors %v: %+v", faulty, names, v)
			}
		}
	})
}

// TestFactorsOnlyNarrow holds that one more factor never widens (P3): none of the pipeline's own, and no party, whatever
// it says and wherever it stands.
func TestFactorsOnlyNarrow(t *testing.T) {
	t.Parallel()
	faultSets(t, 2, 250, func(random *rand.Rand, x *trial, faulty []string) {
		names := subset(random, factors(), 0.7)
		before := x.through(only(x.stages(), names...)).Verdict.Decision
		more := factors()[random.IntN(len(factors()))]
		if after := x.through(only(x.stages(), append(slices.Clone(names), more)...)).Verdict.Decision; after > before {
			t.Fatalf("faults %v, factors %v: %s makes of %s %s", faulty, names, more, before, after)
		}
		for _, party := range []fixed{denying, approving, agreeing} {
			steps := only(x.stages(), names...)
			at := random.IntN(len(steps) + 1)
			steps = slices.Insert(steps, at, step{"party", onHeaders | onBody, party})
			after := x.through(steps).Verdict.Decision
			if after == Allow && (before != Allow || party.Decision != Allow) || party.Decision == Allow && after != before ||
				party.Decision == Deny && after != Deny {
				t.Fatalf("faults %v, factors %v: a party at %d that says %s makes of %s %s", faulty, names, at, party.Decision, before, after)
			}
		}
	})
}

// TestReplacedStagesOnlyNarrow has each stage say something else (P3): nothing that one says lets through what another
// denies, and what allows in a stage's place is the widest it can be.
func TestReplacedStagesOnlyNarrow(t *testing.T) {
	t.Parallel()
	for _, fault := range append(factors(), "") {
		x := newTrial(t)
		if fault != "" {
			x = newTrial(t, fault)
		}
		whole := x.through(x.stages()).Verdict.Decision
		for _, name := range factors() {
			decisions := map[Decision]Decision{}
			for _, party := range []fixed{denying, approving, agreeing} {
				steps := x.stages()
				for i := range steps {
					if steps[i].name == name {
						steps[i].stage = party
					}
				}
				decisions[party.Decision] = x.through(steps).Verdict.Decision
			}
			if decisions[Deny] != Deny || decisions[Approve] == Allow || decisions[Allow] < whole || decisions[Allow] == Allow && fault != "" && fault != name {
				t.Errorf("the fault is %q, the verdict %s, and with another %s: %v", fault, whole, name, decisions)
			}
		}
	}
}

// shuffled returns the steps in another order, in which each factor stands behind what it needs, some of them twice.
func shuffled(random *rand.Rand, steps []step) []step {
	mixed := only(steps)
	rest := slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return slices.Contains(establishing, s.name) })
	random.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	for _, s := range rest {
		copies := 1
		if random.IntN(4) == 0 {
			copies = 2
		}
		for range copies {
			behind, listed := needs[s.name]
			if !listed {
				behind = establishing
			}
			first := 0
			for i := range mixed {
				if slices.Contains(behind, mixed[i].name) {
					first = i + 1
				}
			}
			mixed = slices.Insert(mixed, first+random.IntN(len(mixed)-first+1), s)
		}
	}
	return mixed
}

// TestOrderDoesNotMatter has the same factors judge in other orders, some of them twice (P4).
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	faultSets(t, 3, 250, func(random *rand.Rand, x *trial, faulty []string) {
		names := subset(random, factors(), 0.8)
		want := x.through(only(x.stages(), names...)).Verdict.Decision
		for range 5 {
			steps := shuffled(random, only(x.stages(), names...))
			if v := x.through(steps).Verdict; v.Decision != want {
				t.Fatalf("faults %v: %s in the order of the pipeline, and in that of %v %+v", faulty, want, stepNames(steps), v)
			}
		}
	})
}

func stepNames(steps []step) []string {
	var names []string
	for _, s := range steps {
		names = append(names, s.name)
	}
	return names
}

// sides are the factors as they would fall to three points on the way of a call, by whose boundary they guard.
var sides = [][]string{
	{"hop", "replay", "expiry", "scope", "digest"},
	{"fields", "freshness", "rate", "concurrency", "size", "tenant", "content", "budget"},
	{"ring", "trust", "task", "callback", "held", "approval", "serving"},
}

// splits returns partitions of the factors: the sides of a call, all in one place, and drawn ones, with factors that are
// asked in two places.
func splits(random *rand.Rand) [][][]string {
	all := [][][]string{sides, {factors()}, {factors(), factors()}}
	for range 3 {
		points := make([][]string, 2+random.IntN(2))
		for _, name := range factors() {
			at := random.IntN(len(points))
			points[at] = append(points[at], name)
			if again := random.IntN(len(points)); again != at && random.IntN(3) == 0 {
				points[again] = append(points[again], name)
			}
		}
		all = append(all, points)
	}
	return all
}

// TestDistributedIsJoint has enforcement points judge one after the other, each with a part of the factors and memories
// of its own: together they decide as one that judges all (P5).
func TestDistributedIsJoint(t *testing.T) {
	t.Parallel()
	if want, got := factors(), slices.Concat(sides...); len(want) != len(got) {
		t.Fatalf("the sides have %d factors of %d", len(got), len(want))
	}
	faultSets(t, 4, 200, func(random *rand.Rand, x *trial, faulty []string) {
		joint := x.through(x.stages()).Verdict.Decision
		for _, points := range splits(random) {
			met := Allow
			for _, names := range points {
				met = min(met, x.through(only(x.stages(), names...)).Verdict.Decision)
			}
			if met != joint {
				t.Fatalf("faults %v: jointly %s, and %s at %v", faulty, joint, met, points)
			}
		}
	})
}

// TestEverySplitIsJoint goes through every way to split seven of the factors over two points (P5), for requests with no
// fault, with one, and with several.
func TestEverySplitIsJoint(t *testing.T) {
	t.Parallel()
	names := []string{"hop", "size", "ring", "scope", "task", "callback", "content"}
	for _, faulty := range [][]string{nil, {"scope"}, {"hop", "content"}, {"size", "ring", "callback"}} {
		x := newTrial(t, faulty...)
		decisions := make([]Decision, 1<<len(names))
		for set := range decisions {
			var some []string
			for i, name := range names {
				if set&(1<<i) != 0 {
					some = append(some, name)
				}
			}
			decisions[set] = x.through(only(x.stages(), some...)).Verdict.Decision
		}
		joint := decisions[len(decisions)-1]
		for set, here := range decisions {
			if there := decisions[len(decisions)-1-set]; min(here, there) != joint {
				t.Errorf("faults %v: jointly %s, split at %b %s and %s", faulty, joint, set, here, there)
			}
		}
	}
}

// TestDenialsHaveAWitness holds that the factor which a denial names denies for the same reason when it is asked alone
// (P6).
func TestDenialsHaveAWitness(t *testing.T) {
	t.Parallel()
	faultSets(t, 5, 400, func(_ *rand.Rand, x *trial, faulty []string) {
		whole := x.through(x.stages()).Verdict
		if whole.Decision == Allow {
			if len(faulty) > 0 {
				t.Fatalf("faults %v are let through", faulty)
			}
			return
		}
		alone := x.through(only(x.stages(), whole.Factor)).Verdict
		if alone.Decision != Deny || alone.Factor != whole.Factor || alone.Reason != whole.Reason || !slices.Contains(faulty, whole.Factor) {
			t.Fatalf("faults %v: %+v, and its factor alone %+v", faulty, whole, alone)
		}
	})
}

// TestExplanationsAreTheSameBytes explains the same requests about the same mesh again and again (P6): fields, agents and
// switches come in another order each time, as maps have them. What is explained is what is decided.
func TestExplanationsAreTheSameBytes(t *testing.T) {
	t.Parallel()
	faultSets(t, 6, 120, func(_ *rand.Rand, x *trial, faulty []string) {
		explained := func() (string, Decision) {
			q := Question{Request: x.request}
			q.Request.Body = x.body
			e := x.governor().Explain(context.Background(), q)
			record := e.Exchange.Record("", e.Exchange.Time)
			text, err := json.Marshal([]any{e.Findings, record, e.Exchange.Denial()})
			if err != nil {
				t.Fatal(err)
			}
			return string(text), e.Exchange.Verdict.Decision
		}
		first, decision := explained()
		x.request.Header = slices.Clone(x.request.Header)
		slices.Reverse(x.request.Header)
		for range 2 {
			if again, _ := explained(); again != first {
				t.Fatalf("faults %v (-first +again)\n%s", faulty, cmp.Diff(first, again))
			}
		}
		untraced := slices.DeleteFunc(slices.Clone(faulty), func(name string) bool {
			return name == "replay" || name == "rate" || name == "concurrency" || name == "budget" || name == "held" || name == "serving"
		})
		if (decision != Allow) != (len(untraced) > 0) {
			t.Fatalf("faults %v are explained as %s", faulty, decision)
		}
	})
}

// TestApprovalsUnite holds for all verdicts with approvals of up to three groups (P11): two that wait wait for both, in any
// order and grouping and once for each, and nothing that is added makes an approval an allow.
func TestApprovalsUnite(t *testing.T) {
	t.Parallel()
	groups := []string{"finance", "owners", "security"}
	all := []Verdict{{Decision: Deny}, allow()}
	for set := range 1 << len(groups) {
		v := Verdict{Decision: Approve}
		for i, group := range groups {
			if set&(1<<i) != 0 {
				v.Quorums = append(v.Quorums, group)
			}
		}
		all = append(all, v)
	}
	for _, a := range all {
		for _, b := range all {
			met := a.Meet(b)
			if met.Decision != min(a.Decision, b.Decision) || met.Decision != b.Meet(a).Decision {
				t.Errorf("%v meets %v in %v", a, b, met)
			}
			if met.Decision != Approve {
				continue
			}
			for _, group := range groups {
				asked := a.Decision == Approve && slices.Contains(a.Quorums, group) || b.Decision == Approve && slices.Contains(b.Quorums, group)
				if slices.Contains(met.Quorums, group) != asked {
					t.Errorf("%v meets %v in %v", a, b, met)
				}
			}
			if !slices.IsSorted(met.Quorums) || len(slices.Compact(slices.Clone(met.Quorums))) != len(met.Quorums) || !slices.Equal(met.Quorums, b.Meet(a).Quorums) {
				t.Errorf("%v meets %v in %v", a, b, met)
			}
			for _, c := range all {
				if left, right := met.Meet(c), a.Meet(b.Meet(c)); left.Decision != right.Decision || left.Decision == Approve && !slices.Equal(left.Quorums, right.Quorums) {
					t.Errorf("%v, %v and %v: grouping matters: %v, %v", a, b, c, left, right)
				}
			}
		}
	}
}
