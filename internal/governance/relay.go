package governance

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/policy"
)

// Reply is what a proxy saw of an answer before its body.
type Reply struct {
	// Status is the HTTP status.
	Status int
	// Header holds all fields, names in lower case, duplicates kept.
	Header identity.Header

	media, charset string
}

// Passing says what becomes of an answer after a part of it was judged. The zero value lets nothing pass.
type Passing uint8

// The ways on.
const (
	// Hold: nothing may pass yet.
	Hold Passing = iota
	// Pass: the part's body may pass, and the fields before it.
	Pass
	// Stop: the part's body may pass and is the last of the answer, whatever the agent still sends.
	Stop
	// Refuse: nothing has passed; the exchange's denial takes the place of the answer.
	Refuse
)

// Part is what may pass after a chunk of an answer was judged.
type Part struct {
	Passing Passing
	// Body takes the place of the chunk. It is empty when all of the chunk has to wait, and may hold what waited.
	Body []byte
	// Changed says of a whole answer that it is not the agent's to the letter: what its fields say of the body is not so.
	Changed bool
}

// answerForm is how an answer is cut into what is judged at once. The zero value is one whole body.
type answerForm uint8

const (
	wholeAnswer answerForm = iota
	eventAnswer
	frameAnswer
)

// Relay carries the answer of an allowed exchange to its caller: bytes of the agent in, bytes for the caller out. What
// passes was judged: a whole body at its end, each event or message of a stream as soon as its last byte is there. It
// keeps no more than one of them.
type Relay struct {
	governor *Governor
	x        *Exchange
	form     answerForm
	events   *a2a.Events
	frames   *a2a.Frames
	held     []byte
	noted    int  // how much of the answer the governor counts as held
	passed   bool // something of the answer has passed
	over     bool // stopped, refused or ended
	whole    bool // ended, and all of it has passed
	failed   bool // the agent said that it did not do what it was asked for
	evidence []string
	// requestID has room for the ids that most requests have.
	requestID [40]byte
}

// Relay begins the answer of an exchange that Close allowed. From here on the exchange is the answer's: what it was
// decided on is let go, as a stream may last for hours.
func (g *Governor) Relay(x *Exchange, r Reply) *Relay {
	r.media, r.charset = mediaType(r.Header)
	x.Reply = r
	x.Request.Body, x.Sent = nil, nil
	if x.standIn != nil {
		x.standIn.message = a2a.Held{}
	}
	relay := &Relay{governor: g, x: x}
	x.Operation, x.question = kept(x.Operation, relay.requestID[:0]), policy.Call{}
	x.Verdict, x.shadowed, x.findings = allow(), nil, nil // what the request came to, its own record says
	limit := g.config.Policy.AnswerLimits.Bytes
	switch {
	case r.framed(x.Binding):
		relay.form, relay.frames, x.strands = frameAnswer, a2a.NewFrames(limit), &strands{}
	case r.streamed(x):
		relay.form, relay.events, x.strands = eventAnswer, a2a.NewEvents(limit), &strands{}
	}
	return relay
}

const eventStream = "text/event-stream"

// framed reports whether the body is a sequence of gRPC messages. Some clients look at the status alone: what they take
// for messages is read as such, whatever the answer says of itself.
func (r Reply) framed(b a2a.Binding) bool {
	return b == a2a.GRPC && (r.Status == http.StatusOK || strings.HasPrefix(r.media, "application/grpc"))
}

// streamed reports whether the answer is an event stream, and may be one. Between events, a stream has room for what is
// no event; a client that asked for a single answer may read just that.
func (r Reply) streamed(x *Exchange) bool {
	return r.media == eventStream && r.Status == http.StatusOK && x.Binding != a2a.GRPC &&
		(x.Operation.Method.Streaming() || x.Operation.Method == a2a.OtherMethod)
}

// kept returns what judging an answer needs of an operation, without the copy of the body that its strings share. The id is
// written to the room, if there is enough.
func kept(op a2a.Operation, room []byte) a2a.Operation {
	wire := string(op.Method) // which is no part of a body
	if op.Wire != wire {
		wire = strings.Clone(op.Wire)
	}
	id := op.RequestID
	if id != nil {
		id = append(room, id...)
	}
	return a2a.Operation{
		Method: op.Method, Binding: op.Binding, Generation: op.Generation, Wire: wire, RequestID: id,
		TaskID: strings.Clone(op.TaskID), ContextID: strings.Clone(op.ContextID),
		Skill: strings.Clone(op.Skill), Action: strings.Clone(op.Action),
	}
}

// Begin judges the fields of the answer. Those of an event stream pass at once, so that the caller knows that it is
// connected; all others wait for the first verdict on the body.
func (r *Relay) Begin(ctx context.Context) Part {
	if v := r.x.Reply.readable(); v.Decision != Allow {
		return r.refuse(v, "answer")
	}
	if !r.Fields(ctx, r.x.Reply.Header) {
		return r.refuse(r.x.Verdict, r.x.Verdict.Factor)
	}
	if r.form == eventAnswer {
		r.passed = true
		return Part{Passing: Pass}
	}
	return Part{}
}

// Next judges a chunk of the body; end reports that it is the last. A chunk after the end is ignored.
func (r *Relay) Next(ctx context.Context, chunk []byte, end bool) Part {
	if r.over {
		return Part{}
	}
	var part Part
	switch r.form {
	case eventAnswer:
		part = r.nextEvents(ctx, chunk, end)
	case frameAnswer:
		part = r.nextFrames(ctx, chunk, end)
	default:
		part = r.nextWhole(ctx, chunk, end)
	}
	if !r.note() {
		part = r.stop(part.Body, crowded(), "answer")
	}
	r.whole = end && part.Passing == Pass
	return part
}

// note tells the governor how much of the answer is held, and reports whether that may be.
func (r *Relay) note() bool {
	waiting := 0
	switch {
	case r.over:
	case r.form == eventAnswer:
		waiting = r.events.Waiting()
	case r.form == frameAnswer:
		waiting = r.frames.Waiting()
	default:
		waiting = len(r.held)
	}
	if !r.governor.holdings.change(r.x.Caller.Agent, waiting-r.noted) {
		return false
	}
	r.noted = waiting
	return true
}

// nextWhole holds the body until all of it is there.
func (r *Relay) nextWhole(ctx context.Context, chunk []byte, end bool) Part {
	if len(r.held)+len(chunk) > r.governor.config.Policy.AnswerLimits.Bytes {
		return r.refuse(oversized(), "answer")
	}
	if !end {
		r.held = append(r.held, chunk...)
		return Part{}
	}
	body := chunk
	if len(r.held) > 0 {
		body = append(r.held, chunk...)
	}
	r.held, r.over = nil, true
	if len(body) > 0 && !r.judge(ctx, body) {
		return r.refuse(r.x.Verdict, r.x.Verdict.Factor)
	}
	if instead := r.x.passes(nil); len(body) > 0 && instead != nil {
		return Part{Passing: Pass, Body: instead, Changed: true}
	}
	return Part{Passing: Pass, Body: body}
}

// nextEvents passes every event as soon as it was judged, and what stands between events at once.
func (r *Relay) nextEvents(ctx context.Context, chunk []byte, end bool) Part {
	var out []byte
	for r.events.Feed(chunk); ; {
		event, ok, err := r.events.Next()
		if !ok && end && err == nil {
			// What is left of a stream that broke off is an event to some clients.
			event, err = r.events.Rest()
		}
		if err != nil {
			return r.stop(out, unreadableAnswer(err), "answer")
		}
		if !r.judgeEvent(ctx, event) {
			return r.stop(out, r.x.Verdict, r.x.Verdict.Factor)
		}
		if data := r.x.passes(nil); data != nil {
			out = append(out, event.With(data)...)
		} else {
			out = append(out, event.Raw...)
		}
		if !ok {
			r.over = end
			return Part{Passing: Pass, Body: out}
		}
	}
}

// judgeEvent judges what an event tells and what stands in it besides. A2A has neither lists nor cards in streams, so
// that an event which would have to be rewritten is none that may pass.
func (r *Relay) judgeEvent(ctx context.Context, event a2a.Event) bool {
	if event.Told {
		if !r.judge(ctx, event.Data) {
			return false
		}
		if r.x.Rewritten != nil {
			r.x.Verdict = deny(BadAnswer, CalleeSide, "answer-unfit", "the agent's stream holds what only a single answer may")
			r.x.Verdict.Factor = "answer"
			return false
		}
	}
	// What stands beside the data is judged by itself, and takes nothing from what is said in the place of the data.
	renamed, redacted := r.x.Renamed, r.x.Redacted
	sound := len(event.Aside) == 0 || r.judgeWords(ctx, string(event.Aside))
	r.x.Renamed, r.x.Redacted = renamed, redacted
	return sound
}

// nextFrames passes every message as soon as it was judged.
func (r *Relay) nextFrames(ctx context.Context, chunk []byte, end bool) Part {
	var out []byte
	for r.frames.Feed(chunk); ; {
		frame, ok, err := r.frames.Next()
		if !ok && end && err == nil {
			err = r.frames.End()
		}
		switch {
		case err != nil:
			return r.stop(out, unreadableAnswer(err), "answer")
		case !ok:
			if r.over = end; !end && len(out) == 0 && !r.passed {
				return Part{}
			}
			r.passed = true
			return Part{Passing: Pass, Body: out}
		case !r.judge(ctx, frame.Message):
			return r.stop(out, r.x.Verdict, r.x.Verdict.Factor)
		}
		if message := r.x.passes(nil); message != nil {
			out = a2a.AppendFrame(out, message)
		} else {
			out = append(out, frame.Raw...)
		}
	}
}

// judge runs what the agent said at once through the stages.
func (r *Relay) judge(ctx context.Context, unit []byte) bool {
	r.x.Unit, r.x.Rewritten, r.x.Renamed, r.x.Redacted, r.x.Answer = unit, nil, nil, nil, a2a.Answer{}
	r.run(ctx, onAnswer)
	r.x.Unit, r.failed = nil, r.failed || r.x.Answer.Kind == a2a.AnswerError
	return !r.x.denied()
}

// passes returns what goes to the caller in the place of the unit that was judged, or the unit itself.
func (x *Exchange) passes(unit []byte) []byte {
	for _, instead := range [][]byte{x.Redacted, x.Renamed, x.Rewritten} {
		if instead != nil {
			return instead
		}
	}
	return unit
}

func (r *Relay) run(ctx context.Context, when phase) {
	r.x.Verdict = allow()
	r.governor.run(ctx, r.x, when)
	for _, word := range r.x.Verdict.Evidence {
		if len(r.evidence) < maxEvidence && !slices.Contains(r.evidence, word) {
			r.evidence = append(r.evidence, word)
		}
	}
}

// maxEvidence bounds what is kept of a stream that goes on finding things.
const maxEvidence = 64

func oversized() Verdict {
	return deny(BadAnswer, GatewaySide, "answer-too-large", "the agent's answer is larger than is judged")
}

// crowded refuses an answer that would have to be held beside too many others.
func crowded() Verdict {
	v := deny(TooOften, GatewaySide, "answers-waiting", "too much of other answers waits for its end; try again later")
	v.RetryAfterSeconds = 1
	return v
}

// refuse denies an answer of which nothing has passed.
func (r *Relay) refuse(v Verdict, factor string) Part {
	r.deny(v, factor)
	return Part{Passing: Refuse}
}

// stop denies an answer of which something may have passed already: then its last words are the denial, in the form
// that the caller's stream has. A stream of gRPC messages has none but its trailers, which are not the mesh's to send
// early; it ends without them, which clients take for an error.
func (r *Relay) stop(out []byte, v Verdict, factor string) Part {
	if !r.passed && len(out) == 0 {
		return r.refuse(v, factor)
	}
	r.deny(v, factor)
	if r.form == eventAnswer {
		out = append(out, r.x.denial().Event()...)
	}
	return Part{Passing: Stop, Body: out}
}

func (r *Relay) deny(v Verdict, factor string) {
	v.Factor = factor
	r.x.Verdict = v
	r.finish()
}

// finish lets go of what is held.
func (r *Relay) finish() {
	r.over, r.held = true, nil
	r.note()
}

// End records what was found in the answer; it has to be called once, when the answer is over or broke off. An answer in
// which nothing was found leaves no record of its own: that of the request says that the call took place.
func (r *Relay) End() {
	whole := r.whole
	r.finish()
	if whole {
		r.x.hears()
	}
	switch {
	case r.x.denied() || len(r.evidence) > 0:
		r.x.Verdict.Evidence = r.evidence
		r.governor.finish(r.x, audit.AnswerPhase)
	case whole && !r.failed:
		r.governor.completed(r.x)
	}
}
