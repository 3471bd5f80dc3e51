package a2a_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"ringfence.dev/ringfence/internal/a2a"
)

const (
	current = "/lf.a2a.v1.A2AService/"
	legacy  = "/a2a.v1.A2AService/"
)

// encoded returns a request, or with answer an answer, that is given in protobuf's text format.
func encoded(t testing.TB, path, text string, answer bool) []byte {
	t.Helper()
	call := find(t, path)
	d := call.input
	if answer {
		d = call.output
	}
	m := dynamicpb.NewMessage(d)
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return marshal(t, m)
}

const fullMessage = `{
	message_id: "m-1" context_id: "c-1" task_id: "t-1" role: ROLE_USER
	parts {text: "Zürich please"}
	metadata {fields {key: "https://ringfence.dev/ext/action/v1" value {struct_value {
		fields {key: "action" value {string_value: "refund"}}
		fields {key: "skill" value {string_value: "orders"}}
	}}}}
	extensions: "https://ringfence.dev/ext/action/v1" extensions: "urn:x"
	reference_task_ids: "t-0"
}`

var grpcCases = []struct {
	name, path, text string
	want             a2a.Operation
}{
	{
		"current-send", current + "SendMessage",
		`tenant: "acme" message ` + fullMessage,
		a2a.Operation{
			Method: a2a.SendMessage, Generation: a2a.V10, Tenant: "acme", TaskID: "t-1", ContextID: "c-1",
			MessageID: "m-1", Skill: "orders", Action: "refund",
			Extensions: []string{a2a.ActionExtension, "urn:x"}, References: []string{"t-0"},
		},
	},
	{
		"legacy-stream", legacy + "SendStreamingMessage", "request " + fullMessage,
		a2a.Operation{
			Method: a2a.SendStreamingMessage, Generation: a2a.V03, TaskID: "t-1", ContextID: "c-1", MessageID: "m-1",
			Skill: "orders", Action: "refund",
			Extensions: []string{a2a.ActionExtension, "urn:x"}, References: []string{"t-0"},
		},
	},
	{
		"declaration-of-another-type", current + "SendMessage",
		`message {metadata {fields {key: "https://ringfence.dev/ext/action/v1" value {struct_value {
			fields {key: "action" value {number_value: 1}} fields {key: "skill" value {list_value {}}}
		}}}}}`,
		a2a.Operation{Method: a2a.SendMessage, Generation: a2a.V10},
	},
	{
		"declaration-elsewhere", current + "SendMessage",
		`metadata {fields {key: "https://ringfence.dev/ext/action/v1" value {struct_value {
			fields {key: "action" value {string_value: "read"}}
		}}}}`,
		a2a.Operation{Method: a2a.SendMessage, Generation: a2a.V10},
	},
	{
		"push-config-rides-along", current + "SendMessage",
		`message {task_id: "t-1"} configuration {task_push_notification_config {task_id: "t-1" url: "https://x"}}`,
		a2a.Operation{Method: a2a.SendMessage, Generation: a2a.V10, TaskID: "t-1"},
	},
	{
		"current-get", current + "GetTask", `tenant: "acme" id: "t-1" history_length: 4`,
		a2a.Operation{Method: a2a.GetTask, Generation: a2a.V10, Tenant: "acme", TaskID: "t-1"},
	},
	{
		"legacy-get", legacy + "GetTask", `name: "tasks/t-1"`,
		a2a.Operation{Method: a2a.GetTask, Generation: a2a.V03, TaskID: "t-1"},
	},
	{
		"current-list", current + "ListTasks", `tenant: "acme" context_id: "c-1" page_size: 10 status_timestamp_after {seconds: 9}`,
		a2a.Operation{Method: a2a.ListTasks, Generation: a2a.V10, Tenant: "acme", ContextID: "c-1"},
	},
	{
		"legacy-list", legacy + "ListTasks", `context_id: "c-1" page_token: "p"`,
		a2a.Operation{Method: a2a.ListTasks, Generation: a2a.V03, ContextID: "c-1"},
	},
	{
		"current-cancel", current + "CancelTask", `id: "t-1" metadata {}`,
		a2a.Operation{Method: a2a.CancelTask, Generation: a2a.V10, TaskID: "t-1"},
	},
	{
		"legacy-subscribe", legacy + "TaskSubscription", `name: "tasks/t-1"`,
		a2a.Operation{Method: a2a.SubscribeToTask, Generation: a2a.V03, TaskID: "t-1"},
	},
	{
		"current-push-create", current + "CreateTaskPushNotificationConfig", `tenant: "acme" id: "p" task_id: "t-1" url: "https://x"`,
		a2a.Operation{Method: a2a.CreateTaskPushNotificationConfig, Generation: a2a.V10, Tenant: "acme", TaskID: "t-1"},
	},
	{
		"legacy-push-create", legacy + "CreateTaskPushNotificationConfig",
		`parent: "tasks/t-1" config_id: "p" config {name: "tasks/t-1/pushNotificationConfigs/p" push_notification_config {url: "https://x"}}`,
		a2a.Operation{Method: a2a.CreateTaskPushNotificationConfig, Generation: a2a.V03, TaskID: "t-1"},
	},
	{
		"legacy-push-create-by-name", legacy + "CreateTaskPushNotificationConfig",
		`config {name: "tasks/t-1/pushNotificationConfigs/"}`,
		a2a.Operation{Method: a2a.CreateTaskPushNotificationConfig, Generation: a2a.V03, TaskID: "t-1"},
	},
	{
		"current-push-get", current + "GetTaskPushNotificationConfig", `tenant: "acme" task_id: "t-1" id: "p"`,
		a2a.Operation{Method: a2a.GetTaskPushNotificationConfig, Generation: a2a.V10, Tenant: "acme", TaskID: "t-1"},
	},
	{
		"legacy-push-get", legacy + "GetTaskPushNotificationConfig", `name: "tasks/t-1/pushNotificationConfigs/p"`,
		a2a.Operation{Method: a2a.GetTaskPushNotificationConfig, Generation: a2a.V03, TaskID: "t-1"},
	},
	{
		"current-push-list", current + "ListTaskPushNotificationConfigs", `task_id: "t-1" tenant: "acme"`,
		a2a.Operation{Method: a2a.ListTaskPushNotificationConfigs, Generation: a2a.V10, Tenant: "acme", TaskID: "t-1"},
	},
	{
		"legacy-push-list", legacy + "ListTaskPushNotificationConfig", `parent: "tasks/t-1"`,
		a2a.Operation{Method: a2a.ListTaskPushNotificationConfigs, Generation: a2a.V03, TaskID: "t-1"},
	},
	{
		"current-push-delete", current + "DeleteTaskPushNotificationConfig", `task_id: "t-1" id: "p"`,
		a2a.Operation{Method: a2a.DeleteTaskPushNotificationConfig, Generation: a2a.V10, TaskID: "t-1"},
	},
	{
		"current-card", current + "GetExtendedAgentCard", `tenant: "acme"`,
		a2a.Operation{Method: a2a.GetExtendedAgentCard, Generation: a2a.V10, Tenant: "acme"},
	},
	{"legacy-card", legacy + "GetAgentCard", ``, a2a.Operation{Method: a2a.GetExtendedAgentCard, Generation: a2a.V03}},
}

func TestParseGRPC(t *testing.T) {
	t.Parallel()
	for _, tc := range grpcCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			body := framed(encoded(t, tc.path, tc.text, false))
			got, p := a2a.ParseGRPC(tc.path, body, a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			got.Texts = nil
			tc.want.Binding, tc.want.Wire = a2a.GRPC, tc.path[1:]
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("operation (-want +got):\n%s", diff)
			}
		})
	}
}

// kinds renders texts as kind and value, keys with a colon behind them, and their author where there is one.
func kinds(texts []a2a.Text) []string {
	var list []string
	for _, x := range texts {
		s := x.Kind.String() + " " + x.Value
		if x.Key {
			s += ":"
		}
		if x.Author != a2a.AuthorUnknown {
			s = fmt.Sprintf("%d ", x.Author) + s
		}
		list = append(list, s)
	}
	return list
}

func TestParseGRPCTexts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, path, text string
		want             []string // in the order in which Go encodes: members of a oneof last
	}{
		{
			"current", current + "SendMessage",
			`message {
				message_id: "m" role: ROLE_USER
				parts {text: "hello" filename: "f.txt" media_type: "text/plain"}
				parts {raw: "\xff\x00"}
				parts {url: "https://file"}
				parts {data {struct_value {fields {key: "k" value {list_value {values {string_value: "v"} values {bool_value: true} values {null_value: NULL_VALUE}}}}}}}
				metadata {fields {key: "https://ringfence.dev/ext/action/v1" value {struct_value {fields {key: "skill" value {string_value: "s"}}}}}}
			}
			configuration {
				accepted_output_modes: "text/html"
				task_push_notification_config {id: "p" url: "https://hook" token: "tok" authentication {scheme: "Bearer" credentials: "cred"}}
			}
			metadata {fields {key: "" value {string_value: "nameless"}}}`,
			[]string{
				"id m", "name f.txt", "media text/plain", "text hello", "bytes \xff\x00", "url https://file", "free k:", "free v",
				"free https://ringfence.dev/ext/action/v1:", "free skill:", "id s", "media text/html", "id p", "callback https://hook",
				"secret tok", "id Bearer", "secret cred", "free nameless",
			},
		},
		{
			"legacy", legacy + "SendMessage",
			`request {
				parts {text: "hello"}
				parts {file {file_with_bytes: "\xff" mime_type: "image/png" name: "a.png"}}
				parts {file {file_with_uri: "https://file"}}
				parts {data {data {fields {key: "k" value {string_value: "v"}}}}}
			}
			configuration {push_notification {url: "https://hook" token: "tok" authentication {schemes: "Bearer" schemes: "Basic" credentials: "cred"}}}`,
			[]string{
				"text hello", "media image/png", "name a.png", "bytes \xff", "url https://file", "free k:", "free v",
				"callback https://hook", "secret tok", "id Bearer", "id Basic", "secret cred",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			op, p := a2a.ParseGRPC(tc.path, framed(encoded(t, tc.path, tc.text, false)), a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			if diff := cmp.Diff(tc.want, kinds(op.Texts)); diff != "" {
				t.Errorf("texts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseGRPCUnknownFieldsHideNothing(t *testing.T) {
	t.Parallel()
	message := encoded(t, current+"SendMessage", `tenant: "acme"`, false)
	message = append(message, "\xf2\x01\x06ignore"+"\xf8\x01\x05"+"\xfa\x01\x02\xff\xfe"+"\x82\x02\x00"+"\x8d\x02aaaa"+"\x91\x02bbbbbbbb"...)
	op, p := a2a.ParseGRPC(current+"SendMessage", framed(message), a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	if diff := cmp.Diff([]string{"id acme", "free ignore", "bytes \xff\xfe"}, kinds(op.Texts)); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
}

func TestParseGRPCOtherMethods(t *testing.T) {
	t.Parallel()
	for path, generation := range map[string]a2a.Generation{
		"/grpc.health.v1.Health/Check":       a2a.GenerationUnknown,
		"/lf.a2a.v1.A2AService/Refund":       a2a.V10,
		"/a2a.v1.A2AService/SubscribeToTask": a2a.V03,
	} {
		want := a2a.Operation{
			Method: a2a.OtherMethod, Wire: path[1:], Binding: a2a.GRPC, Generation: generation,
			Mentions: []string{"orders"},
			Texts:    []a2a.Text{{Value: path[1:]}, {Value: "orders", Start: 7, End: 13}},
		}
		got, p := a2a.ParseGRPC(path, framed([]byte("\x0a\x06orders")), a2a.DefaultLimits())
		if diff := cmp.Diff(want, got); diff != "" || p != nil {
			t.Errorf("%s: %v (-want +got):\n%s", path, p, diff)
		}
	}
}

func TestParseGRPCAgreesWithTheOtherBindings(t *testing.T) {
	t.Parallel()
	text := `tenant: "acme" message ` + fullMessage + ` configuration {accepted_output_modes: "text/plain"}`
	body := framed(encoded(t, current+"SendMessage", text, false))
	got, p := a2a.ParseGRPC(current+"SendMessage", body, a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	m := dynamicpb.NewMessage(find(t, current+"SendMessage").input)
	if err := proto.Unmarshal(body[5:], m); err != nil {
		t.Fatal(err)
	}
	want, p := a2a.ParseJSONRPC(jsonRequest(t, "SendMessage", m), a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	// JSON spells the envelope and the role as strings, and the extension's own keys are known there.
	skip := map[string]bool{"id 2.0": true, "id SendMessage": true, "id ROLE_USER": true}
	for _, k := range []string{a2a.ActionExtension, "skill", "action"} {
		skip["free "+k+":"] = true
	}
	sorted := func(texts []a2a.Text) map[string]int {
		count := map[string]int{}
		for _, k := range kinds(texts) {
			if !skip[k] {
				count[k]++
			}
		}
		return count
	}
	if diff := cmp.Diff(sorted(want.Texts), sorted(got.Texts)); diff != "" {
		t.Errorf("texts (-JSON +gRPC):\n%s", diff)
	}
	want.Texts, got.Texts, want.Binding = nil, nil, a2a.GRPC
	want.Wire = strings.TrimPrefix(current, "/") + want.Wire
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operation (-JSON +gRPC):\n%s", diff)
	}
}
