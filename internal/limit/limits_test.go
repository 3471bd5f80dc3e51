package limit_test

import (
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/limit"
)

// TestDefaults holds the defaults to semantics: valid, and never less for a more privileged ring.
func TestDefaults(t *testing.T) {
	t.Parallel()
	table := limit.Defaults()
	below := limit.Limits{}
	for ring := agent.Untrusted; ring <= agent.Kernel; ring++ {
		l := table.Of(ring)
		if err := l.Check(); err != nil {
			t.Errorf("ring %s: %v", ring, err)
		}
		if l.PerSecond < below.PerSecond || l.Burst < below.Burst || l.Concurrent < below.Concurrent || l.Body < below.Body || l.Time < below.Time || l.Depth < below.Depth {
			t.Errorf("ring %s may less than the ring below it: %+v, %+v", ring, l, below)
		}
		below = l
	}
	if got, want := table.Of(agent.User), (limit.Limits{PerSecond: 20, Burst: 40, Concurrent: 16, Body: 1 << 20, Time: 5 * time.Minute, Depth: 2}); got != want {
		t.Errorf("ring 2 has %+v", got)
	}
	if got := table.Of(agent.Kernel + 1); got != (limit.Limits{}) {
		t.Errorf("a ring that does not exist has %+v", got)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	good := limit.Limits{PerSecond: 1, Burst: 1, Concurrent: 1, Body: 1, Time: time.Millisecond}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, test := range map[string]struct {
		change func(*limit.Limits)
		names  string
	}{
		"no-rate":       {func(l *limit.Limits) { l.PerSecond = 0 }, "calls per second"},
		"rate-too-high": {func(l *limit.Limits) { l.PerSecond = limit.MaxPerSecond + 1 }, "calls per second"},
		"no-burst":      {func(l *limit.Limits) { l.Burst = 0 }, "burst"},
		"burst-too-big": {func(l *limit.Limits) { l.Burst = limit.MaxBurst + 1 }, "burst"},
		"none-at-once":  {func(l *limit.Limits) { l.Concurrent = 0 }, "concurrent"},
		"no-body":       {func(l *limit.Limits) { l.Body = -1 }, "body"},
		"no-time":       {func(l *limit.Limits) { l.Time = time.Microsecond }, "milliseconds"},
		"depth":         {func(l *limit.Limits) { l.Depth = -1 }, "depth"},
	} {
		l := good
		test.change(&l)
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), test.names) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
