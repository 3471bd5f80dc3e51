package a2a_test

import (
	"bytes"
	"encoding/json"
	"testing"

	legacytypes "github.com/a2aproject/a2a-go/a2a"
	sdk "github.com/a2aproject/a2a-go/v2/a2a"
	currentpb "github.com/a2aproject/a2a-go/v2/a2apb/v1"
	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

var resumed = a2a.Waiting{ID: "w-1", ContextID: "c-0", State: a2a.WaitingWorking}

func TestTaskOfSent(t *testing.T) {
	t.Parallel()
	const (
		status  = `{"state":"TASK_STATE_WORKING"}`
		message = `{"messageId":"m", "contextId":"c-1","taskId":"t-1","role":"ROLE_AGENT","parts":[{"text":"hello"}]}`
		alone   = `{"messageId":"m","role":"ROLE_AGENT","parts":[]}`
		kinded  = `{"kind":"message","messageId":"m","role":"agent","parts":[]}`
		task    = `{"id":"t-1", "status":{"state":"TASK_STATE_WORKING"}}`
		failure = `{"error":{"code":-32603,"message":"no"}}`
	)
	for _, tc := range []struct {
		name       string
		by         a2a.Method
		generation a2a.Generation
		body, want string
	}{
		{"task-read", a2a.GetTask, a2a.V10, `{ "task" : ` + task + `}`, task},
		{"task-read-bare", a2a.GetTask, a2a.V10, task, task},
		{"task-beside-null", a2a.GetTask, a2a.V10, `{"message":null,"task":` + task + `}`, task},
		{
			"message-read", a2a.GetTask, a2a.V10, `{"message":` + message + `}`,
			`{"id":"w-1","contextId":"c-1","status":{"state":"TASK_STATE_COMPLETED","message":` + message + `}}`,
		},
		{
			"message-read-outside-contexts", a2a.GetTask, a2a.V10, `{"message":` + alone + `}`,
			`{"id":"w-1","contextId":"c-0","status":{"state":"TASK_STATE_COMPLETED","message":` + alone + `}}`,
		},
		{"task-begins", a2a.SubscribeToTask, a2a.V10, `{"task":` + task + `}`, `{"task":` + task + `}`},
		{
			"message-begins", a2a.SubscribeToTask, a2a.V10, `{"message":` + alone + `}`,
			`{"task":{"id":"w-1","contextId":"c-0","status":{"state":"TASK_STATE_COMPLETED","message":` + alone + `}}}`,
		},
		{
			"status-begins", a2a.SubscribeToTask, a2a.V10, `{"statusUpdate":{"taskId":"t-1","contextId":"c-1","status":` + status + `}}`,
			`{"task":{"id":"t-1","contextId":"c-1","status":` + status + `}}`,
		},
		{
			"artifact-begins", a2a.SubscribeToTask, a2a.V10, `{"artifactUpdate":{"taskId":"t-1","artifact":{"artifactId":"a","parts":[]},"append":true}}`,
			`{"task":{"id":"t-1","contextId":"c-0","status":` + status + `,"artifacts":[{"artifactId":"a","parts":[]}]}}`,
		},
		{"status-without-status", a2a.SubscribeToTask, a2a.V10, `{"statusUpdate":{"taskId":"t-1"}}`, `{"statusUpdate":{"taskId":"t-1"}}`},
		{"error-read", a2a.GetTask, a2a.V10, failure, failure},
		{"error-begins", a2a.SubscribeToTask, a2a.V10, failure, failure},
		{"neither", a2a.GetTask, a2a.V10, `{"x":1}`, `{"x":1}`},
		{"by-another-method", a2a.CancelTask, a2a.V10, `{"task":` + task + `}`, `{"task":` + task + `}`},
		{"unknown-generation", a2a.GetTask, a2a.GenerationUnknown, `{"task":` + task + `}`, `{"task":` + task + `}`},

		{"task-read-0.3", a2a.GetTask, a2a.V03, task03, task03},
		{"task-begins-0.3", a2a.SubscribeToTask, a2a.V03, task03, task03},
		{
			"status-begins-0.3", a2a.SubscribeToTask, a2a.V03, `{"kind":"status-update","taskId":"t-1","status":{"state":"working"}}`,
			`{"kind":"status-update","taskId":"t-1","status":{"state":"working"}}`,
		},
		{
			"status-begins-0.3-proto", a2a.SubscribeToTask, a2a.V03, `{"statusUpdate":{"taskId":"t-1","status":` + status + `}}`,
			`{"statusUpdate":{"taskId":"t-1","status":` + status + `}}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, b := range []a2a.Binding{a2a.HTTPJSON, a2a.JSONRPC} {
				body, want := tc.body, tc.want
				if b == a2a.JSONRPC && tc.body != failure {
					body, want = result(`7`, body), result(`7`, want)
				}
				checkTaskOf(t, b, tc.by, tc.generation, body, want)
			}
		})
	}
	wrapped := func(name, text string) string {
		return `{` + name + `"id":"w-1","contextId":"c-0","status":{"state":"` + text + `","message":`
	}
	kind := wrapped(`"kind":"task",`, "completed") + kinded + `}}`
	checkTaskOf(t, a2a.JSONRPC, a2a.GetTask, a2a.V03, result(`7`, kinded), result(`7`, kind))
	checkTaskOf(t, a2a.JSONRPC, a2a.SubscribeToTask, a2a.V03, result(`7`, kinded), result(`7`, kind))
	plain := wrapped("", "TASK_STATE_COMPLETED") + alone + `}}`
	checkTaskOf(t, a2a.HTTPJSON, a2a.GetTask, a2a.V03, `{"message":`+alone+`}`, plain)
	checkTaskOf(t, a2a.HTTPJSON, a2a.SubscribeToTask, a2a.V03, `{"message":`+alone+`}`, `{"task":`+plain+`}`)
}

// sentBy is the method of the message that was resumed by a request.
func sentBy(by a2a.Method) a2a.Method {
	if by == a2a.SubscribeToTask {
		return a2a.SendStreamingMessage
	}
	return a2a.SendMessage
}

func checkTaskOf(t *testing.T, b a2a.Binding, by a2a.Method, g a2a.Generation, body, want string) {
	t.Helper()
	a, p := a2a.ParseAnswer(b, sentBy(by), []byte(body), a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	got, p := a2a.TaskOfSent(a2a.Operation{Method: by, Binding: b, Generation: g}, a, []byte(body), resumed)
	if p != nil {
		t.Fatal(p)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%v (-want +got):\n%s", b, diff)
	}
}

// The official types must find a task in what was made of what they write.
func TestTaskOfSentIsWhatTheSDKsRead(t *testing.T) {
	t.Parallel()
	reply := sdk.NewMessage(sdk.MessageRoleAgent, sdk.NewTextPart("hello"))
	first := sdk.NewSubmittedTask(sdk.TaskInfo{TaskID: "t-1", ContextID: "c-1"}, reply)
	updated := sdk.NewStatusUpdateEvent(first, sdk.TaskStateWorking, reply)
	made := sdk.NewArtifactEvent(first, sdk.NewTextPart("draft"))
	for name, event := range map[string]sdk.Event{"task": first, "message": reply, "status": updated, "artifact": made} {
		sent, err := json.Marshal(sdk.StreamResponse{Event: event})
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range []a2a.Method{a2a.GetTask, a2a.SubscribeToTask} {
			if by == a2a.GetTask && name != "task" && name != "message" {
				continue
			}
			a, p := a2a.ParseAnswer(a2a.HTTPJSON, sentBy(by), sent, a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			got, p := a2a.TaskOfSent(a2a.Operation{Method: by, Binding: a2a.HTTPJSON, Generation: a2a.V10}, a, sent, resumed)
			if p != nil {
				t.Fatal(p)
			}
			task := new(sdk.Task)
			if by == a2a.GetTask {
				strictly(t, got, &currentpb.Task{})
				err = json.Unmarshal(got, task)
			} else {
				var first sdk.StreamResponse
				strictly(t, got, &currentpb.StreamResponse{})
				err = json.Unmarshal(got, &first)
				task, _ = first.Event.(*sdk.Task)
			}
			if err != nil || task == nil || task.ID == "" || task.ContextID == "" || task.Status.State == sdk.TaskStateUnspecified {
				t.Errorf("%s by %s: %v: %s", name, by, err, got)
			}
		}
	}
	legacy, err := json.Marshal(legacytypes.NewMessage(legacytypes.MessageRoleAgent, legacytypes.TextPart{Text: "hello"}))
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(result(`7`, string(legacy)))
	a, p := a2a.ParseAnswer(a2a.JSONRPC, a2a.SendMessage, body, a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	got, p := a2a.TaskOfSent(a2a.Operation{Method: a2a.GetTask, Binding: a2a.JSONRPC, Generation: a2a.V03}, a, body, resumed)
	if p != nil {
		t.Fatal(p)
	}
	var envelope struct{ Result json.RawMessage }
	if err := json.Unmarshal(got, &envelope); err != nil {
		t.Fatal(err)
	}
	event, err := legacytypes.UnmarshalEventJSON(envelope.Result)
	if task, ok := event.(*legacytypes.Task); err != nil || !ok || task.Status.State != legacytypes.TaskStateCompleted || task.Status.Message == nil {
		t.Errorf("%v: %s", err, got)
	}
}

// What only some readers would take for a task is none.
func TestTaskOfSentRefusesTwoAnswers(t *testing.T) {
	t.Parallel()
	body := []byte(`{"error":{"code":1},"status":{}}`)
	a, p := a2a.ParseAnswer(a2a.HTTPJSON, a2a.SendMessage, body, a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	got, p := a2a.TaskOfSent(a2a.Operation{Method: a2a.GetTask, Binding: a2a.HTTPJSON, Generation: a2a.V10}, a, body, resumed)
	if p == nil || !p.Agent || got != nil {
		t.Errorf("%v: %s", p, got)
	}
}

func FuzzTaskOfSent(f *testing.F) {
	for _, tc := range answers {
		f.Add([]byte(tc.body), uint8(0))
		f.Add([]byte(tc.body), uint8(7))
	}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		by := [...]a2a.Method{a2a.GetTask, a2a.SubscribeToTask}[which%2]
		op := a2a.Operation{Method: by, Binding: a2a.Binding(1 + which/2%2), Generation: a2a.Generation(1 + which/4%2)}
		before, p := a2a.ParseAnswer(op.Binding, sentBy(by), body, fuzzLimits)
		if p != nil {
			return
		}
		got, p := a2a.TaskOfSent(op, before, bytes.Clone(body), resumed)
		if p != nil {
			if got != nil || !p.Agent || p.Reason != "TOO_DEEP" && (by != a2a.GetTask || p.Reason != "AMBIGUOUS_ANSWER") {
				t.Errorf("refused: %v: %q", p, body)
			}
			return
		}
		lim := fuzzLimits
		lim.Bytes += 1 << 10
		after, p := a2a.ParseAnswer(op.Binding, by, got, lim)
		if p != nil {
			t.Fatalf("the answer is refused: %v: %q became %q", p, body, got)
		}
		switch {
		case before.Kind == a2a.AnswerTask && by == a2a.GetTask && len(before.Tasks) > 0 && before.Tasks[0].ID != "",
			before.Kind == a2a.AnswerMessage:
			if after.Kind != a2a.AnswerTask || !bytes.Equal(after.RequestID, before.RequestID) {
				t.Errorf("%q became %q: %+v", body, got, after)
			}
		case before.Kind == a2a.AnswerError && !bytes.Equal(got, body):
			t.Errorf("an error became %q", got)
		}
	})
}
