package envoyrpc

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

const (
	// patience is how long the client may take to take what it is sent.
	patience = 20 * time.Second
	// mostPending is how many bytes wait for the client until those who have more to say wait themselves.
	mostPending = 1 << 20
	// mostWrites is how many times a call writes what others say before it goes on.
	mostWrites = 16
	// keepPending is the largest buffer that is kept.
	keepPending = 128 << 10
	// defaultWindow, defaultFrame and defaultTable are what HTTP/2 begins with (RFC 9113 sections 6.9.2 and 6.5.2).
	defaultWindow = 65535
	defaultTable  = 4096
	defaultFrame  = 16 << 10
	maxWindow     = 1<<31 - 1
)

// outgoing is what a connection says. Whoever says something while nobody writes writes it, and all that others say meanwhile.
type outgoing struct {
	mu     sync.Mutex
	room   sync.Cond // a window has opened, something was written, or something is over
	conn   net.Conn
	framer *http2.Framer

	pending, spare []byte
	writing        bool
	closing        bool // once all was written
	err            error
	// window is how much of messages the client still takes, initial how much of those of each call it takes at first, and
	// frame how much in one frame.
	window, initial, frame int
	// table is how large the client's table of fields may be, and lowered that no header has told it yet that this is known.
	table   uint32
	lowered bool
}

// sending is what outgoing knows of a call.
type sending struct {
	window int
	begun  bool // its header was sent
	late   bool // no message of it may be sent any more
	gone   bool // nothing of it may be sent any more
}

func (o *outgoing) begin(conn net.Conn) {
	o.conn, o.window, o.initial, o.frame, o.table = conn, defaultWindow, defaultWindow, defaultFrame, defaultTable
	o.room.L = &o.mu
	o.framer = http2.NewFramer((*pending)(o), nil)
}

// pending is outgoing as the framer writes to it.
type pending outgoing

func (p *pending) Write(b []byte) (int, error) {
	p.pending = append(p.pending, b...)
	return len(b), nil
}

var errGone = errors.New("the call is over")

// opening returns the window of a call that begins. It waits while much is pending, so that a client that takes no answers
// cannot ask for more of them.
func (o *outgoing) opening() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drained()
	return o.initial
}

// drained waits until not much is pending.
func (o *outgoing) drained() {
	for len(o.pending) > mostPending && o.err == nil {
		o.room.Wait()
	}
}

// ready waits until something may be said beside messages.
func (o *outgoing) ready() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drained()
	o.flush()
	return o.err
}

// control has write write frames that belong to no message, and sends them.
func (o *outgoing) control(write func(*http2.Framer) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.drained(); o.err != nil {
		return o.err
	}
	if err := write(o.framer); err != nil {
		return err
	}
	o.flush()
	return nil
}

// credit lets the client send so many bytes more of a call.
func (o *outgoing) credit(c *call, more int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.drained(); c.gone || o.err != nil {
		return
	}
	// Writing to the buffer cannot fail.
	_ = o.framer.WriteWindowUpdate(c.id, uint32(more))
	o.flush()
}

// message sends a message of the call.
func (o *outgoing) message(c *call, data mem.BufferSlice) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.append(c, data); err != nil {
		return err
	}
	o.flush()
	return nil
}

// answer sends the one message of the call and that it has succeeded.
func (o *outgoing) answer(c *call, data mem.BufferSlice) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.append(c, data) == nil {
		o.trailers(c, nil)
		o.flush()
	}
}

// end sends how the call has ended; nil is success. With reset, the client is to send nothing more of it.
func (o *outgoing) end(c *call, s *status.Status, reset bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.gone || o.err != nil {
		return
	}
	o.trailers(c, s)
	if reset {
		// Writing to the buffer cannot fail.
		_ = o.framer.WriteRSTStream(c.id, http2.ErrCodeNo)
	}
	o.flush()
}

// append appends a message of the call, in as many frames as it takes.
func (o *outgoing) append(c *call, data mem.BufferSlice) error {
	rest := pieces{data: data}
	binary.BigEndian.PutUint32(rest.prefix[1:], uint32(data.Len()))
	for left := prefixSize + data.Len(); left > 0; {
		if err := o.wait(c); err != nil {
			return err
		}
		if !c.begun {
			c.begun = true
			o.header(c.id, http2.FlagHeadersEndHeaders, headBlock)
		}
		n := min(left, o.window, c.window, o.frame)
		o.window, c.window, left = o.window-n, c.window-n, left-n
		o.pending = appendFrame(o.pending, n, http2.FrameData, 0, c.id)
		o.pending = rest.append(o.pending, n)
		if left > 0 {
			o.flush()
		}
	}
	return nil
}

// wait waits until something of the call can be sent.
func (o *outgoing) wait(c *call) error {
	for {
		switch {
		case o.err != nil:
			return o.err
		case c.gone:
			return errGone
		case c.late:
			return context.DeadlineExceeded
		case o.window > 0 && c.window > 0 && len(o.pending) <= mostPending:
			return nil
		}
		o.room.Wait()
	}
}

// trailers append how the call has ended. Nothing more is sent of it.
func (o *outgoing) trailers(c *call, s *status.Status) {
	c.gone = true
	block := successBlock
	if s != nil {
		block = statusBlock(s, !c.begun)
	} else if !c.begun {
		block = emptyBlock
	}
	o.header(c.id, http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream, block)
}

// header appends a header, with the size of the client's table of fields in front of it where the client has lowered that
// (RFC 7541 sections 4.2 and 6.3): none is used.
func (o *outgoing) header(id uint32, flags http2.Flags, block []byte) {
	if o.lowered {
		o.lowered = false
		block = append([]byte{0x20}, block...)
	}
	o.pending = appendFrame(o.pending, len(block), http2.FrameHeaders, flags, id)
	o.pending = append(o.pending, block...)
}

// flush writes what is pending unless somebody does. Where others go on saying something meanwhile, a goroutine of its own goes
// on writing: the call that wrote first has more to do.
func (o *outgoing) flush() {
	if o.writing || len(o.pending) == 0 {
		return
	}
	o.writing = true
	if o.write(mostWrites); len(o.pending) == 0 || o.err != nil {
		o.rest()
		return
	}
	go func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.write(math.MaxInt)
		o.rest()
	}()
}

// write writes what is pending, at most so many times.
func (o *outgoing) write(most int) {
	for ; most > 0 && len(o.pending) > 0 && o.err == nil; most-- {
		data := o.pending
		o.pending = o.spare[:0]
		o.mu.Unlock()
		err := o.conn.SetWriteDeadline(time.Now().Add(patience))
		if err == nil {
			_, err = o.conn.Write(data)
		}
		if err != nil {
			o.conn.Close() //nolint:errcheck // the first error counts, and the reader finds out
		}
		o.mu.Lock()
		if o.spare = data[:0]; cap(data) > keepPending {
			o.spare = nil
		}
		if err != nil {
			o.err = err
		}
		o.room.Broadcast()
	}
}

// rest is that nobody writes.
func (o *outgoing) rest() {
	o.writing = false
	if o.closing {
		o.conn.Close() //nolint:errcheck // all was said
	}
}

// close closes the connection when what is pending was written.
func (o *outgoing) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closing = true
	if !o.writing {
		o.conn.Close() //nolint:errcheck // all was said
	}
}

// expire has no message of the call be sent.
func (o *outgoing) expire(c *call) {
	o.mu.Lock()
	c.late = true
	o.room.Broadcast()
	o.mu.Unlock()
}

// leave has nothing more of the call be sent.
func (o *outgoing) leave(c *call) {
	o.mu.Lock()
	c.gone = true
	o.room.Broadcast()
	o.mu.Unlock()
}

// stop has nothing more be sent.
func (o *outgoing) stop() {
	o.mu.Lock()
	if o.err == nil {
		o.err = io.ErrClosedPipe
	}
	o.room.Broadcast()
	o.mu.Unlock()
}

// pieces are the octets of a message with its prefix, in the order in which they are sent.
type pieces struct {
	prefix [prefixSize]byte
	data   mem.BufferSlice
	at     int // in the prefix, or behind it in the first of data
	inside bool
}

// append appends the next n octets to b.
func (p *pieces) append(b []byte, n int) []byte {
	if !p.inside {
		part := p.prefix[p.at:min(prefixSize, p.at+n)]
		b, n, p.at = append(b, part...), n-len(part), p.at+len(part)
		if p.at < prefixSize {
			return b
		}
		p.inside, p.at = true, 0
	}
	for n > 0 && len(p.data) > 0 {
		part := p.data[0].ReadOnlyData()[p.at:]
		part = part[:min(n, len(part))]
		b, n, p.at = append(b, part...), n-len(part), p.at+len(part)
		if p.at == p.data[0].Len() {
			p.data, p.at = p.data[1:], 0
		}
	}
	return b
}

// appendFrame appends the header of a frame (RFC 9113 section 4.1).
func appendFrame(b []byte, length int, kind http2.FrameType, flags http2.Flags, id uint32) []byte {
	return append(b, byte(length>>16), byte(length>>8), byte(length), byte(kind), byte(flags), byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
}
