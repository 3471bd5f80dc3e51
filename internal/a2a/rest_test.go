package a2a_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence.dev/ringfence/internal/a2a"
)

// routeCases has every path of both generations, and what lies around them.
var routeCases = []struct {
	name, verb, path, body string
	want                   a2a.Operation
}{
	{"send", "POST", "/message:send", `{"message":` + message10 + `}`, a2a.Operation{
		Method: a2a.SendMessage, Wire: "POST /message:send", Generation: a2a.V10,
		TaskID: "t-1", ContextID: "c-1", MessageID: "m-1", Skill: "orders", Action: "refund",
		Extensions: []string{a2a.ActionExtension}, References: []string{"t-0"},
	}},
	{"send-tenant-in-path-and-body", "POST", "/acme/message:send", `{"tenant":"acme","message":{}}`, a2a.Operation{
		Method: a2a.SendMessage, Wire: "POST /{tenant}/message:send", Generation: a2a.V10, Tenant: "acme",
	}},
	{"send-tenant-in-body", "POST", "/message:send", `{"tenant":"acme"}`, a2a.Operation{
		Method: a2a.SendMessage, Wire: "POST /message:send", Generation: a2a.V10, Tenant: "acme",
	}},
	{"send-body-of-another-type", "POST", "/message:send", `["x"]`, a2a.Operation{
		Method: a2a.SendMessage, Wire: "POST /message:send", Generation: a2a.V10,
	}},
	{"send-empty-body", "POST", "/message:send", ``, a2a.Operation{
		Method: a2a.SendMessage, Wire: "POST /message:send", Generation: a2a.V10,
	}},
	{"stream", "POST", "/message:stream", `{"message":{"taskId":"t-1"}}`, a2a.Operation{
		Method: a2a.SendStreamingMessage, Wire: "POST /message:stream", Generation: a2a.V10, TaskID: "t-1",
	}},
	{"get", "GET", "/tasks/t-1?historyLength=3", ``, a2a.Operation{
		Method: a2a.GetTask, Wire: "GET /tasks/{id}", Generation: a2a.V10, TaskID: "t-1",
	}},
	{"get-version-parameter", "GET", "/tasks/t-1?A2A-Version=1.0", ``, a2a.Operation{
		Method: a2a.GetTask, Wire: "GET /tasks/{id}", Generation: a2a.V10, TaskID: "t-1",
	}},
	{"get-tenant", "GET", "/acme/tasks/t-1", ``, a2a.Operation{
		Method: a2a.GetTask, Wire: "GET /{tenant}/tasks/{id}", Generation: a2a.V10, TaskID: "t-1", Tenant: "acme",
	}},
	{"get-encoded-id", "GET", "/tasks/urn%3Auuid%3A1%20a%C3%A9", ``, a2a.Operation{
		Method: a2a.GetTask, Wire: "GET /tasks/{id}", Generation: a2a.V10, TaskID: "urn:uuid:1 aé",
	}},
	{"get-id-with-colons", "GET", "/tasks/urn:uuid:1", ``, a2a.Operation{
		Method: a2a.GetTask, Wire: "GET /tasks/{id}", Generation: a2a.V10, TaskID: "urn:uuid:1",
	}},
	{"list", "GET", "/tasks?contextId=c%2D1&pageSize=5&pageToken=a+b", ``, a2a.Operation{
		Method: a2a.ListTasks, Wire: "GET /tasks", Generation: a2a.V10, ContextID: "c-1",
	}},
	{"list-tenant", "GET", "/acme/tasks?tenant=acme", ``, a2a.Operation{
		Method: a2a.ListTasks, Wire: "GET /{tenant}/tasks", Generation: a2a.V10, Tenant: "acme",
	}},
	{"cancel", "POST", "/tasks/t-1:cancel", `{"id":"t-1","metadata":{"why":"late"}}`, a2a.Operation{
		Method: a2a.CancelTask, Wire: "POST /tasks/{id}:cancel", Generation: a2a.V10, TaskID: "t-1",
	}},
	{"cancel-empty-body", "POST", "/tasks/t-1:cancel", ``, a2a.Operation{
		Method: a2a.CancelTask, Wire: "POST /tasks/{id}:cancel", Generation: a2a.V10, TaskID: "t-1",
	}},
	{"cancel-id-with-colons", "POST", "/tasks/urn:uuid:1:cancel", ``, a2a.Operation{
		Method: a2a.CancelTask, Wire: "POST /tasks/{id}:cancel", Generation: a2a.V10, TaskID: "urn:uuid:1",
	}},
	{"subscribe-get", "GET", "/tasks/t-1:subscribe", ``, a2a.Operation{
		Method: a2a.SubscribeToTask, Wire: "GET /tasks/{id}:subscribe", Generation: a2a.V10, TaskID: "t-1",
	}},
	{"subscribe-post", "POST", "/acme/tasks/t-1:subscribe", `{}`, a2a.Operation{
		Method: a2a.SubscribeToTask, Wire: "POST /{tenant}/tasks/{id}:subscribe", Generation: a2a.V10, TaskID: "t-1", Tenant: "acme",
	}},
	{"push-create", "POST", "/tasks/t-1/pushNotificationConfigs", `{"id":"cfg","taskId":"t-1","url":"https://cb.example"}`, a2a.Operation{
		Method: a2a.CreateTaskPushNotificationConfig, Wire: "POST /tasks/{id}/pushNotificationConfigs", Generation: a2a.V10, TaskID: "t-1",
	}},
	{"push-list", "GET", "/tasks/t-1/pushNotificationConfigs", ``, a2a.Operation{
		Method: a2a.ListTaskPushNotificationConfigs, Wire: "GET /tasks/{id}/pushNotificationConfigs", Generation: a2a.V10, TaskID: "t-1",
	}},
	{"push-get", "GET", "/tasks/t-1/pushNotificationConfigs/cfg", ``, a2a.Operation{
		Method: a2a.GetTaskPushNotificationConfig, Wire: "GET /tasks/{id}/pushNotificationConfigs/{config}", Generation: a2a.V10, TaskID: "t-1",
	}},
	{"push-delete", "DELETE", "/acme/tasks/t-1/pushNotificationConfigs/cfg", ``, a2a.Operation{
		Method: a2a.DeleteTaskPushNotificationConfig, Wire: "DELETE /{tenant}/tasks/{id}/pushNotificationConfigs/{config}",
		Generation: a2a.V10, TaskID: "t-1", Tenant: "acme",
	}},
	{"extended-card", "GET", "/extendedAgentCard", ``, a2a.Operation{
		Method: a2a.GetExtendedAgentCard, Wire: "GET /extendedAgentCard", Generation: a2a.V10,
	}},
	{"well-known-card", "GET", "/.well-known/agent-card.json", ``, a2a.Operation{
		Method: a2a.GetAgentCard, Wire: "GET /.well-known/agent-card.json",
	}},

	{"send-0.3", "POST", "/v1/message:send", `{"message":{"messageId":"m-1","content":[{"text":"hi"}]}}`, a2a.Operation{
		Method: a2a.SendMessage, Wire: "POST /v1/message:send", Generation: a2a.V03, MessageID: "m-1",
	}},
	{"stream-0.3", "POST", "/v1/message:stream", `{}`, a2a.Operation{
		Method: a2a.SendStreamingMessage, Wire: "POST /v1/message:stream", Generation: a2a.V03,
	}},
	{"get-0.3", "GET", "/v1/tasks/t-1", ``, a2a.Operation{
		Method: a2a.GetTask, Wire: "GET /v1/tasks/{id}", Generation: a2a.V03, TaskID: "t-1",
	}},
	{"list-0.3", "GET", "/v1/tasks", ``, a2a.Operation{
		Method: a2a.ListTasks, Wire: "GET /v1/tasks", Generation: a2a.V03,
	}},
	{"cancel-0.3", "POST", "/v1/tasks/t-1:cancel", `{"name":"tasks/t-1"}`, a2a.Operation{
		Method: a2a.CancelTask, Wire: "POST /v1/tasks/{id}:cancel", Generation: a2a.V03, TaskID: "t-1",
	}},
	{"subscribe-0.3", "GET", "/v1/tasks/t-1:subscribe", ``, a2a.Operation{
		Method: a2a.SubscribeToTask, Wire: "GET /v1/tasks/{id}:subscribe", Generation: a2a.V03, TaskID: "t-1",
	}},
	{
		"push-create-0.3", "POST", "/v1/tasks/t-1/pushNotificationConfigs",
		`{"parent":"tasks/t-1","configId":"c","config":{"name":"tasks/t-1/pushNotificationConfigs/c","pushNotificationConfig":{"url":"u"}}}`,
		a2a.Operation{
			Method: a2a.CreateTaskPushNotificationConfig, Wire: "POST /v1/tasks/{id}/pushNotificationConfigs", Generation: a2a.V03, TaskID: "t-1",
		},
	},
	{
		"push-create-0.3-config-as-body", "POST", "/v1/tasks/t-1/pushNotificationConfigs?configId=c",
		`{"name":"tasks/t-1/pushNotificationConfigs/c","pushNotificationConfig":{"url":"u"}}`,
		a2a.Operation{
			Method: a2a.CreateTaskPushNotificationConfig, Wire: "POST /v1/tasks/{id}/pushNotificationConfigs", Generation: a2a.V03, TaskID: "t-1",
		},
	},
	{"list-0.3-query", "GET", "/v1/tasks?contextId=c-1&status=TASK_STATE_WORKING&lastUpdatedAfter=2026-01-01T00:00:00Z", ``, a2a.Operation{
		Method: a2a.ListTasks, Wire: "GET /v1/tasks", Generation: a2a.V03, ContextID: "c-1",
	}},
	{"well-known-card-before-0.3", "GET", "/.well-known/agent.json", ``, a2a.Operation{
		Method: a2a.GetAgentCard, Wire: "GET /.well-known/agent.json",
	}},
	{"card-0.3", "GET", "/v1/card", ``, a2a.Operation{
		Method: a2a.GetExtendedAgentCard, Wire: "GET /v1/card", Generation: a2a.V03,
	}},

	{"root", "POST", "/", `{"x":"y"}`, a2a.Operation{Method: a2a.OtherMethod, Wire: "POST /"}},
	{"no-path", "GET", "", ``, a2a.Operation{Method: a2a.OtherMethod, Wire: "GET "}},
	{"unknown-path", "GET", "/a/b/c/d/e/f/g?x=1", ``, a2a.Operation{Method: a2a.OtherMethod, Wire: "GET /a/b/c/d/e/f/g"}},
	{"unknown-path-own-names", "POST", "/act?TENANT=1", `{"ID":1,"task_id":2}`, a2a.Operation{Method: a2a.OtherMethod, Wire: "POST /act", Mentions: []string{"2"}}},
	{"query-by-proto-names", "GET", "/tasks?context_id=c-1&page_size=1", ``, a2a.Operation{Method: a2a.ListTasks, Wire: "GET /tasks", Generation: a2a.V10, ContextID: "c-1"}},
	{"body-by-proto-names", "POST", "/v1/message:send", `{"request":{"task_id":"t-1","message_id":"m-1"}}`, a2a.Operation{
		Method: a2a.SendMessage, Wire: "POST /v1/message:send", Generation: a2a.V03, TaskID: "t-1", MessageID: "m-1",
	}},
	{"unknown-path-with-names", "POST", "/act?taskId=t-1&id=t-2", `{"name":"tasks/t-3/x","message":{"taskId":"t-4"}}`, a2a.Operation{
		Method: a2a.OtherMethod, Wire: "POST /act", Mentions: []string{"t-1", "t-2", "t-4", "t-3"},
	}},
	{"unknown-verb-on-configs", "PUT", "/tasks/t-1/pushNotificationConfigs/c", `{"url":"http://h.example/","taskId":"t-2"}`, a2a.Operation{
		Method: a2a.OtherMethod, Wire: "PUT /tasks/t-1/pushNotificationConfigs/c", TaskID: "t-1", Mentions: []string{"t-2"},
	}},
	{"send-with-get", "GET", "/message:send", ``, a2a.Operation{Method: a2a.OtherMethod, Wire: "GET /message:send"}},
	{"verb-in-another-case", "post", "/message:send", `{}`, a2a.Operation{Method: a2a.OtherMethod, Wire: "post /message:send"}},
	{"head-of-task", "HEAD", "/tasks/t-1", ``, a2a.Operation{Method: a2a.OtherMethod, Wire: "HEAD /tasks/t-1", TaskID: "t-1"}},
	{"unknown-task-verb", "POST", "/acme/tasks/t-1:pause", ``, a2a.Operation{
		Method: a2a.OtherMethod, Wire: "POST /acme/tasks/t-1:pause", TaskID: "t-1:pause", Mentions: []string{"t-1"},
	}},
	{"cancel-with-get", "GET", "/tasks/t-1:cancel", ``, a2a.Operation{
		Method: a2a.OtherMethod, Wire: "GET /tasks/t-1:cancel", TaskID: "t-1:cancel", Mentions: []string{"t-1"},
	}},
	{"cancel-without-id", "POST", "/tasks/:cancel", ``, a2a.Operation{
		Method: a2a.OtherMethod, Wire: "POST /tasks/:cancel", TaskID: ":cancel",
	}},
	{"extended-card-is-not-0.3", "GET", "/v1/extendedAgentCard", ``, a2a.Operation{
		Method: a2a.OtherMethod, Wire: "GET /v1/extendedAgentCard",
	}},
	{"card-is-not-1.0", "GET", "/card", ``, a2a.Operation{Method: a2a.OtherMethod, Wire: "GET /card"}},
	{"no-tenant-in-0.3", "GET", "/v1/acme/tasks/t-1", ``, a2a.Operation{
		Method: a2a.OtherMethod, Wire: "GET /v1/acme/tasks/t-1", TaskID: "t-1",
	}},
	{"tenant-called-tasks", "POST", "/tasks/message:send", `{}`, a2a.Operation{
		Method: a2a.SendMessage, Wire: "POST /{tenant}/message:send", Generation: a2a.V10, Tenant: "tasks",
	}},
}

func TestParseHTTPJSON(t *testing.T) {
	t.Parallel()
	for _, tc := range routeCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, p := a2a.ParseHTTPJSON(tc.verb, tc.path, []byte(tc.body), a2a.DefaultLimits())
			if p != nil {
				t.Fatalf("refused: %s %v", p.Reason, p)
			}
			tc.want.Binding = a2a.HTTPJSON
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(a2a.Operation{}, "Texts")); diff != "" {
				t.Errorf("operation (-want +got):\n%s", diff)
			}
			if tc.body != "" {
				checkTexts(t, got.Texts, []byte(tc.body))
			}
		})
	}
}

// routeRefusals are requests whose path, query or body can be read in more than one way.
var routeRefusals = []struct{ name, verb, path, body, reason string }{
	{"encoded-slash", "GET", "/tasks/a%2Fb", ``, "AMBIGUOUS_PATH"},
	{"encoded-slash-lower-case", "GET", "/tasks/a%2fb", ``, "AMBIGUOUS_PATH"},
	{"encoded-backslash", "GET", "/tasks/a%5Cb", ``, "AMBIGUOUS_PATH"},
	{"raw-backslash", "GET", `/tasks\t-1`, ``, "AMBIGUOUS_PATH"},
	{"encoded-nul", "GET", "/tasks/a%00", ``, "AMBIGUOUS_PATH"},
	{"encoded-newline", "GET", "/tasks/a%0A", ``, "AMBIGUOUS_PATH"},
	{"encoded-percent", "GET", "/tasks/a%252e", ``, "AMBIGUOUS_PATH"},
	{"cut-escape", "GET", "/tasks/a%2", ``, "AMBIGUOUS_PATH"},
	{"bad-escape", "GET", "/tasks/a%zz", ``, "AMBIGUOUS_PATH"},
	{"bad-utf-8", "GET", "/tasks/a%ff", ``, "AMBIGUOUS_PATH"},
	{"raw-non-ascii", "GET", "/tasks/é", ``, "AMBIGUOUS_PATH"},
	{"space", "GET", "/tasks/a b", ``, "AMBIGUOUS_PATH"},
	{"fragment", "GET", "/tasks/a#b", ``, "AMBIGUOUS_PATH"},
	{"path-parameter", "GET", "/tasks/t-1;x=y", ``, "AMBIGUOUS_PATH"},
	{"dot-segment", "GET", "/tasks/../tasks/t-1", ``, "AMBIGUOUS_PATH"},
	{"single-dot", "GET", "/./tasks", ``, "AMBIGUOUS_PATH"},
	{"encoded-dots", "GET", "/tasks/%2e%2E", ``, "AMBIGUOUS_PATH"},
	{"half-encoded-dots", "GET", "/tasks/.%2e", ``, "AMBIGUOUS_PATH"},
	{"double-slash", "POST", "//message:send", `{}`, "AMBIGUOUS_PATH"},
	{"trailing-slash", "POST", "/message:send/", `{}`, "AMBIGUOUS_PATH"},
	{"no-leading-slash", "POST", "message:send", `{}`, "AMBIGUOUS_PATH"},
	{"word-in-another-case", "POST", "/Message:Send", `{}`, "AMBIGUOUS_PATH"},
	{"verb-in-another-case", "POST", "/tasks/t-1:Cancel", ``, "AMBIGUOUS_PATH"},
	{"subscribe-in-another-case", "GET", "/tasks/t-1:SUBSCRIBE", ``, "AMBIGUOUS_PATH"},
	{"prefix-in-another-case", "GET", "/V1/tasks/t-1", ``, "AMBIGUOUS_PATH"},
	{"encoded-word", "POST", "/%6dessage:send", `{}`, "AMBIGUOUS_PATH"},
	{"encoded-colon-of-verb", "POST", "/tasks/t-1%3Acancel", ``, "AMBIGUOUS_PATH"},
	{"encoded-collection", "GET", "/t%61sks/t-1", ``, "AMBIGUOUS_PATH"},
	{"task-or-tenant", "GET", "/tasks/tasks", ``, "AMBIGUOUS_PATH"},
	{"task-or-card", "GET", "/tasks/extendedAgentCard", ``, "AMBIGUOUS_PATH"},
	{"configs-or-task", "GET", "/tasks/tasks/pushNotificationConfigs", ``, "AMBIGUOUS_PATH"},
	{"too-long", "GET", "/tasks/" + strings.Repeat("a", 8<<10), ``, "TOO_LONG"},

	{"query-semicolon", "GET", "/tasks?contextId=a;contextId=b", ``, "AMBIGUOUS_QUERY"},
	{"query-repeated", "GET", "/tasks?contextId=a&contextId=b", ``, "AMBIGUOUS_QUERY"},
	{"query-repeated-encoded", "GET", "/tasks?contextId=a&context%49d=b", ``, "AMBIGUOUS_QUERY"},
	{"query-bad-escape", "GET", "/tasks?contextId=%", ``, "AMBIGUOUS_QUERY"},
	{"query-nul", "GET", "/tasks?contextId=%00", ``, "AMBIGUOUS_QUERY"},
	{"query-bad-utf-8", "GET", "/tasks?contextId=%c3", ``, "AMBIGUOUS_QUERY"},
	{"query-too-many", "GET", "/tasks?" + manyPairs(65), ``, "AMBIGUOUS_QUERY"},
	{"query-task-id", "GET", "/tasks/mine?id=yours", ``, "AMBIGUOUS_QUERY"},
	{"query-config-id", "GET", "/tasks/t/pushNotificationConfigs/mine?pushNotificationConfigId=yours", ``, "AMBIGUOUS_QUERY"},
	{"query-spelling", "GET", "/tasks?contextid=a", ``, "MISSPELLED_KEY"},
	{"query-both-names", "GET", "/tasks?context_id=a&contextId=a", ``, "AMBIGUOUS_QUERY"},
	{"task-id-as-a-number", "POST", "/message:send", `{"message":{"taskId":17}}`, "AMBIGUOUS_NAME"},
	{"query-tenant", "GET", "/acme/tasks?tenant=other", ``, "CONFLICTING_VALUES"},

	{"body-trailing-data", "POST", "/message:send", `{}{}`, "INVALID_JSON"},
	{"body-only-space", "POST", "/message:send", ` `, "INVALID_JSON"},
	{"body-duplicate", "POST", "/message:send", `{"message":{"taskId":"a","taskId":"b"}}`, "DUPLICATE_KEY"},
	{"body-spelling", "POST", "/message:send", `{"message":{"taskid":"a"}}`, "MISSPELLED_KEY"},
	{"body-both-names", "POST", "/v1/message:send", `{"request":{},"message":{}}`, "DUPLICATE_KEY"},
	{"body-of-get", "GET", "/tasks/t-1", `{}`, "UNEXPECTED_BODY"},
	{"body-of-delete", "DELETE", "/tasks/t-1/pushNotificationConfigs/c", `{}`, "UNEXPECTED_BODY"},
	{"body-of-unknown-path", "POST", "/act", `x`, "INVALID_JSON"},
	{"body-tenant", "POST", "/acme/message:send", `{"tenant":"other"}`, "CONFLICTING_VALUES"},
	{
		"body-pushes-another-task", "POST", "/message:send",
		`{"message":{"taskId":"mine"},"configuration":{"taskPushNotificationConfig":{"taskId":"yours","url":"u"}}}`, "CONFLICTING_VALUES",
	},
	{"body-cancels-another", "POST", "/tasks/mine:cancel", `{"id":"yours"}`, "CONFLICTING_VALUES"},
	{"body-subscribes-to-another", "POST", "/tasks/mine:subscribe", `{"id":"yours"}`, "CONFLICTING_VALUES"},
	{"body-push-for-another", "POST", "/tasks/mine/pushNotificationConfigs", `{"taskId":"yours"}`, "CONFLICTING_VALUES"},
	{"body-names-another", "POST", "/v1/tasks/mine:cancel", `{"name":"tasks/yours"}`, "CONFLICTING_VALUES"},
	{"body-parent-of-another", "POST", "/v1/tasks/mine/pushNotificationConfigs", `{"parent":"tasks/yours"}`, "CONFLICTING_VALUES"},
	{
		"body-config-of-another", "POST", "/v1/tasks/mine/pushNotificationConfigs",
		`{"config":{"name":"tasks/yours/pushNotificationConfigs/c"}}`, "CONFLICTING_VALUES",
	},
}

func manyPairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("k" + strings.Repeat("x", i) + "=1&")
	}
	return b.String()
}

func TestAmbiguousRequestsAreRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range routeRefusals {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			op, p := a2a.ParseHTTPJSON(tc.verb, tc.path, []byte(tc.body), a2a.DefaultLimits())
			if p == nil {
				t.Fatalf("accepted as %+v", op)
			}
			if p.Reason != tc.reason || p.Binding != a2a.HTTPJSON {
				t.Errorf("reason = %s for %v, want %s", p.Reason, p.Binding, tc.reason)
			}
		})
	}
}

func TestTextsOutsideTheBody(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, verb, path string
		want             []a2a.Text
	}{
		{"ids", "GET", "/acme/tasks/t%201/pushNotificationConfigs/cfg?x=a+b&A2A-Version=1.0", []a2a.Text{
			{Value: "acme", Kind: a2a.KindID},
			{Value: "t 1", Kind: a2a.KindID},
			{Value: "cfg", Kind: a2a.KindID},
			{Value: "x", Key: true},
			{Value: "a b"},
			{Value: "A2A-Version", Key: true},
			{Value: "1.0"},
		}},
		{"known-parameter", "GET", "/tasks?contextId=c-1", []a2a.Text{{Value: "c-1", Kind: a2a.KindID}}},
		{"unknown-path", "GET", "/ignore%20all/rules", []a2a.Text{{Value: "ignore all"}, {Value: "rules"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			op, p := a2a.ParseHTTPJSON(tc.verb, tc.path, nil, a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			if diff := cmp.Diff(tc.want, op.Texts); diff != "" {
				t.Errorf("texts (-want +got):\n%s", diff)
			}
			for _, x := range op.Texts {
				if got := x.Pointer(nil); got != "" {
					t.Errorf("pointer %q for a text outside the body", got)
				}
			}
		})
	}
}
