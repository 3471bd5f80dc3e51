package policy

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// keys holds that two calls have the same key of a budget if, and only if, the reference gives them the same.
type keys struct{ got, want map[string]string }

func newKeys() keys { return keys{map[string]string{}, map[string]string{}} }

// match compares the keys of two lists of budgets, and takes them away.
func (k keys) match(got, want []Budget) error {
	if len(got) != len(want) {
		return nil // the comparison of the lists will tell
	}
	for i := range got {
		g, w := got[i].Key, want[i].Key
		if before, ok := k.want[g]; ok && before != w {
			return fmt.Errorf("the key %q stands for %q and for %q", g, before, w)
		}
		if before, ok := k.got[w]; ok && before != g {
			return fmt.Errorf("%q has the keys %q and %q", w, before, g)
		}
		k.want[g], k.got[w] = w, g
		got[i].Key, want[i].Key = "", ""
	}
	return nil
}

// bare takes away what the reference does not know, and reports a refusal without a sentence.
func bare(o *Outcome) error {
	silent := o.Decision == Deny && o.Refusal.Message == ""
	o.Refusal.Message = ""
	shadowed := make([]Refusal, 0, len(o.Shadowed))
	for _, r := range o.Shadowed {
		silent = silent || r.Message == ""
		r.Message = ""
		shadowed = append(shadowed, r)
	}
	o.Shadowed = shadowed
	if silent {
		return fmt.Errorf("a refusal says nothing to who is refused")
	}
	return nil
}

// differ compares a set with the reference, and returns how they differ.
func differ(s *Set, docs []*Document, c *Call, at Parties, k keys) error {
	got, want := s.Evaluate(c, at), reference(docs, c, at)
	if err := bare(&got); err != nil {
		return err
	}
	if err := k.match(got.Budgets, want.Budgets); err != nil {
		return err
	}
	if len(want.Shadowed) == 0 {
		got.Shadowed = want.Shadowed
	}
	if reflect.DeepEqual(got, want) {
		return nil
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("the outcome is not that of the reference: (-want +got)\n%s", diff)
	}
	return nil
}

// telling writes documents and a call so that a failure can be read.
func telling(docs []*Document, c *Call) string {
	var b strings.Builder
	for _, d := range docs {
		fmt.Fprintf(&b, "%s of %s (%s) subjects %+v targets %+v\n", d.Name, d.Party, d.Mode, d.Subjects, d.Targets)
		for _, r := range d.Rules {
			fmt.Fprintf(&b, "  %s %+v\n", r.Kind, r)
		}
	}
	fmt.Fprintf(&b, "call %+v", *c)
	return b.String()
}

// drawSet draws documents that compile, and compiles them.
func drawSet(t testing.TB, g generator, count int) ([]*Document, *Set) {
	t.Helper()
	docs, refused := g.accepted(count)
	set, problems := Compile(docs, world)
	if len(problems) > 0 {
		t.Fatalf("documents that are taken one by one are refused together: %v", problems)
	}
	if len(docs) < count {
		t.Fatalf("only %d of %d documents are taken; refused were %v", len(docs), count, refused)
	}
	return docs, set
}

// TestSameAsReference holds what is compiled against the reference (P13): whole outcomes, on drawn sets and calls.
func TestSameAsReference(t *testing.T) {
	t.Parallel()
	const sets, calls = 400, 60
	decisions := map[string]int{}
	for seed := range seeds(sets) {
		g := newGenerator(seed)
		count := 1 + g.IntN(12)
		if seed%50 == 0 {
			count = 100 // as many that names, prefixes and places are shared
		}
		docs, set := drawSet(t, g, count)
		k := newKeys()
		for range calls {
			c := g.call()
			at := AllParties
			if g.one(4) {
				at = Parties(1 + g.IntN(int(AllParties)))
			}
			if err := differ(set, docs, c, at, k); err != nil {
				t.Fatalf("seed %d, parties %04b: %v\n%s", seed, at, err, telling(docs, c))
			}
			o := set.Evaluate(c, at)
			decision, _ := o.Settle(g.findings())
			decisions[decision.String()+" "+o.Refusal.Reason]++
		}
	}
	t.Log(decisions)
	for _, want := range []string{
		"allow ", "approve ", "deny ", "deny " + ReasonForbidden, "deny " + ReasonUnpermitted, "deny " + ReasonReadOnly, "deny " + ReasonBody,
		"deny " + ReasonAssurance, "deny " + ReasonTrust, "deny " + ReasonRing,
	} {
		if decisions[want] == 0 {
			t.Errorf("no call was decided as %q: the draw does not reach what it has to", want)
		}
	}
}

// TestKindsAreDrawn holds that every kind of rule, in both modes and of all parties, is among what is compared.
func TestKindsAreDrawn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	all := map[string]int{}
	taken := 0
	for seed := range uint64(150) {
		docs, refused := newGenerator(seed).accepted(6)
		taken += len(docs)
		for reason, n := range refused {
			all[reason] += n
		}
		for _, d := range docs {
			for _, r := range d.Rules {
				seen[r.Kind.String()+" "+d.Mode.String()] = true
			}
			seen[d.Party.String()+" "+d.Mode.String()] = true
		}
	}
	t.Logf("%d documents are taken; refused were %v", taken, all)
	for _, mode := range []Mode{Enforce, Shadow} {
		for k := Permit; k <= Cedar; k++ {
			if !seen[k.String()+" "+mode.String()] {
				t.Errorf("no %s in mode %s was drawn", k, mode)
			}
		}
		for p := CallerParty; p <= OrganisationParty; p++ {
			if !seen[p.String()+" "+mode.String()] {
				t.Errorf("no document of the %s in mode %s was drawn", p, mode)
			}
		}
	}
}

func FuzzSameAsReference(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		g := newGenerator(seed)
		docs, set := drawSet(t, g, 1+g.IntN(12))
		k := newKeys()
		for range 40 {
			c, at := g.call(), Parties(1+g.IntN(int(AllParties)))
			if err := differ(set, docs, c, at, k); err != nil {
				t.Fatalf("seed %d, parties %04b: %v\n%s", seed, at, err, telling(docs, c))
			}
		}
	})
}
