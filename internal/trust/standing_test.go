package trust

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

func (s State) at(now int64, base agent.Trust, ceiling agent.Ring) Standing {
	return s.Standing(at(now), base, ceiling, DefaultRules())
}

// TestNewAgents holds where agents begin: unknown ones in ring 3, others where an administrator vouched for them.
func TestNewAgents(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		base    agent.Trust
		ceiling agent.Ring
		want    Standing
	}{
		{agent.TrustUnknown, agent.Supervisor, Standing{Score: 250, Ring: agent.Untrusted}},
		{agent.TrustUser, agent.User, Standing{Score: 400, Ring: agent.User, Next: agent.User}},
		{agent.TrustSupervisor, agent.Supervisor, Standing{Score: 700, Ring: agent.Supervisor, Next: agent.Supervisor}},
		{agent.TrustKernel, agent.Kernel, Standing{Score: 900, Ring: agent.Kernel, Next: agent.Kernel}},
		{agent.TrustKernel, agent.Supervisor, Standing{Score: 899, Ring: agent.Supervisor, Next: agent.Supervisor}},
		{agent.TrustKernel, agent.Untrusted, Standing{Score: 399}},
		{-5, agent.Kernel, Standing{}},
	} {
		for name, s := range map[string]State{"without-history": {}, "registered": newState(test.base)} {
			if got := s.at(start+30*day, test.base, test.ceiling); got != test.want {
				t.Errorf("%s, base %d, ceiling %s: %+v, want %+v", name, test.base, test.ceiling, got, test.want)
			}
		}
	}
}

// TestDwell holds that an agent falls at once and rises a day after its score does, and that a break begins the day anew.
func TestDwell(t *testing.T) {
	t.Parallel()
	s, now := newState(agent.TrustUnknown), start
	call := func() {
		for i := range 8 {
			s = s.Apply(good(agent.ID(fmt.Sprintf("peer-%d", i)), now), DefaultRules())
		}
	}
	call()
	reached := now
	got := s.at(now, s.Base, agent.Supervisor)
	if want := time.Unix(reached+day, 0).UTC(); got.Score < 400 || got.Ring != agent.Untrusted || got.Next != agent.User || !got.NextAt.Equal(want) {
		t.Fatalf("after the first calls: %+v, want ring 2 at %s", got, want)
	}
	if got := s.at(reached+day-1, s.Base, agent.Supervisor); got.Ring != agent.Untrusted {
		t.Errorf("a second too early: %+v", got)
	}
	if got := s.at(reached+day, s.Base, agent.Supervisor); got.Ring != agent.User || got.Score < 400 {
		t.Errorf("after a day: %+v", got)
	}
	now += 12 * hour
	before := s
	s = s.Apply(bad(ContentHigh, "peer-1", now), DefaultRules())
	if got := s.at(now, s.Base, agent.Supervisor); got.Ring != agent.Untrusted || got.Score >= 400 {
		t.Fatalf("after an attack: %+v", got)
	}
	for s.at(now, s.Base, agent.Supervisor).Score < 400 {
		now += hour
		call()
	}
	recovered := now
	if got := s.at(recovered+day-1, s.Base, agent.Supervisor); got.Ring != agent.Untrusted {
		t.Errorf("the day did not begin anew: %+v", got)
	}
	for now < recovered+day {
		now += hour
		call()
	}
	if got := s.at(recovered+day, s.Base, agent.Supervisor); got.Ring != agent.User {
		t.Errorf("a day after the recovery: %+v", got)
	}
	if before.at(reached+day, before.Base, agent.Supervisor).Ring != agent.User {
		t.Error("an older state changed")
	}
}

// TestFallByDecay holds that a score which fell because nothing happened has to dwell anew.
func TestFallByDecay(t *testing.T) {
	t.Parallel()
	s := newState(agent.TrustUnknown)
	call := func(now int64) {
		for i := range 8 {
			s = s.Apply(good(agent.ID(fmt.Sprintf("peer-%d", i)), now), DefaultRules())
		}
	}
	call(start)
	if got := s.at(start+2*day, s.Base, agent.Supervisor); got.Ring != agent.User {
		t.Fatalf("two days later: %+v", got)
	}
	later := start + 6*day
	if got := s.at(later, s.Base, agent.Supervisor); got.Ring != agent.Untrusted {
		t.Fatalf("six days later: %+v", got)
	}
	call(later)
	if got := s.at(later, s.Base, agent.Supervisor); got.Score < 400 || got.Ring != agent.Untrusted || got.NextAt.Unix() != later+day {
		t.Errorf("with new calls: %+v", got)
	}
}

// TestVouched holds that what an administrator vouches for needs no dwell at first, but does after a fall.
func TestVouched(t *testing.T) {
	t.Parallel()
	s := newState(agent.TrustUser)
	s = s.Apply(good("peer", start+60), DefaultRules())
	if got := s.at(start+60, s.Base, agent.User); got.Ring != agent.User {
		t.Fatalf("at first: %+v", got)
	}
	s = s.Apply(bad(ContentLow, "peer", start+120), DefaultRules())
	if got := s.at(start+120, s.Base, agent.User); got.Ring != agent.Untrusted {
		t.Fatalf("after a fall: %+v", got)
	}
	s = s.Apply(good("other", start+180), DefaultRules())
	s = s.Apply(good("third", start+180), DefaultRules())
	s = s.Apply(good("fourth", start+180), DefaultRules())
	if got := s.at(start+180, s.Base, agent.User); got.Score < 400 || got.Ring != agent.Untrusted || got.Next != agent.User {
		t.Errorf("after making up for it: %+v", got)
	}
	if got := s.at(start+180, agent.TrustSupervisor, agent.Supervisor); got.Ring != agent.Untrusted {
		t.Errorf("a higher vouch, of which the score falls short and of whose lower ring it had fallen: %+v", got)
	}
	again := s.Apply(Event{Kind: Registered, At: start + 200, Owner: "team", Base: agent.TrustUser}, DefaultRules())
	if got := again.at(start+200, agent.TrustUser, agent.User); got.Ring != agent.Untrusted {
		t.Errorf("registering it anew spared it the dwell: %+v", got)
	}
	unknown := newState(agent.TrustUnknown)
	if got := unknown.at(start+60, agent.TrustUser, agent.User); got.Ring != agent.User {
		t.Errorf("a vouch that no event tells yet: %+v", got)
	}
	vouched := unknown.Apply(Event{Kind: Registered, At: start + 60, Owner: "team", Base: agent.TrustUser}, DefaultRules())
	if got := vouched.at(start+60, agent.TrustUser, agent.User); got.Ring != agent.User {
		t.Errorf("a vouch that came later: %+v", got)
	}
	if got := vouched.at(start+60, agent.TrustUnknown, agent.Supervisor); got.Ring != agent.Untrusted {
		t.Errorf("a vouch that was taken back: %+v", got)
	}
}

// TestDips holds the search for a dip against looking at every moment: where good evidence fades faster than bad, a score
// falls below what an administrator vouched for and comes back, without any event.
func TestDips(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(9, 10))
	dips := 0
	for range 2000 {
		s := newState(agent.TrustSupervisor)
		s.Good, s.Bad = Evidence(random.Int64N(int64(100*Point))), Evidence(random.Int64N(int64(20*Point)))
		floor := []agent.Trust{agent.TrustUser, agent.TrustSupervisor}[random.IntN(2)]
		base := floor + agent.Trust(random.IntN(20))
		end := start + random.Int64N(200*day)
		value := func(moment int64) agent.Trust { return s.sum(moment, DefaultRules()).score(DefaultRules(), base) }
		if value(start) < floor || value(end) < floor {
			continue
		}
		want := false
		for moment := start; moment < end; moment += hour {
			want = want || value(moment) < floor
		}
		got := s.dips(end, s.sum(end, DefaultRules()), DefaultRules(), bar{base, floor})
		if want && !got {
			t.Fatalf("%+v dips below %d before %d days are over, and it was not found", s, floor, (end-start)/day)
		}
		if got {
			dips++
		}
	}
	if dips < 20 {
		t.Errorf("only %d dips were tried", dips)
	}
}

// TestLatch holds that a severe event quarantines until a person clears it, and for no longer.
func TestLatch(t *testing.T) {
	t.Parallel()
	s, now := veteran(agent.TrustSupervisor)
	forged := bad(LinkForged, "peer-1", now)
	forged.Severe, forged.Exchange = true, "d-1"
	latched := s.Apply(forged, DefaultRules())
	for _, when := range []int64{now, now + 365*day} {
		if got := latched.at(when, s.Base, agent.Supervisor); !got.Latched || got.Ring != agent.Untrusted {
			t.Errorf("after it: %+v", got)
		}
	}
	second := forged
	second.Exchange = "d-2"
	latched = latched.Apply(second, DefaultRules())
	latched = latched.Apply(registered(agent.TrustKernel), DefaultRules())
	if latched.Latch == nil || latched.Latch.Exchange != "d-1" {
		t.Errorf("the latch is %+v", latched.Latch)
	}
	cleared := latched.Apply(Event{Kind: Cleared, At: now, Person: "ada", Reason: "looked at it"}, DefaultRules())
	if got := cleared.at(now, s.Base, agent.Supervisor); got.Latched || got.Score >= s.at(now, s.Base, agent.Supervisor).Score {
		t.Errorf("after a person cleared it: %+v", got)
	}
	framed := forged
	framed.Framable = true
	if s.Apply(framed, DefaultRules()).Latch != nil {
		t.Error("what another may have done quarantines")
	}
}
