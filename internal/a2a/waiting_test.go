package a2a_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	legacytypes "github.com/a2aproject/a2a-go/a2a"
	legacypb "github.com/a2aproject/a2a-go/a2apb"
	sdk "github.com/a2aproject/a2a-go/v2/a2a"
	currentpb "github.com/a2aproject/a2a-go/v2/a2apb/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"ringfence.dev/ringfence/internal/a2a"
)

func TestWantsApproval(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		values []string
		want   bool
	}{
		{"none", nil, false},
		{"empty", []string{""}, false},
		{"alone", []string{a2a.ApprovalExtension}, true},
		{"in-a-list", []string{"urn:x, \t" + a2a.ApprovalExtension + " ,urn:y"}, true},
		{"in-another-value", []string{"urn:x", a2a.ApprovalExtension}, true},
		{"another-version", []string{"https://ringfence.dev/ext/approval/v2"}, false},
		{"longer", []string{a2a.ApprovalExtension + "/x"}, false},
		{"in-another-case", []string{strings.ToUpper(a2a.ApprovalExtension)}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := a2a.WantsApproval(tc.values...); got != tc.want {
				t.Errorf("wants = %v", got)
			}
		})
	}
}

var waitingStates = map[string]a2a.WaitingState{
	"auth-required": a2a.WaitingAuthRequired, "working": a2a.WaitingWorking, "rejected": a2a.WaitingRejected,
	"canceled": a2a.WaitingCanceled, "failed": a2a.WaitingFailed, "completed": a2a.WaitingCompleted,
}

func waitingIn(s a2a.WaitingState) a2a.Waiting {
	return a2a.Waiting{
		ID: "w-1", ContextID: "c-1", Message: "two people have to approve \"refund\" <now>\n", MessageID: "m-9", State: s,
		At:       time.Date(2026, 3, 1, 12, 30, 0, 5e6, time.FixedZone("", 3600)),
		Metadata: []a2a.Pair{{Key: "approval", Value: "a-17"}, {Key: "expires", Value: "2026-03-01T12:00:00Z"}},
	}
}

// waitingOps are the operations that a waiting task answers, by binding and generation.
func waitingOps() map[string]a2a.Operation {
	ops := map[string]a2a.Operation{}
	for _, m := range []a2a.Method{a2a.SendMessage, a2a.SendStreamingMessage, a2a.GetTask, a2a.CancelTask, a2a.SubscribeToTask} {
		for _, b := range []a2a.Binding{a2a.JSONRPC, a2a.HTTPJSON} {
			for _, g := range []a2a.Generation{a2a.V10, a2a.V03} {
				name := fmt.Sprintf("%v-%v-%v", strings.ToLower(strings.ReplaceAll(b.String(), "+", "-")), g, m)
				op := a2a.Operation{Method: m, Binding: b, Generation: g}
				if b == a2a.JSONRPC {
					op.RequestID = []byte(`"r-1"`)
				}
				ops[name] = op
			}
		}
	}
	return ops
}

func TestWaitingAnswer(t *testing.T) {
	t.Parallel()
	ops := waitingOps()
	for name, op := range ops {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, ok := waitingIn(a2a.WaitingAuthRequired).Answer(op)
			if !ok {
				t.Fatal("no answer")
			}
			got := render(r)
			file := filepath.Join("testdata", "waiting", name+".http")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "waiting", "*.http"))
	if err != nil || len(files) != len(ops) {
		t.Errorf("%d golden files for %d cases, %v", len(files), len(ops), err)
	}
}

// results returns the results in a response: one, or those of all events.
func results(t *testing.T, op a2a.Operation, r a2a.Response) [][]byte {
	t.Helper()
	bodies := [][]byte{r.Body}
	if op.Method.Streaming() {
		bodies = nil
		for event := range bytes.SplitSeq(bytes.TrimSuffix(r.Body, []byte("\n\n")), []byte("\n\n")) {
			data, ok := bytes.CutPrefix(event, []byte("data: "))
			if !ok || bytes.ContainsAny(data, "\r\n") {
				t.Fatalf("no event: %q", event)
			}
			bodies = append(bodies, data)
		}
	}
	for i, body := range bodies {
		a, p := a2a.ParseAnswer(op.Binding, op.Method, body, a2a.DefaultLimits())
		if p != nil || a.Kind != a2a.AnswerTask && i == 0 || len(a.Tasks) != 1 || a.Tasks[0].ID != "w-1" {
			t.Errorf("the package reads %+v, %v in %s", a, p, body)
		}
		if op.Binding != a2a.JSONRPC {
			continue
		}
		var envelope struct {
			Version string          `json:"jsonrpc"`
			ID      string          `json:"id"`
			Result  json.RawMessage `json:"result"`
		}
		if err := json.Unmarshal(body, &envelope); err != nil || envelope.Version != "2.0" || envelope.ID != "r-1" {
			t.Fatalf("%v: %s", err, body)
		}
		bodies[i] = envelope.Result
	}
	return bodies
}

// strictly reads the JSON of a proto, in which no member is unknown.
func strictly(t *testing.T, data []byte, m proto.Message) {
	t.Helper()
	if err := protojson.Unmarshal(data, m); err != nil {
		t.Errorf("%s is no %s: %v", data, m.ProtoReflect().Descriptor().FullName(), err)
	}
}

// The official types must find the task, in its state, in each form.
func TestWaitingAnswerIsWhatTheSDKsRead(t *testing.T) {
	t.Parallel()
	for stateName, state := range waitingStates {
		for name, op := range waitingOps() {
			t.Run(stateName+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := waitingIn(state)
				r, ok := w.Answer(op)
				if !ok {
					t.Fatal("no answer")
				}
				if refused(op, state) {
					if a, p := a2a.ParseAnswer(op.Binding, op.Method, wholeOf(r), a2a.DefaultLimits()); p != nil || a.Kind != a2a.AnswerError {
						t.Errorf("want an error, got %s", r.Body)
					}
					return
				}
				found := results(t, op, r)
				if want := 1 + count(op.Method.Streaming() && op.Generation == a2a.V03); len(found) != want {
					t.Fatalf("%d events, want %d", len(found), want)
				}
				switch {
				case op.Generation == a2a.V10:
					checkCurrentTask(t, op, found[0], w)
				case op.Binding == a2a.JSONRPC:
					checkLegacyTask(t, op, found, stateName)
				default:
					checkLegacyProto(t, op, found, stateName)
				}
			})
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// refused says which requests about a task that does not wait any more A2A answers with an error.
func refused(op a2a.Operation, s a2a.WaitingState) bool {
	switch op.Method {
	case a2a.CancelTask:
		return s == a2a.WaitingWorking || s.Terminal() && s != a2a.WaitingCanceled
	case a2a.SubscribeToTask:
		return s.Terminal() && op.Generation == a2a.V10
	}
	return false
}

func wholeOf(r a2a.Response) []byte {
	return bytes.TrimSuffix(bytes.TrimPrefix(r.Body, []byte("data: ")), []byte("\n\n"))
}

func checkCurrentTask(t *testing.T, op a2a.Operation, result []byte, w a2a.Waiting) {
	t.Helper()
	var task *sdk.Task
	switch op.Method {
	case a2a.GetTask, a2a.CancelTask:
		strictly(t, result, &currentpb.Task{})
		task = new(sdk.Task)
		if err := json.Unmarshal(result, task); err != nil {
			t.Fatal(err)
		}
	default:
		strictly(t, result, &currentpb.StreamResponse{})
		var event sdk.StreamResponse
		if err := json.Unmarshal(result, &event); err != nil {
			t.Fatal(err)
		}
		task, _ = event.Event.(*sdk.Task)
	}
	if task == nil || task.ID != "w-1" || task.ContextID != "c-1" || !task.Status.Timestamp.Equal(w.At) {
		t.Fatalf("the task is %+v", task)
	}
	names := map[a2a.WaitingState]sdk.TaskState{
		a2a.WaitingAuthRequired: sdk.TaskStateAuthRequired, a2a.WaitingWorking: sdk.TaskStateWorking,
		a2a.WaitingRejected: sdk.TaskStateRejected, a2a.WaitingCanceled: sdk.TaskStateCanceled,
		a2a.WaitingFailed: sdk.TaskStateFailed, a2a.WaitingCompleted: sdk.TaskStateCompleted,
	}
	if task.Status.State != names[w.State] {
		t.Errorf("the state is %v", task.Status.State)
	}
	m := task.Status.Message
	if m == nil || m.Role != sdk.MessageRoleAgent || m.Parts[0].Text() != w.Message || m.ID != "m-9" || m.TaskID != "w-1" {
		t.Errorf("the message is %+v", m)
	}
	want := map[string]any{"approval": "a-17", "expires": "2026-03-01T12:00:00Z"}
	if diff := cmp.Diff(want, task.Metadata[a2a.ApprovalExtension]); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

func checkLegacyTask(t *testing.T, op a2a.Operation, found [][]byte, state string) {
	t.Helper()
	event, err := legacytypes.UnmarshalEventJSON(found[0])
	if err != nil {
		t.Fatal(err)
	}
	task, ok := event.(*legacytypes.Task)
	if !ok || task.ID != "w-1" || task.ContextID != "c-1" || string(task.Status.State) != state {
		t.Fatalf("the task is %+v", event)
	}
	m := task.Status.Message
	if m == nil || m.Role != legacytypes.MessageRoleAgent || len(m.Parts) != 1 || m.TaskID != "w-1" {
		t.Errorf("the message is %+v", m)
	}
	if !op.Method.Streaming() {
		return
	}
	last, err := legacytypes.UnmarshalEventJSON(found[1])
	if err != nil {
		t.Fatal(err)
	}
	if u, ok := last.(*legacytypes.TaskStatusUpdateEvent); !ok || !u.Final || u.TaskID != "w-1" || string(u.Status.State) != state {
		t.Errorf("the last event is %+v", last)
	}
}

func checkLegacyProto(t *testing.T, op a2a.Operation, found [][]byte, state string) {
	t.Helper()
	var task *legacypb.Task
	switch {
	case op.Method.Streaming():
		var first, last legacypb.StreamResponse
		strictly(t, found[0], &first)
		strictly(t, found[1], &last)
		task = first.GetTask()
		if u := last.GetStatusUpdate(); !u.GetFinal() || u.GetTaskId() != "w-1" || u.GetStatus().GetState() != task.GetStatus().GetState() {
			t.Errorf("the last event is %v", &last)
		}
	case op.Method == a2a.SendMessage:
		var sent legacypb.SendMessageResponse
		strictly(t, found[0], &sent)
		task = sent.GetTask()
	default:
		task = new(legacypb.Task)
		strictly(t, found[0], task)
	}
	name := task.GetStatus().GetState().String()
	name = strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "TASK_STATE_")), "_", "-")
	if name == "cancelled" {
		name = "canceled"
	}
	text := task.GetMetadata().GetFields()[a2a.ApprovalExtension].GetStructValue().GetFields()["message"].GetStringValue()
	if task.GetId() != "w-1" || task.GetContextId() != "c-1" || name != state || !strings.HasPrefix(text, "two people") {
		t.Errorf("the task is %v", task)
	}
}

func TestWaitingDoesNotAnswer(t *testing.T) {
	t.Parallel()
	get := a2a.Operation{Method: a2a.GetTask, Binding: a2a.JSONRPC, Generation: a2a.V10}
	with := func(change func(*a2a.Operation)) a2a.Operation {
		op := get
		change(&op)
		return op
	}
	for _, tc := range []struct {
		name  string
		op    a2a.Operation
		state a2a.WaitingState
	}{
		{"unknown-state", get, a2a.WaitingUnknown},
		{"state-that-is-none", get, 99},
		{"grpc", with(func(op *a2a.Operation) { op.Binding = a2a.GRPC }), a2a.WaitingAuthRequired},
		{"unknown-binding", with(func(op *a2a.Operation) { op.Binding = 0 }), a2a.WaitingAuthRequired},
		{"unknown-generation", with(func(op *a2a.Operation) { op.Generation = 0 }), a2a.WaitingAuthRequired},
		{"list", with(func(op *a2a.Operation) { op.Method = a2a.ListTasks }), a2a.WaitingAuthRequired},
		{"push", with(func(op *a2a.Operation) { op.Method = a2a.CreateTaskPushNotificationConfig }), a2a.WaitingAuthRequired},
		{"other", with(func(op *a2a.Operation) { op.Method = a2a.OtherMethod }), a2a.WaitingAuthRequired},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if r, ok := waitingIn(tc.state).Answer(tc.op); ok || r.Body != nil {
				t.Errorf("the answer is %s", render(r))
			}
		})
	}
}

func FuzzWaitingAnswer(f *testing.F) {
	f.Add("w-1", "why", "key", "value", []byte(`"id"`), uint8(1), uint8(0))
	f.Add("\xff\u2028", "<&>\x00\"\\\r\n", "message", "data: x", []byte("1\n\n"), uint8(4), uint8(19))
	f.Fuzz(func(t *testing.T, id, message, key, value string, request []byte, state, which uint8) {
		w := a2a.Waiting{
			ID: id, ContextID: message, Message: message, MessageID: key, State: a2a.WaitingState(state % 7),
			Metadata: []a2a.Pair{{Key: key, Value: value}}, At: time.Unix(int64(state), 0),
		}
		methods := []a2a.Method{a2a.SendMessage, a2a.SendStreamingMessage, a2a.GetTask, a2a.CancelTask, a2a.SubscribeToTask}
		op := a2a.Operation{
			Method: methods[int(which)%5], Binding: a2a.Binding(1 + which/5%2), Generation: a2a.Generation(1 + which/10%2), RequestID: request,
		}
		r, ok := w.Answer(op)
		if ok != (w.State != a2a.WaitingUnknown) {
			t.Fatalf("answered: %v", ok)
		}
		for event := range bytes.SplitSeq(bytes.TrimSuffix(r.Body, []byte("\n\n")), []byte("\n\n")) {
			body := bytes.TrimPrefix(event, []byte("data: "))
			if bytes.ContainsAny(body, "\r\n") {
				t.Errorf("a line ends in %q", body)
			}
			a, p := a2a.ParseAnswer(op.Binding, op.Method, body, fuzzLimits)
			if ok && (p != nil || a.Kind == a2a.AnswerUnknown) {
				t.Errorf("%v, %d: %q", p, a.Kind, body)
			}
		}
	})
}
