package trust

import (
	"math/bits"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Standing is what an agent has earned, and been assigned, at one moment. The zero value is score 0 and ring 3.
type Standing struct {
	// Score is the trust score, within the ceiling of the agent.
	Score agent.Trust
	// Ring is the ring that the score and its history give.
	Ring agent.Ring
	// Latched says that the agent is quarantined until a person clears it.
	Latched bool
	// Next is the ring that the score would give, if it is a more privileged one, from the moment NextAt on; otherwise it
	// is Ring, and NextAt is zero.
	Next   agent.Ring
	NextAt time.Time
}

// Standing returns what the agent has at the moment now: the record's base score and ceiling apply, not those of the last
// event. A ring above 3 needs a score at or above its threshold, at once and since the dwell; only what an administrator
// vouches for needs no dwell, until the score has fallen. Moments before the last event count as that.
func (s *State) Standing(now time.Time, base agent.Trust, ceiling agent.Ring, rules Rules) Standing {
	at := max(now.Unix(), s.At)
	held := s.sum(at, rules)
	value := held.score(rules, base)
	standing := Standing{Score: min(value, agent.ScoreCeiling(ceiling))}
	if s.Latch != nil {
		standing.Latched = true
		return standing
	}
	for i, ring := range ladder {
		floor := ring.Floor()
		if ring > ceiling || value < floor {
			break
		}
		since := s.Reached[i]
		if base > s.Base && base >= floor && s.Base < floor || s.Seq == 0 && base >= floor {
			since = always
		}
		if since == 0 || s.dips(at, held, rules, bar{base, floor}) {
			// The score came back by decay alone: from which moment on, the next event tells.
			break
		}
		if since != always && at < since+rules.Dwell {
			standing.Next, standing.NextAt = ring, time.Unix(since+rules.Dwell, 0).UTC()
			return standing
		}
		standing.Ring, standing.Next = ring, ring
	}
	return standing
}

// sum is the evidence at one moment.
type sum struct{ good, bad Evidence }

func (v sum) score(rules Rules, base agent.Trust) agent.Trust {
	return score(v.good, v.bad, rules.Weight, base)
}

// sum returns what is left of the evidence at a moment that is not before the last event.
func (s *State) sum(at int64, rules Rules) sum {
	return sum{s.Good.decay(at-s.At, rules.GoodHalfLife), s.Bad.decay(at-s.At, rules.BadHalfLife)}
}

// heldUntil reports for each ring whether the score has been at or above its threshold without a break, from the moment
// that Reached says to the moment at, when there is so much evidence.
func (s *State) heldUntil(at int64, now sum, rules Rules) (held [len(ladder)]bool) {
	value := now.score(rules, s.Base)
	for i, ring := range ladder {
		floor := ring.Floor()
		held[i] = s.Reached[i] != 0 && value >= floor && !s.dips(at, now, rules, bar{s.Base, floor})
	}
	return held
}

// bar is a threshold for a score that is base without evidence.
type bar struct{ base, floor agent.Trust }

// dips reports whether the score was below the threshold at any second between the last event and the moment at, given
// that it is not at either end. The score is at or above it exactly where
//
//	g = (1000−floor)·r − floor·s + (base−floor)·W ≥ 0
//
// Since r decays no slower than s, g falls to one minimum at most and rises from there. Below a threshold that lies above
// the base it never comes back, so that only what an administrator vouches for can dip.
func (s *State) dips(at int64, now sum, rules Rules, b bar) bool {
	if b.base < b.floor || s.Bad == 0 || b.rises(sum{s.Good, s.Bad}, rules) || !b.rises(now, rules) {
		return false
	}
	low, high := s.At, at
	for high-low > 1 {
		if middle := low + (high-low)/2; b.rises(s.sum(middle, rules), rules) {
			high = middle
		} else {
			low = middle
		}
	}
	return s.sum(low, rules).score(rules, b.base) < b.floor || s.sum(high, rules).score(rules, b.base) < b.floor
}

// rises reports whether g grows: whether (1000−floor)·r/Hr < floor·s/Hs.
func (b bar) rises(v sum, rules Rules) bool {
	goodHigh, goodLow := bits.Mul64(uint64(v.good)*uint64(agent.MaxTrust-b.floor), uint64(rules.BadHalfLife))
	badHigh, badLow := bits.Mul64(uint64(v.bad)*uint64(b.floor), uint64(rules.GoodHalfLife))
	return goodHigh < badHigh || goodHigh == badHigh && goodLow < badLow
}

// Evidence returns what is left of the good and of the bad evidence at the moment now.
func (s *State) Evidence(now time.Time, rules Rules) (good, bad Evidence) {
	left := s.sum(max(now.Unix(), s.At), rules)
	return left.good, left.bad
}
