// Package envoyrpc serves gRPC to an Envoy beside it, over HTTP/2 without TLS. It does what the filters of Envoy ask for and no
// more: a general server spends on each call about as much as a decision costs. It serves what is registered for grpc-go, whose
// server stands where anyone else may connect. Frames and headers are read by golang.org/x/net/http2.
package envoyrpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
)

// Options are what a Server is made with. Codec, Largest and Logger are needed.
type Options struct {
	Codec encoding.CodecV2
	// Largest is the size of the largest message that is received, in bytes, from 1 to 1<<30.
	Largest int
	// Workers is how many goroutines are kept for calls to come. More calls than that each have one of their own.
	Workers int
	// Unary and Stream are called around each call of their kind, unless nil.
	Unary  grpc.UnaryServerInterceptor
	Stream grpc.StreamServerInterceptor
	Logger *slog.Logger
}

// Server is a grpc.ServiceRegistrar that serves connections. Services are registered before it does.
type Server struct {
	Options
	methods map[string]*method
	work    chan *call
	ended   chan struct{} // closed by Stop

	mu       sync.Mutex
	open     map[*connection]struct{}
	stopping bool
	idle     *sync.Cond // open is empty
}

// method is what is done for a path.
type method struct {
	service any
	unary   *grpc.MethodDesc
	stream  *grpc.StreamDesc
	info    grpc.StreamServerInfo
}

// New returns a Server without services.
func New(o Options) *Server {
	s := &Server{
		Options: o, methods: map[string]*method{}, open: map[*connection]struct{}{},
		work: make(chan *call), ended: make(chan struct{}),
	}
	s.idle = sync.NewCond(&s.mu)
	for range o.Workers {
		go s.worker()
	}
	return s
}

// RegisterService has the service answer the methods that it describes.
func (s *Server) RegisterService(d *grpc.ServiceDesc, service any) {
	for i := range d.Methods {
		s.methods["/"+d.ServiceName+"/"+d.Methods[i].MethodName] = &method{service: service, unary: &d.Methods[i]}
	}
	for i := range d.Streams {
		stream, path := &d.Streams[i], "/"+d.ServiceName+"/"+d.Streams[i].StreamName
		s.methods[path] = &method{service: service, stream: stream, info: grpc.StreamServerInfo{
			FullMethod: path, IsClientStream: stream.ClientStreams, IsServerStream: stream.ServerStreams,
		}}
	}
}

// Serve serves what connects until the listener is closed or Stop is called. It returns nil for the latter.
func (s *Server) Serve(l net.Listener) error {
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-s.ended:
			l.Close() //nolint:errcheck // nothing is lost with it
		case <-stop:
		}
	}()
	for {
		conn, err := l.Accept()
		if err != nil {
			if s.passes(err) {
				continue
			}
			select {
			case <-s.ended:
				return nil
			default:
				return fmt.Errorf("accepting a connection: %w", err)
			}
		}
		if c := newConnection(s, conn); s.enter(c) {
			go c.serve()
		} else {
			conn.Close() //nolint:errcheck // nothing was said on it
		}
	}
}

// respite is how long nothing is accepted where the process or the system has too much open.
const respite = 50 * time.Millisecond

// passes waits until what keeps a listener from accepting may be over. It reports false where it will not be, and after Stop.
func (s *Server) passes(err error) bool {
	var passing interface{ Temporary() bool }
	if !errors.As(err, &passing) || !passing.Temporary() {
		return false
	}
	s.Logger.LogAttrs(context.Background(), slog.LevelWarn, "connection not accepted", slog.Any("error", err))
	select {
	case <-time.After(respite):
		return true
	case <-s.ended:
		return false
	}
}

func (s *Server) enter(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.open[c] = struct{}{}
	}
	return !s.stopping
}

func (s *Server) leave(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.open, c); len(s.open) == 0 {
		s.idle.Broadcast()
	}
}

// errCut is that a server ended calls which were under way.
var errCut = errors.New("calls were under way")

// Stop takes no further calls and returns when those under way are over. Once ctx ends, it cuts what is left and returns an error.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.stopping = true
		close(s.ended)
	}
	for c := range s.open {
		go c.drain()
	}
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.idle.Broadcast()
	})()
	for len(s.open) > 0 && ctx.Err() == nil {
		s.idle.Wait()
	}
	if len(s.open) == 0 {
		return nil
	}
	for c := range s.open {
		c.conn.Close() //nolint:errcheck // its reader finds out
	}
	return errCut
}

// start has a worker serve the call, or a goroutine of its own where all are busy.
func (s *Server) start(c *call) {
	select {
	case s.work <- c:
	default:
		go c.serve()
	}
}

// worker serves calls one after another on a stack that has grown already.
func (s *Server) worker() {
	for {
		select {
		case c := <-s.work:
			c.serve()
		case <-s.ended:
			return
		}
	}
}
