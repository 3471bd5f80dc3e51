package limit

import "time"

// second is a call, counted in what a rate of one call a second gives back per nanosecond: the rate times nanoseconds is
// an exact number of these, whatever the rate.
const second = int64(time.Second)

// use is what one agent uses in one ring. The zero value is that of an agent that was idle for ever.
type use struct {
	// debt is what was taken and is not given back at the moment at, in calls times second.
	debt, at int64
	// clear is the moment at which all of debt is given back.
	clear int64
	// inside is how many calls are under way.
	inside int
}

// take adds one call to the debt at the moment now, unless that would raise it above the capacity. With a rate up to
// MaxPerSecond and a capacity up to MaxBurst calls no number overflows.
func (u *use) take(rate, capacity, now int64) (time.Duration, bool) {
	u.give(rate, now)
	excess := u.debt + second - capacity
	if excess > 0 {
		return time.Duration(ceil(excess, rate)), false
	}
	u.debt += second
	u.clear = now + ceil(u.debt, rate)
	return 0, true
}

// give gives back what the rate gives in the time since the last moment.
func (u *use) give(rate, now int64) {
	elapsed := now - u.at
	u.at = now
	if elapsed >= ceil(u.debt, rate) {
		u.debt = 0
		return
	}
	u.debt -= elapsed * rate
}

func ceil(n, by int64) int64 { return (n + by - 1) / by }
