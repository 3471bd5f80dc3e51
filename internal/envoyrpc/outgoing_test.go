package envoyrpc

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// wire is a net.Conn that has each write call written, with how many there were.
type wire struct {
	net.Conn
	written func(n int, data []byte)
	n       int
}

func (w *wire) Write(b []byte) (int, error) {
	w.n++
	w.written(w.n, b)
	return len(b), nil
}

func (*wire) SetWriteDeadline(time.Time) error { return nil }
func (*wire) Close() error                     { return nil }

func TestWriterIsRelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o outgoing
		ping := func() {
			_ = o.control(func(f *http2.Framer) error { return f.WritePing(true, [8]byte{}) })
		}
		relieved := make(chan struct{})
		o.begin(&wire{written: func(n int, _ []byte) {
			select {
			case <-relieved:
			default:
				if n > 1000 {
					t.Error("who wrote first writes what others say for ever")
					return
				}
				ping() // What another goroutine says meanwhile.
				synctest.Wait()
			}
		}})
		ping()
		close(relieved)
	})
}

func TestPieces(t *testing.T) {
	t.Parallel()
	data := mem.BufferSlice{mem.SliceBuffer("ab"), mem.SliceBuffer(""), mem.SliceBuffer("cdefg"), mem.SliceBuffer("h")}
	for size := 1; size < 20; size++ {
		p, got := pieces{data: data, prefix: [prefixSize]byte{0, 0, 0, 0, 8}}, []byte(nil)
		for left := prefixSize + data.Len(); left > 0; {
			n := min(left, size)
			before := len(got)
			if got = p.append(got, n); len(got) != before+n {
				t.Fatalf("%d octets were appended, not %d", len(got)-before, n)
			}
			left -= n
		}
		if diff := cmp.Diff(message("abcdefgh"), string(got)); diff != "" {
			t.Errorf("in pieces of %d: %s", size, diff)
		}
	}
}

func TestNothingIsSaidAfterAnError(t *testing.T) {
	t.Parallel()
	var o outgoing
	writes := 0
	o.begin(&wire{written: func(int, []byte) { writes++ }})
	o.stop()
	one := &call{id: 1}
	if err := o.message(one, mem.BufferSlice{mem.SliceBuffer("a")}); err != io.ErrClosedPipe {
		t.Errorf("a message: %v", err)
	}
	o.answer(one, mem.BufferSlice{mem.SliceBuffer("a")})
	o.end(one, nil, true)
	o.credit(one, 1)
	if err := o.control(func(f *http2.Framer) error { return f.WriteSettingsAck() }); err != io.ErrClosedPipe {
		t.Errorf("a frame: %v", err)
	}
	if writes > 0 {
		t.Errorf("%d writes", writes)
	}
}

// TestTableOfFieldsIsLowered has a client set how large its table of fields is, where the next header has to say that it knows
// (RFC 7541 section 4.2).
func TestTableOfFieldsIsLowered(t *testing.T) {
	t.Parallel()
	update := string([]byte{0x20})
	for _, c := range []struct {
		name  string
		sizes []uint32
		want  []string // what stands in front of the headers that follow
	}{
		{"not-at-all", nil, []string{"", ""}},
		{"to-what-it-is", []uint32{4096}, []string{"", ""}},
		{"to-more", []uint32{8192}, []string{"", ""}},
		{"to-nothing", []uint32{0}, []string{update, ""}},
		{"and-raised", []uint32{100, 4096}, []string{update, ""}},
		{"from-more", []uint32{8192, 4096}, []string{update, ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			said := ""
			s := newServer(&deed{})
			defer s.Stop(t.Context()) //nolint:errcheck // nothing is served
			conn := newConnection(s, &wire{written: func(_ int, data []byte) { said += string(data) }})
			for _, size := range c.sizes {
				b := &bytes.Buffer{}
				f := http2.NewFramer(b, b)
				_ = f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: size})
				frame, err := f.ReadFrame()
				if err != nil {
					t.Fatal(err)
				}
				if err := conn.take(frame); err != nil {
					t.Fatal(err)
				}
			}
			said = ""
			conn.out.answer(&call{id: 1, sending: sending{window: 100}}, nil)
			want := header(1, false, c.want[0]+string(headBlock)) + "\x00\x00\x05\x00\x00\x00\x00\x00\x01" + message("") + header(1, true, c.want[1]+string(successBlock))
			if diff := cmp.Diff(want, said); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func header(id uint32, end bool, block string) string {
	flags := http2.FlagHeadersEndHeaders
	if end {
		flags |= http2.FlagHeadersEndStream
	}
	return string(appendFrame(nil, len(block), http2.FrameHeaders, flags, id)) + block
}

func TestNothingIsSaidOfCallsThatAreOver(t *testing.T) {
	t.Parallel()
	hello := mem.BufferSlice{mem.SliceBuffer("a")}
	for name, over := range map[string]func(*outgoing, *call){
		"left":     func(o *outgoing, c *call) { o.leave(c) },
		"ended":    func(o *outgoing, c *call) { o.end(c, status.New(codes.Aborted, ""), true) },
		"answered": func(o *outgoing, c *call) { o.answer(c, hello) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o outgoing
			said := ""
			o.begin(&wire{written: func(_ int, data []byte) { said += string(data) }})
			one := &call{id: 1, sending: sending{window: 100}}
			over(&o, one)
			said = ""
			if err := o.message(one, hello); err != errGone {
				t.Errorf("a message: %v", err)
			}
			o.answer(one, hello)
			o.end(one, nil, true)
			o.credit(one, 1)
			if said != "" {
				t.Errorf("said %q", said)
			}
		})
	}
}
