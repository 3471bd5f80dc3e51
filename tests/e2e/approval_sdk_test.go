package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2aclient"
	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"

	mesha2a "ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/tests/conformance"
)

// asking has requests say that their sender would rather have a task than an error.
type asking struct{ base http.RoundTripper }

func (a asking) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, name := range []string{"A2A-Extensions", "X-A2A-Extensions"} {
		r.Header.Set(name, mesha2a.ApprovalExtension)
	}
	return a.base.RoundTrip(r)
}

// clients returns one of the official SDK for each wire over which tasks wait, each with the caller's signature.
func (l *lobby) clients(t *testing.T) map[wire]goClient {
	t.Helper()
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	web := &http.Client{Transport: asking{&identity.Transport{Signer: l.caller.signer, Base: base}}}
	clients := map[wire]goClient{}
	for _, w := range taskWires {
		at := &a2a.AgentInterface{URL: l.at[w], ProtocolBinding: a2a.TransportProtocol(w.binding), ProtocolVersion: a2a.ProtocolVersion(w.version)}
		client, err := a2aclient.NewFromEndpoints(t.Context(), []*a2a.AgentInterface{at},
			a2aclient.WithJSONRPCTransport(web), a2aclient.WithRESTTransport(web),
			a2av0.WithJSONRPCTransport(a2av0.JSONRPCTransportConfig{Client: web}), a2av0.WithRESTTransport(a2av0.RESTTransportConfig{Client: web}),
		)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Destroy() }) //nolint:errcheck // the test has ended
		clients[w] = goClient{client, w}
	}
	return clients
}

// isSeenThrough has the official client, which knows nothing of the mesh, see its tasks through.
func (l *lobby) isSeenThrough(t *testing.T, c goClient) {
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	if err := l.seesThrough(ctx, t, c); err != nil {
		t.Error(err)
	}
}

// seesThrough sends three messages: one whose task it reads, one whose task it subscribes to, and one that it takes back.
func (l *lobby) seesThrough(ctx context.Context, t *testing.T, c goClient) error {
	waits := func(event a2a.Event) (a2a.TaskID, string, error) {
		task, ok := event.(*a2a.Task)
		if !ok || task.Status.State != a2a.TaskStateAuthRequired {
			return "", "", fmt.Errorf("a message is answered with %s", kindOf(event))
		}
		metadata, err := json.Marshal(task.Metadata[mesha2a.ApprovalExtension])
		var found struct{ ApprovalID string }
		if err == nil {
			err = json.Unmarshal(metadata, &found)
		}
		if err == nil && found.ApprovalID == "" {
			err = fmt.Errorf("the task does not say what it waits for: %+v", task)
		}
		return task.ID, found.ApprovalID, err
	}

	message := c.request("tck-complete-task", "waits")
	sent, err := c.SendMessage(ctx, message)
	if err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	id, approval, err := waits(sent)
	if err != nil {
		return err
	}
	l.grant(t, approval)
	task, err := c.GetTask(ctx, &a2a.GetTaskRequest{ID: id})
	if err != nil || task.ID != id || task.Status.State != a2a.TaskStateCompleted {
		return fmt.Errorf("reading the task: %+v %w", task, err)
	}

	message = c.request(conformance.HoldPrefix, "streams")
	for event, err := range c.SendStreamingMessage(ctx, message) {
		if err != nil {
			return fmt.Errorf("sending for a stream: %w", err)
		}
		if _, ok := event.(*a2a.Task); ok {
			if id, approval, err = waits(event); err != nil {
				return err
			}
		}
	}
	l.grant(t, approval)
	var kinds []string
	for event, err := range c.SubscribeToTask(ctx, &a2a.SubscribeToTaskRequest{ID: id}) {
		if err != nil {
			return fmt.Errorf("subscribing: %w", err)
		}
		if known := event.TaskInfo().TaskID; known != id {
			return fmt.Errorf("an event is about %s, not %s", known, id)
		}
		if kinds = append(kinds, kindOf(event)); kinds[len(kinds)-1] == "statusUpdate TASK_STATE_WORKING" {
			if canceled, err := c.CancelTask(ctx, &a2a.CancelTaskRequest{ID: id}); err != nil || canceled.ID != id {
				return fmt.Errorf("canceling: %+v %w", canceled, err)
			}
		}
	}
	if got := strings.Join(kinds, ", "); got != "task TASK_STATE_SUBMITTED, statusUpdate TASK_STATE_WORKING, statusUpdate TASK_STATE_CANCELED" {
		return fmt.Errorf("the stream had %s", got)
	}

	if sent, err = c.SendMessage(ctx, c.request("tck-complete-task", "taken-back")); err != nil {
		return fmt.Errorf("sending what is taken back: %w", err)
	}
	if id, approval, err = waits(sent); err != nil {
		return err
	}
	if canceled, err := c.CancelTask(ctx, &a2a.CancelTaskRequest{ID: id}); err != nil || canceled.ID != id || canceled.Status.State != a2a.TaskStateCanceled {
		return fmt.Errorf("taking a message back: %+v %w", canceled, err)
	}
	if a := l.approval(t, approval); a.State != "withdrawn" {
		return fmt.Errorf("the approval of what was taken back is %s", a.State)
	}
	return nil
}
