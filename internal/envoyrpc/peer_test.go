package envoyrpc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// peer is a client that says whatever it is told to, and notes what it hears. It lives in a bubble of testing/synctest.
type peer struct {
	t      *testing.T
	conn   net.Conn
	framer *http2.Framer
	block  bytes.Buffer
	fields *hpack.Encoder

	mu     sync.Mutex
	notes  []string
	octets int  // of all DATA frames
	deaf   bool // it reads nothing
	woken  chan struct{}
	over   chan struct{} // the connection has ended
}

func newPeer(t *testing.T, l *listener) *peer {
	t.Helper()
	p := &peer{t: t, conn: l.dial(), woken: make(chan struct{}), over: make(chan struct{})}
	t.Cleanup(func() { p.conn.Close() })
	p.framer = http2.NewFramer(p.conn, p.conn)
	p.framer.AllowIllegalWrites = true
	p.framer.SetMaxReadFrameSize(1<<24 - 1)
	p.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	p.fields = hpack.NewEncoder(&p.block)
	go p.listen()
	return p
}

// greeted is a peer that has said who it is and set what it is given.
func greeted(t *testing.T, l *listener, settings ...http2.Setting) *peer {
	t.Helper()
	p := newPeer(t, l)
	p.write(http2.ClientPreface)
	p.do(p.framer.WriteSettings(settings...))
	p.heard()
	p.do(p.framer.WriteSettingsAck())
	return p
}

func (p *peer) listen() {
	defer close(p.over)
	for {
		p.mu.Lock()
		deaf := p.deaf
		p.mu.Unlock()
		if deaf {
			<-p.woken
		}
		f, err := p.framer.ReadFrame()
		p.mu.Lock()
		if err != nil {
			if err == io.EOF {
				err = fmt.Errorf("closed")
			}
			p.notes = append(p.notes, err.Error())
			p.mu.Unlock()
			return
		}
		p.note(f)
		p.mu.Unlock()
	}
}

func (p *peer) note(f http2.Frame) {
	text := fmt.Sprintf("%v %d", f.Header().Type, f.Header().StreamID)
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		for _, field := range f.Fields {
			text += " " + field.Name + "=" + field.Value
		}
		if f.StreamEnded() {
			text += " END"
		}
	case *http2.DataFrame:
		p.octets += len(f.Data())
		if data := f.Data(); len(data) > 40 {
			text += fmt.Sprintf(" %d octets", len(data))
		} else {
			text += fmt.Sprintf(" %q", data)
		}
	case *http2.RSTStreamFrame:
		text += " " + f.ErrCode.String()
	case *http2.GoAwayFrame:
		text = fmt.Sprintf("GOAWAY %d %v", f.LastStreamID, f.ErrCode)
	case *http2.SettingsFrame:
		_ = f.ForeachSetting(func(s http2.Setting) error { text += " " + s.String(); return nil })
		if f.IsAck() {
			text += " ACK"
		}
	case *http2.PingFrame:
		text += fmt.Sprintf(" %q %v", f.Data, f.IsAck())
	case *http2.WindowUpdateFrame:
		text += fmt.Sprintf(" +%d", f.Increment)
	}
	p.notes = append(p.notes, text)
}

// heard waits until nothing more happens, and returns what was heard since it was asked last.
func (p *peer) heard() []string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	notes := p.notes
	p.notes = nil
	return notes
}

// received is how many octets of messages were heard.
func (p *peer) received() int {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.octets
}

// opened is by how much the window of a call was opened since it was asked last what was heard.
func (p *peer) opened(id uint32) (sum int) {
	for _, note := range p.heard() {
		more := 0
		if _, err := fmt.Sscanf(note, fmt.Sprintf("WINDOW_UPDATE %d +%%d", id), &more); err == nil {
			sum += more
		}
	}
	return sum
}

// deafen has the peer read nothing from the next frame on; listens has it read again.
func (p *peer) deafen() {
	p.mu.Lock()
	p.deaf = true
	p.mu.Unlock()
}

func (p *peer) listens() {
	p.mu.Lock()
	p.deaf = false
	p.mu.Unlock()
	close(p.woken)
}

// do has a frame be written; one that the server does not take any more is lost.
func (p *peer) do(err error) {
	p.t.Helper()
	if err != nil && err != io.ErrClosedPipe {
		p.t.Errorf("writing a frame: %v", err)
	}
}

func (p *peer) write(text string) {
	p.t.Helper()
	_, err := io.WriteString(p.conn, text)
	p.do(err)
}

// fragment is a header as it is on the wire: what a call has that is not among fields, then these. A value of "-" leaves one out.
func (p *peer) fragment(path string, fields ...string) []byte {
	p.block.Reset()
	all := []string{":method", "POST", ":scheme", "http", ":path", path, ":authority", "test", "content-type", "application/grpc", "te", "trailers"}
	for i := 0; i < len(all); i += 2 {
		name, value := all[i], all[i+1]
		for j := 0; j < len(fields); j += 2 {
			if fields[j] == name {
				value = fields[j+1]
			}
		}
		if value != "-" {
			p.do(p.fields.WriteField(hpack.HeaderField{Name: name, Value: value}))
		}
	}
	for j := 0; j < len(fields); j += 2 {
		if !strings.HasPrefix(fields[j], ":") && fields[j] != "content-type" && fields[j] != "te" {
			p.do(p.fields.WriteField(hpack.HeaderField{Name: fields[j], Value: fields[j+1]}))
		}
	}
	return bytes.Clone(p.block.Bytes())
}

// call begins a call.
func (p *peer) call(id uint32, path string, fields ...string) {
	p.t.Helper()
	p.header(id, p.fragment(path, fields...), defaultFrame, false)
}

// header sends a header in pieces of the size.
func (p *peer) header(id uint32, fragment []byte, size int, end bool) {
	p.t.Helper()
	n := min(len(fragment), size)
	p.do(p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: fragment[:n], EndHeaders: n == len(fragment), EndStream: end}))
	for n < len(fragment) {
		m := min(len(fragment), n+size)
		p.do(p.framer.WriteContinuation(id, m == len(fragment), fragment[n:m]))
		n = m
	}
}

// tell sends a message of a call, ask its last.
func (p *peer) tell(id uint32, text string) { p.t.Helper(); p.data(id, false, message(text)) }
func (p *peer) ask(id uint32, text string)  { p.t.Helper(); p.data(id, true, message(text)) }

// data sends octets of a call in frames of the usual size.
func (p *peer) data(id uint32, end bool, octets string) {
	p.t.Helper()
	for {
		n := min(len(octets), defaultFrame)
		last := n == len(octets)
		p.do(p.framer.WriteData(id, end && last, []byte(octets[:n])))
		if octets = octets[n:]; last {
			return
		}
	}
}

// message is a text as a message on the wire.
func message(text string) string {
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text)))) + text
}

// What the server says of calls.
func begins(id int) string {
	return fmt.Sprintf("HEADERS %d :status=200 content-type=application/grpc", id)
}
func says(id int, text string) string { return fmt.Sprintf("DATA %d %q", id, message(text)) }
func succeeds(id int) string          { return fmt.Sprintf("HEADERS %d grpc-status=0 END", id) }
func fails(id int, code int, text string) string {
	return fmt.Sprintf("HEADERS %d grpc-status=%d grpc-message=%s END", id, code, text)
}

func refuses(id int, code int, text string) string {
	return fmt.Sprintf("%s grpc-status=%d grpc-message=%s END", begins(id), code, text)
}
func resets(id int, code string) string { return fmt.Sprintf("RST_STREAM %d %s", id, code) }
