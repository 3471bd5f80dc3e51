package conformance

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2asrv"
)

// executor plays scenarios.
type executor struct {
	now func() time.Time
}

// Execute plays the scenario that the message's id asks for.
func (e executor) Execute(ctx context.Context, x *a2asrv.ExecutorContext) iter.Seq2[a2a.Event, error] {
	return func(yield func(a2a.Event, error) bool) {
		p := &play{now: e.now, context: x, scenario: scenarioOf(x.Message.ID)}
		if p.scenario.makesTask() && !yield(p.task(), nil) {
			return
		}
		for _, s := range p.scenario.steps {
			switch {
			case s.wait > 0 || s.hold:
				if !sleep(ctx, s) {
					return
				}
			default:
				if !yield(p.event(s), nil) {
					return
				}
			}
		}
	}
}

// Cancel ends the task as asked.
func (e executor) Cancel(_ context.Context, x *a2asrv.ExecutorContext) iter.Seq2[a2a.Event, error] {
	return func(yield func(a2a.Event, error) bool) {
		p := &play{now: e.now, context: x}
		yield(p.status(a2a.TaskStateCanceled, nil), nil)
	}
}

// sleep lets time pass and reports whether the execution goes on.
func sleep(ctx context.Context, s step) bool {
	if s.hold {
		<-ctx.Done()
		return false
	}
	timer := time.NewTimer(s.wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// play is one execution of a scenario.
type play struct {
	now      func() time.Time
	context  *a2asrv.ExecutorContext
	scenario scenario
	made     int  // how many messages and artifacts it has made, which numbers their ids
	streamed bool // an artifact is being streamed in chunks
}

// id names what the play makes after the message that started it: the same message gives the same ids.
func (p *play) id(kind string) string {
	p.made++
	return nameAfter(kind, p.context.Message.ID, p.made)
}

// task returns the task as it stands before the scenario's first step. One that waited for this message is worked
// on again.
func (p *play) task() *a2a.Task {
	if p.context.StoredTask == nil {
		return newTask(p.context.TaskID, p.context.ContextID, p.context.Message, p.now())
	}
	task := *p.context.StoredTask
	if task.Status.State != a2a.TaskStateSubmitted {
		now := p.now()
		task.Status = a2a.TaskStatus{State: a2a.TaskStateWorking, Timestamp: &now}
	}
	return &task
}

func newTask(id a2a.TaskID, contextID string, message *a2a.Message, now time.Time) *a2a.Task {
	return &a2a.Task{
		ID:        id,
		ContextID: contextID,
		Status:    a2a.TaskStatus{State: a2a.TaskStateSubmitted, Timestamp: &now},
		History:   []*a2a.Message{message},
	}
}

func (p *play) event(s step) a2a.Event {
	switch {
	case s.reply != nil:
		return p.message(s.reply...)
	case s.artifact != nil:
		return p.artifact(s.artifact...)
	case s.echo:
		return p.artifact(a2a.NewTextPart(parameters(p.context.ServiceParams)))
	case s.chunk != nil:
		return p.chunk(s.chunk, false)
	case s.last != nil:
		return p.chunk(s.last, true)
	}
	var note *a2a.Message
	if p.scenario.text != "" && s.state != a2a.TaskStateWorking {
		note = p.message(a2a.NewTextPart(p.scenario.text))
	}
	return p.status(s.state, note)
}

func (p *play) message(parts ...*a2a.Part) *a2a.Message {
	m := &a2a.Message{ID: p.id("message"), ContextID: p.context.ContextID, Role: a2a.MessageRoleAgent, Parts: parts}
	if p.scenario.makesTask() {
		m.TaskID = p.context.TaskID
	}
	return m
}

func (p *play) artifact(parts ...*a2a.Part) *a2a.TaskArtifactUpdateEvent {
	return &a2a.TaskArtifactUpdateEvent{
		TaskID:    p.context.TaskID,
		ContextID: p.context.ContextID,
		Artifact:  &a2a.Artifact{ID: a2a.ArtifactID(p.id("artifact")), Parts: parts},
	}
}

// chunk adds to the one artifact that a play streams.
func (p *play) chunk(part *a2a.Part, last bool) *a2a.TaskArtifactUpdateEvent {
	e := p.artifact(part)
	e.Artifact.ID = a2a.ArtifactID("stream-of-" + string(p.context.TaskID))
	e.Append, e.LastChunk = p.streamed, last
	p.streamed = true
	return e
}

func (p *play) status(state a2a.TaskState, note *a2a.Message) *a2a.TaskStatusUpdateEvent {
	now := p.now()
	return &a2a.TaskStatusUpdateEvent{
		TaskID:    p.context.TaskID,
		ContextID: p.context.ContextID,
		Status:    a2a.TaskStatus{State: state, Message: note, Timestamp: &now},
	}
}

// parameters says with which version and extensions a call came, one per line.
func parameters(received *a2asrv.ServiceParams) string {
	var lines strings.Builder
	for _, name := range []string{versionParameter, a2a.SvcParamExtensions} {
		values, _ := received.Get(name)
		fmt.Fprintf(&lines, "%s: %s\n", name, strings.Join(values, ", "))
	}
	return lines.String()
}
