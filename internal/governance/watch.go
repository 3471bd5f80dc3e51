package governance

import (
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/policy"
)

// Watch says what the mesh has to see of a call once its request was allowed. The zero value is all of it.
type Watch uint8

// From the most to the least.
const (
	// WatchAnswer: the answer is judged.
	WatchAnswer Watch = iota
	// WatchEnd: the answer passes unseen, but something counts until the call is over.
	WatchEnd
	// WatchNothing: nothing that follows matters.
	WatchNothing
)

// Watch says what has to be seen of a call whose request was decided. Where nobody tells how calls go on, every answer is
// watched; so it is where room for calls under way is scarce or shared, as a proxy tells of ends a little later, and the
// next call would be refused in the meantime.
func (g *Governor) Watch(x *Exchange) Watch {
	switch {
	case x.denied() || !x.known() || x.Operation.Method == a2a.GetAgentCard:
		return WatchNothing
	case !x.Request.Told || g.judgesAnswer(x):
		return WatchAnswer
	case !x.inside && len(x.drawn) == 0 && x.serving == nil:
		return WatchNothing
	case x.scarce || len(x.drawn) > 0:
		return WatchAnswer
	}
	return WatchEnd
}

// judgesAnswer reports whether anything governs what the agent answers. Streams may last, so that what changes meanwhile
// has to reach them; a bound that policies set on the time of a call is kept by whoever sees its answer; an operation that
// the mesh does not know, or one for a card, may be answered with addresses that lead past the mesh.
func (g *Governor) judgesAnswer(x *Exchange) bool {
	c := &g.config
	method := x.Operation.Method
	return c.Policy.AnswerContent != ContentOff || c.Tasks != nil || len(x.Policy.Thresholds) > 0 || x.standIn != nil || x.timed.Policy != "" ||
		method.Streaming() || method == a2a.OtherMethod || method == a2a.GetExtendedAgentCard
}

// Next says how a call goes on whose request was decided as a whole before the agent had any of it.
type Next uint8

const (
	// NextJudge: the body, or what takes its place, is still to be judged or replaced. The zero value.
	NextJudge Next = iota
	// NextAnswer: the answer is to be judged.
	NextAnswer
	// NextPass: nothing more is.
	NextPass
)

// goOn says how the call of an exchange goes on that Open decided.
func (g *Governor) goOn(x *Exchange) {
	switch {
	case x.denied() || !x.carried:
		x.Next = NextPass
		g.Leave(x)
	case x.Sent != nil:
		x.Next = NextJudge
		g.keep(x)
	default:
		g.GoOn(x)
	}
}

// GoOn says how the call of an exchange goes on whose request is allowed, where the proxy tells of that. The exchange is kept
// until Follow or Ended takes it up, whichever comes first; the proxy has to be told afterwards. Where nothing that follows
// matters, the exchange is over.
func (g *Governor) GoOn(x *Exchange) Next {
	switch x.Next = NextPass; g.Watch(x) {
	case WatchAnswer:
		x.Next = NextAnswer
		g.keep(x)
	case WatchEnd:
		g.keep(x)
	default:
		g.Leave(x)
	}
	return x.Next
}

// keep holds on to an exchange, and to nothing of it that does not matter any more.
func (g *Governor) keep(x *Exchange) {
	if x.Request.Body = nil; x.Next == NextPass {
		x.Request.Header, x.Operation, x.Mesh = nil, a2a.Operation{Method: x.Operation.Method}, Mesh{}
		x.question = policy.Call{}
	} else {
		x.Operation = kept(x.Operation, nil)
	}
	g.awaited.put(x)
}

// Follow takes up the exchange with the id where the proxy goes on with its call: nil when there is none, be it that its
// call is over or that another process decided it. Then nothing is known of the call, and nothing more of it may pass.
func (g *Governor) Follow(id string) *Exchange {
	x := g.awaited.take(id)
	if x != nil && x.Callee != nil {
		g.renew(x, x.Callee.Name)
		x.Entrance = entranceAt(x.Callee, x.Entrance.Index)
	}
	return x
}

// Ended is told that the call with the id is over, with the status of its answer: 0 when the agent gave none. Calls that
// are not awaited, such as those whose answers are judged, are none of its concern.
func (g *Governor) Ended(id string, status int) {
	x := g.awaited.take(id)
	if x == nil {
		return
	}
	if status != 0 && x.Next == NextPass {
		x.Reply.Status = status
		x.hears()
	}
	g.Leave(x)
}

// Forget ends the calls of which the proxy should have told the end by now. It has to be called from time to time.
func (g *Governor) Forget(now time.Time) {
	for _, x := range g.awaited.overdue(now) {
		g.Leave(x)
	}
}

// Awaited returns how many exchanges wait to be taken up.
func (g *Governor) Awaited() int { return g.awaited.len() }
