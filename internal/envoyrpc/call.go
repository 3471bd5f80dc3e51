package envoyrpc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// call is one call from its header to its status. It is its own context and its own grpc.ServerStream.
type call struct {
	connection *connection
	method     *method
	id         uint32
	assembly
	// started is that a worker has it, and ended that the client sends nothing more; the reader's alone, like the assembly.
	started, ended bool

	deadline time.Time // zero: none

	mu       sync.Mutex
	arrived  sync.Cond
	messages []mem.Buffer
	first    [1]mem.Buffer // what messages mostly is of
	budget   int           // how many bytes the client may still send
	consumed int           // how many of those it has sent were taken and not given back
	closed   bool          // the client sends nothing more
	err      error         // why the call is over for its handler
	standard context.Context
	cancel   context.CancelFunc

	received [1]mem.Buffer // the message that is read; its reader's alone

	// Of outgoing.
	sending
}

// assembly puts messages together that come in pieces.
type assembly struct {
	prefix  [prefixSize]byte
	have    int     // of the prefix
	message *[]byte // has room, which the pool lent
	came    int     // of the message
	length  int     // of the whole message
}

// ahead is how much room is made for a message beyond what came of it: so many times as much, or so little.
const (
	aheadFactor = 4
	aheadLeast  = 512
)

// prefixSize is the size of what stands in front of a message: whether it is compressed, and its length.
const prefixSize = 5

var (
	errCompressed = status.Error(codes.Internal, "a compressed message of a call without compression")
	errSize       = status.Error(codes.ResourceExhausted, "the message is too large")
	errPartial    = status.Error(codes.Internal, "the call ended within a message")
	errNumber     = status.Error(codes.Internal, "the call needs exactly one message")
)

// add takes octets of the call and gives each message that is whole to taken.
func (a *assembly) add(data []byte, largest int, taken func(mem.Buffer)) error {
	for {
		if a.message == nil {
			n := copy(a.prefix[a.have:], data)
			if a.have, data = a.have+n, data[n:]; a.have < prefixSize {
				return nil
			}
			length := binary.BigEndian.Uint32(a.prefix[1:])
			switch {
			case a.prefix[0] != 0:
				return errCompressed
			case uint64(length) > uint64(largest):
				return errSize
			}
			a.length, a.came = int(length), 0
			a.message = room(min(a.length, max(aheadFactor*len(data), aheadLeast)))
		}
		n := min(a.length-a.came, len(data))
		a.grow(a.came + n)
		a.came += copy((*a.message)[a.came:], data[:n])
		if data = data[n:]; a.came < a.length {
			return nil
		}
		*a.message = (*a.message)[:a.length]
		taken(lent(a.message))
		a.message, a.have = nil, 0
	}
}

// grow makes room for what is to come of the message.
func (a *assembly) grow(need int) {
	if need <= len(*a.message) {
		return
	}
	more := room(min(a.length, aheadFactor*need))
	copy(*more, (*a.message)[:a.came])
	lent(a.message).Free()
	a.message = more
}

// mostPooled is how large memory may be that comes from the pool: beyond that, it lends many times what is asked for.
const mostPooled = 32 << 10

// room returns memory for n octets, which lent gives back.
func room(n int) *[]byte {
	if n <= mostPooled {
		return mem.DefaultBufferPool().Get(n)
	}
	large := make([]byte, n)
	return &large
}

// lent returns what room has made as a buffer that gives it back when it is freed.
func lent(b *[]byte) mem.Buffer {
	if cap(*b) <= mostPooled {
		return mem.NewBuffer(b, mem.DefaultBufferPool())
	}
	return mem.SliceBuffer(*b)
}

// partial reports whether a message has begun that is not whole.
func (a *assembly) partial() bool { return a.have > 0 }

// push gives the call a message of the client.
func (c *call) push(message mem.Buffer) {
	c.mu.Lock()
	if len(c.messages) == 0 {
		c.messages = c.first[:0]
	}
	c.messages = append(c.messages, message)
	c.mu.Unlock()
	c.arrived.Signal()
}

// close says that the client sends nothing more.
func (c *call) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.arrived.Signal()
}

// fail ends the call for whoever serves it.
func (c *call) fail(err error) {
	c.mu.Lock()
	if c.err == nil && c.standard != nil {
		c.err = c.standard.Err()
	}
	if c.err == nil {
		c.err = err
	}
	if c.cancel != nil {
		c.cancel()
	}
	c.mu.Unlock()
	c.arrived.Broadcast()
}

// spend takes so many bytes from what the client may send, and reports whether there were so many. Of those that are only
// padding it does not keep account, since the client gets them back at once.
func (c *call) spend(size, padding int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.budget < size {
		return false
	}
	c.budget -= size - padding
	return true
}

// heard reports whether the client sends nothing more.
func (c *call) heard() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// take waits for the next message. It returns io.EOF where none follows, and how much more the client may send.
func (c *call) take() (message mem.Buffer, credit int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.messages) == 0 && !c.closed && c.err == nil {
		c.arrived.Wait()
	}
	switch {
	case len(c.messages) > 0:
		message, c.messages[0] = c.messages[0], nil
		c.messages = c.messages[1:]
		// What is not given back is less than the slack, so that a message of the largest size always fits.
		if c.consumed += message.Len() + prefixSize; !c.closed && c.consumed > slack/2 {
			credit, c.consumed = c.consumed, 0
			c.budget += credit
		}
		return message, credit, nil
	case c.closed:
		return nil, 0, io.EOF
	default:
		return nil, 0, c.err
	}
}

// RecvMsg reads the next message into m. It returns io.EOF where none follows.
func (c *call) RecvMsg(m any) error {
	message, credit, err := c.take()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			err = status.FromContextError(err).Err()
		}
		return err
	}
	if credit > 0 {
		c.connection.out.credit(c, credit)
	}
	defer message.Free()
	c.received[0] = message
	if err := c.connection.server.Codec.Unmarshal(c.received[:], m); err != nil {
		return status.Errorf(codes.Internal, "reading the message: %v", err)
	}
	return nil
}

// SendMsg writes a message.
func (c *call) SendMsg(m any) error {
	data, err := c.connection.server.Codec.Marshal(m)
	if err != nil {
		return status.Errorf(codes.Internal, "writing the message: %v", err)
	}
	defer data.Free()
	return c.connection.out.message(c, data)
}

// SetHeader, SendHeader and SetTrailer are of no use to the services that are served.
func (*call) SetHeader(metadata.MD) error  { return errMetadata }
func (*call) SendHeader(metadata.MD) error { return errMetadata }
func (*call) SetTrailer(metadata.MD)       {}

var errMetadata = status.Error(codes.Unimplemented, "there is no metadata on this server")

// Context is the call itself.
func (c *call) Context() context.Context { return c }

// serve calls the handler and answers with what it returns.
func (c *call) serve() {
	settle := func() bool { return true }
	if !c.deadline.IsZero() && c.method.stream != nil {
		settle = context.AfterFunc(c, c.expire)
	}
	answer, err := c.handle()
	settle()
	c.fail(context.Canceled)
	c.connection.finish(c, answer, err)
}

// expire ends the call for whoever serves it, which may be sending something that the client does not take.
func (c *call) expire() {
	c.fail(context.DeadlineExceeded)
	c.connection.out.expire(c)
}

// handle returns the answer to a unary call, or of a stream only its error. A handler that panics has not answered.
func (c *call) handle() (answer mem.BufferSlice, err error) {
	defer func() {
		if r := recover(); r != nil {
			answer, err = nil, status.Error(codes.Internal, fmt.Sprintf("panic: %T", r))
		}
	}()
	s := c.connection.server
	if c.method.stream != nil {
		if s.Stream != nil {
			return nil, s.Stream(c.method.service, c, &c.method.info, c.method.stream.Handler)
		}
		return nil, c.method.stream.Handler(c.method.service, c)
	}
	reply, err := c.method.unary.Handler(c.method.service, c, c.RecvMsg, s.Unary)
	if err != nil {
		return nil, err
	}
	if answer, err = s.Codec.Marshal(reply); err != nil {
		return nil, status.Errorf(codes.Internal, "writing the answer: %v", err)
	}
	return answer, nil
}

var _ grpc.ServerStream = (*call)(nil)
