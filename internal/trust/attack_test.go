package trust

import (
	"fmt"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

// pump has colluders call one another as often as they like for 30 days, and returns the best score that any of them
// reaches, without regard to a ceiling.
func pump(colluders int) agent.Trust {
	states := make([]State, colluders)
	for i := range states {
		states[i] = newState(agent.TrustUnknown)
	}
	var best agent.Trust
	for now := start; now < start+30*day; now += hour / 2 {
		for i := range states {
			for j := range states {
				if i != j {
					states[i] = states[i].Apply(good(agent.ID(fmt.Sprintf("peer-%d", j)), now), DefaultRules())
				}
			}
			best = max(best, states[i].at(now, agent.TrustUnknown, agent.Kernel).Score)
		}
	}
	return best
}

// TestCollusion computes what colluders that nobody vouched for can give one another in 30 days. One counterparty gives no
// ring. While no more than five counterparties exist, each gives a fifth of 20 points at most, so that r ≤ 20 and the score
// is at most 1000·(20 + 5)/(20 + 20) = 625: ring 2, never ring 1. From seven colluders on, shares no longer bound r, and
// the ceiling does: 899 and ring 1 unless an administrator assigned more.
func TestCollusion(t *testing.T) {
	t.Parallel()
	for colluders, limit := range map[int]agent.Trust{2: 375, 3: 464, 4: 531, 5: 583, 6: 625, 12: agent.MaxTrust} {
		got := pump(colluders)
		if got > limit {
			t.Errorf("%d colluders reach %d, more than %d", colluders, got, limit)
		}
		if colluders <= 6 && got < limit-10 {
			t.Errorf("%d colluders reach %d only: the documented bound of %d is far from it", colluders, got, limit)
		}
	}
	s, now := veteran(agent.TrustUnknown)
	if got := s.at(now+day, agent.TrustUnknown, agent.Supervisor); got.Score != 899 || got.Ring != agent.Supervisor {
		t.Errorf("under the default ceiling the best is %+v", got)
	}
}

// TestSybil holds that any number of new names stay in ring 3 and below an honest veteran.
func TestSybil(t *testing.T) {
	t.Parallel()
	honest, now := veteran(agent.TrustUnknown)
	want := honest.at(now, honest.Base, agent.Supervisor)
	for i := range 100 {
		sybil := State{}.Apply(Event{Kind: Registered, At: now, Owner: agent.Owner(fmt.Sprint(i)), Base: agent.TrustUnknown}, DefaultRules())
		if got := sybil.at(now, sybil.Base, agent.Supervisor); got.Ring != agent.Untrusted || got.Score >= want.Score {
			t.Fatalf("a new name has %+v, a veteran %+v", got, want)
		}
	}
}

// TestFraming holds what one caller can do to an agent that it calls: provoke answers that are withheld, as often as it
// likes, for 30 days. TestFramers has what several can.
func TestFraming(t *testing.T) {
	t.Parallel()
	s, now := veteran(agent.TrustUnknown)
	before := s.at(now, s.Base, agent.Supervisor)
	for end := now + 30*day; now < end; now += 10 * 60 {
		s = s.Apply(bad(AnswerBlocked, "framer", now), DefaultRules())
		if now%hour == 0 {
			for i := range 8 {
				s = s.Apply(good(agent.ID(fmt.Sprintf("peer-%d", i)), now), DefaultRules())
			}
		}
	}
	if after := s.at(now, s.Base, agent.Supervisor); s.Bad != 0 || after != before {
		t.Errorf("one caller brought %+v to %+v", before, after)
	}
	// An agent without any good evidence stands as firm.
	fresh := newState(agent.TrustUser)
	for when := start; when < start+3*day; when += 60 {
		fresh = fresh.Apply(bad(AnswerForeign, "framer", when), DefaultRules())
	}
	if got := fresh.at(start+3*day, fresh.Base, agent.User); got.Ring != agent.User || got.Score != agent.TrustUser {
		t.Errorf("a new agent was framed: %+v", got)
	}
}

// TestMilking holds that the best reputation does not pay for an attack.
func TestMilking(t *testing.T) {
	t.Parallel()
	s, now := veteran(agent.TrustUnknown)
	for i := range 2 {
		s = s.Apply(bad(ContentCritical, "victim", now+int64(i)), DefaultRules())
	}
	if got := s.at(now+1, s.Base, agent.Supervisor); got.Ring > agent.User {
		t.Errorf("two critical attacks leave %+v", got)
	}
	s = s.Apply(bad(ContentCritical, "victim", now+2), DefaultRules())
	s = s.Apply(bad(ContentCritical, "victim", now+3), DefaultRules())
	if got := s.at(now+3, s.Base, agent.Supervisor); got.Ring != agent.Untrusted {
		t.Errorf("four leave %+v", got)
	}
}

// TestOscillation holds that an agent which attacks as soon as it is trusted spends its time untrusted.
func TestOscillation(t *testing.T) {
	t.Parallel()
	s := newState(agent.TrustUnknown)
	attacks, trusted, hours := 0, 0, 0
	for now := start; now < start+60*day; now += hour {
		for i := range 8 {
			s = s.Apply(good(agent.ID(fmt.Sprintf("peer-%d", i)), now), DefaultRules())
		}
		hours++
		if s.at(now, s.Base, agent.Supervisor).Ring >= agent.User {
			trusted++
			attacks++
			s = s.Apply(bad(ContentHigh, "victim", now), DefaultRules())
			if s.at(now, s.Base, agent.Supervisor).Score >= 400 {
				continue
			}
			if got := s.at(now, s.Base, agent.Supervisor).Ring; got != agent.Untrusted {
				t.Fatalf("below the threshold it is in ring %s", got)
			}
		}
	}
	if trusted*20 > hours {
		t.Errorf("trusted in %d of %d hours, with %d attacks", trusted, hours, attacks)
	}
}

// TestClockJumps holds that a clock that is wrong for a moment gives no agent anything: time that was gone ahead is not
// counted twice, and one that went back counts as none.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	s, now := veteran(agent.TrustUnknown)
	s = s.Apply(bad(ContentHigh, "victim", now), DefaultRules())
	before := s.at(now, s.Base, agent.Supervisor)
	ahead := s.Apply(good("peer-1", now+365*day), DefaultRules())
	if ahead.At != now+365*day {
		t.Fatal("the jump was not taken")
	}
	back := ahead
	for i := range int64(30 * 24) {
		back = back.Apply(good("peer-1", now+i*hour), DefaultRules())
	}
	if back.At != ahead.At || back.Good > 2*Point {
		t.Errorf("while time stands still one counterparty gave %d", back.Good)
	}
	if got := back.at(now, s.Base, agent.Supervisor); got.Score > before.Score || got.Ring > before.Ring {
		t.Errorf("the jump gave %+v instead of %+v", got, before)
	}
	if early := s.at(now-365*day, s.Base, agent.Supervisor); early != before {
		t.Errorf("a clock that went back shows %+v instead of %+v", early, before)
	}
	if late := s.Apply(bad(ContentHigh, "victim", 0), DefaultRules()); late.At != now || late.Bad <= s.Bad {
		t.Errorf("an event from long ago: %+v", late)
	}
}

// TestNoContagion holds that what an agent does says nothing about those it deals with.
func TestNoContagion(t *testing.T) {
	t.Parallel()
	forged := Outcome{
		Caller: "mallory", Callee: "victim", Verified: true, Assurance: "agent", Denied: true, Forged: true, Factor: "chain",
		Reason: "delegation-widened", Exchange: "d-1", At: at(start),
	}
	for _, s := range Classify(forged) {
		if s.Agent != "mallory" || s.Kind != LinkForged {
			t.Errorf("signal %+v", s)
		}
	}
}
