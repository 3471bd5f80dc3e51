package conformance

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2asrv"
	"github.com/a2aproject/a2a-go/v2/a2asrv/eventqueue"
)

// handler is the SDK's request handler with what the SDK lacks of the specification.
type handler struct {
	a2asrv.RequestHandler
	store *watchedStore
}

// SendMessage keeps the history of the answer as short as the request wants it (A2A 1.0 section 3.2.4).
func (h handler) SendMessage(ctx context.Context, r *a2a.SendMessageRequest) (a2a.SendMessageResult, error) {
	result, err := h.RequestHandler.SendMessage(ctx, r)
	task, ok := result.(*a2a.Task)
	if err != nil || !ok || r.Config == nil || r.Config.HistoryLength == nil {
		return result, err
	}
	shortened := *task
	shortened.History = shortened.History[max(0, len(shortened.History)-max(0, *r.Config.HistoryLength)):]
	return &shortened, nil
}

// CancelTask cancels a task again that was about to come to rest: where an execution ends meanwhile without ending the
// task, the SDK takes that for a refusal to cancel it, or finds the execution's queue closed.
func (h handler) CancelTask(ctx context.Context, r *a2a.CancelTaskRequest) (*a2a.Task, error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		task, err := h.RequestHandler.CancelTask(ctx, r)
		if !errors.Is(err, a2a.ErrTaskNotCancelable) && !errors.Is(err, eventqueue.ErrQueueClosed) {
			return task, err
		}
		stored, getting := h.store.Get(ctx, r.ID)
		if getting != nil || stored.Task.Status.State.Terminal() {
			return task, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// ListTasks answers with an empty list where the SDK answers with none.
func (h handler) ListTasks(ctx context.Context, r *a2a.ListTasksRequest) (*a2a.ListTasksResponse, error) {
	answer, err := h.RequestHandler.ListTasks(ctx, r)
	if err == nil && answer.Tasks == nil {
		answer.Tasks = []*a2a.Task{}
	}
	return answer, err
}

// SubscribeToTask streams any task that is not at its end (A2A 1.0 section 3.1.6), also one that waits for input:
// the SDK streams only those it is working on.
func (h handler) SubscribeToTask(ctx context.Context, r *a2a.SubscribeToTaskRequest) iter.Seq2[a2a.Event, error] {
	return func(yield func(a2a.Event, error) bool) {
		task, events, forget, err := h.store.watch(ctx, r.ID)
		if err != nil {
			yield(nil, err)
			return
		}
		defer forget()
		if task.Status.State.Terminal() {
			yield(nil, fmt.Errorf("%w: the task is at its end", a2a.ErrUnsupportedOperation))
			return
		}
		if !yield(task, nil) {
			return
		}
		for {
			select {
			case <-ctx.Done():
				return
			case event, ok := <-events:
				if !ok {
					yield(nil, errSlow)
					return
				}
				if !yield(event, nil) || ends(event) {
					return
				}
			}
		}
	}
}

// ends reports whether nothing more happens to a task after the event.
func ends(event a2a.Event) bool {
	switch e := event.(type) {
	case *a2a.Task:
		return e.Status.State.Terminal()
	case *a2a.TaskStatusUpdateEvent:
		return e.Status.State.Terminal()
	}
	return false
}
