package envoyrpc

import (
	"context"
	"time"
)

// Most calls are over before anyone asks for more of their context than whether it has ended. One with a channel and a timer
// is made where someone does.

// Deadline is context.Context.Deadline.
func (c *call) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Err is context.Context.Err.
func (c *call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
		c.err = context.DeadlineExceeded // It stays the reason.
	}
	return c.err
}

// Done is context.Context.Done.
func (c *call) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.standard == nil {
		if c.deadline.IsZero() {
			c.standard, c.cancel = context.WithCancel(context.Background())
		} else {
			c.standard, c.cancel = context.WithDeadline(context.Background(), c.deadline)
		}
		if c.err != nil {
			c.cancel()
		}
	}
	return c.standard.Done()
}

// Value is context.Context.Value: nothing, but what lets contexts that descend from this one find it.
func (c *call) Value(key any) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.standard == nil {
		return nil
	}
	return c.standard.Value(key)
}
