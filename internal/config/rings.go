package config

import (
	"strconv"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/limit"
)

// Rings is what each ring may do, as people number rings: 0 is the most privileged.
type Rings struct {
	// Read is the ring that operations need which only read.
	Read int `yaml:"read"`
	// Write is the ring that operations need which change something, and all whose effect nobody declared.
	Write int `yaml:"write"`
	// Admin is the ring that operations need which are registered as administrative.
	Admin int `yaml:"admin"`
	// Ring0 is what one agent in ring 0 may use.
	Ring0 RingLimits `yaml:"ring0"`
	// Ring1 is what one agent in ring 1 may use.
	Ring1 RingLimits `yaml:"ring1"`
	// Ring2 is what one agent in ring 2 may use.
	Ring2 RingLimits `yaml:"ring2"`
	// Ring3 is what one agent in ring 3 may use.
	Ring3 RingLimits `yaml:"ring3"`
}

// RingLimits is what one agent may use.
type RingLimits struct {
	// Rate is how many calls it may make in a second on average, 1 to 1000000.
	Rate int `yaml:"rate"`
	// Burst is how many it may make at once after a pause, 1 to 1000000.
	Burst int `yaml:"burst"`
	// Concurrent is how many of its calls may be under way at once, 1 to 1000000.
	Concurrent int `yaml:"concurrent"`
	// Body is the largest body of its requests in bytes, 1 KiB to 16 MiB; limits.body bounds it too.
	Body int `yaml:"body"`
	// Time is how long one of its calls may take, streams included, 1s to 24h.
	Time time.Duration `yaml:"time"`
	// Depth is how many agents may stand below it in a delegation, 0 to 4.
	Depth int `yaml:"depth"`
}

func defaultRings() Rings {
	defaults := limit.Defaults()
	of := func(ring agent.Ring) RingLimits {
		l := defaults.Of(ring)
		return RingLimits{Rate: l.PerSecond, Burst: l.Burst, Concurrent: l.Concurrent, Body: l.Body, Time: l.Time, Depth: l.Depth}
	}
	return Rings{
		Read: 3, Write: 2, Admin: 1,
		Ring0: of(agent.Kernel), Ring1: of(agent.Supervisor), Ring2: of(agent.User), Ring3: of(agent.Untrusted),
	}
}

// Limits returns what one agent in the ring may use.
func (r Rings) Limits(ring agent.Ring) RingLimits {
	switch ring {
	case agent.Kernel:
		return r.Ring0
	case agent.Supervisor:
		return r.Ring1
	case agent.User:
		return r.Ring2
	default:
		return r.Ring3
	}
}

func (r Rings) validate(v *validation) {
	for key, n := range map[string]int{"rings.read": r.Read, "rings.write": r.Write, "rings.admin": r.Admin} {
		_, err := agent.RingFromNumber(n)
		v.wrap(err, key)
	}
	v.check(r.Read >= r.Write && r.Write >= r.Admin, "rings.write", "must be between rings.admin and rings.read: what may do more needs no less privilege")
	var less RingLimits
	for number := 3; number >= 0; number-- {
		ring, _ := agent.RingFromNumber(number)
		limits, key := r.Limits(ring), "rings.ring"+strconv.Itoa(number)
		limits.validate(v, key+".")
		if number < 3 {
			v.check(limits.covers(less), key, "must not be narrower in anything than rings.ring"+strconv.Itoa(number+1)+": trust must never cost rights")
		}
		less = limits
	}
}

func (l RingLimits) validate(v *validation, key string) {
	v.check(l.Rate >= 1 && l.Rate <= 1_000_000, key+"rate", "must be 1 to 1000000")
	v.check(l.Burst >= 1 && l.Burst <= 1_000_000, key+"burst", "must be 1 to 1000000")
	v.check(l.Concurrent >= 1 && l.Concurrent <= 1_000_000, key+"concurrent", "must be 1 to 1000000")
	v.check(l.Body >= 1<<10 && l.Body <= 16<<20, key+"body", "must be 1024 to 16777216 bytes")
	v.check(l.Time >= time.Second && l.Time <= 24*time.Hour, key+"time", "must be 1s to 24h")
	v.check(l.Depth >= 0 && l.Depth <= 4, key+"depth", "must be 0 to 4")
}

// covers reports whether the limits are as wide as others in everything.
func (l RingLimits) covers(less RingLimits) bool {
	return l.Rate >= less.Rate && l.Burst >= less.Burst && l.Concurrent >= less.Concurrent && l.Body >= less.Body &&
		l.Time >= less.Time && l.Depth >= less.Depth
}
