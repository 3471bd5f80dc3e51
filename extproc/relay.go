package extproc

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
)

// answer is the state of an answer on its way through one processing stream. Envoy sends it in full duplex: it holds
// nothing back by itself and takes what it is sent, so that fields wait for the verdict on the body where they have to,
// events pass one by one, and an answer can end before the agent ends it.
type answer struct {
	exchange *governance.Exchange
	relay    *governance.Relay
	released bool // the fields have passed
	begun    bool // Envoy has sent some of the body
}

func (a *answer) headers(ctx context.Context, governor *governance.Governor, message *envoywire.Message) (replies, bool, error) {
	status, err := strconv.Atoi(message.Pseudo.Status)
	if err != nil {
		status = 0
	}
	a.relay = governor.Relay(a.exchange, governance.Reply{Status: status, Header: message.Header})
	part := a.relay.Begin(ctx)
	if message.End && part.Passing != governance.Refuse {
		part = a.relay.Next(ctx, nil, true)
		if part.Passing == governance.Pass {
			return one(proceed(envoywire.ResponseHeaders)), true, nil
		}
	}
	return a.pass(part, false)
}

func (a *answer) body(ctx context.Context, message *envoywire.Message) (replies, bool, error) {
	a.begun = true
	return a.pass(a.relay.Next(ctx, message.Body, message.End), message.End)
}

// trailers end an answer whose body had no end of its own. An answer that is denied only here has its denial in them.
func (a *answer) trailers(ctx context.Context, message *envoywire.Message) (replies, bool, error) {
	part := a.relay.Next(ctx, nil, true)
	stopped := part.Passing == governance.Stop
	if stopped {
		part.Passing = governance.Pass
	}
	answers, last, err := a.pass(part, false)
	if err != nil || last {
		return answers, last, err
	}
	reply := proceed(envoywire.ResponseTrailers)
	if stopped || !a.relay.Fields(ctx, message.Header) {
		reply.Set = slices.DeleteFunc(a.exchange.Denial().Headers, func(f [2]string) bool { return !strings.HasPrefix(f[0], "grpc-") })
	}
	return append(answers, reply), true, nil
}

// cut returns what ends the answer with a verdict, whatever of it has passed. Envoy takes no body before it has sent some:
// then, with the fields gone, all that is left is to reset the call, which an immediate response does.
func (a *answer) cut(v governance.Verdict) replies {
	part := a.relay.Cut(v)
	if a.released && !a.begun {
		part.Passing = governance.Refuse
	}
	answers, _, _ := a.pass(part, true)
	return answers
}

// pass returns what tells Envoy of a part; end reports that the agent's body is complete.
func (a *answer) pass(part governance.Part, end bool) (answers replies, last bool, err error) {
	switch part.Passing {
	case governance.Pass, governance.Stop:
	case governance.Refuse:
		return one(denial(a.exchange)), true, nil
	default:
		return nil, false, nil
	}
	if !a.released {
		a.released = true
		fields := proceed(envoywire.ResponseHeaders)
		if part.Changed {
			fields.Remove = unsigned
		}
		answers = append(answers, fields)
	}
	end = end || part.Passing == governance.Stop
	for body := part.Body; ; {
		piece := body[:min(len(body), maxPiece)]
		body = body[len(piece):]
		if len(piece) > 0 || end {
			answers = append(answers, answerPiece(piece, end && len(body) == 0))
		}
		if len(body) == 0 {
			return answers, end, nil
		}
	}
}

// maxPiece is the most that one message to Envoy carries of a body, as its API asks for.
const maxPiece = 64 << 10
