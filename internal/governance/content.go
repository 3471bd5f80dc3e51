package governance

import (
	"context"
	"maps"
	"slices"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/inspect"
)

// ContentMode says what a finding does. The zero value treats it as the content rules and their treatments say.
type ContentMode uint8

// The modes: ContentEnforce lets findings block and redact, ContentFlag only records them, ContentOff does not look.
const (
	ContentEnforce ContentMode = iota
	ContentFlag
	ContentOff
)

// Action returns what becomes of a message for a finding. A card is not redacted: what is signed would not be what is left.
func (m ContentMode) Action(t inspect.Treatments, f inspect.Finding, d inspect.Direction, ring agent.Ring) inspect.Action {
	if m != ContentEnforce {
		return inspect.Flag
	}
	action := t.Of(f, d, ring)
	if d == inspect.Card && action == inspect.Redact {
		return inspect.Block
	}
	return action
}

// Scanner finds what rules look for in the texts of a message. It must be safe for concurrent use.
type Scanner interface {
	Scan(texts []a2a.Text, opts inspect.Options) []inspect.Finding
}

// contentStage holds what is said against the content rules.
type contentStage struct {
	inspection
	// mode is that of what is asked, answers that of what is answered.
	mode, answers ContentMode
}

func (s contentStage) Judge(_ context.Context, x *Exchange) Verdict {
	r := reading{
		texts: read(x.Operation.Texts, x.Binding), body: x.Request.Body, direction: inspect.Request, ring: x.Authority.Ring, mode: s.mode,
		thresholds: len(x.Policy.Thresholds) > 0, packed: packed(x.Operation.Texts, x.Binding),
	}
	v, cuts := s.judge(x, r)
	if v.Decision == Allow {
		w := s.returned(x)
		w.Evidence = append(v.Evidence, w.Evidence...)
		v = w
	}
	if v.Decision != Allow || len(cuts) == 0 {
		return v
	}
	if x.standIn != nil && x.standIn.task != "" {
		// It had to be taken out before people were asked: other rules are in force now.
		w := deny(Invalid, GatewaySide, "task-waiting", "the message that was approved cannot be sent as it is any more; send it again, and people are asked about what is left of it")
		w.Evidence = v.Evidence
		return w
	}
	values, ok := s.redacted(r, cuts)
	if !ok || !x.redact(values) {
		return unredactable(v, cuts)
	}
	return v
}

// redact has the request go on with new values in the places of some of its texts. No signature of its sender is under it
// then.
func (x *Exchange) redact(values map[int]string) bool {
	if x.Replaces == ReplacesNothing {
		return false
	}
	redacted, err := a2a.RedactRequest(x.Operation, x.Request.Method, x.below(), x.Request.Body, values)
	if err != nil {
		return false
	}
	before := x.Sent
	x.send(redacted)
	if before != nil {
		x.Sent.ContentType, x.Sent.Extensions = before.ContentType, before.Extensions
	}
	return true
}

// answeredContentStage holds what the agent said against the content rules. The history of a task repeats what its user
// said: that is no attack by the agent, and is held against what users may say. Where it is more than that, it is taken
// out, since nobody but the agent says that a user said it.
type answeredContentStage struct {
	inspection
	// mode is that of what agents say, echo that of what users say.
	mode, echo ContentMode
	limits     a2a.Limits
}

func (s answeredContentStage) Judge(_ context.Context, x *Exchange) Verdict {
	if s.mode == ContentOff && len(x.Policy.Thresholds) == 0 {
		return allow()
	}
	body, answer, ok := x.outgoing(s.limits)
	if !ok {
		return Verdict{}
	}
	callee, _ := x.Mesh.Standing(x.Callee, x.Moment)
	said := reading{body: body, answered: true, direction: inspect.Response, ring: callee.Ring, mode: s.mode, thresholds: len(x.Policy.Thresholds) > 0}
	if answer.Kind == a2a.AnswerCard {
		said.direction = inspect.Card
	}
	repeated := reading{body: body, answered: true, direction: inspect.Request, ring: x.Authority.Ring, mode: s.echo, echo: true}
	said.texts, repeated.texts = apart(read(answer.Texts, x.Binding))
	said.packed, repeated.packed = packed(answer.Texts, x.Binding), packed(answer.Texts, x.Binding)
	said.pieces = x.strands.pieces(&answer)

	v, cuts := s.judge(x, said)
	if v.Decision != Allow {
		return v
	}
	w, echoes := s.judge(x, repeated)
	v.Evidence = append(v.Evidence, w.Evidence...)
	if w.Decision != Allow {
		// Something about them could not be decided, so that nothing says what would have to be taken out.
		return unrepeatable(v)
	}
	values, ok := s.redacted(said, cuts)
	if !ok {
		return unredactable(v, cuts)
	}
	left := replaced(said.texts, values)
	for _, p := range said.pieces {
		p.add(left)
	}
	echoed, ok := s.redacted(repeated, echoes)
	if !ok {
		return unrepeatable(v)
	}
	if len(cuts) > 0 && !x.redactAnswer(body, answer, values) {
		return unredactable(v, cuts)
	}
	if len(echoed) == 0 {
		return v
	}
	both := make(map[int]string, len(values)+len(echoed))
	maps.Copy(both, values)
	maps.Copy(both, echoed)
	if x.redactAnswer(body, answer, both) {
		return v
	}
	x.Redacted = nil
	return unrepeatable(v)
}

// unrepeatable refuses an answer for what it says its caller has said. The agent is not held to that.
func unrepeatable(v Verdict) Verdict {
	w := deny(Forbidden, GatewaySide, "answer-unredactable", "the answer repeats content that is not let through, where it cannot be taken out")
	w.Evidence = v.Evidence
	return w
}

// apart returns the texts twice, each at its place: as what the agent said, and as what its user said. What is not of the
// one or the other is empty there; without anything that the user said, the second is nil.
func apart(texts []a2a.Text) (said, repeated []a2a.Text) {
	if !slices.ContainsFunc(texts, saidByUser) {
		return texts, nil
	}
	said, repeated = slices.Clone(texts), slices.Clone(texts)
	for i := range texts {
		if saidByUser(texts[i]) {
			said[i].Value = ""
		} else {
			repeated[i].Value = ""
		}
	}
	return said, repeated
}

func saidByUser(t a2a.Text) bool { return t.Author == a2a.AuthorUser }

// outgoing returns what goes to the caller in the place of the unit that is judged, and what it says: other stages may have
// taken something out of it, and put other names into it.
func (x *Exchange) outgoing(limits a2a.Limits) ([]byte, a2a.Answer, bool) {
	body := x.Unit
	switch {
	case x.Renamed != nil:
		body = x.Renamed
	case x.Rewritten != nil:
		body = x.Rewritten
	default:
		return body, x.Answer, true
	}
	answer, problem := x.parseAnswer(body, limits)
	return body, answer, problem == nil
}

// redactAnswer has the answer go on with new values in the places of some of its texts.
func (x *Exchange) redactAnswer(body []byte, a a2a.Answer, values map[int]string) bool {
	if len(a.Texts) == 1 && a.Texts[0].End == 0 && a.Texts[0].Value == string(body) {
		x.Redacted = []byte(values[0]) // a page, which is one text as a whole
		return true
	}
	redacted, _, err := a2a.RedactAnswer(x.Operation, a, body, values)
	if err != nil {
		return false
	}
	x.Redacted = redacted
	return true
}
