package governance

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/held"
	"ringfence.dev/ringfence/internal/identity"
)

// hold keeps the message of a caller that would rather have a task than an error, and has the mesh answer with that task.
// It reports false for what cannot wait so: then the caller gets the error.
func (s approvalStage) hold(ctx context.Context, x *Exchange, answer approval.Approval) (Verdict, bool) {
	if in := x.standIn; in != nil && in.task != "" {
		return s.holdOn(ctx, x)
	}
	method := x.Operation.Method
	if s.shelf == nil || !x.carried || x.standIn != nil || method != a2a.SendMessage && method != a2a.SendStreamingMessage || !x.wantsTask() {
		return Verdict{}, false
	}
	contentType, _ := x.Request.Header.Get("content-type")
	message, err := a2a.Hold(x.Operation, x.below(), contentType, x.Request.Body)
	if err != nil {
		return Verdict{}, false
	}
	text, err := json.Marshal(message)
	if err != nil {
		return Verdict{}, false
	}
	call := held.Call{
		Approval: answer.ID, Caller: x.Caller.Agent, Since: x.since(), Callee: x.Callee.Name, Method: method, Context: strings.Clone(x.Operation.ContextID),
		Created: x.Moment.UTC(), Expires: answer.Expires.UTC(), Message: text, Extensions: map[string]string{},
	}
	for _, field := range ExtensionFields {
		if lines := x.Request.Header.Values(field); len(lines) > 0 {
			call.Extensions[field] = strings.Join(lines, ", ")
		}
	}
	err = s.shelf.Put(ctx, call)
	if errors.Is(err, held.ErrTooLarge) {
		return Verdict{}, false
	}
	if err != nil {
		return heldUndecided(err), true
	}
	w := waitingFor(call, answer)
	w.Metadata = x.waiting()
	response, ok := w.Answer(x.Operation)
	if ok {
		x.instead = &response
	}
	return Verdict{}, false
}

// holdOn has the mesh tell how a task stands whose message this request was not let send: another one was quicker, or
// what people approved is worth nothing any more, and they are asked again.
func (s approvalStage) holdOn(ctx context.Context, x *Exchange) (Verdict, bool) {
	in := x.standIn
	known, err := s.approvals.Get(ctx, strings.TrimPrefix(in.task, held.Prefix), x.Moment)
	if err != nil {
		return heldUndecided(err), true
	}
	w := waitingFor(held.Call{Approval: known.ID, Context: in.waiting.ContextID}, known)
	if known.State == approval.Granted {
		w.Message, w.Metadata = waitingTexts[approval.Pending], x.waiting()
	}
	if response, ok := w.Answer(in.asked); ok {
		x.instead = &response
	}
	return Verdict{}, false
}

// ExtensionFields are those by which callers have agents activate extensions, as 1.0 and 0.3 spell them.
var ExtensionFields = [...]string{"a2a-extensions", "x-a2a-extensions"}

// activate has the exchange judged as if its caller had listed extensions as the message did.
func (x *Exchange) activate(extensions map[string]string) {
	header := slices.DeleteFunc(slices.Clone(x.Request.Header), func(f identity.Field) bool { return slices.Contains(ExtensionFields[:], f.Name) })
	for _, field := range ExtensionFields {
		if value := extensions[field]; value != "" {
			header = append(header, identity.Field{Name: field, Value: value})
		}
	}
	x.Request.Header = header
}

// claim lets a message go on that was kept until people approved it, and about which nobody has to be asked any more since the
// policies have changed. It goes on once, though no approval is used up by that.
func (s approvalStage) claim(ctx context.Context, x *Exchange) Verdict {
	in := x.standIn
	if in == nil || in.task == "" || x.granted || x.instead != nil {
		return allow()
	}
	first, err := s.shelf.Claim(ctx, in.task)
	if err != nil {
		return heldUndecided(err)
	}
	if x.granted = first; first {
		return allow()
	}
	in.waiting.State, in.waiting.Message = a2a.WaitingWorking, waitingTexts[approval.Consumed]
	return x.stands(in.asked, in.waiting)
}

// wantsTask reports whether the caller has said that it would rather have a task than an error.
func (x *Exchange) wantsTask() bool {
	return a2a.WantsApproval(x.Request.Header.Values("a2a-extensions")...) || a2a.WantsApproval(x.Request.Header.Values("x-a2a-extensions")...)
}

// answeredHeldStage makes of what an agent answers what its caller has asked for: an answer about the task that the caller
// knows. It stands last, and changes names alone.
type answeredHeldStage struct {
	shelf Shelf
}

func (s answeredHeldStage) Judge(ctx context.Context, x *Exchange) Verdict {
	in := x.standIn
	if in == nil || s.shelf == nil {
		return allow()
	}
	unit := x.Unit
	if x.Rewritten != nil {
		unit = x.Rewritten
	}
	op := x.Operation
	if in.task != "" {
		if err := s.bind(ctx, x); err != nil {
			return heldUndecided(err)
		}
		if op = in.asked; !in.begun {
			told, problem := a2a.TaskOfSent(in.asked, x.Answer, unit, in.waiting)
			if problem != nil {
				return unreadableAnswer(problem)
			}
			unit, in.begun = told, true
		}
	}
	x.Renamed = a2a.RenameAnswered(op, unit, in.names)
	return allow()
}

// unansweredWithin bounds how long it takes to remember that no answer came.
const unansweredWithin = time.Second

// unanswered remembers of a message that was sent, and to which no answer came, that nothing came of it: otherwise its task
// would be on its way for ever.
func (g *Governor) unanswered(x *Exchange) {
	in := x.standIn
	if in == nil || in.task == "" || in.bound || !x.granted || g.config.Shelf == nil {
		return
	}
	in.bound = true
	ctx, cancel := context.WithTimeout(context.Background(), unansweredWithin)
	defer cancel()
	// What cannot be remembered leaves the task on its way until the shelf forgets it.
	_ = g.config.Shelf.Bind(ctx, in.task, held.Became{Caller: x.Caller.Agent, Callee: x.Callee.Name, Since: x.since(), Failed: true})
}

// since is from when on the caller has its name: one that is registered anew is another.
func (x *Exchange) since() time.Time {
	if x.CallerRecord == nil {
		return time.Time{}
	}
	return x.CallerRecord.Created
}

// bind remembers what came of the message, before its caller can know of it.
func (s answeredHeldStage) bind(ctx context.Context, x *Exchange) error {
	in := x.standIn
	if in.bound {
		return nil
	}
	became := held.Became{Caller: x.Caller.Agent, Callee: x.Callee.Name, Since: x.since(), Failed: x.Answer.Kind != a2a.AnswerMessage}
	for _, told := range x.Answer.Tasks {
		if told.ID != "" {
			became.Task, became.Failed = strings.Clone(told.ID), false
			break
		}
	}
	if err := s.shelf.Bind(ctx, in.task, became); err != nil {
		return err
	}
	if in.bound = true; became.Task != "" {
		in.names[became.Task] = in.task
	}
	return nil
}
