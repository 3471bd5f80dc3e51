package budget

import (
	"math/bits"
	"time"
)

// Moments are nanoseconds since 1970, on whatever clock; spans are nanoseconds.
const (
	// latest is the last moment that is told apart: in the year 2096.
	latest = int64(4e18)
	// longest is the longest time in which a burst recovers: fifty years.
	longest = int64(50*365*24) * int64(time.Hour)
	// horizon is beyond every moment at which a debt is paid, and far enough from the largest number that a burst may be
	// added to it.
	horizon = int64(6e18)
)

// pace is a rate in the numbers that counting needs: one call is given back in per/limit nanoseconds, which is rarely a
// whole number.
type pace struct {
	limit, per, burst int64
}

// paceOf returns the pace of a draw that is possible.
func paceOf(d Draw) pace {
	p := pace{limit: int64(d.Limit), per: int64(d.Per), burst: int64(d.Burst)}
	p.burst = min(p.burst, longest/((p.per+p.limit-1)/p.limit))
	return p
}

// times returns how long n calls take to be given back: whole nanoseconds and a rest, in parts of limit.
func (p pace) times(n int64) (whole, rest int64) {
	high, low := bits.Mul64(uint64(n), uint64(p.per))
	if high >= uint64(p.limit) {
		return longest, 0
	}
	quotient, remainder := bits.Div64(high, low, uint64(p.limit))
	if quotient > uint64(longest) {
		return longest, 0
	}
	return int64(quotient), int64(remainder)
}

// within returns how many calls are given back in a time of whole nanoseconds and a rest, rounded down, and whether
// that leaves something over.
func (p pace) within(whole, rest int64) (n int64, over bool) {
	high, low := bits.Mul64(uint64(whole), uint64(p.limit))
	low, carry := bits.Add64(low, uint64(rest), 0)
	if high += carry; high >= uint64(p.per) {
		return MaxLimit, false
	}
	quotient, remainder := bits.Div64(high, low, uint64(p.per))
	if quotient >= MaxLimit {
		return MaxLimit, false
	}
	return int64(quotient), remainder > 0
}

// debt is what was taken from a limit and is not given back yet, as the moment at which all of it is: clear and part
// limit-ths of a nanosecond. So it needs no clock, adds up without rounding, and a debt that is paid is as if it had
// never been. The zero value is that of a limit from which nothing was ever taken.
type debt struct {
	clear, part int64
	// limit and per are those of the pace at which it is paid.
	limit, per int64
}

// paid reports that nothing is owed at the moment.
func (d debt) paid(now int64) bool { return d.clear < now || d.clear == now && d.part == 0 }

// under returns the debt at another pace: the same number of calls, rounded up, and no more than the burst.
func (d debt) under(p pace, now int64) debt {
	if d.limit == p.limit && d.per == p.per {
		return d
	}
	changed := debt{limit: p.limit, per: p.per}
	if d.limit == 0 || d.paid(now) {
		return changed
	}
	owed, over := pace{limit: d.limit, per: d.per}.within(d.clear-now, d.part)
	if over {
		owed++
	}
	return changed.add(p, min(owed, p.burst), now)
}

// add returns the debt after n calls at the moment. Calls may be added out of turn: the debt is never lower than if they
// had been added in the order of their moments.
func (d debt) add(p pace, n, now int64) debt {
	if d = d.under(p, now); d.paid(now) {
		d.clear, d.part = now, 0
	}
	whole, rest := p.times(n)
	d.clear, d.part = d.clear+whole, d.part+rest
	if d.part >= p.limit {
		d.clear, d.part = d.clear+1, d.part-p.limit
	}
	if d.clear >= horizon {
		d.clear, d.part = horizon, 0
	}
	return d
}

// excess returns by how much the debt, with n calls more, is above the burst: the time until it is not, rounded up to
// a nanosecond. Zero or less says that the calls fit.
func (d debt) excess(p pace, n, now int64) int64 {
	d = d.add(p, n, now)
	whole, rest := p.times(p.burst)
	over := d.clear - now - whole
	if d.part > rest {
		over++
	}
	return over
}

// room returns how many calls fit at the moment.
func (d debt) room(p pace, now int64) int64 {
	d = d.add(p, 0, now)
	whole, rest := p.times(p.burst)
	whole, rest = whole-(d.clear-now), rest-d.part
	if rest < 0 {
		whole, rest = whole-1, rest+p.limit
	}
	if whole < 0 {
		return 0
	}
	n, _ := p.within(whole, rest)
	return n
}
