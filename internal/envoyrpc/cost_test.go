package envoyrpc

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

// still is a codec and a service that do nothing.
type still struct{ answer mem.BufferSlice }

func (still) Name() string                           { return "still" }
func (s still) Marshal(any) (mem.BufferSlice, error) { return s.answer, nil }
func (still) Unmarshal(mem.BufferSlice, any) error   { return nil }

var stillService = grpc.ServiceDesc{
	ServiceName: "still",
	Methods: []grpc.MethodDesc{{MethodName: "Be", Handler: func(_ any, _ context.Context, read func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		return nil, read(nil)
	}}},
}

// turns is a connection whose client asks something whenever it is read, and hears of it.
type turns struct {
	wire
	said   bytes.Buffer
	framer *http2.Framer
	block  bytes.Buffer
	fields *hpack.Encoder
	id     uint32
	heard  chan struct{}
}

func (c *turns) Read(b []byte) (int, error) {
	if c.said.Len() == 0 {
		c.block.Reset()
		for _, field := range []hpack.HeaderField{
			{Name: ":method", Value: "POST"}, {Name: ":path", Value: "/still/Be"}, {Name: "content-type", Value: grpcContent}, {Name: "grpc-timeout", Value: "200m"},
		} {
			_ = c.fields.WriteField(field)
		}
		c.id += 2
		_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.id - 2, BlockFragment: c.block.Bytes(), EndHeaders: true})
		_ = c.framer.WriteData(c.id-2, true, []byte("\x00\x00\x00\x00\x03abc"))
	}
	return c.said.Read(b)
}

func newTurns(t testing.TB) (*connection, func()) {
	s := New(Options{Codec: still{mem.BufferSlice{mem.SliceBuffer("answer")}}, Largest: 1000, Workers: 1, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s.RegisterService(&stillService, nil)
	c := &turns{id: 1, heard: make(chan struct{}, 1)}
	c.framer, c.fields = http2.NewFramer(&c.said, nil), hpack.NewEncoder(&c.block)
	c.written = func(int, []byte) { c.heard <- struct{}{} }
	conn := newConnection(s, c)
	conn.out.window = maxWindow
	conn.out.initial = maxWindow
	return conn, func() {
		for range 2 {
			if err := conn.next(); err != nil {
				t.Error(err)
			}
		}
		<-c.heard
		conn.out.mu.Lock()
		conn.out.window = maxWindow
		conn.out.mu.Unlock()
	}
}

func TestCostOfCall(t *testing.T) {
	_, call := newTurns(t)
	// The frame of its header, the call, how it reads its message, the list of messages, the message, two to hand it over, and a
	// goroutine where the worker has not come back yet.
	if n := testing.AllocsPerRun(2000, call); n > 8 {
		t.Errorf("%v allocations for a call", n)
	}
}

func BenchmarkCall(b *testing.B) {
	_, call := newTurns(b)
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
}
