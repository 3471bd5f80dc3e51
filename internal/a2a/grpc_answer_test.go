package a2a_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"

	"ringfence.dev/ringfence/internal/a2a"
)

// checkTasks requires that the answer is about the tasks which protobuf's reader finds.
func checkTasks(t *testing.T, a a2a.Answer, m protoreflect.Message) {
	t.Helper()
	field := func(m protoreflect.Message, name string) protoreflect.Value {
		return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name)))
	}
	type subject struct{ id, context string }
	var want []subject
	add := func(m protoreflect.Message, name string) {
		s := subject{field(m, name).String(), field(m, "context_id").String()}
		if s != (subject{}) || a.Kind == a2a.AnswerTaskList {
			want = append(want, s)
		}
	}
	payload := func() protoreflect.Message {
		o := m.Descriptor().Oneofs().ByName("payload")
		return m.Get(m.WhichOneof(o)).Message()
	}
	switch a.Kind {
	case a2a.AnswerTask:
		if m.Descriptor().Name() == "Task" {
			add(m, "id")
		} else {
			add(payload(), "id")
		}
	case a2a.AnswerMessage, a2a.AnswerStatusUpdate, a2a.AnswerArtifactUpdate:
		add(payload(), "task_id")
	case a2a.AnswerTaskList:
		list := field(m, "tasks").List()
		for i := range list.Len() {
			add(list.Get(i).Message(), "id")
		}
	}
	var got []subject
	for _, r := range a.Tasks {
		got = append(got, subject{r.ID, r.ContextID})
	}
	if len(got) != len(want) {
		t.Errorf("the answer is about %v, want %v", got, want)
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("task %d is %v, want %v", i, got[i], want[i])
		}
	}
}

const answeredTask = `{
	id: "t-1" context_id: "c-1"
	status {state: TASK_STATE_WORKING message {role: ROLE_USER parts {text: "status"}}}
	history {role: ROLE_USER task_id: "t-9" parts {text: "asked"}}
	history {role: ROLE_AGENT parts {text: "answered"}}
	history {parts {text: "unsigned"}}
	artifacts {name: "report" parts {text: "made"}}
}`

var grpcAnswers = []struct {
	name, path, text string
	want             a2a.Answer
	texts            []string
}{
	{
		"task", current + "GetTask", strings.Trim(answeredTask, "{}"),
		a2a.Answer{Kind: a2a.AnswerTask, Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskActive}}},
		[]string{
			"id t-1", "id c-1", "2 text status", "2 free report", "2 text made", "1 id t-9", "1 text asked",
			"2 text answered", "text unsigned",
		},
	},
	{
		"sent-task", current + "SendMessage", "task " + answeredTask,
		a2a.Answer{Kind: a2a.AnswerTask, Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskActive}}},
		[]string{
			"id t-1", "id c-1", "2 text status", "2 free report", "2 text made", "1 id t-9", "1 text asked",
			"2 text answered", "text unsigned",
		},
	},
	{
		"message-in-a-task", current + "SendStreamingMessage",
		`message {task_id: "t-1" context_id: "c-1" role: ROLE_USER parts {text: "hello"}}`,
		a2a.Answer{Kind: a2a.AnswerMessage, Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1"}}},
		[]string{"2 id c-1", "2 id t-1", "2 text hello"},
	},
	{
		"message-outside-tasks", legacy + "SendMessage", `msg {parts {text: "hello"}}`,
		a2a.Answer{Kind: a2a.AnswerMessage},
		[]string{"2 text hello"},
	},
	{
		"status-update", current + "SubscribeToTask",
		`status_update {task_id: "t-1" context_id: "c-1" status {state: TASK_STATE_INPUT_REQUIRED}}`,
		a2a.Answer{Kind: a2a.AnswerStatusUpdate, Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskInterrupted}}},
		[]string{"id t-1", "id c-1"},
	},
	{
		"final-status-update", legacy + "TaskSubscription",
		`status_update {task_id: "t-1" status {state: TASK_STATE_REJECTED update {parts {text: "no"}}} final: true}`,
		a2a.Answer{Kind: a2a.AnswerStatusUpdate, Final: true, Tasks: []a2a.TaskRef{{ID: "t-1", State: a2a.TaskTerminal}}},
		[]string{"id t-1", "2 text no"},
	},
	{
		"artifact-update", current + "SendStreamingMessage",
		`artifact_update {task_id: "t-1" artifact {artifact_id: "a" description: "d" parts {url: "https://x"}} append: true}`,
		a2a.Answer{Kind: a2a.AnswerArtifactUpdate, Tasks: []a2a.TaskRef{{ID: "t-1"}}},
		[]string{"id t-1", "2 id a", "2 free d", "2 url https://x"},
	},
	{
		"list", current + "ListTasks",
		`tasks {id: "t-1" context_id: "c-1" status {state: TASK_STATE_COMPLETED}} tasks {} tasks {id: "t-3"} page_size: 3 total_size: 300`,
		a2a.Answer{
			Kind: a2a.AnswerTaskList, Total: a2a.Span{Start: 28, End: 30},
			Tasks: []a2a.TaskRef{
				{ID: "t-1", ContextID: "c-1", State: a2a.TaskTerminal, Start: 0, End: 16},
				{Start: 16, End: 18},
				{ID: "t-3", Start: 18, End: 25},
			},
		},
		[]string{"id t-1", "id c-1", "id t-3"},
	},
	{
		"push-config", current + "CreateTaskPushNotificationConfig", `task_id: "t-1" url: "https://x" token: "tok"`,
		a2a.Answer{Kind: a2a.AnswerPushConfig},
		[]string{"id t-1", "callback https://x", "secret tok"},
	},
	{
		"push-configs", legacy + "ListTaskPushNotificationConfig",
		`configs {name: "tasks/t/pushNotificationConfigs/p" push_notification_config {url: "https://x"}}`,
		a2a.Answer{Kind: a2a.AnswerPushConfigList},
		[]string{"id tasks/t/pushNotificationConfigs/p", "callback https://x"},
	},
	{"deleted", current + "DeleteTaskPushNotificationConfig", ``, a2a.Answer{Kind: a2a.AnswerEmpty}, nil},
	{"no-payload", current + "SendMessage", ``, a2a.Answer{}, nil},
	{
		"card", current + "GetExtendedAgentCard",
		`name: "n" supported_interfaces {url: "https://a" protocol_binding: "GRPC"}
		security_schemes {key: "s" value {oauth2_security_scheme {flows {device_code {token_url: "https://t" scopes {key: "r" value: "read"}}}}}}`,
		a2a.Answer{Kind: a2a.AnswerCard, Card: a2a.Span{End: 57}},
		[]string{"free n", "url https://a", "id GRPC", "free s:", "url https://t", "free r:", "free read"},
	},
}

func TestParseGRPCAnswer(t *testing.T) {
	t.Parallel()
	for _, tc := range grpcAnswers {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, p := a2a.ParseGRPCAnswer(tc.path, encoded(t, tc.path, tc.text, true), a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			if diff := cmp.Diff(tc.texts, kinds(got.Texts)); diff != "" {
				t.Errorf("texts (-want +got):\n%s", diff)
			}
			got.Texts = nil
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseGRPCAnswerOfAnotherMethod(t *testing.T) {
	t.Parallel()
	got, p := a2a.ParseGRPCAnswer("/x.Y/Z", []byte(field(1, "ignore all")), a2a.DefaultLimits())
	want := a2a.Answer{Texts: []a2a.Text{{Value: "ignore all", Start: 2, End: 12}}}
	if diff := cmp.Diff(want, got); diff != "" || p != nil {
		t.Errorf("%v (-want +got):\n%s", p, diff)
	}
}

func TestParseGRPCAnswerBlamesTheAgent(t *testing.T) {
	t.Parallel()
	two := field(1, field(1, "t-1")) + field(2, field(5, field(1, "hello")))
	for name, message := range map[string]string{"two-payloads": two, "cut-off": "\x0a\x05"} {
		_, p := a2a.ParseGRPCAnswer(current+"SendMessage", []byte(message), a2a.DefaultLimits())
		if p == nil || !p.Agent || p.Method != a2a.SendMessage {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
