package xds_test

import (
	"sync"
	"time"

	"ringfence.dev/ringfence/xds"
)

// clock is time that passes only when a test says so.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	calls map[*call]bool
}

type call struct {
	at time.Time
	f  func()
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), calls: map[*call]bool{}}
}

func (c *clock) clock() xds.Clock {
	return xds.Clock{
		Now: func() time.Time {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.now
		},
		AfterFunc: func(d time.Duration, f func()) func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			pending := &call{c.now.Add(d), f}
			c.calls[pending] = true
			return func() bool {
				c.mu.Lock()
				defer c.mu.Unlock()
				was := c.calls[pending]
				delete(c.calls, pending)
				return was
			}
		},
	}
}

// pass lets time pass and makes the calls that are due.
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	var due []func()
	for pending := range c.calls {
		if !pending.at.After(c.now) {
			due = append(due, pending.f)
			delete(c.calls, pending)
		}
	}
	c.mu.Unlock()
	for _, f := range due {
		f()
	}
}
