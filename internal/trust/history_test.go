package trust

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// anyStored returns a history of the length, appended in pieces of any size.
func anyStored(random *rand.Rand, length int) *History {
	h, events := &History{}, anyHistory(random, length)
	for len(events) > 0 {
		n := min(1+random.IntN(maxWaiting+1), len(events))
		for i := range events[:n] {
			events[i].At = min(max(events[i].At, 0), maxTime)
			events[i].Count, events[i].Base = max(events[i].Count, 0), min(max(events[i].Base, 0), 1000)
			events[i].Weight, events[i].Inherited = min(max(events[i].Weight, 0), MaxEvidence), min(max(events[i].Inherited, 0), MaxEvidence)
			if _, ok := traits[events[i].Kind]; !ok && events[i].Kind != Registered {
				events[i].Kind = Cleared
			}
		}
		h = h.append(DefaultRules(), events[:n])
		events = events[n:]
	}
	return h
}

// TestStoredHistory holds that what is stored is bounded, and is read back as it was, whatever was folded.
func TestStoredHistory(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(11, 12))
	for _, length := range []int{1, 2, maxEvents, maxEvents + 1, 5 * maxEvents, 1000} {
		h := anyStored(random, length)
		if len(h.events) > maxEvents || h.state.Seq != uint64(length) || length > maxEvents && len(h.events) < maxEvents/2 {
			t.Errorf("of %d events %d are kept, and %d counted", length, len(h.events), h.state.Seq)
		}
		value, err := h.encode()
		if err != nil {
			t.Fatal(err)
		}
		if len(value) > 64<<10 {
			t.Errorf("%d events take %d bytes", length, len(value))
		}
		got, err := decodeHistory(value)
		if err != nil {
			t.Fatalf("%d events: %v", length, err)
		}
		if diff := cmp.Diff(h, got, cmp.AllowUnexported(History{})); diff != "" {
			t.Errorf("%d events (-want +got)\n%s", length, diff)
		}
		again, err := got.encode()
		if err != nil || string(again) != string(value) {
			t.Errorf("%d events were encoded to other bytes: %v", length, err)
		}
	}
}

// TestOtherRules holds that what was counted stays as it was when the rules change.
func TestOtherRules(t *testing.T) {
	t.Parallel()
	h := (&History{}).append(DefaultRules(), []Event{registered(400), bad(ContentHigh, "peer", start)})
	strict := DefaultRules()
	strict.BadFactor = 50
	next := h.append(strict, []Event{bad(ContentHigh, "peer", start)})
	if next.state.Bad != (12*5+12*50)*Point || len(next.events) != 1 || next.checkpoint.Bad != 12*5*Point || next.events[0].Seq != 3 {
		t.Errorf("history %+v", next)
	}
	if h.state.Bad != 12*5*Point || len(h.events) != 2 {
		t.Error("the older history changed")
	}
}

// TestHolds holds how a writer finds out whether a write took place of which it heard nothing.
func TestHolds(t *testing.T) {
	t.Parallel()
	first := (&History{}).append(DefaultRules(), []Event{registered(400)})
	mine := bad(ContentHigh, "peer", start)
	mine.Exchange = "d-mine"
	with := first.append(DefaultRules(), []Event{mine})
	added := with.events[1:]
	other := mine
	other.Exchange = "d-other"
	without := first.append(DefaultRules(), []Event{other})
	folded := with
	for range 2 * maxEvents {
		folded = folded.append(DefaultRules(), []Event{other})
	}
	for name, test := range map[string]struct {
		h    *History
		want bool
	}{"before": {first, false}, "with": {with, true}, "another": {without, false}, "folded": {folded, true}} {
		if got := test.h.holds(added); got != test.want {
			t.Errorf("%s: holds = %v", name, got)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	value, err := (&History{}).append(DefaultRules(), []Event{registered(400), good("peer", start)}).encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"other-version":  {`"version":1`, `"version":2`},
		"unknown-member": {`"version":1`, `"version":1,"score":1000`},
		"no-rules":       {`"weight":20000000000`, `"weight":0`},
		"wrong-number":   {`"seq":2`, `"seq":3`},
		"unknown-kind":   {`"completed"`, `"promoted"`},
		"negative":       {`"count":1`, `"count":-1`},
		"base":           {`"base":400`, `"base":4000`},
		"behind":         {`}]}`, `}]}{}`},
		"empty":          {string(value), ``},
		"null":           {string(value), `null`},
	} {
		changed := strings.Replace(string(value), change[0], change[1], 1)
		if changed == string(value) {
			t.Fatalf("%s changed nothing", name)
		}
		if _, err := decodeHistory([]byte(changed)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func FuzzDecodeHistory(f *testing.F) {
	random := rand.New(rand.NewPCG(13, 14))
	for _, length := range []int{1, 3, 12} {
		value, err := anyStored(random, length).encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
	}
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		h, err := decodeHistory(value)
		if err != nil {
			return
		}
		if err := h.state.validate(); err != nil {
			t.Fatal(err)
		}
		again, err := h.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeHistory(again)
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if diff := cmp.Diff(h.state, got.state); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
