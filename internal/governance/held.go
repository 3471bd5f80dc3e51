package governance

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/held"
	"ringfence.dev/ringfence/internal/limit"
	"ringfence.dev/ringfence/internal/policy"
)

// Shelf keeps messages whose callers wait for people, and what came of them. It must be safe for concurrent use.
type Shelf interface {
	Put(ctx context.Context, c held.Call) error
	Get(ctx context.Context, task string) (c held.Call, ok bool, err error)
	Claim(ctx context.Context, task string) (first bool, err error)
	Bind(ctx context.Context, task string, b held.Became) error
	Became(ctx context.Context, task string) (b held.Became, ok bool, err error)
}

// standIn is what an exchange has to do with tasks that the mesh stands in for.
type standIn struct {
	// task is the one that the request is about while no agent has it, asked what the caller asks for, and message what
	// goes to the agent instead. They are empty where an agent has the task already.
	task    string
	asked   a2a.Operation
	message a2a.Held
	method  a2a.Method
	waiting a2a.Waiting
	// bound reports that what came of the message is remembered, begun that the caller was told of it.
	bound, begun bool
	// names are the ids that the caller knows, by those of the agent.
	names map[string]string
}

// heldStage answers requests about tasks that the mesh stands in for. While people decide, it tells how the task stands;
// once they have approved, the next request that reads it or subscribes to it is the message itself, which every stage
// behind judges as it is; and when an agent has the task, requests name the agent's.
//
// Only where the body phase carries the exchange can a request be replaced. Elsewhere what would have to be is denied:
// judged would be one request, and sent another.
type heldStage struct {
	shelf     Shelf
	approvals Approvals
	limits    limit.Table
	statusURL string
}

func (s heldStage) Judge(ctx context.Context, x *Exchange) Verdict {
	if s.shelf == nil || s.approvals == nil || x.Callee == nil || !ofMesh(x.Operation.TaskID) && !slices.ContainsFunc(x.Operation.References, ofMesh) {
		return allow()
	}
	names, looked := map[string]string{}, 0
	for _, id := range append([]string{x.Operation.TaskID}, x.Operation.References...) {
		if !ofMesh(id) || names[id] != "" {
			continue
		}
		if looked++; looked > maxLookedUp {
			return deny(Invalid, GatewaySide, "task-unnameable", "the request names more tasks of the mesh than are looked up for one")
		}
		became, ok, err := s.shelf.Became(ctx, id)
		switch {
		case err != nil:
			return heldUndecided(err)
		case ok && became.Callee == x.Callee.Name && became.Task != "":
			names[id] = became.Task
		case id == x.Operation.TaskID:
			return s.waits(ctx, x, became, ok)
		}
	}
	if len(names) == 0 {
		return allow()
	}
	return rename(x, names)
}

// ofMesh reports whether an id is that of a task that the mesh stands in for.
func ofMesh(id string) bool { return strings.HasPrefix(id, held.Prefix) }

// maxLookedUp bounds how many tasks are looked up in the store for one request.
const maxLookedUp = 16

func heldUndecided(err error) Verdict {
	v := deny(Unavailable, GatewaySide, "held-undecided", "how the task stands could not be found out; try again later")
	v.Evidence = []string{err.Error()}
	return v
}

// Replaces says what of a request the proxy can still replace when it is decided. The zero value is nothing.
type Replaces uint8

// What can be replaced: all but the verb, which Envoy changes only in a request that ended with its header, or all.
const (
	ReplacesNothing Replaces = iota
	ReplacesAllButVerb
	ReplacesAll
)

// rename has the request name the agent's tasks. Whose they are, the task stage judges.
func rename(x *Exchange, names map[string]string) Verdict {
	if x.Replaces == ReplacesNothing {
		return deny(Invalid, GatewaySide, "task-unnameable", "the task can be named only where the mesh judges answers too")
	}
	sent, err := a2a.RenameTask(x.Operation, x.Request.Method, x.below(), x.Request.Body, names)
	if err != nil {
		return deny(Invalid, GatewaySide, "task-unnameable", "the request cannot be made to name the task that it is for")
	}
	x.standIn = &standIn{names: map[string]string{}}
	for known, real := range names {
		x.standIn.names[real] = known
	}
	x.send(sent)
	return allow()
}

// waits is about a task that no agent has. Nobody but the sender of its message learns of it.
func (s heldStage) waits(ctx context.Context, x *Exchange, became held.Became, sent bool) Verdict {
	call, ok, err := s.shelf.Get(ctx, x.Operation.TaskID)
	switch {
	case err != nil:
		return heldUndecided(err)
	case !ok && sent:
		call = held.Call{Approval: strings.TrimPrefix(x.Operation.TaskID, held.Prefix), Caller: became.Caller, Since: became.Since, Callee: became.Callee}
	case !ok:
		// The name is the mesh's: no agent has such a task.
		return noTask("", x.Operation.TaskID)
	}
	if call.Caller != x.Caller.Agent || !call.Since.Equal(x.since()) || call.Callee != x.Callee.Name {
		return noTask(call.Caller, x.Operation.TaskID)
	}
	answer, err := s.state(ctx, x, call)
	if err != nil {
		return heldUndecided(err)
	}
	x.asks(answer, s.statusURL)
	in := &standIn{task: call.Task(), waiting: waitingFor(call, answer), names: map[string]string{}}
	switch {
	case sent && !became.Failed:
		in.waiting.State = a2a.WaitingCompleted
	case sent, s.lost(answer, x.Moment):
		in.waiting.State = a2a.WaitingFailed
	}
	x.standIn = in
	if method := x.Operation.Method; answer.State == approval.Granted && (method == a2a.GetTask || method == a2a.SubscribeToTask) {
		return s.resume(ctx, x, call)
	}
	w := in.waiting
	if w.State == a2a.WaitingAuthRequired {
		w.Metadata = x.waiting()
	}
	return x.stands(x.Operation, w)
}

// lost reports whether a message was sent longer ago than any call may take, so that the process that knew of its answer is
// gone.
func (s heldStage) lost(a approval.Approval, now time.Time) bool {
	if a.State != approval.Consumed || len(a.History) == 0 {
		return false
	}
	return now.Sub(a.History[len(a.History)-1].At) > s.limits.Of(agent.Kernel).Time
}

// state returns how the case of a call stands. A caller that cancels takes its message back.
func (s heldStage) state(ctx context.Context, x *Exchange, call held.Call) (approval.Approval, error) {
	if x.Operation.Method == a2a.CancelTask {
		answer, err := s.approvals.Withdraw(ctx, call.Approval, x.Caller.Agent, x.Moment)
		if !errors.Is(err, approval.ErrEnded) {
			return answer, err
		}
	}
	answer, err := s.approvals.Get(ctx, call.Approval, x.Moment)
	if errors.Is(err, approval.ErrNotFound) {
		return approval.Approval{ID: call.Approval, State: approval.Expired, Expires: call.Expires}, nil
	}
	return answer, err
}

// stands has the mesh answer the operation, of the request as it came, with how a task stands. Nothing of the request reaches
// the agent.
func (x *Exchange) stands(asked a2a.Operation, w a2a.Waiting) Verdict {
	response, ok := w.Answer(asked)
	if !ok || asked.Method == a2a.SendMessage || asked.Method == a2a.SendStreamingMessage {
		return deny(Invalid, GatewaySide, "task-waiting", "the task waits for people to approve its message; it can be read, subscribed to and canceled")
	}
	x.instead = &response
	v := deny(Forbidden, GatewaySide, policy.ReasonApproval, "the task waits for people to approve its message")
	v.Decision = Approve
	return v
}

// resume puts the message that people approved in the place of the request. The caller may act in another ring than when
// it sent the message, and the request told another length than the message has.
func (s heldStage) resume(ctx context.Context, x *Exchange, call held.Call) Verdict {
	in := x.standIn
	if x.Replaces == ReplacesNothing {
		return deny(Invalid, GatewaySide, "task-waiting", "the message that was approved can be sent only where the mesh judges answers too")
	}
	if err := json.Unmarshal(call.Message, &in.message); err != nil {
		return heldUndecided(err)
	}
	sent, err := in.message.Resume(x.Operation)
	if err != nil {
		return deny(Invalid, GatewaySide, "task-waiting", "the message that was approved cannot take the place of this request: "+err.Error())
	}
	if sent.Verb != x.Request.Method && x.Replaces != ReplacesAll {
		return deny(Invalid, GatewaySide, "task-waiting", "the message that was approved can take the place of a read only that has no body, not even an empty one")
	}
	in.asked, in.method = kept(x.Operation, nil), call.Method
	x.send(sent)
	x.Sent.Extensions = call.Extensions
	x.activate(call.Extensions)
	x.Effect = effect(x)
	return sizeStage{limits: s.limits}.Judge(ctx, x)
}

// send has another request go on in the place of the one that was made.
func (x *Exchange) send(r a2a.Request) {
	if r.Verb != "" {
		x.Request.Method = r.Verb
	}
	if x.Binding == a2a.HTTPJSON && r.Path != "" {
		raw, _, _ := strings.Cut(x.Request.Path, "?")
		x.Request.Path = strings.TrimSuffix(raw, x.Below) + r.Path
		x.Below, _, _ = strings.Cut(r.Path, "?")
	}
	x.Request.Body, x.Operation = r.Body, r.Operation
	x.Sent = &Sent{Method: x.Request.Method, Path: x.Request.Path, ContentType: r.ContentType, Body: r.Body}
}

// Sent is a request that goes on in the place of the one that was made.
type Sent struct {
	// Method is the HTTP verb, and Path the path with its query as the client would have sent it.
	Method, Path string
	// ContentType is that of the body; an empty one stays as it is.
	ContentType string
	Body        []byte
	// Extensions are the values of ExtensionFields; those without one are left out. Nil leaves them as they are.
	Extensions map[string]string
}

// below is the path below the entrance, with its query.
func (x *Exchange) below() string {
	if _, query, ok := strings.Cut(x.Request.Path, "?"); ok {
		return x.Below + "?" + query
	}
	return x.Below
}

// waitingStates are what the states of a case are as those of a task.
var waitingStates = map[approval.State]a2a.WaitingState{
	approval.Pending: a2a.WaitingAuthRequired, approval.Granted: a2a.WaitingAuthRequired, approval.Consumed: a2a.WaitingWorking,
	approval.Denied: a2a.WaitingRejected, approval.Expired: a2a.WaitingFailed, approval.Withdrawn: a2a.WaitingCanceled,
}

// waitingTexts tell people why a task is in its state.
var waitingTexts = map[approval.State]string{
	approval.Pending:   "People have been asked to approve this message.",
	approval.Granted:   "People have approved this message; read the task or subscribe to it to have it sent.",
	approval.Consumed:  "The message was sent to the agent.",
	approval.Denied:    "People were asked to approve this message and refused it.",
	approval.Expired:   "Nobody approved this message in time.",
	approval.Withdrawn: "The message was taken back.",
}

func waitingFor(call held.Call, a approval.Approval) a2a.Waiting {
	w := a2a.Waiting{
		ID: call.Task(), ContextID: call.Context, State: waitingStates[a.State], Message: waitingTexts[a.State],
		MessageID: call.Task() + "-" + string(a.State), At: call.Created,
	}
	if w.ContextID == "" {
		w.ContextID = w.ID
	}
	if len(a.History) > 0 {
		w.At = a.History[len(a.History)-1].At
	}
	return w
}
