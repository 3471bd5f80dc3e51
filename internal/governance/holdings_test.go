package governance

import (
	"strings"
	"testing"

	a2apb "github.com/a2aproject/a2a-go/v2/a2apb/v1"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/meshtest"
)

// TestAnswersThatWait has many answers that never end, of each form, and wants what is held of all of them bounded, and
// room again once they are over.
func TestAnswersThatWait(t *testing.T) {
	t.Parallel()
	rpcCall := func(method string) meshtest.Call {
		return meshtest.Call{From: "caller", To: "/agents/weather", Body: meshtest.Invoke(method, "rain?")}
	}
	for name, c := range map[string]struct {
		call         meshtest.Call
		media, chunk string
	}{
		"whole":  {rpcCall("SendMessage"), "application/json", `{"x":"` + strings.Repeat("x", 94)},
		"event":  {rpcCall("SendStreamingMessage"), "text/event-stream", "data: " + strings.Repeat("x", 94)},
		"line":   {rpcCall("SendStreamingMessage"), "text/event-stream", ":" + strings.Repeat("x", 99)},
		"frames": {invocation("GetTask", frame(t, &a2apb.GetTaskRequest{Id: "mine"})), "application/grpc", "\x00\x00\x00\xFF\xFF" + strings.Repeat("x", 95)},
	} {
		f := grpcFixture()
		f.policy.AnswersHeld = 2000 // of which the caller may have five times 100
		g := f.governor()
		var open []*Relay
		next := func() (*Relay, Part) {
			x := f.decide(t, c.call, "")
			r := g.Relay(x, Reply{Status: 200, Header: identity.Header{{Name: "content-type", Value: c.media}}})
			r.Begin(t.Context())
			return r, r.Next(t.Context(), []byte(c.chunk), false)
		}
		for range 5 {
			r, part := next()
			if part.Passing == Refuse || part.Passing == Stop {
				t.Fatalf("%s: answer %d: %+v", name, len(open), r.x.Verdict)
			}
			open = append(open, r)
		}
		r, part := next()
		if part.Passing != Refuse && part.Passing != Stop || r.x.Verdict.Reason != "answers-waiting" {
			t.Errorf("%s: passing %d, %+v", name, part.Passing, r.x.Verdict)
		}
		r.End()
		for _, r := range open {
			r.End()
			r.End()
		}
		if len(g.holdings.by) != 0 || g.holdings.total != 0 {
			t.Errorf("%s: %d bytes are held of answers that are over", name, g.holdings.total)
		}
		if r, part := next(); part.Passing == Refuse || part.Passing == Stop {
			t.Errorf("%s: %+v", name, r.x.Verdict)
		}
	}
}

func TestHoldings(t *testing.T) {
	t.Parallel()
	h := newHoldings(100)
	for i, c := range []struct {
		caller string
		by     int
		want   bool
	}{
		{"a", 25, true},
		{"a", 1, false},
		{"b", 25, true},
		{"c", 25, true},
		{"d", 24, true},
		{"e", 2, false},
		{"e", 1, true},
		{"a", -25, true},
		{"a", 0, true},
		{"e", 24, true},
		{"a", 1, true},
		{"a", 1, false},
	} {
		name := map[string]string{"a": "anna", "b": "bert", "c": "carl", "d": "dora", "e": "emil"}[c.caller]
		if got := h.change(agent.ID(name), c.by); got != c.want {
			t.Errorf("%d: %s %+d: %v", i, name, c.by, got)
		}
	}
}
