package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// Rules are the numbers with which evidence is counted. The zero value counts nothing: every score is 0.
type Rules struct {
	// Weight is how much evidence the score without any counts for, up to 1000 points: W.
	Weight Evidence `json:"weight"`
	// GoodHalfLife and BadHalfLife are the seconds after which evidence counts half, an hour to 10 years. What was bad
	// is not forgotten sooner than what was good.
	GoodHalfLife int64 `json:"goodHalfLife"`
	BadHalfLife  int64 `json:"badHalfLife"`
	// BadFactor is how many times more bad evidence counts than good, 1 to 100: k.
	BadFactor int64 `json:"badFactor"`
	// GoodCap and BadCap are the most evidence of each kind that counts, up to MaxEvidence.
	GoodCap Evidence `json:"goodCap"`
	BadCap  Evidence `json:"badCap"`
	// HourCap is the most good evidence that dealings with one counterparty give in one hour of the clock, and, times
	// BadFactor, the most bad evidence of the kinds that are capped.
	HourCap Evidence `json:"hourCap"`
	// Share is the part of all evidence of a kind, in thousandths, that dealings with one counterparty give at most. It
	// is taken of no less than ShareFloor, so that a new agent can begin at all: with a fifth of 20 points one
	// counterparty alone gives 4 points, which lift an unknown agent to 375 and thus into no ring.
	Share      int64    `json:"share"`
	ShareFloor Evidence `json:"shareFloor"`
	// Spared is how many counterparties, those with the most of it, have their framable evidence count for nothing, up to
	// 8: with one, what a single counterparty brings about costs the agent nothing. Rules from before it was there spare
	// nobody, and read as they were.
	Spared int64 `json:"spared,omitempty"`
	// Strays is how many small violations an agent commits in one hour of the clock before they cost anything: a stray
	// call is a mistake in somebody's settings, a series is probing.
	Strays int64 `json:"strays"`
	// Dwell is how many seconds a score has to stay at or above the threshold of a ring before the agent rises to it, up
	// to 30 days.
	Dwell int64 `json:"dwell"`
	// Taint is the least bad evidence that a new agent takes over from one that left its owner.
	Taint Evidence `json:"taint"`
}

const (
	hour = 60 * 60
	day  = 24 * hour
)

// DefaultRules are those of the specification.
func DefaultRules() Rules {
	return Rules{
		Weight: 20 * Point, GoodHalfLife: 7 * day, BadHalfLife: 30 * day, BadFactor: 5,
		GoodCap: 400 * Point, BadCap: 4000 * Point, HourCap: Point, Share: 200, ShareFloor: 20 * Point, Spared: 1,
		Strays: 3, Dwell: day, Taint: 5 * Point,
	}
}

// Validate returns an error that names every number out of its range.
func (r Rules) Validate() error {
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	check(r.Weight >= Point && r.Weight <= 1000*Point, "the weight of the score without evidence must be 1 to 1000 points")
	check(r.GoodHalfLife >= hour && r.GoodHalfLife <= 3650*day, "the half-life of good evidence must be an hour to 10 years")
	check(r.BadHalfLife >= r.GoodHalfLife && r.BadHalfLife <= 3650*day, "the half-life of bad evidence must be that of good evidence up to 10 years")
	check(r.BadFactor >= 1 && r.BadFactor <= 100, "the factor of bad evidence must be 1 to 100")
	check(r.GoodCap >= Point && r.GoodCap <= MaxEvidence, "the cap of good evidence must be 1 to %d points", MaxEvidence/Point)
	check(r.BadCap >= Point && r.BadCap <= MaxEvidence, "the cap of bad evidence must be 1 to %d points", MaxEvidence/Point)
	check(r.HourCap >= Point/1000 && r.HourCap <= 1000*Point, "the cap of an hour must be a thousandth to 1000 points")
	check(r.Share >= 1 && r.Share <= 1000, "the share of a counterparty must be 1 to 1000 thousandths")
	check(r.ShareFloor >= 0 && r.ShareFloor <= MaxEvidence, "the floor of shares must be 0 to %d points", MaxEvidence/Point)
	check(r.Spared >= 0 && r.Spared <= 8, "the number of counterparties whose framable evidence counts for nothing must be 0 to 8")
	check(r.Strays >= 0 && r.Strays <= 1_000_000, "the number of stray calls must be 0 to 1000000")
	check(r.Dwell >= 0 && r.Dwell <= 30*day, "the dwell must be 0 to 30 days")
	check(r.Taint >= 0 && r.Taint <= MaxEvidence, "the least evidence that is taken over must be 0 to %d points", MaxEvidence/Point)
	return errors.Join(problems...)
}

// Version names the rules: two sets of rules with one name are the same.
func (r Rules) Version() string {
	text, err := json.Marshal(r)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// share is the most evidence of a kind that one counterparty may have given when there is so much of it in all.
func (r Rules) share(all Evidence) Evidence {
	// In this order the product stays far below 2^63, and what is lost by rounding is less than a millionth of a point.
	return max(all, r.ShareFloor) / 1000 * Evidence(r.Share)
}
