package a2a_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence.dev/ringfence/internal/a2a"
)

// refusals are bodies that must not reach an agent.
var refusals = []struct {
	name string
	body string
	want a2a.Problem
}{
	{"empty", ``, a2a.Problem{Code: -32700, Reason: "INVALID_JSON"}},
	{"cut-off", `{"jsonrpc":"2.0","id":1,"method":"SendStreamingMessage","params":{"message":`, a2a.Problem{
		Code: -32700, Reason: "INVALID_JSON", RequestID: []byte(`1`), Method: a2a.SendStreamingMessage,
	}},
	{"flaw-before-id", `{"jsonrpc":"2.0","method":"GetTask","params":{"id":tru},"id":1}`, a2a.Problem{
		Code: -32700, Reason: "INVALID_JSON", Method: a2a.GetTask,
	}},
	{"trailing-request", request(`1`, "GetTask", `{}`) + request(`2`, "CancelTask", `{}`), a2a.Problem{
		Code: -32700, Reason: "INVALID_JSON", RequestID: []byte(`1`), Method: a2a.GetTask,
	}},
	{"bad-utf-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"GetTask\",\"params\":{\"id\":\"\xff\"}}", a2a.Problem{
		Code: -32700, Reason: "INVALID_JSON",
	}},
	{"lone-surrogate", request(`1`, "GetTask", `{"id":"\ud800"}`), a2a.Problem{
		Code: -32700, Reason: "INVALID_JSON", RequestID: []byte(`1`), Method: a2a.GetTask,
	}},
	{"batch", `[` + request(`1`, "GetTask", `{}`) + `]`, a2a.Problem{Code: -32600, Reason: "BATCH"}},
	{"empty-batch", ` []`, a2a.Problem{Code: -32600, Reason: "BATCH"}},
	{"not-an-object", `"GetTask"`, a2a.Problem{Code: -32600, Reason: "INVALID_REQUEST"}},
	{"null", `null`, a2a.Problem{Code: -32600, Reason: "INVALID_REQUEST"}},
	{"no-version", `{"id":1,"method":"GetTask"}`, a2a.Problem{
		Code: -32600, Reason: "INVALID_REQUEST", RequestID: []byte(`1`), Method: a2a.GetTask,
	}},
	{"version-1.0", `{"jsonrpc":"1.0","id":1,"method":"GetTask"}`, a2a.Problem{
		Code: -32600, Reason: "INVALID_REQUEST", RequestID: []byte(`1`), Method: a2a.GetTask,
	}},
	{"version-number", `{"jsonrpc":2.0,"id":1,"method":"GetTask"}`, a2a.Problem{
		Code: -32600, Reason: "INVALID_REQUEST", RequestID: []byte(`1`), Method: a2a.GetTask,
	}},
	{"no-method", `{"jsonrpc":"2.0","id":1}`, a2a.Problem{
		Code: -32600, Reason: "INVALID_REQUEST", RequestID: []byte(`1`),
	}},
	{"empty-method", `{"jsonrpc":"2.0","id":1,"method":""}`, a2a.Problem{
		Code: -32600, Reason: "INVALID_REQUEST", RequestID: []byte(`1`),
	}},
	{"method-number", `{"jsonrpc":"2.0","id":1,"method":1}`, a2a.Problem{
		Code: -32600, Reason: "INVALID_REQUEST", RequestID: []byte(`1`),
	}},
	{"id-object", request(`{"a":1}`, "GetTask", `{}`), a2a.Problem{
		Code: -32600, Reason: "INVALID_REQUEST", Method: a2a.GetTask,
	}},
	{"id-array", request(`[1]`, "GetTask", `{}`), a2a.Problem{
		Code: -32600, Reason: "INVALID_REQUEST", Method: a2a.GetTask,
	}},
	{"id-true", request(`true`, "GetTask", `{}`), a2a.Problem{
		Code: -32600, Reason: "INVALID_REQUEST", Method: a2a.GetTask,
	}},
	{"params-string", request(`1`, "GetTask", `"t-1"`), a2a.Problem{
		Code: -32602, Reason: "INVALID_PARAMS", RequestID: []byte(`1`), Method: a2a.GetTask,
	}},
	{"params-array", request(`1`, "GetTask", `["t-1"]`), a2a.Problem{
		Code: -32602, Reason: "INVALID_PARAMS", RequestID: []byte(`1`), Method: a2a.GetTask,
	}},
	{"task-id-as-a-number", request(`1`, "GetTask", `{"id":17}`), a2a.Problem{
		Code: -32602, Reason: "AMBIGUOUS_NAME", RequestID: []byte(`1`), Method: a2a.GetTask,
	}},
	{"task-id-as-a-list", request(`1`, "SendMessage", `{"message":{"taskId":["t"]}}`), a2a.Problem{
		Code: -32602, Reason: "AMBIGUOUS_NAME", RequestID: []byte(`1`), Method: a2a.SendMessage,
	}},
	{"reference-as-a-number", request(`1`, "SendMessage", `{"message":{"referenceTaskIds":["t",17]}}`), a2a.Problem{
		Code: -32602, Reason: "AMBIGUOUS_NAME", RequestID: []byte(`1`), Method: a2a.SendMessage,
	}},
	{"tenant-as-a-number", request(`1`, "ListTasks", `{"tenant":7}`), a2a.Problem{
		Code: -32602, Reason: "AMBIGUOUS_NAME", RequestID: []byte(`1`), Method: a2a.ListTasks,
	}},
	{"push-for-another-task", request(`1`, "SendMessage",
		`{"message":{"taskId":"mine"},"configuration":{"taskPushNotificationConfig":{"taskId":"yours","url":"u"}}}`), a2a.Problem{
		Code: -32602, Reason: "CONFLICTING_VALUES", RequestID: []byte(`1`), Method: a2a.SendMessage,
	}},
	{"push-for-a-task-in-a-new-one", request(`1`, "message/send",
		`{"message":{},"configuration":{"pushNotificationConfig":{"taskId":"yours","url":"u"}}}`), a2a.Problem{
		Code: -32602, Reason: "CONFLICTING_VALUES", RequestID: []byte(`1`), Method: a2a.SendMessage,
	}},
	{"push-for-another-task-before-one-for-this", request(`1`, "SendMessage", `{"configuration":{"pushNotificationConfig":{"taskId":"yours"},`+
		`"taskPushNotificationConfig":{"taskId":"mine"}},"message":{"taskId":"mine"}}`), a2a.Problem{
		Code: -32602, Reason: "CONFLICTING_VALUES", RequestID: []byte(`1`), Method: a2a.SendMessage,
	}},
	{"push-for-another-tenant", request(`1`, "SendMessage",
		`{"configuration":{"taskPushNotificationConfig":{"tenant":"yours","url":"u"}}}`), a2a.Problem{
		Code: -32602, Reason: "CONFLICTING_VALUES", RequestID: []byte(`1`), Method: a2a.SendMessage,
	}},
	{"list-by-two-contexts", request(`1`, "tasks/list", `{"context_id":"mine","contextId":"yours"}`), a2a.Problem{
		Code: -32600, Reason: "DUPLICATE_KEY", RequestID: []byte(`1`), Method: a2a.ListTasks,
	}},
	{"duplicate-method", `{"jsonrpc":"2.0","id":1,"method":"GetTask","method":"CancelTask"}`, a2a.Problem{
		Code: -32600, Reason: "DUPLICATE_KEY", RequestID: []byte(`1`), Method: a2a.GetTask,
	}},
	{"duplicate-escaped-method", `{"jsonrpc":"2.0","id":1,"method":"GetTask","meth\u006fd":"CancelTask"}`, a2a.Problem{
		Code: -32600, Reason: "DUPLICATE_KEY", RequestID: []byte(`1`), Method: a2a.GetTask,
	}},
	{"duplicate-id", `{"jsonrpc":"2.0","id":1,"method":"GetTask","id":2}`, a2a.Problem{
		Code: -32600, Reason: "DUPLICATE_KEY", Method: a2a.GetTask,
	}},
	{"duplicate-id-in-params", request(`1`, "GetTask", `{"id":"mine","id":"yours"}`), a2a.Problem{
		Code: -32600, Reason: "DUPLICATE_KEY", RequestID: []byte(`1`), Method: a2a.GetTask,
	}},
	{"duplicate-in-data", request(`1`, "SendMessage", `{"message":{"parts":[{"data":{"a":1,"a":2}}]}}`), a2a.Problem{
		Code: -32600, Reason: "DUPLICATE_KEY", RequestID: []byte(`1`), Method: a2a.SendMessage,
	}},
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range refusals {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			op, p := a2a.ParseJSONRPC([]byte(tc.body), a2a.DefaultLimits())
			if p == nil {
				t.Fatalf("accepted as %+v", op)
			}
			tc.want.Binding = a2a.JSONRPC
			ignore := cmpopts.IgnoreFields(a2a.Problem{}, "Detail", "Offset")
			if diff := cmp.Diff(&tc.want, p, ignore); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
			if op.Method != "" {
				t.Errorf("a refused request has method %s", op.Method)
			}
		})
	}
}

// spellings are requests with one defined name in a spelling that some server takes for the name.
var spellings = []struct{ name, body, key string }{
	{"envelope-method", `{"jsonrpc":"2.0","id":1,"Method":"GetTask"}`, "method"},
	{"envelope-both-methods", `{"jsonrpc":"2.0","id":1,"method":"GetTask","METHOD":"CancelTask"}`, "method"},
	{"envelope-params", `{"jsonrpc":"2.0","id":1,"method":"GetTask","PARAMS":{"id":"t"}}`, "params"},
	{"envelope-params-long-s", `{"jsonrpc":"2.0","id":1,"method":"GetTask","paramſ":{"id":"t"}}`, "params"},
	{"envelope-id", `{"jsonrpc":"2.0","Id":1,"method":"GetTask"}`, "id"},
	{"envelope-id-dotless", `{"jsonrpc":"2.0","ıd":1,"method":"GetTask"}`, "id"},
	{"envelope-version", `{"jsonRPC":"2.0","id":1,"method":"GetTask"}`, "jsonrpc"},
	{"envelope-escaped", `{"jsonrpc":"2.0","id":1,"method":"GetTask","\u004dethod":"x"}`, "method"},
	{"envelope-of-unknown-method", `{"jsonrpc":"2.0","id":1,"method":"x","Params":{}}`, "params"},
	{"params-message", request(`1`, "SendMessage", `{"Message":`+message10+`}`), "message"},
	{"params-id", request(`1`, "GetTask", `{"id":"mine","ID":"yours"}`), "id"},
	{"params-id-before-method", `{"params":{"ID":"t"},"jsonrpc":"2.0","id":1,"method":"GetTask"}`, "id"},
	{"params-of-legacy-go-in-other-case", request(`1`, "tasks/list", `{"Context_Id":"c"}`), "contextId"},
	{"params-tenant", request(`1`, "GetTask", `{"TENANT":"t"}`), "tenant"},
	{"params-tenant-with-nul", request(`1`, "GetTask", `{"tenant\u0000":"t"}`), "tenant"},
	{"message-parts", request(`1`, "SendMessage", `{"message":{"PARTS":[]}}`), "parts"},
	{"message-parts-long-s", request(`1`, "SendMessage", `{"message":{"part\u017f":[]}}`), "parts"},
	{"message-context-id-kebab", request(`1`, "SendMessage", `{"message":{"context-id":"c"}}`), "contextId"},
	{"message-metadata", request(`1`, "SendMessage", `{"message":{"Metadata":{}}}`), "metadata"},
	{"part-text", request(`1`, "SendMessage", `{"message":{"parts":[{"Text":"x"}]}}`), "text"},
	{"part-kind-kelvin", request(`1`, "message/send", `{"message":{"parts":[{"\u212aind":"text"}]}}`), "kind"},
	{"part-file-uri", request(`1`, "message/send", `{"message":{"parts":[{"file":{"URI":"x"}}]}}`), "uri"},
	{"part-in-content", request(`1`, "message/send", `{"message":{"content":[{"TEXT":"x"}]}}`), "text"},
	{"configuration-push-url", request(`1`, "SendMessage",
		`{"configuration":{"taskPushNotificationConfig":{"Url":"x"}}}`), "url"},
	{"push-url", request(`1`, "CreateTaskPushNotificationConfig", `{"taskId":"t","URL":"x"}`), "url"},
	{"push-authentication", request(`1`, "CreateTaskPushNotificationConfig",
		`{"authentication":{"Credentials":"x"}}`), "credentials"},
	{"declared-skill", request(`1`, "SendMessage",
		`{"message":{"metadata":{"https://ringfence.dev/ext/action/v1":{"Skill":"x"}}}}`), "skill"},
}

// protoNames are requests with fields of the proto by their own names, which ProtoJSON readers take like the JSON names.
var protoNames = []struct {
	name, body string
	want       a2a.Operation
}{
	{"message", request(`1`, "message/send", `{"request":{"message_id":"m","task_id":"t","context_id":"c","reference_task_ids":["r"]}}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "message/send", Generation: a2a.V03, TaskID: "t", ContextID: "c", MessageID: "m", References: []string{"r"},
	}},
	{"params", request(`1`, "GetTaskPushNotificationConfig", `{"task_id":"t","id":"p"}`), a2a.Operation{
		Method: a2a.GetTaskPushNotificationConfig, Wire: "GetTaskPushNotificationConfig", Generation: a2a.V10, TaskID: "t",
	}},
	{"list", request(`1`, "ListTasks", `{"context_id":"c","page_size":1,"page_token":"p","include_artifacts":true,"status_timestamp_after":"x"}`), a2a.Operation{
		Method: a2a.ListTasks, Wire: "ListTasks", Generation: a2a.V10, ContextID: "c",
	}},
	{"history", request(`1`, "tasks/get", `{"id":"t","history_length":1}`), a2a.Operation{
		Method: a2a.GetTask, Wire: "tasks/get", Generation: a2a.V03, TaskID: "t",
	}},
	{"parts", request(`1`, "SendMessage", `{"message":{"parts":[{"url":"u","media_type":"x"}]},"configuration":{"return_immediately":true}}`), a2a.Operation{
		Method: a2a.SendMessage, Wire: "SendMessage", Generation: a2a.V10,
	}},
}

func TestProtoNamesCountToo(t *testing.T) {
	t.Parallel()
	for _, tc := range protoNames {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, p := a2a.ParseJSONRPC([]byte(tc.body), a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			tc.want.Binding, tc.want.RequestID = a2a.JSONRPC, []byte(`1`)
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(a2a.Operation{}, "Texts")); diff != "" {
				t.Errorf("operation (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCallbackByItsProtoName finds a callback address inside a configuration that is spelled as in the proto.
func TestCallbackByItsProtoName(t *testing.T) {
	t.Parallel()
	op, p := a2a.ParseJSONRPC([]byte(request(`1`, "SendMessage", `{"configuration":{"task_push_notification_config":{"url":"http://x"}}}`)), a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	if !slices.ContainsFunc(op.Texts, func(x a2a.Text) bool { return x.Kind == a2a.KindCallback && x.Value == "http://x" }) {
		t.Errorf("texts %+v", op.Texts)
	}
}

// TestBothNamesOfAFieldAreRefused: readers differ in which one counts.
func TestBothNamesOfAFieldAreRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		request(`1`, "SendMessage", `{"message":{"taskId":"mine","task_id":"yours"}}`),
		request(`1`, "SendMessage", `{"message":{"task_id":"mine","taskId":"mine"}}`),
		request(`1`, "message/send", `{"message":{},"request":{}}`),
		request(`1`, "ListTasks", `{"context_id":"a","contextId":"a"}`),
		request(`1`, "SendMessage", `{"message":{"parts":[{"media_type":"x","mediaType":"x"}]}}`),
	} {
		if _, p := a2a.ParseJSONRPC([]byte(body), a2a.DefaultLimits()); p == nil || p.Reason != "DUPLICATE_KEY" {
			t.Errorf("%s: %v", body, p)
		}
	}
}

func TestMisspelledNamesAreRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range spellings {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, p := a2a.ParseJSONRPC([]byte(tc.body), a2a.DefaultLimits())
			if p == nil {
				t.Fatal("accepted")
			}
			if p.Reason != "MISSPELLED_KEY" || p.Code != a2a.CodeInvalidRequest || p.Key != tc.key {
				t.Errorf("got %s %d %q, want MISSPELLED_KEY for %q", p.Reason, p.Code, p.Key, tc.key)
			}
		})
	}
}

func TestProblemTellsPlaceButNotContent(t *testing.T) {
	t.Parallel()
	const secret = "hunter2hunter2"
	for _, tc := range []struct{ name, body, want string }{
		{"syntax", `{"jsonrpc":"2.0","` + secret + `":` + secret, "the body is not valid JSON (byte 34)"},
		{"duplicate", `{"` + secret + `":1,"` + secret + `":2}`, "an object has two members of one name (byte 20)"},
		{"spelling", `{"Jsonrpc":"` + secret + `"}`, `a member name differs from A2A's own only in spelling: write "jsonrpc"`},
		{"envelope", `{"jsonrpc":"` + secret + `"}`, `jsonrpc must be "2.0"`},
		{"encoding", secret + "\xff", "the body is not valid UTF-8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, p := a2a.ParseJSONRPC([]byte(tc.body), a2a.DefaultLimits())
			if p == nil {
				t.Fatal("accepted")
			}
			var err error = p
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if strings.Contains(string(p.Denial().Response().Body), secret) {
				t.Error("the denial repeats the body")
			}
		})
	}
}

func TestProblemDenial(t *testing.T) {
	t.Parallel()
	lim := a2a.Limits{Bytes: 100, Depth: 8, Members: 8}
	_, large := a2a.ParseHTTPJSON("POST", "/message:stream", []byte(`{"message":"`+strings.Repeat("a", 100)+`"}`), lim)
	_, stream := a2a.ParseJSONRPC([]byte(`{"jsonrpc":"2.0","id":"x","method":"message/stream","params":1}`), lim)
	for _, tc := range []struct {
		name string
		p    *a2a.Problem
		want a2a.Denial
	}{
		{"too-large", large, a2a.Denial{
			Binding: a2a.HTTPJSON, Streaming: true, HTTPStatus: 413, Code: -32600, GRPC: 8,
			Reason: "TOO_LARGE", Message: "the body is larger than allowed",
		}},
		{"bad-params-of-stream", stream, a2a.Denial{
			Binding: a2a.JSONRPC, Streaming: true, RequestID: []byte(`"x"`),
			HTTPStatus: 400, Code: -32602, GRPC: 3, Reason: "INVALID_PARAMS", Message: "params must be an object",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.p == nil {
				t.Fatal("accepted")
			}
			if diff := cmp.Diff(tc.want, tc.p.Denial()); diff != "" {
				t.Errorf("denial (-want +got):\n%s", diff)
			}
		})
	}
}
