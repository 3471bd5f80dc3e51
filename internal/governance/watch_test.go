package governance_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/limit"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/meshtest/governed"
)

// unread has nothing govern answers.
func unread(c *governance.Config) { c.Policy.AnswerContent = governance.ContentOff }

// whole returns a call as a proxy sees it that sends bodies too, and tells how calls go on.
func whole(t *testing.T, m *meshtest.Mesh, call meshtest.Call) governance.Request {
	t.Helper()
	request, err := governed.Request(m, call)
	if err != nil {
		t.Fatal(err)
	}
	request.Body, request.Complete, request.Told = []byte(call.Body), true, true
	return request
}

// oneCall lets the caller have one call under way.
func oneCall(c *governance.Config) { calls(c, 1) }

// calls lets the caller have so many calls under way.
func calls(c *governance.Config, most int) {
	for ring := range c.Policy.RingLimits {
		c.Policy.RingLimits[ring].Concurrent = most
	}
	c.Meter = limit.NewMeter(meshtest.Noon)
	c.Replay = forgetful{}
	var ids atomic.Int64
	c.NewID = func() string { return "d" + strconv.FormatInt(ids.Add(1), 10) }
}

// forgetful remembers no nonce, as calls of tests have the same.
type forgetful struct{}

func (forgetful) Use(context.Context, identity.Proof, time.Time) error { return nil }

func TestHowCallsGoOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*governance.Config)
		call   meshtest.Call
		untold bool
		want   governance.Next
		waits  int
	}{
		{name: "answers-judged", change: oneCall, call: meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay")}, want: governance.NextAnswer, waits: 1},
		{name: "answers-unread", change: unread, call: meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay")}, want: governance.NextPass, waits: 1},
		{name: "streams", change: unread, call: meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Invoke("SendStreamingMessage", "pay")}, want: governance.NextAnswer, waits: 1},
		{name: "unknown-operations", change: unread, call: meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Invoke("Other", "pay")}, want: governance.NextAnswer, waits: 1},
		{name: "room-is-scarce", change: func(c *governance.Config) { unread(c); oneCall(c) }, call: meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay")}, want: governance.NextAnswer, waits: 1},
		{name: "denied", change: unread, call: meshtest.Call{To: "/agents/ledger", Body: meshtest.Send("pay")}, want: governance.NextPass},
		{name: "anonymous", change: unread, call: meshtest.Call{To: "/agents/weather", Body: meshtest.Send("how is it?")}, want: governance.NextPass},
		{name: "untold", change: unread, call: meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay")}, untold: true, want: governance.NextPass},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := meshtest.New()
			g, _ := governed.GovernorWith(m, c.change)
			r := whole(t, m, c.call)
			r.Told = !c.untold
			x := g.Open(t.Context(), r)
			if !x.Final || x.Next != c.want || g.Awaited() != c.waits {
				t.Errorf("the exchange is %+v, goes on with %d, and %d wait", x.Verdict, x.Next, g.Awaited())
			}
			p, err := governance.ParsePassage(x.Passage().String())
			if x.Verdict.Decision == governance.Allow && (err != nil || !p.Final || p.Next != c.want || p.Kept == c.untold) {
				t.Errorf("the passage says %+v, %v", p, err)
			}
		})
	}
}

// TestAwaitedCallsCount holds that a call counts as under way until its end is told, in whatever way that is.
func TestAwaitedCallsCount(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(g *governance.Governor, id string){
		"told":      func(g *governance.Governor, id string) { g.Ended(id, 200) },
		"broken":    func(g *governance.Governor, id string) { g.Ended(id, 0) },
		"followed":  func(g *governance.Governor, id string) { g.Leave(g.Follow(id)) },
		"forgotten": func(g *governance.Governor, _ string) { g.Forget(meshtest.Noon.Add(time.Hour + time.Minute)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := meshtest.New()
			g, _ := governed.GovernorWith(m, func(c *governance.Config) { unread(c); calls(c, 2) })
			call := func(text string) *governance.Exchange {
				return g.Open(t.Context(), whole(t, m, meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send(text)}))
			}
			first, second := call("pay one"), call("pay two")
			if first.Next != governance.NextPass || second.Next != governance.NextAnswer {
				t.Fatalf("the calls are %+v and %+v, and go on with %d and %d", first.Verdict, second.Verdict, first.Next, second.Next)
			}
			if third := call("pay three"); third.Verdict.Reason != "calls-waiting" {
				t.Fatalf("the third call is %+v", third.Verdict)
			}
			g.Forget(meshtest.Noon.Add(time.Second))
			g.Ended("another", 200)
			if again := call("pay three"); again.Verdict.Reason != "calls-waiting" {
				t.Errorf("nothing was told, and the next call is %+v", again.Verdict)
			}
			end(g, first.ID)
			if g.Follow(first.ID) != nil {
				t.Error("the call still waits")
			}
			if last := call("pay four"); last.Verdict.Decision != governance.Allow {
				t.Errorf("after the end, the next call is %+v", last.Verdict)
			}
		})
	}
}

// TestWatchAfterTheBody holds that a body phase which nobody tells the end of the call sees to the answer itself.
func TestWatchAfterTheBody(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{true, false} {
		m := meshtest.New()
		g, _ := governed.GovernorWith(m, unread)
		r := whole(t, m, meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay")})
		body := r.Body
		r.Body, r.Complete, r.Told = nil, false, told
		x := g.Open(t.Context(), r)
		if p := x.Passage(); told {
			x = g.Follow(p.ID)
		} else {
			x = g.Resume(p, governance.Request{Method: r.Method, Path: r.Path, Authority: r.Authority, Header: r.Header})
		}
		g.Close(t.Context(), x, body)
		want := governance.WatchAnswer
		if told {
			want = governance.WatchEnd
		}
		if got := g.Watch(x); x.Verdict.Decision != governance.Allow || got != want {
			t.Errorf("told %v: %+v is watched as %d, want %d", told, x.Verdict, got, want)
		}
	}
}
