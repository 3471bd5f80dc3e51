package extproc

import (
	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/governance"
)

// verdict returns the reply that carries the exchange's verdict: proceed, when it allows, else the denial.
func verdict(x *governance.Exchange, proceed envoywire.Reply) envoywire.Reply {
	if x.Verdict.Decision == governance.Allow {
		return proceed
	}
	return denial(x)
}

// denial returns the answer to the client that takes the place of all others.
func denial(x *governance.Exchange) envoywire.Reply {
	d := x.Denial()
	return envoywire.Reply{Status: d.Status, Set: d.Headers, Body: d.Body, Details: "ringfence_" + x.Verdict.Factor}
}

// replies are what Envoy is sent in answer to one of its messages.
type replies []envoywire.Reply

func one(reply envoywire.Reply) replies {
	switch {
	case !reply.Plain():
		return replies{reply}
	case reply.Ask:
		return asking[reply.Part]
	default:
		return passing[reply.Part]
	}
}

// The replies to one message that let its part pass are most of them. They are made once and shared.
var (
	passing = plainReplies(false)
	asking  = plainReplies(true)
)

func plainReplies(ask bool) (all [envoywire.ResponseTrailers + 1]replies) {
	for part := range all {
		all[part] = replies{{Part: envoywire.Part(part), Ask: ask}}
	}
	return all
}

// proceed lets a part pass as it is.
func proceed(part envoywire.Part) envoywire.Reply { return envoywire.Reply{Part: part} }

// proceedAndAsk lets the request's header pass and asks Envoy for the agent's answer too.
func proceedAndAsk() envoywire.Reply {
	return envoywire.Reply{Part: envoywire.RequestHeaders, Ask: true}
}

// answerPiece passes a piece of the answer's body; end says that it is the last.
func answerPiece(piece []byte, end bool) envoywire.Reply {
	return envoywire.Reply{Part: envoywire.ResponseBody, Body: piece, End: end}
}

// own passes a piece of Envoy's own reply, whose words and form are the mesh's, as it stands: in full duplex Envoy has let
// go of what it sent, and would leave the client without it.
func own(m *envoywire.Message) replies { return one(answerPiece(m.Body, m.End)) }
