package envoyrpc

import (
	"context"
	"errors"
	"math"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
)

func TestStop(t *testing.T) {
	t.Parallel()
	away := "GOAWAY 2147483647 NO_ERROR"
	for _, c := range []struct {
		name          string
		before, after func(*peer)
		want          []string
		err           error
	}{
		{
			name:   "idle",
			before: func(*peer) {},
			after:  func(*peer) {},
			want:   []string{away, "closed"},
		},
		{
			name:   "all-calls-are-over",
			before: func(p *peer) { p.call(1, "/deed.Unary/Echo"); p.ask(1, "a") },
			after:  func(*peer) {},
			want:   []string{begins(1), says(1, "a"), succeeds(1), away, "closed"},
		},
		{
			name:   "a-call-under-way-is-answered",
			before: func(p *peer) { p.call(1, "/deed.Stream/Chat"); p.tell(1, "a") },
			after:  func(p *peer) { p.ask(1, "b") },
			want:   []string{begins(1), says(1, "a"), away, says(1, "b"), succeeds(1), "closed"},
		},
		{
			name:   "a-call-that-has-not-said-anything-is-answered",
			before: func(p *peer) { p.call(1, "/deed.Unary/Echo") },
			after:  func(p *peer) { p.ask(1, "a") },
			want:   []string{away, begins(1), says(1, "a"), succeeds(1), "closed"},
		},
		{
			name:   "a-new-call-is-refused",
			before: func(p *peer) { p.call(1, "/deed.Stream/Chat"); p.tell(1, "a") },
			after:  func(p *peer) { p.call(3, "/deed.Unary/Echo"); p.ask(3, "b"); p.ask(1, "c") },
			want:   []string{begins(1), says(1, "a"), away, resets(3, "REFUSED_STREAM"), says(1, "c"), succeeds(1), "closed"},
		},
		{
			name:   "a-call-is-given-up",
			before: func(p *peer) { p.call(1, "/deed.Stream/Wait"); p.tell(1, "a") },
			after:  func(p *peer) { p.do(p.framer.WriteRSTStream(1, http2.ErrCodeCancel)) },
			want:   []string{away, "closed"},
		},
		{
			name:   "a-call-that-has-not-said-anything-is-given-up",
			before: func(p *peer) { p.call(1, "/deed.Unary/Echo") },
			after:  func(p *peer) { p.do(p.framer.WriteRSTStream(1, http2.ErrCodeCancel)) },
			want:   []string{away, "closed"},
		},
		{
			name:   "a-call-that-has-not-said-anything-is-reset",
			before: func(p *peer) { p.call(1, "/deed.Unary/Echo") },
			after:  func(p *peer) { p.do(p.framer.WriteWindowUpdate(1, maxWindow)) },
			want:   []string{away, resets(1, "FLOW_CONTROL_ERROR"), "closed"},
		},
		{
			name:   "a-call-that-has-not-said-anything-is-refused",
			before: func(p *peer) { p.call(1, "/deed.Unary/Echo") },
			after:  func(p *peer) { p.data(1, true, "") },
			want:   []string{away, refuses(1, 13, errNumberText), "closed"},
		},
		{
			name:   "a-call-that-does-not-end-is-cut",
			before: func(p *peer) { p.call(1, "/deed.Stream/Wait"); p.tell(1, "a") },
			after:  func(*peer) {},
			want:   []string{away, "closed"},
			err:    errCut,
		},
		{
			name:   "a-call-that-waits-for-a-window-is-cut",
			before: func(p *peer) { p.call(1, "/deed.Unary/Large"); p.ask(1, "70000"); p.heard() },
			after:  func(*peer) {},
			want:   []string{away, "closed"},
			err:    errCut,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, l := served(t, &deed{})
				p := greeted(t, l)
				c.before(p)
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				stopped := make(chan error, 1)
				go func() { stopped <- s.Stop(ctx) }()
				synctest.Wait()
				c.after(p)
				if err := <-stopped; !errors.Is(err, c.err) {
					t.Errorf("Stop = %v, not %v", err, c.err)
				}
				if diff := cmp.Diff(c.want, p.heard()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

const errNumberText = "the call needs exactly one message"

// TestStopWaits has a client leave whose call goes on.
func TestStopWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lasting := make(chan struct{})
		s, l := served(t, &deed{begun: func(context.Context) { <-lasting }})
		p := greeted(t, l)
		p.call(1, "/deed.Unary/Echo")
		p.ask(1, "a")
		p.heard()
		p.conn.Close()
		stopped := make(chan error, 1)
		go func() { stopped <- s.Stop(t.Context()) }()
		synctest.Wait()
		select {
		case err := <-stopped:
			t.Errorf("it stopped while a call was served: %v", err)
		default:
		}
		close(lasting)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

func TestStopTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := served(t, &deed{})
		p := greeted(t, l)
		for range 2 {
			if err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if diff := cmp.Diff([]string{"GOAWAY 2147483647 NO_ERROR", "closed"}, p.heard()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestServeAfterStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(&deed{})
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Serve(newListener()); err != nil {
			t.Error(err)
		}
	})
}

func TestListenerThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newServer(&deed{}), newListener()
		_ = l.Close()
		if err := s.Serve(l); err == nil {
			t.Error("a listener that failed is served")
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// hindered is a listener that cannot accept for a while.
type hindered struct {
	*listener
	times int
	err   error
}

func (h *hindered) Accept() (net.Conn, error) {
	if h.times > 0 {
		h.times--
		return nil, h.err
	}
	return h.listener.Accept()
}

func TestListenerThatIsHindered(t *testing.T) {
	t.Parallel()
	full := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	t.Run("for-a-while", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, l := newServer(&deed{}), newListener()
			failed := make(chan error, 1)
			go func() { failed <- s.Serve(&hindered{l, 20, full}) }()
			p := greeted(t, l)
			p.call(1, "/deed.Unary/Echo")
			p.ask(1, "a")
			if diff := cmp.Diff([]string{begins(1), says(1, "a"), succeeds(1)}, p.heard()); diff != "" {
				t.Error(diff)
			}
			if err := errors.Join(s.Stop(t.Context()), <-failed); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("until-the-server-stops", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer(&deed{})
			failed := make(chan error, 1)
			go func() { failed <- s.Serve(&hindered{newListener(), math.MaxInt, full}) }()
			synctest.Wait()
			if err := errors.Join(s.Stop(t.Context()), <-failed); err != nil {
				t.Error(err)
			}
		})
	})
}
