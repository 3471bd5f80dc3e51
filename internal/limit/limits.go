// Package limit holds what an agent may use in each ring, and counts what it does use: calls per second and calls at a
// time. It counts within one process; it decides nothing but whether a count is reached.
package limit

import (
	"fmt"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Limits is what an agent may use in one ring. The zero value lets nothing through.
type Limits struct {
	// PerSecond is how many calls a second an agent may make in the long run, 1 to MaxPerSecond.
	PerSecond int
	// Burst is how many calls an agent that was idle may make at once, 1 to MaxBurst.
	Burst int
	// Concurrent is how many calls of an agent may be under way at once, at least 1.
	Concurrent int
	// Body is how long the body of a request may be, in bytes.
	Body int
	// Time is how long a call may take, its whole answer included.
	Time time.Duration
	// Depth is through how many agents the caller may pass on what was delegated to it; 0 lets it delegate nothing.
	Depth int
}

// The most that a Meter counts.
const (
	MaxPerSecond = 1_000_000
	MaxBurst     = 1_000_000
)

// Check returns what is wrong with the limits: all but Depth have to be above zero, and Depth must not be below it.
func (l Limits) Check() error {
	for _, number := range []struct {
		name             string
		value, low, high int64
	}{
		{"calls per second", int64(l.PerSecond), 1, MaxPerSecond},
		{"burst", int64(l.Burst), 1, MaxBurst},
		{"concurrent calls", int64(l.Concurrent), 1, maxCount},
		{"body bytes", int64(l.Body), 1, maxCount},
		{"milliseconds per call", l.Time.Milliseconds(), 1, maxCount},
		{"delegation depth", int64(l.Depth), 0, maxCount},
	} {
		if number.value < number.low || number.value > number.high {
			return fmt.Errorf("%s must be %d to %d, not %d", number.name, number.low, number.high, number.value)
		}
	}
	return nil
}

// maxCount is the highest number that is the same on every machine.
const maxCount = 1<<31 - 1

// Table holds the limits of each ring, by agent.Ring.
type Table [agent.Kernel + 1]Limits

// Of returns the limits of a ring. There is no ring beyond agent.Kernel: it is let nothing through.
func (t *Table) Of(ring agent.Ring) Limits {
	if int(ring) >= len(t) {
		return Limits{}
	}
	return t[ring]
}

// Defaults returns the limits that hold where the configuration sets none. An idle agent may make the calls of two
// seconds at once.
func Defaults() Table {
	return Table{
		agent.Kernel:     {PerSecond: 100, Burst: 200, Concurrent: 256, Body: 16 << 20, Time: 30 * time.Minute, Depth: 4},
		agent.Supervisor: {PerSecond: 50, Burst: 100, Concurrent: 64, Body: 4 << 20, Time: 10 * time.Minute, Depth: 3},
		agent.User:       {PerSecond: 20, Burst: 40, Concurrent: 16, Body: 1 << 20, Time: 5 * time.Minute, Depth: 2},
		agent.Untrusted:  {PerSecond: 5, Burst: 10, Concurrent: 4, Body: 64 << 10, Time: 30 * time.Second, Depth: 0},
	}
}
