package a2a_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence.dev/ringfence/internal/a2a"
)

func TestRenameAnswered(t *testing.T) {
	t.Parallel()
	names := map[string]string{"t-1": "w\n1", "t-2": "w-2"}
	const (
		message = `{"messageId":"t-1","taskId":"t-1","referenceTaskIds":["t-2","t-3"],"parts":[{"text":"t-1"}],"metadata":{"taskId":"t-1"}}`
		spoken  = `{"messageId":"t-1","taskId":"w\u000a1","referenceTaskIds":["w-2","t-3"],"parts":[{"text":"t-1"}],"metadata":{"taskId":"t-1"}}`
		task    = `{"id":"t-1","contextId":"t-1","status":{"message":` + message + `,"state":"t-1"},"history":[` + message + `,null],` +
			`"artifacts":[{"artifactId":"t-1","name":"t-1","parts":[{"data":{"id":"t-1","taskId":"t-1"}}]}],"metadata":{"id":"t-1"}}`
		named = `{"id":"w\u000a1","contextId":"t-1","status":{"message":` + spoken + `,"state":"t-1"},"history":[` + spoken + `,null],` +
			`"artifacts":[{"artifactId":"t-1","name":"t-1","parts":[{"data":{"id":"t-1","taskId":"t-1"}}]}],"metadata":{"id":"t-1"}}`
	)
	for _, tc := range []struct {
		name       string
		method     a2a.Method
		body, want string
	}{
		{"sent-task", a2a.SendMessage, `{ "task" : ` + task + ` }`, `{ "task" : ` + named + ` }`},
		{"sent-message", a2a.SendMessage, `{"message":` + message + `}`, `{"message":` + spoken + `}`},
		{"task", a2a.GetTask, task, named},
		{"canceled-task", a2a.CancelTask, task, named},
		{"message-of-0.3", a2a.SendMessage, message, spoken},
		{"status-of-0.3-proto", a2a.GetTask, `{"id":"t-2","status":{"update":` + message + `}}`, `{"id":"w-2","status":{"update":` + spoken + `}}`},
		{
			"status", a2a.SubscribeToTask, `{"statusUpdate":{"taskId":"t-2","contextId":"t-2","status":{"message":` + message + `}}}`,
			`{"statusUpdate":{"taskId":"w-2","contextId":"t-2","status":{"message":` + spoken + `}}}`,
		},
		{
			"status-of-0.3", a2a.SendStreamingMessage, `{"kind":"status-update","taskId":"t-2","status":{"message":` + message + `},"final":true}`,
			`{"kind":"status-update","taskId":"w-2","status":{"message":` + spoken + `},"final":true}`,
		},
		{
			"artifact", a2a.SendStreamingMessage, `{"artifactUpdate":{"taskId":"t-2","artifact":{"artifactId":"t-2"}}}`,
			`{"artifactUpdate":{"taskId":"w-2","artifact":{"artifactId":"t-2"}}}`,
		},
		{"by-the-names-of-the-proto", a2a.SubscribeToTask, `{"status_update":{"task_id":"t-2"}}`, `{"status_update":{"task_id":"w-2"}}`},
		{
			"list", a2a.ListTasks, `{"tasks":[` + task + `,{"id":"t-2"},{"id":"t-3"}],"nextPageToken":"t-1","totalSize":3}`,
			`{"tasks":[` + named + `,{"id":"w-2"},{"id":"t-3"}],"nextPageToken":"t-1","totalSize":3}`,
		},
		{
			"push", a2a.CreateTaskPushNotificationConfig, `{"id":"t-2","taskId":"t-2","url":"t-2"}`,
			`{"id":"t-2","taskId":"w-2","url":"t-2"}`,
		},
		{
			"push-of-0.3", a2a.GetTaskPushNotificationConfig, `{"taskId":"t-2","pushNotificationConfig":{"id":"t-2","url":"t-2"}}`,
			`{"taskId":"w-2","pushNotificationConfig":{"id":"t-2","url":"t-2"}}`,
		},
		{
			"push-of-0.3-proto", a2a.GetTaskPushNotificationConfig, `{"name":"tasks/t-2/pushNotificationConfigs/t-2"}`,
			`{"name":"tasks/w-2/pushNotificationConfigs/t-2"}`,
		},
		{
			"push-list", a2a.ListTaskPushNotificationConfigs, `{"configs":[{"taskId":"t-2","id":"t-2"}]}`,
			`{"configs":[{"taskId":"w-2","id":"t-2"}]}`,
		},
		{"push-list-of-0.3", a2a.ListTaskPushNotificationConfigs, `[{"taskId":"t-2"}]`, `[{"taskId":"w-2"}]`},
		{"error", a2a.GetTask, `{"error":{"code":1,"message":"t-1","details":[{"taskId":"t-1"}]}}`, `{"error":{"code":1,"message":"t-1","details":[{"taskId":"t-1"}]}}`},
		{"card", a2a.GetExtendedAgentCard, `{"name":"t-1","id":"t-1"}`, `{"name":"t-1","id":"t-1"}`},
		{"other-method", a2a.OtherMethod, task, task},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, b := range []a2a.Binding{a2a.HTTPJSON, a2a.JSONRPC} {
				body, want := tc.body, tc.want
				if b == a2a.JSONRPC {
					// The id of a request is its own too.
					body, want = result(`"t-1"`, body), result(`"t-1"`, want)
				}
				got := a2a.RenameAnswered(a2a.Operation{Binding: b, Method: tc.method}, []byte(body), names)
				if diff := cmp.Diff(want, string(got)); diff != "" {
					t.Errorf("%v (-want +got):\n%s", b, diff)
				}
			}
		})
	}
}

func TestRenameAnsweredLeavesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	names := map[string]string{"t-1": "w-1"}
	for _, tc := range []struct {
		name    string
		binding a2a.Binding
		body    string
	}{
		{"no-json", a2a.HTTPJSON, `{"id":"t-1"`},
		{"empty", a2a.JSONRPC, ``},
		{"unknown-binding", a2a.BindingUnknown, `{"id":"t-1"}`},
		{"no-message", a2a.GRPC, "\x0a\x05t-1"},
		{"unknown-call", a2a.GRPC, "\x0a\x03t-1"},
	} {
		op := a2a.Operation{Binding: tc.binding, Method: a2a.GetTask, Wire: current[1:] + "GetTask"}
		if tc.name == "unknown-call" {
			op.Wire = "x.Y/Z"
		}
		if got := a2a.RenameAnswered(op, []byte(tc.body), names); string(got) != tc.body {
			t.Errorf("%s: %q became %q", tc.name, tc.body, got)
		}
	}
}

func FuzzRenameAnswered(f *testing.F) {
	methods := []a2a.Method{
		a2a.SendMessage, a2a.GetTask, a2a.SubscribeToTask, a2a.ListTasks, a2a.CreateTaskPushNotificationConfig,
		a2a.ListTaskPushNotificationConfigs, a2a.OtherMethod,
	}
	for _, tc := range answers {
		for i := range methods {
			f.Add([]byte(tc.body), uint8(i))
		}
	}
	names := map[string]string{"t-1": "renamed-1", "t-2": "renamed-2"}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		op := a2a.Operation{Method: methods[int(which)%len(methods)], Binding: a2a.Binding(1 + which/16%2)}
		before, p := a2a.ParseAnswer(op.Binding, op.Method, body, fuzzLimits)
		if p != nil || len(body) == 0 {
			return
		}
		got := a2a.RenameAnswered(op, bytes.Clone(body), names)
		checkPlaces(t, body, got, names)
		after, p := a2a.ParseAnswer(op.Binding, op.Method, got, fuzzLimits)
		if p != nil {
			t.Fatalf("the renamed answer is refused: %v: %q", p, got)
		}
		if op.Method != a2a.OtherMethod {
			for i := range before.Tasks {
				before.Tasks[i].ID, _ = otherName(before.Tasks[i].ID, names)
			}
		}
		place := cmpopts.IgnoreFields(a2a.TaskRef{}, "Start", "End")
		skip := cmpopts.IgnoreFields(a2a.Answer{}, "Texts", "Total", "Card")
		if diff := cmp.Diff(before, after, place, skip); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	})
}

func TestEventWith(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, stream, data, want string }{
		{"data-alone", "data: old\n\n", "new", "data: new\n\n"},
		{"name-and-id-stay", "id: 7\nevent: message\n: note\ndata: old\n\n", "new", "id: 7\nevent: message\n: note\ndata: new\n\n"},
		{"id-behind-data", "data: old\nid: 7\r\n\r\n", "new", "id: 7\ndata: new\n\n"},
		{"many-lines", "data: {\ndata: }\n\n", "{\n\"a\":1\r}", "data: {\ndata: \"a\":1\ndata: }\n\n"},
		{"comment", ": old\n", "new", ": old\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			events := a2a.NewEvents(1 << 10)
			events.Feed([]byte(tc.stream))
			var got []byte
			for {
				event, ok, err := events.Next()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				if !bytes.Equal(event.Raw, []byte("\n")) {
					got = append(got, event.With([]byte(tc.data))...)
				}
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}
