package trust

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

func TestObserve(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents, told := newBucket(t), newDirectory("alice", "bank"), &entries{}
		config := settings(bucket, agents)
		config.Recorded = told.add
		l := open(t, config)
		l.Observe(Classify(Outcome{
			Caller: "alice", Callee: "bank", Verified: true, Assurance: "agent", Completed: true, AnswerStatus: 200, Exchange: "d-1", At: time.Now(),
		})...)
		synctest.Wait()
		for _, name := range []agent.ID{"alice", "bank"} {
			if got := standing(l, agents, name); got.Score != 428 || got.Ring != agent.User {
				t.Errorf("after a call %s has %+v", name, got)
			}
		}
		l.Observe(signal(ContentHigh, "alice", "bank"))
		synctest.Wait()
		time.Sleep(pause)
		synctest.Wait()
		if got := standing(l, agents, "alice"); got.Score >= 400 || got.Ring != agent.Untrusted {
			t.Errorf("after an attack alice has %+v", got)
		}
		var kinds []Kind
		for i, entry := range told.of("alice") {
			kinds = append(kinds, entry.Kind)
			if entry.Seq != uint64(i+1) || entry.Rules != DefaultRules().Version() {
				t.Errorf("entry %d: %+v", i, entry)
			}
		}
		if diff := cmp.Diff([]Kind{Registered, Completed, ContentHigh}, kinds); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if last := told.of("alice")[2]; last.Before != (Level{Score: 428, Ring: agent.User}) || last.After.Score >= 400 || last.After.Ring != agent.Untrusted {
			t.Errorf("the attack was recorded as %+v", last)
		}
		l.Observe(signal(Overreach, "nobody", "bank"), signal("nonsense", "alice", "bank"), Signal{})
		synctest.Wait()
		if got := l.Stats(); got.Stored != 5 || got.Dropped != 0 {
			t.Errorf("Stats() = %+v", got)
		}
	})
}

// TestBusyPair holds that two agents that talk all day cost the store one write an hour each.
func TestBusyPair(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("alice", "bank")
		l := open(t, settings(bucket, agents))
		other := open(t, settings(bucket, agents))
		for range 24 * 60 {
			for range 10 {
				l.Observe(signal(Completed, "alice", "bank"))
			}
			time.Sleep(time.Minute / 2)
			other.Observe(signal(Completed, "alice", "bank"))
			time.Sleep(time.Minute / 2)
		}
		synctest.Wait()
		if got := bucket.count(); got > 25 {
			t.Errorf("a day costs %d writes", got)
		}
		if got := l.Stats(); got.Suppressed < 24*60*10-30 {
			t.Errorf("Stats() = %+v", got)
		}
		if diff := cmp.Diff(stored(t, bucket, "alice").state, mustState(t, other, "alice")); diff != "" {
			t.Error(diff)
		}
	})
}

func mustState(t *testing.T, l *Ledger, name agent.ID) State {
	t.Helper()
	s, ok := l.Image().State(name)
	if !ok {
		t.Fatalf("%s has no state", name)
	}
	return s
}

// TestFlood holds that what says the same within a second is one event, and that a flood costs the store two writes a
// second.
func TestFlood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("mallory")
		config := settings(bucket, agents)
		config.Weights = Weights{ContentLow: Point / 1000}
		l := open(t, config)
		for range 1000 {
			l.Observe(signal(ContentLow, "mallory", "bank"))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := bucket.count(); got > 25 {
			t.Errorf("ten seconds cost %d writes", got)
		}
		var count int64
		for _, e := range stored(t, bucket, "mallory").events {
			count += e.Count
		}
		if count != 1000 {
			t.Errorf("%d of 1000 signals were counted", count)
		}
	})
}

// TestReplicasConverge holds that ledgers on one store come to the same bytes, whoever saw what in which order.
func TestReplicasConverge(t *testing.T) {
	t.Parallel()
	bucket, agents := newBucket(t), newDirectory("alice", "bob", "carol")
	told := &entries{}
	ledgers := make([]*Ledger, 3)
	for i := range ledgers {
		config := settings(bucket, agents)
		config.Recorded = told.add
		ledgers[i] = open(t, config)
	}
	names := []agent.ID{"alice", "bob", "carol"}
	kinds := signals()
	var running sync.WaitGroup
	for i, l := range ledgers {
		for worker := range uint64(2) {
			running.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), worker))
				for range 300 {
					s := signal(kinds[random.IntN(len(kinds))], names[random.IntN(3)], agent.ID(fmt.Sprintf("peer-%d", random.IntN(30))))
					l.Observe(s)
				}
			})
		}
	}
	running.Wait()
	for _, l := range ledgers {
		if err := l.queue.drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		entry, err := bucket.Get(t.Context(), string(name))
		if err != nil {
			t.Fatal(err)
		}
		want := stored(t, bucket, name)
		for _, l := range ledgers {
			if err := l.mirror.Await(t.Context(), entry.Revision); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.state, mustState(t, l, name)); diff != "" {
				t.Errorf("%s (-stored +image)\n%s", name, diff)
			}
		}
		seen := map[uint64]bool{}
		for _, e := range told.of(name) {
			seen[e.Seq] = true
		}
		if len(seen) != int(want.state.Seq) || len(told.of(name)) != len(seen) {
			t.Errorf("%s has %d events; %d were recorded, %d of them different", name, want.state.Seq, len(told.of(name)), len(seen))
		}
		all := make([]Event, want.state.Seq)
		for _, e := range told.of(name) {
			all[e.Seq-1] = e.Event
		}
		if diff := cmp.Diff(want.state, Replay(State{}, all, DefaultRules())); diff != "" {
			t.Errorf("%s: the audit trail replays to something else (-stored +replayed)\n%s", name, diff)
		}
	}
}

// TestStoreAway holds that what is seen while the store is away is stored when it is back, once.
func TestStoreAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents, told := newBucket(t), newDirectory("alice"), &entries{}
		config := settings(bucket, agents)
		config.Recorded = told.add
		l := open(t, config)
		l.Observe(signal(ContentLow, "alice", "bank"))
		time.Sleep(time.Second)
		bucket.set(true, 0)
		for range 100 {
			l.Observe(signal(ContentMedium, "alice", "bank"))
			time.Sleep(time.Second)
		}
		if got := l.Stats(); got.Failed == 0 || got.Waiting != 1 {
			t.Errorf("Stats() = %+v", got)
		}
		bucket.set(false, 3) // the next writes take place, but nothing is heard of them
		time.Sleep(time.Minute)
		synctest.Wait()
		var count int64
		for _, e := range stored(t, bucket, "alice").events {
			if e.Kind == ContentMedium {
				count += e.Count
			}
		}
		if count != 100 {
			t.Errorf("%d of 100 signals are stored", count)
		}
		if got, want := len(told.of("alice")), int(mustState(t, l, "alice").Seq); got != want {
			t.Errorf("%d events of %d were recorded", got, want)
		}
	})
}

func TestQuarantine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("alice", "bob", "mallory", "bank")
		config := settings(bucket, agents)
		config.Quarantine = []string{"content-privilege-escalation", "content-critical"}
		l := open(t, config)
		classed := signal(ContentLow, "alice", "bank")
		classed.Class = "content-privilege-escalation"
		l.Observe(classed, signal(ContentCritical, "bob", "bank"), signal(LinkForged, "mallory", "bank"),
			signal(AnswerBlocked, "bank", "alice"), signal(Served, "bank", "alice"))
		synctest.Wait()
		for name, want := range map[agent.ID]bool{"alice": true, "bob": true, "mallory": true, "bank": false} {
			if got := standing(l, agents, name); got.Latched != want {
				t.Errorf("%s has %+v", name, got)
			}
		}
		if err := l.Clear(t.Context(), "mallory", "ada", "a test of ours"); err != nil {
			t.Fatal(err)
		}
		if got := standing(l, agents, "mallory"); got.Latched || got.Score > 100 {
			t.Errorf("cleared: %+v", got)
		}
		last := stored(t, bucket, "mallory").events
		if e := last[len(last)-1]; e.Kind != Cleared || e.Person != "ada" || e.Reason != "a test of ours" {
			t.Errorf("the clearance is stored as %+v", e)
		}
		for want, args := range map[error][3]string{
			ErrNotQuarantined: {"mallory", "ada", "again"}, ErrNoHistory: {"nobody", "ada", "x"}, ErrUnnamed: {"bob", " ", "x"},
		} {
			if err := l.Clear(t.Context(), agent.ID(args[0]), args[1], args[2]); !errors.Is(err, want) {
				t.Errorf("Clear(%v) = %v", args, err)
			}
		}
		for _, words := range []string{"", "a\nb", "a\x7f", strings.Repeat("x", maxWords+1), "\xff"} {
			if err := l.Clear(t.Context(), "bob", "ada", words); !errors.Is(err, ErrUnnamed) {
				t.Errorf("Clear for the reason %q = %v", words, err)
			}
		}
		bucket.set(true, 0)
		if err := l.Clear(t.Context(), "bob", "ada", "x"); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Clear without a store = %v", err)
		}
	})
}

// TestSevereDoesNotWait holds that what quarantines is stored at once, though the agent's events were stored just before.
func TestSevereDoesNotWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		agents := newDirectory("mallory")
		l := open(t, settings(newBucket(t), agents))
		l.Observe(signal(ContentLow, "mallory", "bank"))
		synctest.Wait()
		l.Observe(signal(ContentLow, "mallory", "bank"))
		synctest.Wait()
		if got := mustState(t, l, "mallory"); got.Bad != 5*Point {
			t.Errorf("the second event did not wait: %+v", got)
		}
		l.Observe(signal(LinkForged, "mallory", "bank"))
		synctest.Wait()
		if got := standing(l, agents, "mallory"); !got.Latched {
			t.Errorf("a forged link waits: %+v", got)
		}
	})
}

// TestNoiseHidesNothing has an agent do many small things at once, good and bad, before it does what weighs: there is room
// for that whatever waits.
func TestNoiseHidesNothing(t *testing.T) {
	t.Parallel()
	for _, noise := range []Kind{Overreach, Completed} {
		t.Run(string(noise), func(t *testing.T) {
			bubble(t, func(t *testing.T) { hides(t, noise) })
		})
	}
}

func hides(t *testing.T, noise Kind) {
	agents := newDirectory("mallory")
	l := open(t, settings(newBucket(t), agents))
	l.Observe(signal(ContentLow, "mallory", "bank"))
	synctest.Wait()
	for i := range 2 * maxWaiting {
		l.Observe(signal(noise, "mallory", agent.ID(fmt.Sprint("bank", i))))
	}
	l.Observe(signal(ContentCritical, "mallory", "bank"))
	time.Sleep(time.Second)
	synctest.Wait()
	if got := mustState(t, l, "mallory"); got.Bad < 200*Point {
		t.Errorf("%s hides content: %+v", noise, got)
	}
	for i := range 2 * maxWaiting {
		l.Observe(signal(ContentHigh, "mallory", agent.ID(fmt.Sprint("bank", i))))
	}
	l.Observe(signal(LinkForged, "mallory", "bank"))
	time.Sleep(time.Second)
	synctest.Wait()
	if got := standing(l, agents, "mallory"); !got.Latched {
		t.Errorf("a forged link is hidden: %+v", got)
	}
}

// TestSignalsFromTheFuture holds that no signal lets evidence decay before its time.
func TestSignalsFromTheFuture(t *testing.T) {
	bubble(t, func(t *testing.T) {
		agents := newDirectory("mallory")
		l := open(t, settings(newBucket(t), agents))
		l.Observe(signal(ContentLow, "mallory", "bank"))
		ahead := signal(Completed, "mallory", "bank")
		ahead.At += 365 * day
		l.Observe(ahead)
		time.Sleep(time.Second)
		if got := mustState(t, l, "mallory"); got.At > time.Now().Unix() || got.Bad < 4*Point || got.Good == 0 {
			t.Errorf("state %+v", got)
		}
	})
}

// TestUnreadableHistory holds that an agent of which nobody can tell what it did takes no part until a person says so.
func TestUnreadableHistory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("alice")
		if _, err := bucket.Put(t.Context(), "alice", []byte(`{"version":1,"good":"all"}`)); err != nil {
			t.Fatal(err)
		}
		l := open(t, settings(bucket, agents))
		if got := standing(l, agents, "alice"); got != (Standing{Latched: true}) {
			t.Errorf("standing %+v", got)
		}
		l.Observe(signal(Completed, "alice", "bank"))
		l.Admit("alice")
		time.Sleep(time.Second)
		if got := l.Stats(); got.Dropped != 1 || bucket.count() != 0 {
			t.Errorf("Stats() = %+v after %d writes", got, bucket.count())
		}
		if err := l.Clear(t.Context(), "alice", "ada", "the disk was at fault"); err != nil {
			t.Fatal(err)
		}
		if got := standing(l, agents, "alice"); got.Latched || got.Score != 400 {
			t.Errorf("cleared: %+v", got)
		}
	})
}

func TestUnknownAgents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		agents := newDirectory("alice")
		l := open(t, settings(newBucket(t), agents))
		if got := standing(l, agents, "alice"); got.Score != 400 || got.Ring != agent.User {
			t.Errorf("an agent without history has %+v", got)
		}
		if got := standing(l, agents, "nobody"); !got.Latched || got.Score != 0 {
			t.Errorf("an agent that is not registered has %+v", got)
		}
		record, _ := agents.agent("alice")
		var none *Image
		if got := none.Standing(record, time.Now()); !got.Latched {
			t.Errorf("without an image: %+v", got)
		}
		if _, ok := none.State("alice"); ok || none.Rules() != (Rules{}) {
			t.Error("no image has a state")
		}
		if got := Silent(DefaultRules()).Standing(record, time.Now()); got.Score != 400 || got.Latched {
			t.Errorf("an image without events: %+v", got)
		}
	})
}

// TestWhitewash holds that neither a new registration nor a new name gets rid of what an agent did.
func TestWhitewash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("mallory")
		agents.add("harmless", "team", agent.TrustUser)
		l := open(t, settings(bucket, agents))
		l.Observe(signal(ContentCritical, "mallory", "bank"), signal(Completed, "harmless", "bank"))
		synctest.Wait()
		bad := standing(l, agents, "mallory")
		if bad.Score > 100 {
			t.Fatalf("after an attack: %+v", bad)
		}
		agents.add("sibling", "team", agent.TrustUser)
		if got := standing(l, agents, "sibling"); got.Score != 400 {
			t.Errorf("while the agent is there its siblings pay for it: %+v", got)
		}
		agents.remove("mallory")
		agents.remove("harmless")
		agents.add("mallory", "team", agent.TrustSupervisor)
		if got := standing(l, agents, "mallory"); got.Score > 100 || got.Ring != agent.Untrusted {
			t.Errorf("registered anew: %+v", got)
		}
		agents.remove("mallory")
		agents.add("malice", "team", agent.TrustUser)
		agents.add("stranger", "others", agent.TrustUser)
		agents.add("nobodys", "", agent.TrustUser)
		agents.add("clumsy", "careful", agent.TrustUser)
		for range 5 { // two more than are free
			l.Observe(signal(Overreach, "clumsy", "bank"))
		}
		time.Sleep(time.Second)
		if got := standing(l, agents, "clumsy"); got.Score >= 400 {
			t.Fatalf("after small violations: %+v", got)
		}
		agents.remove("clumsy")
		agents.add("successor", "careful", agent.TrustUser)
		for name, want := range map[agent.ID]bool{"malice": true, "stranger": false, "nobodys": false, "successor": false} {
			if got := standing(l, agents, name); (got.Score < 400) != want || (got.Ring == agent.Untrusted) != want {
				t.Errorf("%s begins with %+v", name, got)
			}
		}
		l.Admit("malice", "stranger", "nobody")
		synctest.Wait()
		first := stored(t, bucket, "malice").events[0]
		if first.Kind != Registered || first.From != "mallory" || first.Inherited < 199*Point {
			t.Errorf("the history begins with %+v", first)
		}
		// What was taken over stays, whatever becomes of the agent that left.
		agents.add("mallory", "team", agent.TrustUser)
		if got := standing(l, agents, "malice"); got.Score >= 400 {
			t.Errorf("with the old name back: %+v", got)
		}
		writes := bucket.count()
		l.Admit("malice", "stranger")
		synctest.Wait()
		if bucket.count() != writes {
			t.Error("admitting agents again costs writes")
		}
	})
}

// TestNewOwner holds that a good name cannot be bought, and a bad one is not lost by selling it.
func TestNewOwner(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("alice")
		l := open(t, settings(bucket, agents))
		for i := range 20 {
			l.Observe(signal(Completed, "alice", agent.ID(fmt.Sprintf("peer-%d", i))))
		}
		l.Observe(signal(ContentLow, "alice", "bank"))
		synctest.Wait()
		time.Sleep(time.Second)
		before := mustState(t, l, "alice")
		agents.add("alice", "buyer", agent.TrustUnknown)
		l.Admit("alice")
		time.Sleep(time.Second)
		synctest.Wait()
		after := mustState(t, l, "alice")
		if before.Good < 19*Point || after.Good != 0 || after.Bad < before.Bad-Point/1000 || after.Owner != "buyer" || after.Base != agent.TrustUnknown {
			t.Errorf("the owner changed %+v to %+v", before, after)
		}
	})
}

func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("alice", "bob")
		l := open(t, settings(bucket, agents))
		for range 3 {
			l.Observe(signal(ContentLow, "alice", "bank"), signal(ContentLow, "bob", "bank"))
			synctest.Wait()
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, bucket, "bob").state; got.Bad != 15*Point {
			t.Errorf("what waited was not stored: %+v", got)
		}
		l.Observe(signal(ContentLow, "alice", "bank"))
		if got := l.Stats(); got.Dropped != 1 {
			t.Errorf("after Close: %+v", got)
		}
		away := open(t, settings(bucket, agents))
		bucket.set(true, 0)
		away.Observe(signal(ContentLow, "alice", "bank"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := away.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close without a store = %v", err)
		}
	})
}

func TestOpenRefusesBadSettings(t *testing.T) {
	t.Parallel()
	config := settings(newBucket(t), newDirectory())
	config.Rules.Weight = 0
	if _, err := Open(t.Context(), config); err == nil {
		t.Error("rules without weight pass")
	}
	for word, want := range map[string]bool{
		"content-high": true, "content-prompt-injection": true, "overreach": true, "out-of-scope": true, "delegation-widened": true,
		"completed": false, "answer-blocked": false, "replayed": false, "content-": false, "typo": false, "": false, "registered": false,
	} {
		config := settings(newBucket(t), newDirectory())
		config.Quarantine = []string{word}
		l, err := Open(t.Context(), config)
		if (err == nil) != want {
			t.Errorf("quarantine on %q: %v", word, err)
		}
		if err == nil {
			if err := l.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}
