package trust

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

// start is when the histories of tests begin.
const start = int64(1_767_225_600)

// signals returns the kinds of signals, sorted.
func signals() []Kind { return slices.Sorted(maps.Keys(traits)) }

func at(seconds int64) time.Time { return time.Unix(seconds, 0) }

func registered(base agent.Trust) Event {
	return Event{Kind: Registered, At: start, Owner: "team", Base: base}
}

// newState returns the state of an agent that was registered at start.
func newState(base agent.Trust) State { return State{}.Apply(registered(base), DefaultRules()) }

func good(counterparty agent.ID, at int64) Event {
	return Event{Kind: Completed, Counterparty: counterparty, At: at, Weight: Point, Count: 1}
}

func bad(kind Kind, counterparty agent.ID, at int64) Event {
	return Event{Kind: kind, Counterparty: counterparty, At: at, Weight: traits[kind].weight, Count: 1, Framable: traits[kind].callee}
}

// veteran returns a state with all the good evidence that counts, from many counterparties, and when it has it.
func veteran(base agent.Trust) (s State, now int64) {
	s, now = newState(base), start
	for range 60 * 24 {
		now += hour
		for i := range 8 {
			s = s.Apply(good(agent.ID(fmt.Sprintf("peer-%d", i)), now), DefaultRules())
		}
	}
	return s, now
}

// anyEvent returns an event with anything in it, most of it plausible.
func anyEvent(random *rand.Rand, now int64) Event {
	kinds := append(signals(), Registered, Cleared, "", "nonsense")
	e := Event{
		Kind: kinds[random.IntN(len(kinds))], Counterparty: agent.ID(fmt.Sprintf("peer-%d", random.IntN(100))),
		At: now + random.Int64N(3*day) - day/2, Count: 1 + random.Int64N(5), Framable: random.IntN(3) == 0, Severe: random.IntN(50) == 0,
		Base: agent.Trust(random.IntN(1001)), Owner: agent.Owner(fmt.Sprint(random.IntN(2))),
	}
	e.Weight = traits[e.Kind].weight
	if random.IntN(20) == 0 {
		extremes := []int64{math.MinInt64, math.MaxInt64, 0, -1, maxTime}
		e.At, e.Count = extremes[random.IntN(5)], extremes[random.IntN(5)]
		e.Weight, e.Inherited, e.Base = Evidence(extremes[random.IntN(5)]), Evidence(extremes[random.IntN(5)]), agent.Trust(extremes[random.IntN(5)])
	}
	return e
}

func anyHistory(random *rand.Rand, length int) []Event {
	events, now := []Event{registered(agent.TrustUser)}, start
	for len(events) < length {
		now += random.Int64N(day)
		events = append(events, anyEvent(random, now))
	}
	return events
}

// TestReplayIsIncremental holds that a replay from any checkpoint comes to the same state as event after event.
func TestReplayIsIncremental(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		events := anyHistory(random, 200)
		want := State{}
		for _, e := range events {
			want = want.Apply(e, DefaultRules())
		}
		split := random.IntN(len(events))
		checkpoint := Replay(State{}, events[:split], DefaultRules())
		kept := checkpoint.Apply(Event{Kind: Cleared, At: checkpoint.At}, DefaultRules()) // must not change the checkpoint
		if got := Replay(checkpoint, events[split:], DefaultRules()); !cmp.Equal(want, got) {
			t.Fatalf("split at %d (-want +got)\n%s", split, cmp.Diff(want, got))
		}
		if kept.Seq != checkpoint.Seq+1 {
			t.Fatal("Apply did not count the event")
		}
	}
}

// TestInvariants holds for any events: everything stays in its range and time never goes back.
func TestInvariants(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		s := State{}
		for _, e := range anyHistory(random, 300) {
			before := s
			s = s.Apply(e, DefaultRules())
			if err := s.validate(); err != nil {
				t.Fatalf("after %+v: %v", e, err)
			}
			if s.At < before.At || s.Seq != before.Seq+1 || s.Good > DefaultRules().GoodCap || s.Bad > DefaultRules().BadCap {
				t.Fatalf("after %+v: %+v", e, s)
			}
			for _, ceiling := range []agent.Ring{agent.Untrusted, agent.User, agent.Supervisor, agent.Kernel} {
				got := s.Standing(at(s.At+random.Int64N(90*day)), agent.Trust(random.IntN(1001)), ceiling, DefaultRules())
				if got.Score < 0 || got.Score > agent.ScoreCeiling(ceiling) || got.Ring > ceiling || got.Ring > got.Score.Ring() || got.Next < got.Ring {
					t.Fatalf("standing %+v under ceiling %s", got, ceiling)
				}
			}
		}
	}
}

// TestMonotone holds that good evidence never lowers the score of its moment, and bad evidence never raises it.
func TestMonotone(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 8))
	for range 100 {
		s, now := newState(agent.TrustUser), start
		for range 300 {
			now += random.Int64N(hour)
			e := anyEvent(random, now)
			if _, signal := traits[e.Kind]; !signal {
				continue
			}
			next := s.Apply(e, DefaultRules())
			moment := at(max(now, next.At))
			before, after := s.Standing(moment, s.Base, agent.Kernel, DefaultRules()), next.Standing(moment, s.Base, agent.Kernel, DefaultRules())
			if e.Kind.Good() && (after.Score < before.Score || after.Ring < before.Ring) || !e.Kind.Good() && (after.Score > before.Score || after.Ring > before.Ring) {
				t.Fatalf("%+v changed %+v to %+v", e, before, after)
			}
			s = next
		}
	}
}

// TestDecayToBase holds that without events a score comes back to its base from either side.
func TestDecayToBase(t *testing.T) {
	t.Parallel()
	above, now := veteran(agent.TrustUnknown)
	below := newState(agent.TrustUnknown).Apply(bad(ContentCritical, "peer", now), DefaultRules())
	last := [2]agent.Trust{1000, 0}
	for ; now < start+10*365*day; now += 5 * day {
		high := above.Standing(at(now), agent.TrustUnknown, agent.Kernel, DefaultRules()).Score
		low := below.Standing(at(now), agent.TrustUnknown, agent.Kernel, DefaultRules()).Score
		if high > last[0] || high < agent.TrustUnknown || low < last[1] || low > agent.TrustUnknown {
			t.Fatalf("scores went from %v to %d and %d", last, high, low)
		}
		last = [2]agent.Trust{high, low}
	}
	if last != [2]agent.Trust{agent.TrustUnknown, agent.TrustUnknown} {
		t.Errorf("after years the scores are %v", last)
	}
}

// TestCaps holds what one counterparty may give: a point an hour, and a fifth of all.
func TestCaps(t *testing.T) {
	t.Parallel()
	s := newState(agent.TrustUnknown)
	for second := range int64(hour) {
		s = s.Apply(good("peer", start+second), DefaultRules())
	}
	if s.Good > Point || s.Good < Point*99/100 {
		t.Errorf("an hour of calls with one counterparty is %d", s.Good)
	}
	for second := int64(hour); second < 30*day; second += 600 {
		s = s.Apply(good("peer", start+second), DefaultRules())
	}
	if s.Good > 4*Point || s.Good < 39*Point/10 {
		t.Errorf("a month of calls with one counterparty is %d", s.Good)
	}
	veteran, _ := veteran(agent.TrustUnknown)
	if veteran.Good != DefaultRules().GoodCap {
		t.Errorf("two months with eight counterparties are %d", veteran.Good)
	}
}

// TestManyCounterparties holds that those beyond the ones that are told apart share one cap.
func TestManyCounterparties(t *testing.T) {
	t.Parallel()
	s := newState(agent.TrustUnknown)
	for i := range 10 * maxPeers {
		s = s.Apply(good(agent.ID(fmt.Sprintf("peer-%d", i)), start), DefaultRules())
	}
	if len(s.Peers) != maxPeers+1 || s.Good != (maxPeers+1)*Point {
		t.Errorf("%d counterparties are told apart, and gave %d", len(s.Peers), s.Good)
	}
	later := start + 90*day
	s = s.Apply(good("newcomer", later), DefaultRules())
	if i, ok := find(s.Peers, "newcomer"); !ok || s.Peers[i].Good != Point || len(s.Peers) != 1 {
		t.Errorf("a season later %+v are told apart", s.Peers)
	}
}

// TestStrays holds that a few small violations cost nothing, and that a series does.
func TestStrays(t *testing.T) {
	t.Parallel()
	s := newState(agent.TrustUser)
	for range 3 {
		s = s.Apply(bad(Overreach, "peer", start), DefaultRules())
	}
	if s.Bad != 0 {
		t.Errorf("three stray calls cost %d", s.Bad)
	}
	if s = s.Apply(bad(Overreach, "peer", start), DefaultRules()); s.Bad != Point/2 {
		t.Errorf("the fourth cost %d", s.Bad)
	}
	series := bad(Overreach, "other", start+hour)
	series.Count = 1_000_000
	if s = s.Apply(series, DefaultRules()); s.Bad > 5*Point {
		t.Errorf("a million calls of one second cost %d", s.Bad)
	}
}

func FuzzApply(f *testing.F) {
	f.Add(int64(0), int64(1), int64(Point), uint8(0), "peer", int64(start), int64(Point), int64(Point))
	f.Add(int64(math.MaxInt64), int64(math.MinInt64), int64(math.MaxInt64), uint8(200), "", int64(math.MinInt64), int64(math.MaxInt64), int64(-1))
	f.Fuzz(func(t *testing.T, when, count, weight int64, kind uint8, peer string, last, r, s int64) {
		kinds := append(signals(), Registered, Cleared)
		state := newState(agent.TrustUser)
		state.At = min(max(last, 0), maxTime)
		state.Good, state.Bad = min(max(Evidence(r), 0), MaxEvidence), min(max(Evidence(s), 0), MaxEvidence)
		e := Event{
			Kind: kinds[int(kind)%len(kinds)], At: when, Count: count, Weight: Evidence(weight), Counterparty: agent.ID(peer),
			Inherited: Evidence(weight), Base: agent.Trust(count), Framable: kind > 100, Severe: kind > 150,
		}
		next := state.Apply(e, DefaultRules())
		if err := next.validate(); err != nil {
			t.Fatal(err)
		}
		got := next.Standing(at(when), next.Base, agent.Kernel, DefaultRules())
		if got.Score < 0 || got.Score > agent.MaxTrust {
			t.Fatalf("score %d", got.Score)
		}
	})
}
