package extproc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
)

// Messages that cannot be read, and misconfigurations that would let requests pass unjudged, end the stream with these
// errors, which Envoy turns into a 503.
var (
	errOrder      = errors.New("the filter must send request headers first, then the body, then what the agent answers")
	errLost       = errors.New("nothing is known of the call: its request was decided by another process, or before this one started, or it is over")
	errReplace    = errors.New("a request that ends in trailers cannot be replaced")
	errBodyMode   = errors.New("the filter must send whole bodies: set request_body_mode to BUFFERED")
	errObserved   = errors.New("the filter lets everything pass, whatever it is told: take observability_mode from it")
	errUnreadable = errors.New("the message cannot be read")
)

// exchange is the state of one processing stream: nothing, then headers seen, then the request decided, then the answer
// under way. It may be cut off from the moment at which the request is decided (cut.go), by other goroutines than that
// which receives: all but what never changes is guarded by mu, sending included.
type exchange struct {
	governor *governance.Governor
	open     *governance.Open
	wire     wire
	message  envoywire.Message // the last one that was received; the receiver's alone

	due atomic.Pointer[judge]

	mu       sync.Mutex
	current  *governance.Exchange
	entered  bool // in open
	decided  bool // the request is
	handed   bool // and has still to be replaced
	verb     string
	watch    governance.Watch
	answer   *answer
	released bool  // the exchange goes on without the stream
	mesh     bool  // the answer is Envoy's own
	over     bool  // the last answer was sent
	failed   error // of sending that
}

// take answers one message of the stream and reports whether that was the last answer. Of a stream that was cut off
// meanwhile, the message is one that Envoy sent before it knew.
func (e *exchange) take(ctx context.Context, message *envoywire.Message) (last bool, err error) {
	e.mu.Lock()
	if e.over || e.failed != nil {
		defer e.mu.Unlock()
		return true, e.failed
	}
	answers, last, err := e.next(ctx, message)
	if err == nil {
		err = e.say(answers)
	}
	e.over = last && err == nil
	e.mu.Unlock()
	e.settle()
	return last, err
}

// say sends answers to Envoy.
func (e *exchange) say(answers replies) error {
	for i := range answers {
		if err := e.wire.send(&answers[i]); err != nil {
			return fmt.Errorf("sending processing response: %w", err)
		}
	}
	return nil
}

// next takes one message of the stream and returns the answers to it. last reports that no message is to follow.
func (e *exchange) next(ctx context.Context, message *envoywire.Message) (answers replies, last bool, err error) {
	if message.Observed {
		return nil, false, errObserved
	}
	switch message.Part {
	case envoywire.RequestHeaders:
		if e.current != nil {
			return nil, false, errOrder
		}
		return e.headers(ctx, message)
	case envoywire.RequestBody:
		// In BUFFERED mode, which headers made sure of, the one body message is whole, even without
		// end_of_stream: then trailers follow.
		if e.handed {
			return e.replace(proceed(envoywire.RequestBody))
		}
		return e.close(ctx, message.Body, proceed(envoywire.RequestBody), governance.ReplacesAllButVerb)
	case envoywire.RequestTrailers:
		// A request may end in trailers without ever having had a body.
		if e.handed {
			return nil, false, errReplace
		}
		if e.decided {
			return one(proceed(envoywire.RequestTrailers)), e.watch != governance.WatchAnswer, nil
		}
		return e.close(ctx, nil, proceed(envoywire.RequestTrailers), governance.ReplacesNothing)
	case envoywire.ResponseHeaders:
		if e.current == nil {
			passage, err := governance.ParsePassage(message.Passage)
			if err != nil {
				return nil, false, errOrder
			}
			if cut, err := e.follow(ctx, passage, governance.NextAnswer); cut != nil || err != nil {
				return cut, true, err
			}
		}
		if !e.decided || e.handed || e.answer != nil || e.mesh {
			return nil, false, errOrder
		}
		if message.Source != "" && message.Source != envoywire.FromAgent {
			e.mesh = true
			return one(proceed(envoywire.ResponseHeaders)), message.End, nil
		}
		e.answer = &answer{exchange: e.current}
		return e.answer.headers(ctx, e.governor, message)
	case envoywire.ResponseBody:
		if e.mesh {
			return own(message), message.End, nil
		}
		if e.answer == nil {
			return nil, false, errOrder
		}
		return e.answer.body(ctx, message)
	case envoywire.ResponseTrailers:
		if e.mesh {
			return one(proceed(envoywire.ResponseTrailers)), true, nil
		}
		if e.answer == nil {
			return nil, false, errOrder
		}
		return e.answer.trailers(ctx, message)
	default:
		return nil, false, errOrder
	}
}

// end closes what the stream leaves open. Afterwards nothing is sent any more.
func (e *exchange) end() {
	e.mu.Lock()
	e.over = true
	if e.answer != nil {
		e.answer.relay.End()
	}
	e.mu.Unlock()
	if e.entered {
		e.open.Leave(e.current, e)
	}
	if e.current != nil && !e.released {
		e.governor.Leave(e.current)
	}
}

func (e *exchange) headers(ctx context.Context, message *envoywire.Message) (replies, bool, error) {
	if cut, err := e.begin(ctx, message); cut != nil || err != nil {
		return cut, true, err
	}
	switch {
	case e.current == nil: // as nothing of the call is left to judge
		return one(proceed(envoywire.RequestHeaders)), true, nil
	case e.handed && message.End:
		return e.replace(proceed(envoywire.RequestHeaders))
	case e.current.Final && !e.handed:
		return one(verdict(e.current, proceed(envoywire.RequestHeaders))), true, nil
	case message.End:
		return e.close(ctx, nil, e.proceedHeaders(), governance.ReplacesAll)
	case message.RequestMode != envoywire.BodyBuffered:
		return nil, false, errBodyMode
	}
	return one(e.proceedHeaders()), false, nil
}

// proceedHeaders lets the header pass. The answer is asked for on the same stream where no other filter sees to it: what the
// operation is, and so whether anything governs its answer, nobody knows before the body.
func (e *exchange) proceedHeaders() envoywire.Reply {
	if e.current.Request.Told {
		return proceed(envoywire.RequestHeaders)
	}
	return proceedAndAsk()
}

// close decides the request and answers the message that completed it.
func (e *exchange) close(ctx context.Context, body []byte, reply envoywire.Reply, replaces governance.Replaces) (replies, bool, error) {
	if e.current == nil || e.decided {
		return nil, false, errOrder
	}
	e.open.Enter(e.current, e)
	e.entered, e.current.Replaces = true, replaces
	e.governor.Close(ctx, e.current, body)
	e.decided = true
	if e.current.Sent != nil && e.current.Verdict.Decision == governance.Allow {
		return e.replace(reply)
	}
	return e.goOn(reply)
}

// replace answers the message that completed a request with what goes on in its place.
func (e *exchange) replace(reply envoywire.Reply) (replies, bool, error) {
	e.handed = false
	if reply.Part == envoywire.RequestBody && e.current.Sent.Method != e.verb {
		return nil, false, errReplace // Envoy would leave the verb out without a word
	}
	reply, err := replaced(reply, e.current.Sent)
	if err != nil {
		return nil, false, err
	}
	return e.goOn(reply)
}

// goOn answers the message that completed a request with its verdict. Where Envoy tells how calls go on, the stream ends with
// that, and another filter brings the answer if it is to be judged: a stream that ended with the answer asked for would
// lose what Envoy had sent of it by then.
func (e *exchange) goOn(reply envoywire.Reply) (answers replies, last bool, err error) {
	if e.current.Verdict.Decision != governance.Allow || !e.current.Request.Told {
		e.watch = e.governor.Watch(e.current)
		return one(verdict(e.current, reply)), e.watch != governance.WatchAnswer, nil
	}
	e.released, e.watch = true, governance.WatchNothing
	if e.governor.GoOn(e.current) == governance.NextAnswer {
		reply.Next = envoywire.NextAnswer
	}
	return one(reply), true, nil
}

// follow takes up an exchange that was kept, and returns the denial if it was decided and is not allowed any more.
func (e *exchange) follow(ctx context.Context, passage governance.Passage, next governance.Next) (cut replies, err error) {
	x := e.governor.Follow(passage.ID)
	if x == nil {
		return nil, errLost
	}
	e.current = x
	if !passage.Kept || x.Next != next {
		return nil, errOrder
	}
	if !x.Final {
		return nil, nil // it is judged with its body
	}
	e.open.Enter(x, e)
	e.entered, e.decided, e.handed, e.watch = true, true, next == governance.NextJudge, governance.WatchAnswer
	if v := e.governor.Review(ctx, x); v.Decision != governance.Allow {
		e.governor.Cut(x, v)
		return one(denial(x)), nil
	}
	return nil, nil
}

// begin takes up the exchange where ext_authz left it, if anything of it is left. Envoy skips ext_authz for requests without
// a route: what it left nothing for has no callee, and the header phase, judged here, denies it.
func (e *exchange) begin(ctx context.Context, message *envoywire.Message) (cut replies, err error) {
	e.verb = message.Pseudo.Method
	passage, err := governance.ParsePassage(message.Passage)
	switch {
	case err == nil && passage.Kept && passage.Final && passage.Next == governance.NextPass:
		return nil, nil
	case err == nil && passage.Kept:
		return e.follow(ctx, passage, governance.NextJudge)
	}
	request := governance.Request{
		Method:    message.Pseudo.Method,
		Scheme:    message.Pseudo.Scheme,
		Authority: message.Pseudo.Authority,
		Path:      message.Pseudo.Path,
		Header:    message.Header,
	}
	if err != nil {
		e.current = e.governor.Open(ctx, request)
	} else {
		e.current = e.governor.Resume(passage, request)
	}
	return nil, nil
}
