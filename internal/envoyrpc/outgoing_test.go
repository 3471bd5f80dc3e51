package envoyrpc

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"google.golang.org/grpc/mem"
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
	if err := o.control(func(f *http2.Framer) error { return f.WriteSettingsAck() }); err != io.ErrClosedPipe {
		t.Errorf("a frame: %v", err)
	}
	if writes > 0 {
		t.Errorf("%d writes", writes)
	}
}
