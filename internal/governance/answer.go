package governance

import (
	"context"
	"errors"

	"ringfence.dev/ringfence/internal/a2a"
)

// answerStage reads what the agent says, with the same strictness as a request: what two readers could read in two
// ways cannot be judged, so it does not reach the caller. What is no JSON to anybody, such as the error page of a web
// server that stands in for the agent, is one text.
type answerStage struct {
	limits a2a.Limits
}

func (s answerStage) Judge(_ context.Context, x *Exchange) Verdict {
	var problem *a2a.Problem
	x.Answer, problem = x.parseAnswer(x.Unit, s.limits)
	switch {
	case problem == nil:
		return allow()
	case problem.Code == a2a.CodeParse && x.Reply.words(x, x.Unit):
		x.Answer = a2a.Answer{Texts: []a2a.Text{{Value: string(x.Unit), Kind: a2a.KindText, Author: a2a.AuthorAgent}}}
		return allow()
	}
	return unreadableAnswer(problem)
}

func (x *Exchange) parseAnswer(body []byte, limits a2a.Limits) (a2a.Answer, *a2a.Problem) {
	if x.Reply.framed(x.Binding) {
		return a2a.ParseGRPCAnswer(x.Below, body, limits)
	}
	return a2a.ParseAnswer(x.Binding, x.Operation.Method, body, limits)
}

// unreadableAnswer refuses what cannot be taken apart. The sentences of the parsers repeat nothing of what they refuse.
func unreadableAnswer(err error) Verdict {
	if errors.Is(err, a2a.ErrEventTooLarge) || errors.Is(err, a2a.ErrFrameTooLarge) {
		return oversized()
	}
	v := deny(BadAnswer, CalleeSide, "answer-unreadable", "the agent's answer cannot be judged: "+err.Error())
	var problem *a2a.Problem
	if errors.As(err, &problem) {
		v.Message = "the agent's answer cannot be judged: " + problem.Detail
		v.Evidence = []string{problem.Reason}
	}
	return v
}
