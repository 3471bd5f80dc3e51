package config

import (
	"slices"
	"strconv"
	"time"

	"ringfence.dev/ringfence/internal/trust"
)

// Trust is how scores follow from what agents do.
type Trust struct {
	// Weight is how much evidence the score without any counts for, 1 to 1000.
	Weight int `yaml:"weight"`
	// GoodHalfLife is after how long good evidence counts half, 1h to 8760h.
	GoodHalfLife time.Duration `yaml:"goodHalfLife"`
	// BadHalfLife is after how long bad evidence counts half, goodHalfLife up to 8760h.
	BadHalfLife time.Duration `yaml:"badHalfLife"`
	// BadFactor is how many times more bad evidence counts than good, 1 to 100.
	BadFactor int `yaml:"badFactor"`
	// GoodCap is the most good evidence that counts, 20 to 10000.
	GoodCap int `yaml:"goodCap"`
	// Dwell is how long a score has to stay above a ring's threshold before the agent rises to it, 0s to 720h.
	Dwell time.Duration `yaml:"dwell"`
	// Quarantine lists the kinds of signals, such as content-high or overreach, and the reasons of decision records, such as delegation-bad-signature, beside forged delegations, after which an agent takes no part until a person clears it.
	Quarantine []string `yaml:"quarantine"`
}

func (t Trust) validate(v *validation) {
	v.check(t.Weight >= 1 && t.Weight <= 1000, "trust.weight", "must be 1 to 1000")
	v.check(t.GoodHalfLife >= time.Hour && t.GoodHalfLife <= 8760*time.Hour, "trust.goodHalfLife", "must be 1h to 8760h")
	v.check(t.BadHalfLife >= t.GoodHalfLife && t.BadHalfLife <= 8760*time.Hour, "trust.badHalfLife", "must be trust.goodHalfLife up to 8760h: what was bad is not forgotten sooner")
	v.check(t.BadFactor >= 1 && t.BadFactor <= 100, "trust.badFactor", "must be 1 to 100")
	v.check(t.GoodCap >= 20 && t.GoodCap <= 10000, "trust.goodCap", "must be 20 to 10000")
	v.check(t.Dwell >= 0 && t.Dwell <= 720*time.Hour, "trust.dwell", "must be 0s to 720h")
	for n, word := range t.Quarantine {
		v.wrap(trust.CheckQuarantine(word), "trust.quarantine["+strconv.Itoa(n)+"]")
	}
}

// Delegation is how calls are judged that an agent makes while it serves others.
type Delegation struct {
	// Missing is what becomes of a call without delegation whose trace leads to no call that its sender serves: strict judges it with the rights of all that it serves, lenient with its own.
	Missing string `yaml:"missing"`
	// Linger is how long a task that goes on after its answer counts as served unless it is seen to end, and how long a call that broke off does, 1m to 24h.
	Linger time.Duration `yaml:"linger"`
	// Links is how many verified links of delegations are remembered, 1000 to 10000000.
	Links int `yaml:"links"`
	// Share says which processes know what an agent serves: process, the one that the call came through alone, store, all of a mesh, or auto, which takes store where store.url is set.
	Share string `yaml:"share"`
}

func (d Delegation) validate(v *validation) {
	v.check(d.Missing == "strict" || d.Missing == "lenient", "delegation.missing", "must be strict or lenient")
	v.check(d.Linger >= time.Minute && d.Linger <= 24*time.Hour, "delegation.linger", "must be 1m to 24h")
	v.check(d.Links >= 1000 && d.Links <= 10_000_000, "delegation.links", "must be 1000 to 10000000")
	v.check(slices.Contains([]string{"auto", "process", "store"}, d.Share), "delegation.share", "must be auto, process or store")
}
