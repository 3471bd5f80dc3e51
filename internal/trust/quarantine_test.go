package trust

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/store"
)

// TestQuarantineWithoutTheStore holds that an agent is out at once where it was seen to forge, though the store does not
// take that and the watch lives on; that the process falls behind meanwhile; and that all have it when the store is back,
// until a person clears it anywhere.
func TestQuarantineWithoutTheStore(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*troubled){
		"unreachable": func(b *troubled) { b.set(true, 0) }, "disk-full": func(b *troubled) { b.fill() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				bucket, agents, told := newBucket(t), newDirectory("mallory", "alice"), 0
				config := settings(bucket, agents)
				config.Changed = func() { told++ }
				first, second := open(t, config), open(t, settings(bucket, agents))
				first.Observe(signal(Completed, "mallory", "bank"), signal(Completed, "alice", "bank"))
				time.Sleep(time.Second)
				synctest.Wait()
				breaks(bucket)
				before, heard := standing(first, agents, "mallory"), told
				first.Observe(signal(LinkForged, "mallory", "bank"))
				if got := standing(first, agents, "mallory"); got != (Standing{Score: before.Score, Latched: true}) || told != heard+1 {
					t.Errorf("at once mallory has %+v; of changes %d were told", got, told-heard)
				}
				if got, ok := first.Image().Latch("mallory"); !ok || got.Kind != LinkForged || got.Exchange != "d-1" {
					t.Errorf("Latch() = %+v, %v", got, ok)
				}
				time.Sleep(20 * time.Minute)
				if got := first.Behind(time.Now()); got < 19*time.Minute || got > 20*time.Minute || !errors.Is(first.Healthy(), store.ErrUnavailable) {
					t.Errorf("the writer is behind by %s: %v", got, first.Healthy())
				}
				if second.Behind(time.Now()) != 0 || second.Healthy() != nil || standing(second, agents, "mallory").Latched {
					t.Error("one that has nothing to write is behind")
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := first.Clear(ctx, "mallory", "ada", "x"); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("Clear before it is stored = %v", err)
				}
				bucket.set(false, 0)
				time.Sleep(time.Minute)
				synctest.Wait()
				for i, l := range []*Ledger{first, second} {
					if !standing(l, agents, "mallory").Latched || standing(l, agents, "alice").Latched || l.Behind(time.Now()) != 0 || l.Healthy() != nil {
						t.Errorf("process %d has %+v and is behind by %s", i, standing(l, agents, "mallory"), l.Behind(time.Now()))
					}
				}
				if !first.held.present.Load().none() {
					t.Error("what is stored is still held")
				}
				if err := second.Clear(t.Context(), "mallory", "ada", "a test of ours"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if got, ok := first.Image().Latch("mallory"); ok || standing(first, agents, "mallory").Latched {
					t.Errorf("cleared elsewhere: %+v", got)
				}
			})
		})
	}
}

// TestClearWaits holds that a clearance comes behind what the person was told of: an event that is on its way to the store
// does not quarantine the agent again.
func TestClearWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("mallory")
		l := open(t, settings(bucket, agents))
		bucket.set(true, 0)
		l.Observe(signal(LinkForged, "mallory", "bank"))
		time.Sleep(time.Second)
		cleared := make(chan error)
		go func() { cleared <- l.Clear(context.Background(), "mallory", "ada", "a test of ours") }()
		synctest.Wait()
		bucket.set(false, 0)
		if err := <-cleared; err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := standing(l, agents, "mallory"); got.Latched || got.Score > 100 {
			t.Errorf("cleared: %+v", got)
		}
	})
}

// TestLostEvents holds that an agent stays out though what it did will never be stored, until a person clears it, in this
// process or in another.
func TestLostEvents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("mallory", "malice")
		first, second := open(t, settings(bucket, agents)), open(t, settings(bucket, agents))
		for _, name := range []agent.ID{"mallory", "malice"} {
			bucket.refuse(store.ErrTooLarge)
			first.Observe(signal(LinkForged, name, "bank"))
			time.Sleep(time.Second)
			bucket.refuse(nil)
		}
		out := func() [2]bool {
			return [2]bool{standing(first, agents, "mallory").Latched, standing(first, agents, "malice").Latched}
		}
		if out() != [2]bool{true, true} || first.Behind(time.Now()) != 0 || first.Stats().Dropped != 2 {
			t.Errorf("lost events leave %v, %+v", out(), first.Stats())
		}
		if err := first.Clear(t.Context(), "mallory", "ada", "a test of ours"); err != nil {
			t.Error(err)
		}
		if out() != [2]bool{false, true} {
			t.Errorf("with mallory cleared: %v", out())
		}
		second.Observe(signal(LinkForged, "malice", "bank"))
		time.Sleep(time.Second)
		if err := second.Clear(t.Context(), "malice", "ada", "a test of ours"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if out() != [2]bool{false, false} || !first.held.present.Load().none() {
			t.Errorf("with both cleared: %v", out())
		}
	})
}

// TestUnknownAgentsAreNotHeld holds that nothing is kept about names that nobody registered.
func TestUnknownAgentsAreNotHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := open(t, settings(newBucket(t), newDirectory()))
		l.Observe(signal(LinkForged, "nobody", "bank"))
		time.Sleep(time.Second)
		if !l.held.present.Load().none() {
			t.Error("a name that nobody registered is held")
		}
	})
}

// TestTooManyHeld holds that nobody takes part when it can no longer be kept who is out, and that up to there the others
// do.
func TestTooManyHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("alice")
		l := open(t, settings(bucket, agents))
		bucket.set(true, 0)
		for i := range maxHeld {
			agents.add(agent.ID(fmt.Sprint(i)), "team", agent.TrustUser)
			l.Observe(signal(LinkForged, agent.ID(fmt.Sprint(i)), "bank"))
		}
		if standing(l, agents, "alice").Latched {
			t.Error("others are out as well")
		}
		l.Observe(signal(LinkForged, "0", "bank"))
		if standing(l, agents, "alice").Latched {
			t.Error("another event of one that is out already is one too many")
		}
		l.Observe(signal(LinkForged, "unknown", "bank"))
		if !standing(l, agents, "alice").Latched {
			t.Error("somebody is let in though it is not known who is out")
		}
	})
}

// TestSevereFindsRoom holds that what quarantines is stored though the store was away for so long that there is no room.
func TestSevereFindsRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("mallory")
		l := open(t, settings(bucket, agents))
		bucket.set(true, 0)
		for i := range 2 * maxWaiting {
			l.Observe(signal(ContentLow, "mallory", agent.ID(fmt.Sprintf("peer-%d", i))))
			time.Sleep(time.Second)
		}
		dropped := l.Stats().Dropped
		l.Observe(signal(LinkForged, "mallory", "bank"))
		if got := l.Stats().Dropped; got != dropped+1 {
			t.Errorf("%d events were dropped for it", got-dropped)
		}
		bucket.set(false, 0)
		time.Sleep(time.Minute)
		if got := stored(t, bucket, "mallory").state; got.Latch == nil {
			t.Errorf("the store has %+v", got)
		}
	})
}

func TestHeldIsOver(t *testing.T) {
	t.Parallel()
	cleared := (&History{}).append(DefaultRules(), []Event{registered(400), {Kind: Cleared, At: start + 10}})
	known := func(h *History, revision uint64) mirror.Value[*History] {
		return mirror.Value[*History]{Value: h, Revision: revision}
	}
	for name, test := range map[string]struct {
		held  held
		known mirror.Value[*History]
		want  bool
	}{
		"waits":                {held{}, known(cleared, 9), false},
		"waits-without-any":    {held{}, known(nil, 0), false},
		"stored-not-shown":     {held{revision: 10}, known(cleared, 9), false},
		"stored-and-shown":     {held{revision: 9}, known(cleared, 9), true},
		"lost":                 {held{lost: true, at: start}, known(nil, 0), false},
		"lost-then-cleared":    {held{lost: true, at: start}, known(cleared, 9), true},
		"cleared-then-lost":    {held{lost: true, at: start + 10}, known(cleared, 9), false},
		"lost-and-then-stored": {held{lost: true, at: start + 10, revision: 9}, known(cleared, 9), false},
	} {
		if got := test.held.over(test.known); got != test.want {
			t.Errorf("%s: over() = %v", name, got)
		}
	}
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	var b backlog
	b.ends("nobody")
	b.fails("first", at(start))
	b.fails("second", at(start+5))
	b.fails("first", at(start+8))
	if got := b.behind(at(start + 10)); got != 10*time.Second {
		t.Errorf("two failing writes: %s", got)
	}
	if got := b.behind(at(start - 10)); got <= 0 {
		t.Errorf("with a clock that went back: %s", got)
	}
	b.ends("first")
	if got := b.behind(at(start + 10)); got != 5*time.Second {
		t.Errorf("one failing write: %s", got)
	}
	b.ends("second")
	if got := b.behind(at(start + 10)); got != 0 {
		t.Errorf("none: %s", got)
	}
}
