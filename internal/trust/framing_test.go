package trust

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

// framed has so many counterparties have the agent answer badly as often as they like, for 30 days, and returns the most
// bad evidence and the lowest score that they bring about.
func framed(s State, now int64, framers int) (most Evidence, lowest agent.Trust) {
	lowest = agent.MaxTrust
	for end := now + 30*day; now < end; now += 10 * 60 {
		for i := range framers {
			s = s.Apply(bad(AnswerBlocked, agent.ID(fmt.Sprintf("framer-%d", i)), now), DefaultRules())
		}
		most, lowest = max(most, s.Bad), min(lowest, s.at(now, s.Base, agent.Kernel).Score)
	}
	return most, lowest
}

// TestFramers computes what counterparties that agree on it can do to an agent. Over a month, rounding adds up to some
// millionths of a point.
func TestFramers(t *testing.T) {
	t.Parallel()
	for framers, want := range map[int]struct {
		most   Evidence
		lowest agent.Trust
	}{1: {0, 400}, 2: {4 * Point, 333}, 3: {8 * Point, 285}, 6: {20 * Point, 199}} {
		most, lowest := framed(newState(agent.TrustUser), start, framers)
		if most > want.most+Point/10_000 || most < want.most*99/100 || lowest < want.lowest || lowest > want.lowest+2 {
			t.Errorf("%d framers bring about %d and a score of %d, want %d and %d", framers, most, lowest, want.most, want.lowest)
		}
	}
	best, now := veteran(agent.TrustUnknown)
	for framers, want := range map[int]agent.Trust{0: 964, 1: 964, 2: 955, 3: 946} {
		s := best
		for i := range framers {
			event := bad(AnswerForeign, agent.ID(fmt.Sprintf("framer-%d", i)), now)
			event.Count = 1000
			s = s.Apply(event, DefaultRules())
		}
		if got := s.at(now, s.Base, agent.Kernel).Score; got != want {
			t.Errorf("%d framers bring a veteran down to %d, want %d", framers, got, want)
		}
	}
}

// TestOneFramerChangesNothing holds for any history: what one counterparty alone brings about, whenever and of whatever
// kind, changes nothing that counts, not even what the agent's own faults cost.
func TestOneFramerChangesNothing(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(21, 22))
	plain := func(e Event) bool { return !e.framable() }
	kinds := slices.DeleteFunc(signals(), Kind.Good)
	framings := 0
	for range 200 {
		without, with := State{}, State{}
		for _, e := range anyHistory(random, 100) {
			if !plain(e) {
				continue
			}
			without, with = without.Apply(e, DefaultRules()), with.Apply(e, DefaultRules())
			framing := bad(kinds[random.IntN(len(kinds))], "framer", without.At)
			framing.Framable, framing.Count, framing.Severe = true, 1+random.Int64N(100), random.IntN(2) == 0
			with = with.Apply(framing, DefaultRules())
		}
		if with.Framers[0].Bad > 0 {
			framings++
		}
		with.Seq, with.Framers = without.Seq, nil
		if diff := cmp.Diff(without, with); diff != "" {
			t.Fatalf("(-without +with)\n%s", diff)
		}
	}
	if framings < 100 {
		t.Errorf("in %d histories alone there was anything to frame with", framings)
	}
}

// TestSparing holds the rule against its definition: of what counterparties brought about at one moment, in any order, all
// counts but the largest shares.
func TestSparing(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(23, 24))
	for range 500 {
		rules := DefaultRules()
		rules.Spared = 1 + random.Int64N(3)
		s, given := newState(agent.TrustUser), map[agent.ID]Evidence{}
		for range random.IntN(20) {
			name := agent.ID(fmt.Sprintf("peer-%d", random.IntN(5)))
			event := bad(AnswerBlocked, name, start)
			event.Weight = Evidence(random.Int64N(int64(Point / 10)))
			given[name] += event.Weight * 5
			s = s.Apply(event, rules)
		}
		want, shares := Evidence(0), []Evidence{}
		for _, amount := range given {
			shares = append(shares, min(amount, 4*Point))
		}
		slices.Sort(shares)
		for _, amount := range shares[:max(len(shares)-int(rules.Spared), 0)] {
			want += amount
		}
		if s.Bad != want {
			t.Fatalf("of %v, sparing %d, %d counts", shares, rules.Spared, s.Bad)
		}
	}
}

// TestFriendsCoverNothing holds that an agent which many others praise or frame on purpose answers for what it does to two
// that do not.
func TestFriendsCoverNothing(t *testing.T) {
	t.Parallel()
	s := newState(agent.TrustUser)
	for i := range 2 * maxPeers {
		s = s.Apply(good(agent.ID(fmt.Sprintf("friend-%d", i)), start), DefaultRules())
	}
	for _, name := range []agent.ID{"victim-1", "victim-2"} {
		s = s.Apply(bad(AnswerBlocked, name, start), DefaultRules())
	}
	if s.Bad != 4*Point {
		t.Errorf("with friends that praise it, two victims count %d", s.Bad)
	}
	s = newState(agent.TrustUser)
	for i := range 2 * maxPeers {
		s = s.Apply(bad(AnswerBlocked, agent.ID(fmt.Sprintf("friend-%d", i)), start), DefaultRules())
	}
	if s.Bad < 20*Point || len(s.Framers) > maxPeers+1 {
		t.Errorf("friends that frame it cost it %d, and %d are told apart", s.Bad, len(s.Framers))
	}
}

// TestHistoriesSparingNobody reads what was stored when everything framable counted at once: it comes to the state that it
// came to then, is stored as it was, and goes on under the rules of today.
func TestHistoriesSparingNobody(t *testing.T) {
	t.Parallel()
	value, err := os.ReadFile("testdata/history-sparing-nobody.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/state-sparing-nobody.json")
	if err != nil {
		t.Fatal(err)
	}
	h, err := decodeHistory(value)
	if err != nil {
		t.Fatal(err)
	}
	var want State
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, h.state); diff != "" {
		t.Errorf("(-then +now)\n%s", diff)
	}
	if again, err := h.encode(); err != nil || string(again) != string(value) {
		t.Errorf("it is stored otherwise now: %v", err)
	}
	if got := h.rules.Version(); got != "97c3f854aec1" {
		t.Errorf("the rules of then are called %s now", got)
	}
	next := h.append(DefaultRules(), []Event{bad(AnswerBlocked, "bank", want.At), bad(AnswerBlocked, "stall", want.At)})
	if next.state.Bad <= want.Bad || next.checkpoint.Seq != want.Seq || len(next.state.Framers) != 2 {
		t.Errorf("it goes on as %+v", next.state)
	}
}

// TestOneFramerCostsNoWrite holds that what one counterparty alone brings about waits without a write, for another's or for
// something else that is stored anyway.
func TestOneFramerCostsNoWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("bank", "shop", "stall")
		l := open(t, settings(bucket, agents))
		l.Admit("bank", "shop", "stall")
		time.Sleep(time.Second)
		writes := bucket.count()
		for range 1000 {
			for _, name := range []agent.ID{"bank", "shop", "stall"} {
				l.Observe(signal(AnswerBlocked, name, "framer"))
			}
			time.Sleep(time.Minute)
		}
		if got := l.Stats(); bucket.count() != writes || got.Waiting != 0 || got.Patient != 3 || got.Dropped != 0 {
			t.Fatalf("one framer costs %d writes, and %+v", bucket.count()-writes, got)
		}
		l.Observe(signal(AnswerForeign, "bank", "another"), signal(Served, "shop", "honest"))
		time.Sleep(time.Second)
		synctest.Wait()
		if got := mustState(t, l, "bank"); got.Bad < 39*Point/10 || got.Bad > 4*Point {
			t.Errorf("with another's word: %+v", got)
		}
		if got := mustState(t, l, "shop"); got.Bad != 0 || len(got.Framers) != 1 {
			t.Errorf("stored along with praise: %+v", got)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, bucket, "stall").state; got.Bad != 0 || len(got.Framers) != 1 {
			t.Errorf("stored at the end: %+v", got)
		}
	})
}

// TestFramersOfTwoReplicas holds that two counterparties are heard though different processes hear them, as soon as one of
// these stores anything else about the agent.
func TestFramersOfTwoReplicas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bucket, agents := newBucket(t), newDirectory("bank")
		first, second := open(t, settings(bucket, agents)), open(t, settings(bucket, agents))
		first.Observe(signal(AnswerBlocked, "bank", "alice"))
		second.Observe(signal(AnswerBlocked, "bank", "bob"))
		time.Sleep(time.Second)
		if bucket.count() != 0 {
			t.Fatal("what counts for nothing was stored by itself")
		}
		first.Observe(signal(Served, "bank", "carol"))
		time.Sleep(time.Second)
		second.Observe(signal(AnswerBlocked, "bank", "bob"))
		time.Sleep(time.Second)
		synctest.Wait()
		for i, l := range []*Ledger{first, second} {
			if got := mustState(t, l, "bank"); got.Bad < 39*Point/10 || len(got.Framers) != 2 {
				t.Errorf("process %d has %+v", i, got)
			}
		}
	})
}
