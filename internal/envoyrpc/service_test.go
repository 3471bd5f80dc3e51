package envoyrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// texts is a codec whose messages are strings. It writes each in two pieces.
type texts struct{}

func (texts) Name() string { return "proto" }

func (texts) Marshal(v any) (mem.BufferSlice, error) {
	text, ok := v.(*string)
	if !ok || text == nil {
		return nil, errors.New("no text")
	}
	half := len(*text) / 2
	return mem.BufferSlice{mem.SliceBuffer((*text)[:half]), mem.SliceBuffer((*text)[half:])}, nil
}

func (texts) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*string) = string(data.Materialize())
	if strings.HasPrefix(*v.(*string), "unreadable") {
		return errors.New("it is unreadable")
	}
	return nil
}

// hollow is an error that says of itself that it is none.
type hollow struct{}

func (hollow) Error() string              { return "hollow" }
func (hollow) GRPCStatus() *status.Status { return status.New(codes.OK, "") }

// unaries are what the methods of one answer do.
var unaries = map[string]func(context.Context, string) (*string, error){
	"Echo":  func(_ context.Context, text string) (*string, error) { return &text, nil },
	"Large": func(_ context.Context, text string) (*string, error) { return repeated(text), nil },
	"Fail": func(_ context.Context, text string) (*string, error) {
		code, message, _ := strings.Cut(text, " ")
		n, _ := strconv.Atoi(code)
		return nil, status.Error(codes.Code(n), message)
	},
	"Plain":   func(_ context.Context, text string) (*string, error) { return nil, errors.New(text) },
	"Wrapped": func(context.Context, string) (*string, error) { return nil, fmt.Errorf("reading: %w", io.EOF) },
	"Ended":   func(context.Context, string) (*string, error) { return nil, context.DeadlineExceeded },
	"Hollow":  func(context.Context, string) (*string, error) { return nil, hollow{} },
	"Nothing": func(context.Context, string) (*string, error) { return nil, nil },
	"Panic":   func(context.Context, string) (*string, error) { panic("no") },
	"Wait": func(ctx context.Context, _ string) (*string, error) {
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	},
}

func repeated(text string) *string {
	n, _ := strconv.Atoi(text)
	text = strings.Repeat("x", max(0, min(n, 8<<20)))
	return &text
}

// streams are what the methods of many messages do.
var streams = map[string]func(grpc.ServerStream) error{
	"Chat": func(s grpc.ServerStream) error {
		for {
			text := ""
			if err := s.RecvMsg(&text); err != nil {
				return ended(err)
			}
			if err := s.SendMsg(&text); err != nil {
				return err
			}
		}
	},
	"Collect": func(s grpc.ServerStream) error {
		all := ""
		for {
			text := ""
			err := s.RecvMsg(&text)
			if errors.Is(err, io.EOF) {
				return s.SendMsg(&all)
			}
			if err != nil {
				return err
			}
			all += text + "|"
		}
	},
	"Early": func(s grpc.ServerStream) error {
		text := ""
		if err := s.RecvMsg(&text); err != nil {
			return err
		}
		return status.Error(codes.PermissionDenied, text)
	},
	"Enough": func(s grpc.ServerStream) error {
		text := ""
		return s.RecvMsg(&text)
	},
	"Large": func(s grpc.ServerStream) error {
		text := ""
		if err := s.RecvMsg(&text); err != nil {
			return err
		}
		return s.SendMsg(repeated(text))
	},
	"Hollow": func(grpc.ServerStream) error { return hollow{} },
	"Panic":  func(grpc.ServerStream) error { panic("no") },
	"Wait": func(s grpc.ServerStream) error {
		<-s.Context().Done()
		return s.Context().Err()
	},
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// deed is a service; begun hears of each of its calls when it begins and over when it has ended.
type deed struct {
	begun func(ctx context.Context)
	over  func(ctx context.Context, err error)
	// recovers is that panics become errors here, as this server makes them by itself.
	recovers bool
}

func recovered(err *error) {
	if r := recover(); r != nil {
		*err = status.Error(codes.Internal, fmt.Sprintf("panic: %T", r))
	}
}

func (d *deed) description() *grpc.ServiceDesc {
	s := &grpc.ServiceDesc{ServiceName: "deed.Unary", HandlerType: (*any)(nil)}
	for name, does := range unaries {
		s.Methods = append(s.Methods, grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context, read func(any) error, _ grpc.UnaryServerInterceptor) (_ any, err error) {
			if d.recovers {
				defer recovered(&err)
			}
			text := ""
			if err := read(&text); err != nil {
				return nil, err
			}
			d.begun(ctx)
			answer, err := does(ctx, text)
			d.over(ctx, err)
			return answer, err
		}})
	}
	return s
}

func (d *deed) streamDescription() *grpc.ServiceDesc {
	s := &grpc.ServiceDesc{ServiceName: "deed.Stream", HandlerType: (*any)(nil)}
	for name, does := range streams {
		s.Streams = append(s.Streams, grpc.StreamDesc{StreamName: name, ServerStreams: true, ClientStreams: true, Handler: func(_ any, stream grpc.ServerStream) (err error) {
			if d.recovers {
				defer recovered(&err)
			}
			d.begun(stream.Context())
			err = does(stream)
			d.over(stream.Context(), err)
			return err
		}})
	}
	return s
}

func (d *deed) register(r grpc.ServiceRegistrar) {
	if d.begun == nil {
		d.begun = func(context.Context) {}
	}
	if d.over == nil {
		d.over = func(context.Context, error) {}
	}
	r.RegisterService(d.description(), nil)
	r.RegisterService(d.streamDescription(), nil)
}

// largest is the size of the largest message that servers of tests take.
const largest = 200 << 10

func newServer(d *deed) *Server {
	s := New(Options{Codec: texts{}, Largest: largest, Workers: 2, Logger: slog.New(slog.DiscardHandler)})
	d.register(s)
	return s
}

// listener is a net.Listener of connections within the process.
type listener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newListener() *listener { return &listener{conns: make(chan net.Conn), done: make(chan struct{})} }

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "test", Net: "unix"} }

func (l *listener) dial() net.Conn {
	near, far := net.Pipe()
	l.conns <- far
	return near
}

// served is a server in a bubble of testing/synctest that has a listener.
func served(t *testing.T, d *deed) (*Server, *listener) {
	t.Helper()
	s, l := newServer(d), newListener()
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Stop(ended) // What is left is cut.
		if err := <-failed; err != nil {
			t.Error(err)
		}
	})
	return s, l
}

// outcomes are the calls that handlers have ended, and whether with success.
type outcomes struct {
	mu        sync.Mutex
	succeeded map[uint32]bool
}

func (o *outcomes) over(ctx context.Context, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.succeeded == nil {
		o.succeeded = map[uint32]bool{}
	}
	o.succeeded[ctx.(*call).id] = err == nil
}

func (o *outcomes) success(id uint32) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.succeeded[id]
}
