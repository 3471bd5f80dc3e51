package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2asrv"
	"github.com/a2aproject/a2a-go/v2/a2asrv/taskstore"
)

// births creates the task of a message before the SDK does, which would give it a random id: here the id follows
// from the message's, so that two agents that get the same messages answer with the same bytes.
type births struct {
	a2asrv.PassthroughCallInterceptor
	store taskstore.Store
	now   func() time.Time
}

func (b births) Before(ctx context.Context, _ *a2asrv.CallContext, r *a2asrv.Request) (context.Context, any, error) {
	send, ok := r.Payload.(*a2a.SendMessageRequest)
	if !ok || !startsTask(send.Message) {
		return ctx, nil, nil
	}
	message := *send.Message
	if message.ContextID == "" {
		message.ContextID = nameAfter("context", message.ID, 1)
	}
	if scenarioOf(message.ID).makesTask() {
		if err := b.create(ctx, &message); err != nil {
			return ctx, nil, err
		}
	}
	request := *send
	request.Message = &message
	r.Payload = &request
	return ctx, nil, nil
}

// startsTask reports whether a message is a valid one that continues no task. All others are the SDK's to refuse.
func startsTask(m *a2a.Message) bool {
	return m != nil && m.TaskID == "" && m.ID != "" && m.Role != "" && len(m.Parts) > 0
}

// create stores a new task and names it in the message. A message that was sent before starts another task.
func (b births) create(ctx context.Context, message *a2a.Message) error {
	for n := 1; ; n++ {
		message.TaskID = a2a.TaskID(nameAfter("task", message.ID, n))
		_, err := b.store.Create(ctx, newTask(message.TaskID, message.ContextID, message, b.now()))
		if !errors.Is(err, taskstore.ErrTaskAlreadyExists) {
			return err
		}
	}
}

// nameAfter names the nth thing that a message starts.
func nameAfter(kind, messageID string, n int) string {
	sum := sha256.Sum256([]byte(messageID))
	name := kind + "-" + hex.EncodeToString(sum[:8])
	if n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	return name
}

// TaskID returns the id of the first task that a message with this id starts, and ContextID that of its context.
func TaskID(messageID string) string    { return nameAfter("task", messageID, 1) }
func ContextID(messageID string) string { return nameAfter("context", messageID, 1) }
