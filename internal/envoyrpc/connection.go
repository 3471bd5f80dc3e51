package envoyrpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

const (
	readBuffer = 64 << 10
	// greeting is how long a client may take to say that it speaks HTTP/2.
	greeting = 10 * time.Second
	// mostCalls is how many calls of one connection may be under way, those that their client has given up included.
	mostCalls = 100_000
	// frameHeader is the size of the header of a frame (RFC 9113 section 4.1).
	frameHeader = 9
	// slack is what may come of a call beside one message of the largest size.
	slack = 64 << 10
)

// connection reads what one client says. One goroutine does; what is shared with those that serve calls is guarded by mu.
type connection struct {
	server  *Server
	conn    net.Conn
	reader  *bufio.Reader
	framer  *http2.Framer
	decoder *hpack.Decoder
	head    head
	last    uint32 // the latest call
	budget  int    // how many bytes of messages the client may still send
	out     outgoing

	mu       sync.Mutex
	calls    map[uint32]*call
	running  int       // calls that are served, those that their client has given up included
	quiet    sync.Cond // none is
	draining bool      // no call is taken any more
}

func newConnection(s *Server, conn net.Conn) *connection {
	c := &connection{server: s, conn: conn, reader: bufio.NewReaderSize(conn, readBuffer), budget: maxWindow, calls: map[uint32]*call{}}
	c.quiet.L = &c.mu
	c.out.begin(conn)
	c.framer = http2.NewFramer(nil, c.reader)
	c.framer.SetReuseFrames()
	c.framer.SetMaxReadFrameSize(defaultFrame)
	c.decoder = hpack.NewDecoder(defaultTable, func(f hpack.HeaderField) { c.head.take(f) })
	c.decoder.SetMaxStringLength(mostHeader)
	return c
}

// serve reads until the connection ends.
func (c *connection) serve() {
	defer c.server.leave(c)
	err := c.greet()
	for err == nil {
		err = c.next()
	}
	var wrong http2.ConnectionError
	switch {
	case errors.As(err, &wrong):
		c.server.Logger.LogAttrs(context.Background(), slog.LevelWarn, "connection refused", slog.Any("error", err))
		_ = c.out.control(func(f *http2.Framer) error { return f.WriteGoAway(c.last, http2.ErrCode(wrong), nil) })
	case !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed):
		c.server.Logger.LogAttrs(context.Background(), slog.LevelDebug, "connection lost", slog.Any("error", err))
	}
	c.end()
}

// next takes the next frame. One that cannot be read ends the connection: it may be a header, without which those after it mean
// something else.
func (c *connection) next() error {
	f, err := c.framer.ReadFrame()
	if err != nil {
		return unread(err)
	}
	if err = c.take(f); err == nil {
		return nil
	}
	var one http2.StreamError
	if errors.As(err, &one) {
		return c.reset(one.StreamID, one.Code)
	}
	return err
}

// unread returns the error for a connection of which a frame could not be read.
func unread(err error) error {
	var one http2.StreamError
	switch {
	case errors.As(err, &one):
		return http2.ConnectionError(one.Code)
	case errors.Is(err, http2.ErrFrameTooLarge):
		return http2.ConnectionError(http2.ErrCodeFrameSize)
	}
	return err
}

// end ends the connection and all calls on it, and waits until nobody serves them.
func (c *connection) end() {
	c.out.stop()
	c.conn.Close() //nolint:errcheck // nothing is left to say
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.calls {
		one.fail(context.Canceled)
	}
	for c.running > 0 {
		c.quiet.Wait()
	}
}

// greet is the beginning of a connection (RFC 9113 section 3.4). The client may send as much as it likes in all, and of each
// call as much as the largest message has.
func (c *connection) greet() error {
	if err := c.conn.SetReadDeadline(time.Now().Add(greeting)); err != nil {
		return fmt.Errorf("bounding the greeting: %w", err)
	}
	err := c.out.control(func(f *http2.Framer) error {
		return errors.Join(f.WriteSettings(
			http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(c.window())},
			http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: mostHeader},
		), f.WriteWindowUpdate(0, maxWindow-defaultWindow))
	})
	if err != nil {
		return err
	}
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.reader, preface); err != nil {
		return fmt.Errorf("reading the greeting: %w", err)
	}
	if string(preface) != http2.ClientPreface {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	f, err := c.framer.ReadFrame()
	if err != nil {
		return unread(err)
	}
	settings, ok := f.(*http2.SettingsFrame)
	if !ok || settings.IsAck() {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("ending the greeting: %w", err)
	}
	return c.settings(settings)
}

// window is how many bytes may come of a call before some of them were taken.
func (c *connection) window() int { return c.server.Largest + prefixSize + slack }

// take takes one frame.
func (c *connection) take(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.HeadersFrame:
		return c.headers(f)
	case *http2.DataFrame:
		return c.data(f)
	case *http2.RSTStreamFrame:
		return c.given(f.StreamID)
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.WindowUpdateFrame:
		return c.opened(f)
	case *http2.PingFrame:
		if f.IsAck() {
			return nil
		}
		data := f.Data
		return c.out.control(func(w *http2.Framer) error { return w.WritePing(true, data) })
	case *http2.GoAwayFrame, *http2.PriorityFrame:
		return nil // It closes when the calls are over, and no call comes before others.
	case *http2.PushPromiseFrame, *http2.ContinuationFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	default:
		return nil // What is unknown is passed over (RFC 9113 section 4.1).
	}
}

// headers begin a call, or end what the client sends of one.
func (c *connection) headers(f *http2.HeadersFrame) error {
	id, end := f.StreamID, f.StreamEnded()
	c.head = head{}
	if err := c.decode(f); err != nil {
		return err
	}
	if id%2 == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if id <= c.last {
		return c.trailers(id, end)
	}
	c.last = id
	if !c.admits() {
		return c.reset(id, http2.ErrCodeRefusedStream)
	}
	one := c.enter(id)
	one.ended = end
	if refusal := c.head.refusal(); refusal != nil {
		c.refuse(one, refusal.Err())
		return nil
	}
	if one.method == nil {
		c.refuse(one, errMethod)
		return nil
	}
	if end {
		c.closed(one)
	}
	return nil
}

var errMethod = status.Error(codes.Unimplemented, "there is no such method")

// decode reads a header, which may go on in further frames.
func (c *connection) decode(f *http2.HeadersFrame) error {
	fragment, ended, size := f.HeaderBlockFragment(), f.HeadersEnded(), 0
	for {
		if size += len(fragment) + frameHeader; size > mostHeader {
			return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
		}
		if _, err := c.decoder.Write(fragment); err != nil {
			return http2.ConnectionError(http2.ErrCodeCompression)
		}
		if ended {
			break
		}
		next, err := c.framer.ReadFrame()
		if err != nil {
			return unread(err)
		}
		more, ok := next.(*http2.ContinuationFrame)
		if !ok {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		fragment, ended = more.HeaderBlockFragment(), more.HeadersEnded()
	}
	if err := c.decoder.Close(); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	return nil
}

// trailers end what the client sends of a call; it has nothing to say in them.
func (c *connection) trailers(id uint32, end bool) error {
	switch one := c.find(id); {
	case one == nil:
		return nil // It is over here, which the client did not know yet.
	case one.ended:
		return c.reset(id, http2.ErrCodeStreamClosed)
	case !end:
		return c.reset(id, http2.ErrCodeProtocol)
	default:
		c.closed(one)
		return nil
	}
}

// data takes octets of a call.
func (c *connection) data(f *http2.DataFrame) error {
	size := int(f.Length)
	if c.budget -= size; c.budget < 0 {
		return http2.ConnectionError(http2.ErrCodeFlowControl)
	}
	if c.budget < maxWindow/2 {
		more := uint32(maxWindow - c.budget)
		c.budget = maxWindow
		if err := c.out.control(func(w *http2.Framer) error { return w.WriteWindowUpdate(0, more) }); err != nil {
			return err
		}
	}
	if f.StreamID > c.last {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	one := c.find(f.StreamID)
	if one == nil {
		return nil
	}
	if one.ended {
		return c.reset(one.id, http2.ErrCodeStreamClosed)
	}
	padding := size - len(f.Data())
	if !one.spend(size, padding) {
		return c.reset(one.id, http2.ErrCodeFlowControl)
	}
	if padding > 0 && !f.StreamEnded() {
		c.out.credit(one, padding)
	}
	if err := one.add(f.Data(), c.server.Largest, func(message mem.Buffer) { c.message(one, message) }); err != nil {
		one.ended = f.StreamEnded()
		c.refuse(one, err)
		return nil
	}
	if f.StreamEnded() {
		c.closed(one)
	}
	return nil
}

// message has the call go on with a message. Streams are served from their first one on.
func (c *connection) message(one *call, message mem.Buffer) {
	one.push(message)
	if one.method.stream != nil {
		c.start(one)
	}
}

// closed has the call go on without further messages. A call of one message is served only when it is known to be whole.
func (c *connection) closed(one *call) {
	one.ended = true
	switch {
	case one.partial():
		c.refuse(one, errPartial)
		return
	case one.method.stream == nil && len(one.messages) != 1:
		c.refuse(one, errNumber)
		return
	}
	one.close()
	c.start(one)
}
