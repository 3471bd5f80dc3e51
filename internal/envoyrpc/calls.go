package envoyrpc

import (
	"context"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// admits reports whether another call is taken.
func (c *connection) admits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.draining && c.running < mostCalls && len(c.calls) < mostCalls
}

// enter begins the call whose header was read.
func (c *connection) enter(id uint32) *call {
	one := &call{connection: c, id: id, budget: c.window(), method: c.server.methods[c.head.path]}
	one.arrived.L = &one.mu
	if c.head.timeout > 0 {
		one.deadline = time.Now().Add(c.head.timeout)
	}
	one.window = c.out.opening()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[id] = one
	return one
}

func (c *connection) find(id uint32) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[id]
}

// forget takes a call from those that may hear of the client.
func (c *connection) forget(id uint32) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.calls[id]
	delete(c.calls, id)
	return one
}

// start has a call be served.
func (c *connection) start(one *call) {
	if one.started {
		return
	}
	one.started = true
	c.mu.Lock()
	c.running++
	c.mu.Unlock()
	c.server.start(one)
}

// finish answers a call that was served. Until then the call hears of the client, whose windows the answer may wait for.
func (c *connection) finish(one *call, answer mem.BufferSlice, err error) {
	if err == nil && one.method.unary != nil {
		c.out.answer(one, answer)
	} else {
		c.out.end(one, ending(err), !one.heard())
	}
	answer.Free()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, one.id)
	if c.running--; c.running == 0 {
		c.quiet.Broadcast()
	}
	c.part()
}

// refuse ends a call that cannot be served, or not on.
func (c *connection) refuse(one *call, err error) {
	c.forget(one.id)
	one.fail(context.Canceled)
	c.out.end(one, ending(err), !one.ended)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.part()
}

// given is that the client has given up a call.
func (c *connection) given(id uint32) error {
	if id > c.last {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	c.drop(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.part()
	return nil
}

// reset ends a call whose client broke the protocol.
func (c *connection) reset(id uint32, code http2.ErrCode) error {
	c.drop(id)
	err := c.out.control(func(f *http2.Framer) error { return f.WriteRSTStream(id, code) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.part()
	return err
}

// drop ends a call of which nothing more is said.
func (c *connection) drop(id uint32) {
	if one := c.forget(id); one != nil {
		c.out.leave(one)
		one.fail(context.Canceled)
	}
}

// drain takes no further call and closes the connection when those under way are over.
func (c *connection) drain() {
	_ = c.out.control(func(f *http2.Framer) error { return f.WriteGoAway(maxWindow, http2.ErrCodeNo, nil) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	c.part()
}

// part closes the connection where it is drained.
func (c *connection) part() {
	if c.draining && len(c.calls) == 0 && c.running == 0 {
		c.out.close()
	}
}

// settings takes what the client has set (RFC 9113 section 6.5). It is told so before anything is sent that is meant by it.
func (c *connection) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if err := c.out.ready(); err != nil {
		return err
	}
	if err := c.setAll(f); err != nil {
		return err
	}
	return c.out.ready()
}

func (c *connection) setAll(f *http2.SettingsFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if err := f.ForeachSetting(c.set); err != nil {
		return err
	}
	c.out.room.Broadcast()
	return c.out.framer.WriteSettingsAck()
}

func (c *connection) set(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return err
	}
	switch s.ID {
	case http2.SettingInitialWindowSize:
		more := int(s.Val) - c.out.initial
		c.out.initial = int(s.Val)
		for _, one := range c.calls {
			if one.window += more; one.window > maxWindow {
				return http2.ConnectionError(http2.ErrCodeFlowControl)
			}
		}
	case http2.SettingHeaderTableSize:
		c.out.lowered = c.out.lowered || s.Val < c.out.table
		c.out.table = s.Val
	case http2.SettingMaxFrameSize:
		c.out.frame = int(s.Val)
	}
	return nil
}

// opened is that the client takes more.
func (c *connection) opened(f *http2.WindowUpdateFrame) error {
	more, one := int(f.Increment), (*call)(nil)
	if f.StreamID > c.last {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if f.StreamID != 0 {
		if one = c.find(f.StreamID); one == nil {
			return nil
		}
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.room.Broadcast()
	if one == nil {
		if c.out.window += more; c.out.window > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
	} else if one.window += more; one.window > maxWindow {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
	}
	return nil
}

// ending is failure for calls that may have succeeded.
func ending(err error) *status.Status {
	if err == nil {
		return nil
	}
	return failure(err)
}
