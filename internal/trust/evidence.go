// Package trust turns what enforcement points saw agents do into scores from 0 to 1000 and the rings they give. The
// arithmetic is that of beta reputation with forgetting (Jøsang and Ismail, 2002): good evidence r and bad evidence s
// decay, and the score is 1000·(r + a·W)/(r + s + W), where a is the score without evidence. It is done in integers, so
// that every replica, and every replay of the events, comes to the same score bit for bit.
package trust

import (
	"math/bits"

	"ringfence.dev/ringfence/internal/agent"
)

// Evidence is an amount of good or bad evidence in billionths of a point; one completed call is a point. It is never
// negative and at most MaxEvidence.
type Evidence int64

// Point is one point of evidence, MaxEvidence the most that is counted of either kind.
const (
	Point       Evidence = 1_000_000_000
	MaxEvidence          = 1_000_000 * Point
)

// times returns the evidence n times, at most MaxEvidence. A negative amount or number counts as none.
func (e Evidence) times(n int64) Evidence {
	if e <= 0 || n <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(e), uint64(n))
	if hi > 0 || lo > uint64(MaxEvidence) {
		return MaxEvidence
	}
	return Evidence(lo)
}

// plus returns the sum, at most the limit, but never less than e.
func (e Evidence) plus(more, limit Evidence) Evidence {
	return max(e, min(e+more, limit))
}

// one is 1 in the unsigned fixed point with 62 bits behind the point in which factors of decay are computed.
const one = 1 << 62

// roots holds 2^(-2^-i) for i from 1, times one, to the nearest integer.
var roots = [32]uint64{
	3260954456333195553, 3877950241171266237, 4228934724888366668, 4416165660797809419,
	4512867096753504463, 4562008997483360349, 4586780255215411731, 4599216278082138665,
	4605446927862164404, 4608565417332308035, 4610125453837388245, 4610905670110601999,
	4611295827762151833, 4611490918967884501, 4611588467665893036, 4611637242788701951,
	4611661630543559956, 4611673824469352645, 4611679921444339948, 4611682969934856344,
	4611684494180870228, 4611685256304066092, 4611685637365711255, 4611685827896545643,
	4611685923161965790, 4611685970794676601, 4611685994611032191, 4611686006519210032,
	4611686012473298964, 4611686015450343433, 4611686016938865668, 4611686017683126786,
}

// decay returns what is left of the evidence after the seconds with the half-life in seconds, rounded down. Time that
// went backwards counts as none; without a half-life nothing is left.
func (e Evidence) decay(seconds, halfLife int64) Evidence {
	switch {
	case e <= 0:
		return 0
	case seconds <= 0:
		return e
	case halfLife <= 0 || seconds/halfLife >= 63:
		return 0
	}
	// The rest of a half-life as a binary fraction: each bit that is set is one root to multiply with.
	fraction, _ := bits.Div64(uint64(seconds%halfLife)>>32, uint64(seconds%halfLife)<<32, uint64(halfLife))
	factor := scale(
		scale(powers[0][fraction>>24], powers[1][fraction>>16&0xff]),
		scale(powers[2][fraction>>8&0xff], powers[3][fraction&0xff]))
	return Evidence(scale(uint64(e), factor) >> (seconds / halfLife))
}

// powers holds the products of the roots for each byte of a fraction, the most significant byte first.
var powers = multiply(roots)

func multiply(roots [32]uint64) (powers [4][256]uint64) {
	for i := range powers {
		for b := range powers[i] {
			powers[i][b] = one
			for bit, root := range roots[8*i : 8*i+8] {
				if b&(0x80>>bit) != 0 {
					powers[i][b] = scale(powers[i][b], root)
				}
			}
		}
	}
	return powers
}

// scale multiplies with a factor that is at most one.
func scale(v, factor uint64) uint64 {
	hi, lo := bits.Mul64(v, factor)
	return hi<<2 | lo>>62
}

// score is 1000·(r + a·W)/(r + s + W), rounded down, for the score a·1000 without evidence.
func score(good, bad, weight Evidence, base agent.Trust) agent.Trust {
	if weight <= 0 {
		return 0
	}
	base = min(max(base, 0), agent.MaxTrust)
	return agent.Trust((int64(agent.MaxTrust)*int64(good) + int64(base)*int64(weight)) / int64(good+bad+weight))
}
