package envoyrpc

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// within calls f with the context of a call under way that has the timeout, and with its peer.
func within(t *testing.T, timeout string, f func(*testing.T, context.Context, *peer)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := make(chan context.Context, 1)
		_, l := served(t, &deed{begun: func(ctx context.Context) { calls <- ctx }})
		p := greeted(t, l)
		if timeout == "" {
			p.call(1, "/deed.Stream/Chat")
		} else {
			p.call(1, "/deed.Stream/Chat", "grpc-timeout", timeout)
		}
		p.tell(1, "a")
		f(t, <-calls, p)
	})
}

func TestContextUnderWay(t *testing.T) {
	within(t, "", func(t *testing.T, ctx context.Context, _ *peer) {
		if err := ctx.Err(); err != nil {
			t.Errorf("Err = %v", err)
		}
		if at, ok := ctx.Deadline(); ok {
			t.Errorf("Deadline = %v", at)
		}
		if v := ctx.Value("key"); v != nil {
			t.Errorf("Value = %v", v)
		}
		select {
		case <-ctx.Done():
			t.Error("it is done")
		default:
		}
		if v := ctx.Value("key"); v != nil {
			t.Errorf("Value = %v after Done", v)
		}
		if first, second := ctx.Done(), ctx.Done(); first != second {
			t.Error("Done is not the same twice")
		}
	})
}

func TestContextIsCancelled(t *testing.T) {
	for _, timeout := range []string{"", "1H"} {
		for _, asked := range []bool{false, true} {
			t.Run(timeout, func(t *testing.T) {
				within(t, timeout, func(t *testing.T, ctx context.Context, p *peer) {
					if asked {
						ctx.Done()
					}
					p.do(p.framer.WriteRSTStream(1, http2.ErrCodeCancel))
					p.heard()
					if err := ctx.Err(); !errors.Is(err, context.Canceled) {
						t.Errorf("Err = %v", err)
					}
					<-ctx.Done()
					if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
						t.Errorf("Cause = %v", err)
					}
				})
			})
		}
	}
}

func TestContextPassesItsDeadline(t *testing.T) {
	within(t, "5S", func(t *testing.T, ctx context.Context, p *peer) {
		if at, ok := ctx.Deadline(); !ok || at != time.Now().Add(5*time.Second) {
			t.Errorf("Deadline = %v %v", at, ok)
		}
		<-ctx.Done()
		if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Err = %v", err)
		}
		if notes := p.heard(); len(notes) == 0 || notes[len(notes)-2] != fails(1, 4, "context deadline exceeded") {
			t.Errorf("heard %q", notes)
		}
		p.do(p.framer.WriteRSTStream(1, http2.ErrCodeCancel))
		p.heard()
		if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Err = %v when the call was over", err)
		}
	})
}

// TestContextOfOneAnswer is of a call whose deadline passes while nobody waits for it.
func TestContextOfOneAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(&deed{})
		defer s.Stop(t.Context()) //nolint:errcheck // nothing is served
		one := &call{connection: newConnection(s, nil), deadline: time.Now().Add(time.Second)}
		one.arrived.L = &one.mu
		<-time.After(time.Second)
		if err := one.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Err = %v", err)
		}
		one.fail(context.Canceled)
		if err := one.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Err = %v, and was another", err)
		}
		<-one.Done()
	})
}

func TestContextIsInherited(t *testing.T) {
	within(t, "1H", func(t *testing.T, ctx context.Context, p *peer) {
		type key struct{}
		child, cancel := context.WithCancel(context.WithValue(ctx, key{}, "a"))
		defer cancel()
		lasting, end := context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
		defer end()
		soon, stop := context.WithTimeout(ctx, time.Second)
		defer stop()
		var after sync.WaitGroup
		after.Add(1)
		context.AfterFunc(child, after.Done)
		if child.Value(key{}) != "a" {
			t.Error("the value is lost")
		}
		<-soon.Done()
		if ctx.Err() != nil || child.Err() != nil || !errors.Is(soon.Err(), context.DeadlineExceeded) {
			t.Errorf("Err = %v of the call, %v and %v of its children", ctx.Err(), child.Err(), soon.Err())
		}
		p.do(p.framer.WriteRSTStream(1, http2.ErrCodeCancel))
		<-child.Done()
		after.Wait()
		if !errors.Is(child.Err(), context.Canceled) || lasting.Err() != nil {
			t.Errorf("Err = %v, and %v of one that lasts", child.Err(), lasting.Err())
		}
	})
}

// TestContextOfManyUsers has those who ask race with who ends it.
func TestContextOfManyUsers(t *testing.T) {
	within(t, "1H", func(t *testing.T, ctx context.Context, p *peer) {
		var users sync.WaitGroup
		for range 20 {
			users.Go(func() {
				child, cancel := context.WithCancel(ctx)
				defer cancel()
				for ctx.Err() == nil {
					select {
					case <-child.Done():
					case <-ctx.Done():
					}
				}
				<-child.Done()
			})
		}
		p.do(p.framer.WriteRSTStream(1, http2.ErrCodeCancel))
		users.Wait()
	})
}

// TestContextNeedsNoGoroutine derives contexts, for which the standard library starts goroutines where it does not know a parent.
func TestContextNeedsNoGoroutine(t *testing.T) {
	t.Parallel()
	one := &call{connection: &connection{}}
	one.arrived.L = &one.mu
	child, cancel := context.WithCancel(one)
	defer cancel()
	grandchild, cancel := context.WithCancel(context.WithValue(child, one, 1))
	defer cancel()
	one.fail(context.Canceled)
	// A goroutine would have had to run first.
	if child.Err() == nil || grandchild.Err() == nil {
		t.Error("a child goes on")
	}
}
