package governance

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/task"
)

// Ledger remembers who started which task at which agent. It must be safe for concurrent use.
type Ledger interface {
	// Owner returns the owner of a task, task.ErrUnowned for a task that nobody is known to have started, and another
	// error when it cannot tell. The asker is the caller who makes it look.
	Owner(ctx context.Context, asker agent.ID, ref task.Ref) (task.Owner, error)
	// Learn makes the owner that of the task unless it has one, and returns the one it has.
	Learn(ctx context.Context, ref task.Ref, owner task.Owner, state task.State) (task.Owner, error)
	// Finish notes that the task has come to its end.
	Finish(ref task.Ref)
}

// UnknownTasks says what becomes of requests about tasks whose owner is not known, such as those from before the mesh,
// and of such tasks in lists. The zero value denies them.
type UnknownTasks uint8

// The ways.
const (
	DenyUnknownTasks UnknownTasks = iota
	// AskAgent leaves the answer to the agent.
	AskAgent
)

// noTask is what a caller learns of a task of somebody else's: no more than that there is none for it (A2A 1.0: a server
// must not reveal what a client may not see).
func noTask(owner agent.ID, id string) Verdict {
	v := deny(NoTask, CalleeSide, "task-not-found", "the caller has no such task")
	whose := "owner " + string(owner)
	if owner == "" {
		whose = "owner unknown (tasks.unknown)"
	}
	v.Evidence = []string{"task " + strconv.QuoteToASCII(id[:min(len(id), maxShownID)]), whose}
	return v
}

const maxShownID = 64

// Contexts says who may use a context that an agent gave to one caller. The zero value lets that caller alone.
type Contexts uint8

// The ways.
const (
	OwnContexts Contexts = iota
	// SharedContexts leaves contexts to the agent: whoever knows the id takes part, as A2A has it.
	SharedContexts
)

// taskStage lets a task be read, continued, cancelled, followed and drawn upon by its owner alone. It stands behind
// scope: who may not call the agent at all learns nothing of its tasks.
type taskStage struct {
	ledger   Ledger
	unknown  UnknownTasks
	contexts Contexts
}

func (s taskStage) Judge(ctx context.Context, x *Exchange) Verdict {
	if s.ledger == nil || x.instead != nil {
		return allow()
	}
	if v := s.judge(ctx, x, x.Operation.TaskID); v.Decision != Allow {
		return v
	}
	for _, id := range x.Operation.References {
		if v := s.judge(ctx, x, id); v.Decision != Allow {
			return v
		}
	}
	if x.Operation.Method == a2a.OtherMethod {
		// Nothing says that an id is one of a task, unless it is known for that.
		s.unknown = AskAgent
	}
	for _, id := range x.Operation.Mentions {
		if v := s.judge(ctx, x, id); v.Decision != Allow {
			return v
		}
	}
	return s.judgeContext(ctx, x)
}

// judgeContext lets a context be used by whom the agent gave it to. A context that nobody is known to have been given is
// the caller's choice, which A2A allows.
func (s taskStage) judgeContext(ctx context.Context, x *Exchange) Verdict {
	id := x.Operation.ContextID
	if s.contexts == SharedContexts || id == "" {
		return allow()
	}
	owner, err := s.ledger.Owner(ctx, x.Caller.Agent, task.Ref{Callee: x.Callee.Name, Task: id, Context: true})
	switch {
	case errors.Is(err, task.ErrUnowned):
		return allow()
	case err != nil:
		return ownerUndecided(err)
	case !x.actsFor(owner):
		v := deny(Forbidden, CalleeSide, "context-not-found", "the caller has no such context")
		v.Evidence = []string{"owner " + string(owner.Agent)}
		return v
	}
	return allow()
}

func (s taskStage) judge(ctx context.Context, x *Exchange, id string) Verdict {
	if id == "" {
		return allow()
	}
	owner, err := s.ledger.Owner(ctx, x.Caller.Agent, task.Ref{Callee: x.Callee.Name, Task: id})
	switch {
	case errors.Is(err, task.ErrUnowned):
		if s.unknown == AskAgent {
			return allow()
		}
		return noTask("", id)
	case err != nil:
		return ownerUndecided(err)
	case !x.actsFor(owner):
		return noTask(owner.Agent, id)
	}
	return allow()
}

// ownerUndecided refuses what could not be decided; a caller that asked too often is told to wait. Why, the record keeps.
func ownerUndecided(err error) Verdict {
	if errors.Is(err, task.ErrTooMany) {
		v := deny(TooOften, GatewaySide, "too-many-tasks", "the caller asks for too many tasks that the mesh has to look up")
		v.RetryAfterSeconds = 1
		return v
	}
	v := deny(Internal, GatewaySide, "owner-undecided", "whose task this is could not be decided")
	v.Evidence = []string{err.Error()}
	return v
}

// actsFor reports whether the caller may act on the owner's tasks: they are its own, or those of an agent that delegated
// to it. What a trace or a gate tells makes nobody a delegate.
func (x *Exchange) actsFor(owner task.Owner) bool {
	if x.CallerRecord == nil {
		return false
	}
	if owner.Admits(x.CallerRecord.Name, x.CallerRecord.Created) {
		return true
	}
	if x.Chain.Descent != Delegated {
		return false
	}
	for _, name := range x.Chain.Holders {
		if record, ok := x.Mesh.Agents.Agent(name); ok && owner.Admits(name, record.Created) {
			return true
		}
	}
	return false
}

// owner returns whose a task is that the exchange starts.
func (x *Exchange) owner(contextID string) task.Owner {
	owner := task.Owner{Agent: x.Caller.Agent, DID: x.Caller.DID, Context: contextID, Created: x.Time}
	if x.Chain.Descent == Delegated && x.Chain.Holders[0] != x.Caller.Agent {
		owner.For = x.Chain.Holders[0]
	}
	return owner
}

// answeredTasksStage learns whose the tasks of an answer are, and lets no caller see a task of somebody else's: from a
// list it is taken out, any other answer about it is withheld.
type answeredTasksStage struct {
	ledger   Ledger
	lineage  *lineage.Ledger
	unknown  UnknownTasks
	contexts Contexts
}

func (s answeredTasksStage) Judge(ctx context.Context, x *Exchange) Verdict {
	if x.Answer.Kind == a2a.AnswerMessage || x.Answer.Kind == a2a.AnswerError {
		x.hears() // either is the last of an answer
	}
	if s.ledger == nil || len(x.Answer.Tasks) == 0 {
		return allow()
	}
	drop := make([]bool, len(x.Answer.Tasks))
	dropped := 0
	for i, told := range x.Answer.Tasks {
		if told.ID == "" {
			continue
		}
		owner, err := s.owner(ctx, x, told)
		switch {
		case errors.Is(err, errManyTasks):
			return deny(BadAnswer, CalleeSide, "answer-starts-many-tasks", errManyTasks.Error())
		case errors.Is(err, task.ErrUnowned) && s.unknown == AskAgent:
		case err != nil && !errors.Is(err, task.ErrUnowned):
			return ownerUndecided(err)
		case x.actsFor(owner):
			s.follow(x, told)
		case x.Answer.Kind != a2a.AnswerTaskList:
			return noTask(owner.Agent, told.ID)
		default:
			drop[i] = true
			dropped++
		}
	}
	if dropped == 0 {
		return allow()
	}
	if x.Binding == a2a.GRPC {
		x.Rewritten = a2a.DropTasksGRPC(x.Unit, x.Answer, drop)
	} else {
		x.Rewritten = a2a.DropTasks(x.Unit, x.Answer, drop)
	}
	v := allow()
	v.Evidence = []string{"tasks of others left out: " + strconv.Itoa(dropped)}
	return v
}

// hears notes that the answer tells whether the call goes on. One with a status of 500 or above is that of something in
// front of the agent as often as not, such as a proxy that waits no longer.
func (x *Exchange) hears() { x.heard = x.heard || x.Reply.Status < http.StatusInternalServerError }

// follow notes whether a task goes on after the answer.
func (s answeredTasksStage) follow(x *Exchange, told a2a.TaskRef) {
	x.hears()
	if told.State != a2a.TaskTerminal {
		x.goesOn(told.ID)
		return
	}
	x.ended(told.ID)
	s.ledger.Finish(task.Ref{Callee: x.Callee.Name, Task: told.ID})
	if s.lineage != nil {
		s.lineage.Finished(x.Callee.Name, told.ID, x.Moment)
	}
}

// goesOn notes that a task which the call works on has not ended.
func (x *Exchange) goesOn(id string) {
	if x.serving != nil && !slices.Contains(x.running, id) && len(x.running) < maxLearned {
		x.running = append(x.running, strings.Clone(id))
	}
}

func (x *Exchange) ended(id string) {
	x.running = slices.DeleteFunc(x.running, func(other string) bool { return other == id })
}

// owner returns whose task an answer is about. A task that first appears in the answer to a message is its sender's,
// unless the sender named it itself: who can guess the id of a task that nobody is known to own must not come to own it.
func (s answeredTasksStage) owner(ctx context.Context, x *Exchange, told a2a.TaskRef) (task.Owner, error) {
	ref := task.Ref{Callee: x.Callee.Name, Task: told.ID}
	method := x.Operation.Method
	if method != a2a.SendMessage && method != a2a.SendStreamingMessage || task.Same(x.Operation.TaskID, told.ID) {
		return s.ledger.Owner(ctx, x.Caller.Agent, ref)
	}
	state := task.Running
	if told.State == a2a.TaskTerminal {
		state = task.Finished
	}
	known := slices.Contains(x.learned, told.ID)
	if !known && len(x.learned) == maxLearned {
		return task.Owner{}, errManyTasks
	}
	sender := x.owner(told.ContextID)
	owner, err := s.ledger.Learn(ctx, ref, sender, state)
	if err != nil || known {
		return owner, err
	}
	x.learned = append(x.learned, strings.Clone(told.ID))
	return owner, s.learnContext(ctx, x, told.ContextID, sender)
}

// learnContext makes a context that the agent gave to the sender of a message the sender's. One that the sender named is
// not: who guesses the context of others must not come to own it.
func (s answeredTasksStage) learnContext(ctx context.Context, x *Exchange, id string, sender task.Owner) error {
	if s.contexts == SharedContexts || id == "" || task.Same(id, x.Operation.ContextID) {
		return nil
	}
	_, err := s.ledger.Learn(ctx, task.Ref{Callee: x.Callee.Name, Task: id, Context: true}, sender, task.Running)
	return err
}

// maxLearned bounds the tasks that one answer may start: a message starts one. Without a bound, an agent whose stream
// names a new one with every event would fill the memory of the mesh.
const maxLearned = 16

var errManyTasks = errors.New("the answer starts more tasks than one message can")
