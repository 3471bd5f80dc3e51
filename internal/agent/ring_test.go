package agent_test

import (
	"encoding/json"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

func TestRingNumbers(t *testing.T) {
	t.Parallel()
	rings := []agent.Ring{agent.Kernel, agent.Supervisor, agent.User, agent.Untrusted}
	for number, ring := range rings {
		if got, err := agent.RingFromNumber(number); err != nil || got != ring || got.Number() != number {
			t.Errorf("ring %d is %v (number %d): %v", number, got, got.Number(), err)
		}
		text, _ := json.Marshal(ring)
		var back agent.Ring
		if err := json.Unmarshal(text, &back); err != nil || back != ring {
			t.Errorf("ring %d written as %s came back as %v: %v", number, text, back, err)
		}
	}
	var zero agent.Ring
	if zero.Number() != 3 {
		t.Errorf("the zero ring is %d, want 3", zero.Number())
	}
	if got := agent.Ring(200).Number(); got != 3 {
		t.Errorf("a ring that does not exist is %d, want 3", got)
	}
	for _, number := range []int{-1, 4, 1 << 40} {
		if ring, err := agent.RingFromNumber(number); err == nil || ring != agent.Untrusted {
			t.Errorf("ring %d is %v, %v", number, ring, err)
		}
	}
	for _, text := range []string{"-1", "4", "-0", "00", "1.0", `"1"`, "null", "", "1e0"} {
		ring := agent.Untrusted
		if ring.UnmarshalJSON([]byte(text)) == nil || ring != agent.Untrusted {
			t.Errorf("%q was read as ring %v", text, ring)
		}
	}
}

// TestStanding is exhaustive over ceilings and over every score at and next to a border.
func TestStanding(t *testing.T) {
	t.Parallel()
	want := map[agent.Trust]int{
		-1: 3, 0: 3, 1: 3, 249: 3, 250: 3, 399: 3, 400: 2, 401: 2, 699: 2, 700: 1, 701: 1, 899: 1, 900: 0, 1000: 0, 1001: 0,
	}
	for score, ringOfScore := range want {
		for ceiling := range 4 {
			ring, _ := agent.RingFromNumber(ceiling)
			record := &agent.Record{Ceiling: ring, Base: score}
			trust, got := record.Standing()
			if got.Number() != max(ceiling, ringOfScore) {
				t.Errorf("score %d, ceiling %d: ring %v", score, ceiling, got)
			}
			if trust < 0 || trust > agent.MaxTrust {
				t.Errorf("score %d: trust %d", score, trust)
			}
		}
	}
	if trust, ring := (&agent.Record{}).Standing(); trust != 0 || ring != agent.Untrusted {
		t.Errorf("the zero record stands at %d, ring %v", trust, ring)
	}
}

// TestScoreCeiling holds that a ceiling of the score and one of the ring allow the same rings.
func TestScoreCeiling(t *testing.T) {
	t.Parallel()
	for number, want := range []agent.Trust{1000, 899, 699, 399} {
		ceiling, _ := agent.RingFromNumber(number)
		if got := agent.ScoreCeiling(ceiling); got != want {
			t.Errorf("ring %d has the ceiling %d, want %d", number, got, want)
		}
		for score := agent.Trust(0); score <= agent.MaxTrust; score++ {
			if got, want := min(score, agent.ScoreCeiling(ceiling)).Ring(), min(ceiling, score.Ring()); got != want {
				t.Fatalf("score %d below ring %d gives ring %v, want %v", score, number, got, want)
			}
		}
		trust, ring := (&agent.Record{Ceiling: ceiling, Base: agent.MaxTrust}).Standing()
		if trust != want || ring != ceiling {
			t.Errorf("an agent of ring %d vouched for without end stands at %d, ring %v", number, trust, ring)
		}
	}
	if got := agent.ScoreCeiling(agent.Ring(200)); got != 399 {
		t.Errorf("a ring that does not exist has the ceiling %d, want that of ring 3", got)
	}
}

func TestTrustAndRingsAgree(t *testing.T) {
	t.Parallel()
	previous := agent.Untrusted
	for score := agent.Trust(0); score <= agent.MaxTrust; score++ {
		ring := score.Ring()
		if ring < previous {
			t.Fatalf("score %d gives less than score %d", score, score-1)
		}
		if score < ring.Floor() {
			t.Fatalf("score %d is in ring %v, whose floor is %d", score, ring, ring.Floor())
		}
		previous = ring
	}
	for number, want := range []agent.Trust{900, 700, 400, 250} {
		ring, _ := agent.RingFromNumber(number)
		if got := agent.VouchedTrust(ring); got != want || got.Ring() != ring {
			t.Errorf("vouched up to ring %d: %d, want %d", number, got, want)
		}
	}
}
