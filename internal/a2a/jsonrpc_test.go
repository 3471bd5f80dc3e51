package a2a_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence.dev/ringfence/internal/a2a"
)

const (
	message10 = `{"messageId":"m-1","contextId":"c-1","taskId":"t-1","role":"ROLE_USER","parts":[{"text":"hi"}],` +
		`"extensions":["https://ringfence.dev/ext/action/v1"],"referenceTaskIds":["t-0"],` +
		`"metadata":{"https://ringfence.dev/ext/action/v1":{"skill":"orders","action":"refund"}}}`
	message03 = `{"kind":"message","messageId":"m-1","contextId":"c-1","taskId":"t-1","role":"user",` +
		`"parts":[{"kind":"text","text":"hi"}]}`
)

func request(id, method, params string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":` + params + `}`
}

// methodCases has every method of both generations, with params as their specification shows them.
var methodCases = []struct {
	name string
	body string
	want a2a.Operation
}{
	{"send-1.0", request(`"r1"`, "SendMessage", `{"tenant":"acme","message":`+message10+`}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "SendMessage", Generation: a2a.V10, RequestID: []byte(`"r1"`), Tenant: "acme",
		TaskID: "t-1", ContextID: "c-1", MessageID: "m-1", Skill: "orders", Action: "refund",
		Extensions: []string{a2a.ActionExtension}, References: []string{"t-0"},
	}},
	{"stream-1.0", request(`2`, "SendStreamingMessage", `{"message":`+message10+`}`), a2a.Operation{
		Method: a2a.SendStreamingMessage, Wire: "SendStreamingMessage", Generation: a2a.V10, RequestID: []byte(`2`),
		TaskID: "t-1", ContextID: "c-1", MessageID: "m-1", Skill: "orders", Action: "refund",
		Extensions: []string{a2a.ActionExtension}, References: []string{"t-0"},
	}},
	{"get-1.0", request(`3`, "GetTask", `{"tenant":"acme","id":"t-1","historyLength":3}`), a2a.Operation{
		Method: a2a.GetTask, Wire: "GetTask", Generation: a2a.V10, RequestID: []byte(`3`), Tenant: "acme", TaskID: "t-1",
	}},
	{"list-1.0", request(`4`, "ListTasks", `{"contextId":"c-1","status":"TASK_STATE_WORKING","pageSize":5}`), a2a.Operation{
		Method: a2a.ListTasks, Wire: "ListTasks", Generation: a2a.V10, RequestID: []byte(`4`), ContextID: "c-1",
	}},
	{"cancel-1.0", request(`5`, "CancelTask", `{"id":"t-1","metadata":{"why":"late"}}`), a2a.Operation{
		Method: a2a.CancelTask, Wire: "CancelTask", Generation: a2a.V10, RequestID: []byte(`5`), TaskID: "t-1",
	}},
	{"subscribe-1.0", request(`6`, "SubscribeToTask", `{"id":"t-1"}`), a2a.Operation{
		Method: a2a.SubscribeToTask, Wire: "SubscribeToTask", Generation: a2a.V10, RequestID: []byte(`6`), TaskID: "t-1",
	}},
	{"push-create-1.0", request(`7`, "CreateTaskPushNotificationConfig",
		`{"taskId":"t-1","id":"cfg","url":"https://cb.example/x","token":"s","authentication":{"scheme":"Bearer"}}`), a2a.Operation{
		Method: a2a.CreateTaskPushNotificationConfig, Wire: "CreateTaskPushNotificationConfig", Generation: a2a.V10,
		RequestID: []byte(`7`), TaskID: "t-1",
	}},
	{"push-get-1.0", request(`8`, "GetTaskPushNotificationConfig", `{"taskId":"t-1","id":"cfg"}`), a2a.Operation{
		Method: a2a.GetTaskPushNotificationConfig, Wire: "GetTaskPushNotificationConfig", Generation: a2a.V10,
		RequestID: []byte(`8`), TaskID: "t-1",
	}},
	{"push-list-1.0", request(`9`, "ListTaskPushNotificationConfigs", `{"taskId":"t-1"}`), a2a.Operation{
		Method: a2a.ListTaskPushNotificationConfigs, Wire: "ListTaskPushNotificationConfigs", Generation: a2a.V10,
		RequestID: []byte(`9`), TaskID: "t-1",
	}},
	{"push-delete-1.0", request(`10`, "DeleteTaskPushNotificationConfig", `{"id":"cfg","taskId":"t-1"}`), a2a.Operation{
		Method: a2a.DeleteTaskPushNotificationConfig, Wire: "DeleteTaskPushNotificationConfig", Generation: a2a.V10,
		RequestID: []byte(`10`), TaskID: "t-1",
	}},
	{"card-1.0-without-params", `{"jsonrpc":"2.0","id":11,"method":"GetExtendedAgentCard"}`, a2a.Operation{
		Method: a2a.GetExtendedAgentCard, Wire: "GetExtendedAgentCard", Generation: a2a.V10, RequestID: []byte(`11`),
	}},
	{"send-0.3", request(`"r1"`, "message/send", `{"message":`+message03+`,"configuration":{"blocking":true}}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "message/send", Generation: a2a.V03, RequestID: []byte(`"r1"`),
		TaskID: "t-1", ContextID: "c-1", MessageID: "m-1",
	}},
	{"stream-0.3", request(`2`, "message/stream", `{"message":`+message03+`}`), a2a.Operation{
		Method: a2a.SendStreamingMessage, Wire: "message/stream", Generation: a2a.V03, RequestID: []byte(`2`),
		TaskID: "t-1", ContextID: "c-1", MessageID: "m-1",
	}},
	{"get-0.3", request(`3`, "tasks/get", `{"id":"t-1","historyLength":2,"metadata":{}}`), a2a.Operation{
		Method: a2a.GetTask, Wire: "tasks/get", Generation: a2a.V03, RequestID: []byte(`3`), TaskID: "t-1",
	}},
	{"list-legacy-go", request(`4`, "tasks/list", `{"context_id":"c-1","page_size":5,"page_token":"p","last_updated_after":"x"}`), a2a.Operation{
		Method: a2a.ListTasks, Wire: "tasks/list", Generation: a2a.V03, RequestID: []byte(`4`), ContextID: "c-1",
	}},
	{"list-legacy-in-todays-spelling", request(`4`, "tasks/list", `{"contextId":"c-1","pageSize":5}`), a2a.Operation{
		Method: a2a.ListTasks, Wire: "tasks/list", Generation: a2a.V03, RequestID: []byte(`4`), ContextID: "c-1",
	}},
	{"push-in-send-for-its-task", request(`1`, "SendMessage",
		`{"tenant":"acme","configuration":{"taskPushNotificationConfig":{"taskId":"t-1","tenant":"acme","url":"u"}},"message":{"taskId":"t-1"}}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "SendMessage", Generation: a2a.V10, RequestID: []byte(`1`), Tenant: "acme", TaskID: "t-1",
	}},
	{"cancel-0.3", request(`5`, "tasks/cancel", `{"id":"t-1"}`), a2a.Operation{
		Method: a2a.CancelTask, Wire: "tasks/cancel", Generation: a2a.V03, RequestID: []byte(`5`), TaskID: "t-1",
	}},
	{"resubscribe-0.3", request(`6`, "tasks/resubscribe", `{"id":"t-1"}`), a2a.Operation{
		Method: a2a.SubscribeToTask, Wire: "tasks/resubscribe", Generation: a2a.V03, RequestID: []byte(`6`), TaskID: "t-1",
	}},
	{"push-set-0.3", request(`7`, "tasks/pushNotificationConfig/set",
		`{"taskId":"t-1","pushNotificationConfig":{"url":"https://cb.example/x","authentication":{"schemes":["Bearer"]}}}`), a2a.Operation{
		Method: a2a.CreateTaskPushNotificationConfig, Wire: "tasks/pushNotificationConfig/set", Generation: a2a.V03,
		RequestID: []byte(`7`), TaskID: "t-1",
	}},
	{"push-get-0.3", request(`8`, "tasks/pushNotificationConfig/get", `{"id":"t-1","pushNotificationConfigId":"cfg"}`), a2a.Operation{
		Method: a2a.GetTaskPushNotificationConfig, Wire: "tasks/pushNotificationConfig/get", Generation: a2a.V03,
		RequestID: []byte(`8`), TaskID: "t-1",
	}},
	{"push-list-0.3", request(`9`, "tasks/pushNotificationConfig/list", `{"id":"t-1"}`), a2a.Operation{
		Method: a2a.ListTaskPushNotificationConfigs, Wire: "tasks/pushNotificationConfig/list", Generation: a2a.V03,
		RequestID: []byte(`9`), TaskID: "t-1",
	}},
	{"push-delete-0.3", request(`10`, "tasks/pushNotificationConfig/delete", `{"id":"t-1","pushNotificationConfigId":"cfg"}`), a2a.Operation{
		Method: a2a.DeleteTaskPushNotificationConfig, Wire: "tasks/pushNotificationConfig/delete", Generation: a2a.V03,
		RequestID: []byte(`10`), TaskID: "t-1",
	}},
	{"card-0.3", request(`11`, "agent/getAuthenticatedExtendedCard", `{}`), a2a.Operation{
		Method: a2a.GetExtendedAgentCard, Wire: "agent/getAuthenticatedExtendedCard", Generation: a2a.V03, RequestID: []byte(`11`),
	}},

	{"params-before-method", `{"params":{"id":"t-1"},"method":"GetTask","id":1,"jsonrpc":"2.0"}`, a2a.Operation{
		Method: a2a.GetTask, Wire: "GetTask", Generation: a2a.V10, RequestID: []byte(`1`), TaskID: "t-1",
	}},
	{"escaped-names-and-values", `{"jsonrpc":"2.0","\u0069d":1,"meth\u006fd":"Get\u0054ask","params":{"\u0069d":"t\u002d1"}}`, a2a.Operation{
		Method: a2a.GetTask, Wire: "GetTask", Generation: a2a.V10, RequestID: []byte(`1`), TaskID: "t-1",
	}},
	{"null-id", request(`null`, "GetTask", `{"id":"t-1"}`), a2a.Operation{
		Method: a2a.GetTask, Wire: "GetTask", Generation: a2a.V10, RequestID: []byte(`null`), TaskID: "t-1",
	}},
	{"no-id", `{"jsonrpc":"2.0","method":"GetTask","params":{"id":"t-1"}}`, a2a.Operation{
		Method: a2a.GetTask, Wire: "GetTask", Generation: a2a.V10, TaskID: "t-1",
	}},
	{"id-as-sent", request(`-1.50e+3`, "GetTask", `{"id":"t-1"}`), a2a.Operation{
		Method: a2a.GetTask, Wire: "GetTask", Generation: a2a.V10, RequestID: []byte(`-1.50e+3`), TaskID: "t-1",
	}},
	{"null-params", request(`1`, "SendMessage", `null`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "SendMessage", Generation: a2a.V10, RequestID: []byte(`1`),
	}},
	{"message-missing", request(`1`, "SendMessage", `{}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "SendMessage", Generation: a2a.V10, RequestID: []byte(`1`),
	}},
	{"types-mismatch", request(`1`, "SendMessage",
		`{"tenant":null,"message":{"messageId":null,"taskId":null,"contextId":{},"extensions":"x","parts":{"text":"a"}}}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "SendMessage", Generation: a2a.V10, RequestID: []byte(`1`),
	}},
	{"message-as-list", request(`1`, "SendMessage", `{"message":[`+message10+`]}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "SendMessage", Generation: a2a.V10, RequestID: []byte(`1`),
	}},
	{"reference-alone", request(`1`, "SendMessage", `{"message":{"referenceTaskIds":"t-9"}}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "SendMessage", Generation: a2a.V10, RequestID: []byte(`1`), References: []string{"t-9"},
	}},
	{"names-of-other-versions", request(`1`, "GetTask", `{"id":"t-1","name":"tasks/t-2","taskId":"t-3"}`), a2a.Operation{
		Method: a2a.GetTask, Wire: "GetTask", Generation: a2a.V10, RequestID: []byte(`1`), TaskID: "t-1", Mentions: []string{"t-3", "t-2"},
	}},
	{"task-beside-a-message", request(`1`, "SendMessage", `{"id":"t-1","message":{"taskId":"t-2"}}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "SendMessage", Generation: a2a.V10, RequestID: []byte(`1`), TaskID: "t-2", Mentions: []string{"t-1"},
	}},
	{"config-id-is-no-task", request(`1`, "GetTaskPushNotificationConfig", `{"taskId":"t-1","id":"c-1"}`), a2a.Operation{
		Method: a2a.GetTaskPushNotificationConfig, Wire: "GetTaskPushNotificationConfig", Generation: a2a.V10, RequestID: []byte(`1`), TaskID: "t-1",
	}},
	{"method-of-0.2", request(`1`, "tasks/pushNotification/set", `{"taskId":"t-1","pushNotificationConfig":{"url":"http://h.example/"}}`), a2a.Operation{
		Method: a2a.OtherMethod, Wire: "tasks/pushNotification/set", RequestID: []byte(`1`), Mentions: []string{"t-1"},
	}},
	{"declaration-of-another-type", request(`1`, "SendMessage",
		`{"message":{"metadata":{"https://ringfence.dev/ext/action/v1":"refund"}}}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "SendMessage", Generation: a2a.V10, RequestID: []byte(`1`),
	}},
	{"declaration-outside-message", request(`1`, "SendMessage",
		`{"metadata":{"https://ringfence.dev/ext/action/v1":{"skill":"s","action":"a"}}}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "SendMessage", Generation: a2a.V10, RequestID: []byte(`1`),
	}},
	{"unknown-method", request(`1`, "org.example/act", `{"id":"t-1","tenant":"acme","message":`+message10+`}`), a2a.Operation{
		Method: a2a.OtherMethod, Wire: "org.example/act", RequestID: []byte(`1`), Mentions: []string{"t-1", "t-0"},
	}},
	{"method-in-another-case-is-unknown", request(`1`, "sendMessage", `{}`), a2a.Operation{
		Method: a2a.OtherMethod, Wire: "sendMessage", RequestID: []byte(`1`),
	}},
	{"unknown-method-defines-its-own-names", request(`1`, "org.example/act", `{"ID":1,"task_id":"x","id":17}`), a2a.Operation{
		Method: a2a.OtherMethod, Wire: "org.example/act", RequestID: []byte(`1`), Mentions: []string{"17", "x"},
	}},
	{"names-in-free-data-are-free", request(`1`, "SendMessage",
		`{"message":{"parts":[{"data":{"Text":1,"PARTS":{"task_id":1}},"metadata":{"TEXT":1}}],"metadata":{"Skill":1}},"metadata":{"ID":1}}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "SendMessage", Generation: a2a.V10, RequestID: []byte(`1`),
	}},
	{"unknown-members-pass", `{"jsonrpc":"2.0","id":1,"method":"GetTask","x-trace":"a","params":{"id":"t-1","future":{"Id":1}}}`, a2a.Operation{
		Method: a2a.GetTask, Wire: "GetTask", Generation: a2a.V10, RequestID: []byte(`1`), TaskID: "t-1",
	}},
}

func TestParseJSONRPC(t *testing.T) {
	t.Parallel()
	for _, tc := range methodCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, p := a2a.ParseJSONRPC([]byte(tc.body), a2a.DefaultLimits())
			if p != nil {
				t.Fatalf("refused: %v", p)
			}
			tc.want.Binding = a2a.JSONRPC
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(a2a.Operation{}, "Texts")); diff != "" {
				t.Errorf("operation (-want +got):\n%s", diff)
			}
			checkTexts(t, got.Texts, []byte(tc.body))
		})
	}
}

func TestOperationOutlivesBody(t *testing.T) {
	t.Parallel()
	body := []byte(request(`1`, "GetTask", `{"id":"t-1"}`))
	op, p := a2a.ParseJSONRPC(body, a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	clear(body)
	if op.TaskID != "t-1" {
		t.Errorf("task id became %q with the body", op.TaskID)
	}
}
