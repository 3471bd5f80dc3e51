package a2a_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence.dev/ringfence/internal/a2a"
)

func result(id, value string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"result":` + value + `}`
}

const (
	task10 = `{"id":"t-1","contextId":"c-1","status":{"state":"TASK_STATE_WORKING","message":{"messageId":"m-2",` +
		`"role":"ROLE_AGENT","parts":[{"text":"working"}]},"timestamp":"2026-03-01T00:00:00Z"},` +
		`"artifacts":[{"artifactId":"a-1","name":"draft","parts":[{"text":"result"}]}],` +
		`"history":[{"messageId":"m-1","role":"ROLE_USER","parts":[{"text":"please"}]}],"metadata":{"k":"v"}}`
	task03 = `{"kind":"task","id":"t-1","contextId":"c-1","status":{"state":"input-required"},"history":[]}`
	card10 = `{"name":"Orders","description":"d","version":"1","supportedInterfaces":[{"url":"https://o.example",` +
		`"protocolBinding":"JSONRPC","protocolVersion":"1.0"}],"skills":[{"id":"s"}]}`
)

// answers has what each method returns in both generations and bindings, and what lies around that.
var answers = []struct {
	name    string
	binding a2a.Binding
	method  a2a.Method
	body    string
	want    a2a.Answer
}{
	{"send-task-1.0", a2a.JSONRPC, a2a.SendMessage, result(`"r"`, `{"task":`+task10+`}`), a2a.Answer{
		Kind: a2a.AnswerTask, RequestID: []byte(`"r"`), Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskActive}},
	}},
	{"send-message-1.0", a2a.JSONRPC, a2a.SendMessage, result(`7`, `{"message":`+message10+`}`), a2a.Answer{
		Kind: a2a.AnswerMessage, RequestID: []byte(`7`), Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1"}},
	}},
	{"send-message-in-context", a2a.JSONRPC, a2a.SendMessage, result(`7`, `{"message":{"contextId":"c-1"}}`), a2a.Answer{
		Kind: a2a.AnswerMessage, RequestID: []byte(`7`), Tasks: []a2a.TaskRef{{ContextID: "c-1"}},
	}},
	{"send-message-alone", a2a.JSONRPC, a2a.SendMessage, result(`7`, `{"message":{"parts":[]}}`), a2a.Answer{
		Kind: a2a.AnswerMessage, RequestID: []byte(`7`),
	}},
	{"stream-status-1.0", a2a.JSONRPC, a2a.SendStreamingMessage, result(`1`,
		`{"statusUpdate":{"taskId":"t-1","contextId":"c-1","status":{"state":"TASK_STATE_COMPLETED"}}}`), a2a.Answer{
		Kind: a2a.AnswerStatusUpdate, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskTerminal}},
	}},
	{"stream-artifact-1.0", a2a.JSONRPC, a2a.SubscribeToTask, result(`1`,
		`{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"text":"x"}]},"taskId":"t-1","contextId":"c-1","append":true}}`), a2a.Answer{
		Kind: a2a.AnswerArtifactUpdate, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1"}},
	}},
	{"get-1.0", a2a.JSONRPC, a2a.GetTask, result(`1`, task10), a2a.Answer{
		Kind: a2a.AnswerTask, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskActive}},
	}},
	{"get-whatever-kind-it-claims", a2a.JSONRPC, a2a.GetTask, result(`1`, `{"kind":"message","taskId":"t-2","id":"t-1"}`), a2a.Answer{
		Kind: a2a.AnswerTask, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1"}},
	}},
	{"cancel-1.0", a2a.JSONRPC, a2a.CancelTask, result(`1`, `{"status":{"state":"TASK_STATE_CANCELED"},"id":"t-1"}`), a2a.Answer{
		Kind: a2a.AnswerTask, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1", State: a2a.TaskTerminal}},
	}},
	{"send-task-0.3", a2a.JSONRPC, a2a.SendMessage, result(`1`, task03), a2a.Answer{
		Kind: a2a.AnswerTask, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskInterrupted}},
	}},
	{"send-message-0.3", a2a.JSONRPC, a2a.SendMessage, result(`1`, message03), a2a.Answer{
		Kind: a2a.AnswerMessage, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1"}},
	}},
	{"stream-status-0.3", a2a.JSONRPC, a2a.SendStreamingMessage, result(`1`,
		`{"final":true,"status":{"message":{"kind":"message","taskId":"x"},"state":"failed"},"taskId":"t-1","contextId":"c-1","kind":"status-update"}`), a2a.Answer{
		Kind: a2a.AnswerStatusUpdate, Final: true, RequestID: []byte(`1`),
		Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskTerminal}},
	}},
	{"stream-artifact-0.3", a2a.JSONRPC, a2a.SendStreamingMessage, result(`1`,
		`{"kind":"artifact-update","taskId":"t-1","contextId":"c-1","artifact":{"parts":[]},"lastChunk":true}`), a2a.Answer{
		Kind: a2a.AnswerArtifactUpdate, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1"}},
	}},
	{"status-told-by-shape", a2a.JSONRPC, a2a.SendStreamingMessage, result(`1`,
		`{"taskId":"t-1","status":{"state":"auth-required"},"final":false}`), a2a.Answer{
		Kind: a2a.AnswerStatusUpdate, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1", State: a2a.TaskInterrupted}},
	}},
	{"message-told-by-shape", a2a.JSONRPC, a2a.SendMessage, result(`1`, `{"taskId":"t-1","parts":[]}`), a2a.Answer{
		Kind: a2a.AnswerMessage, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1"}},
	}},
	{"list-1.0", a2a.JSONRPC, a2a.ListTasks, result(`1`, `{"tasks":[{"id":"t-1"}, {"status":{"state":"TASK_STATE_FAILED"},"id":"t-2"},{}],"totalSize":12}`), a2a.Answer{
		Kind: a2a.AnswerTaskList, RequestID: []byte(`1`), Total: a2a.Span{Start: 125, End: 127}, Tasks: []a2a.TaskRef{
			{ID: "t-1", Start: 43, End: 55}, {ID: "t-2", State: a2a.TaskTerminal, Start: 57, End: 108}, {Start: 109, End: 111},
		},
	}},
	{"list-empty", a2a.JSONRPC, a2a.ListTasks, result(`1`, `{}`), a2a.Answer{Kind: a2a.AnswerTaskList, RequestID: []byte(`1`)}},
	{"list-legacy-go", a2a.JSONRPC, a2a.ListTasks, result(`1`, `{"total_size":2}`), a2a.Answer{
		Kind: a2a.AnswerTaskList, RequestID: []byte(`1`), Total: a2a.Span{Start: 47, End: 48},
	}},
	{"push-1.0", a2a.JSONRPC, a2a.CreateTaskPushNotificationConfig, result(`1`, `{"taskId":"t-1","id":"c","url":"https://cb.example"}`), a2a.Answer{
		Kind: a2a.AnswerPushConfig, RequestID: []byte(`1`),
	}},
	{"push-list-1.0", a2a.JSONRPC, a2a.ListTaskPushNotificationConfigs, result(`1`, `{"configs":[{"url":"u"}]}`), a2a.Answer{
		Kind: a2a.AnswerPushConfigList, RequestID: []byte(`1`),
	}},
	{"push-list-0.3", a2a.JSONRPC, a2a.ListTaskPushNotificationConfigs, result(`1`, `[{"taskId":"t-1","pushNotificationConfig":{"url":"u"}}]`), a2a.Answer{
		Kind: a2a.AnswerPushConfigList, RequestID: []byte(`1`),
	}},
	{"push-delete-null", a2a.JSONRPC, a2a.DeleteTaskPushNotificationConfig, result(`1`, `null`), a2a.Answer{Kind: a2a.AnswerEmpty, RequestID: []byte(`1`)}},
	{"push-delete-object", a2a.JSONRPC, a2a.DeleteTaskPushNotificationConfig, result(`1`, `{ }`), a2a.Answer{Kind: a2a.AnswerEmpty, RequestID: []byte(`1`)}},
	{"push-delete-absent", a2a.JSONRPC, a2a.DeleteTaskPushNotificationConfig, `{"jsonrpc":"2.0","id":1}`, a2a.Answer{Kind: a2a.AnswerEmpty, RequestID: []byte(`1`)}},
	{"push-delete-with-content", a2a.JSONRPC, a2a.DeleteTaskPushNotificationConfig, result(`1`, `{"x":1}`), a2a.Answer{RequestID: []byte(`1`)}},
	{"card", a2a.JSONRPC, a2a.GetExtendedAgentCard, result(`1`, card10), a2a.Answer{
		Kind: a2a.AnswerCard, RequestID: []byte(`1`), Card: a2a.Span{Start: 33, End: 33 + int32(len(card10))},
	}},
	{"card-well-known", a2a.JSONRPC, a2a.GetAgentCard, ` ` + card10 + "\n", a2a.Answer{
		Kind: a2a.AnswerCard, Card: a2a.Span{Start: 1, End: 1 + int32(len(card10))},
	}},
	{"card-of-another-type", a2a.HTTPJSON, a2a.GetAgentCard, `[` + card10 + `]`, a2a.Answer{}},
	{"error", a2a.JSONRPC, a2a.GetTask, `{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"m","data":[{"@type":"t"}]}}`, a2a.Answer{
		Kind: a2a.AnswerError, RequestID: []byte(`1`), ErrorCode: -32001,
	}},
	{"error-beside-null", a2a.JSONRPC, a2a.GetTask, `{"id":null,"result":null,"error":{"code":1}}`, a2a.Answer{
		Kind: a2a.AnswerError, RequestID: []byte(`null`), ErrorCode: 1,
	}},
	{"error-with-odd-code", a2a.JSONRPC, a2a.GetTask, `{"error":{"code":1.5e3}}`, a2a.Answer{Kind: a2a.AnswerError}},
	{"error-null", a2a.JSONRPC, a2a.GetTask, `{"id":1,"error":null,"result":` + task03 + `}`, a2a.Answer{
		Kind: a2a.AnswerTask, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskInterrupted}},
	}},
	{"neither-result-nor-error", a2a.JSONRPC, a2a.GetTask, `{"id":{}}`, a2a.Answer{}},
	{"result-null", a2a.JSONRPC, a2a.GetTask, result(`1`, `null`), a2a.Answer{Kind: a2a.AnswerEmpty, RequestID: []byte(`1`)}},
	{"result-of-another-type", a2a.JSONRPC, a2a.SendMessage, result(`1`, `"done"`), a2a.Answer{RequestID: []byte(`1`)}},
	{"result-of-another-shape", a2a.JSONRPC, a2a.SendMessage, result(`1`, `{"contextId":"c"}`), a2a.Answer{RequestID: []byte(`1`)}},
	{"batch", a2a.JSONRPC, a2a.GetTask, `[` + result(`1`, task10) + `]`, a2a.Answer{}},
	{"other-method", a2a.JSONRPC, a2a.OtherMethod, result(`1`, task03), a2a.Answer{
		Kind: a2a.AnswerTask, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskInterrupted}},
	}},
	{"other-method-lists", a2a.JSONRPC, a2a.OtherMethod, result(`1`, `{"tasks":[{"id":"t-1"}],"task":{"id":"t-2"},"message":"m"}`), a2a.Answer{
		Kind: a2a.AnswerTask, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1", Start: 43, End: 55}, {ID: "t-2"}},
	}},
	{"other-method-has-ids-of-its-own", a2a.HTTPJSON, a2a.OtherMethod, `{"id":"o-1","status":"paid","error":{"code":0},"message":"m"}`, a2a.Answer{Kind: a2a.AnswerError}},
	{"other-method-error", a2a.JSONRPC, a2a.OtherMethod, `{"id":1,"error":{"code":-32601}}`, a2a.Answer{
		Kind: a2a.AnswerError, RequestID: []byte(`1`), ErrorCode: -32601,
	}},
	{"unknown-binding", a2a.BindingUnknown, a2a.GetTask, task03, a2a.Answer{}},
	{"empty-body", a2a.HTTPJSON, a2a.DeleteTaskPushNotificationConfig, ``, a2a.Answer{Kind: a2a.AnswerEmpty}},
	{"proto-names", a2a.JSONRPC, a2a.SendStreamingMessage, result(`1`, `{"status_update":{"task_id":"t-1","context_id":"c-1","status":{"state":"TASK_STATE_WORKING"}}}`), a2a.Answer{
		Kind: a2a.AnswerStatusUpdate, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskActive}},
	}},
	{"misspelled-members-are-free", a2a.JSONRPC, a2a.SendMessage, result(`1`, `{"task":{"ID":"x","id":"t-1","contextid":"c"},"Task":{"id":"t-2"}}`), a2a.Answer{
		Kind: a2a.AnswerTask, RequestID: []byte(`1`), Tasks: []a2a.TaskRef{{ID: "t-1"}},
	}},
	{"types-mismatch", a2a.JSONRPC, a2a.SendMessage, result(`1`, `{"task":{"id":1,"contextId":["c"],"status":"x","history":{},"artifacts":[1]}}`), a2a.Answer{
		Kind: a2a.AnswerTask, RequestID: []byte(`1`),
	}},

	{"rest-send", a2a.HTTPJSON, a2a.SendMessage, `{"task":` + task10 + `}`, a2a.Answer{
		Kind: a2a.AnswerTask, Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskActive}},
	}},
	{"rest-send-0.3", a2a.HTTPJSON, a2a.SendMessage, `{"message":{"messageId":"m","role":"ROLE_AGENT","content":[{"text":"x"}],"taskId":"t-1"}}`, a2a.Answer{
		Kind: a2a.AnswerMessage, Tasks: []a2a.TaskRef{{ID: "t-1"}},
	}},
	{"rest-get", a2a.HTTPJSON, a2a.GetTask, task10, a2a.Answer{
		Kind: a2a.AnswerTask, Tasks: []a2a.TaskRef{{ID: "t-1", ContextID: "c-1", State: a2a.TaskActive}},
	}},
	{"rest-cancelled-0.3", a2a.HTTPJSON, a2a.CancelTask, `{"id":"t-1","status":{"state":"TASK_STATE_CANCELLED"}}`, a2a.Answer{
		Kind: a2a.AnswerTask, Tasks: []a2a.TaskRef{{ID: "t-1", State: a2a.TaskTerminal}},
	}},
	{"rest-list", a2a.HTTPJSON, a2a.ListTasks, `{"totalSize":1,"tasks":[{"id":"t-1"}]}`, a2a.Answer{
		Kind: a2a.AnswerTaskList, Total: a2a.Span{Start: 13, End: 14}, Tasks: []a2a.TaskRef{{ID: "t-1", Start: 24, End: 36}},
	}},
	{"rest-error", a2a.HTTPJSON, a2a.GetTask, `{"error":{"code":404,"status":"NOT_FOUND","message":"m","details":[{"reason":"TASK_NOT_FOUND"}]}}`, a2a.Answer{
		Kind: a2a.AnswerError, ErrorCode: 404,
	}},
	{"rest-error-loose", a2a.HTTPJSON, a2a.SendMessage, `{"code":5,"message":"not found","details":[]}`, a2a.Answer{Kind: a2a.AnswerError, ErrorCode: 5}},
	{"rest-error-as-free-member", a2a.HTTPJSON, a2a.GetTask, `{"id":"t-1","error":"none"}`, a2a.Answer{
		Kind: a2a.AnswerTask, Tasks: []a2a.TaskRef{{ID: "t-1"}},
	}},
}

func TestParseAnswer(t *testing.T) {
	t.Parallel()
	for _, tc := range answers {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, p := a2a.ParseAnswer(tc.binding, tc.method, []byte(tc.body), a2a.DefaultLimits())
			if p != nil {
				t.Fatalf("refused: %s %v", p.Reason, p)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(a2a.Answer{}, "Texts")); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if tc.body != "" {
				checkTexts(t, got.Texts, []byte(tc.body))
			}
		})
	}
}

// answerRefusals are answers that clients could read in different ways.
var answerRefusals = []struct {
	name, body, reason string
	binding            a2a.Binding
	method             a2a.Method
}{
	{"duplicate", result(`1`, `{"task":{"id":"a","id":"b"}}`), "DUPLICATE_KEY", a2a.JSONRPC, a2a.SendMessage},
	{"duplicate-escaped", result(`1`, `{"task":{},"\u0074ask":{}}`), "DUPLICATE_KEY", a2a.JSONRPC, a2a.SendMessage},
	{"duplicate-in-free-data", result(`1`, `{"x":{"y":1,"y":2}}`), "DUPLICATE_KEY", a2a.JSONRPC, a2a.OtherMethod},
	{"trailing-data", result(`1`, `{}`) + `{}`, "INVALID_JSON", a2a.JSONRPC, a2a.GetTask},
	{"cut", result(`1`, `{`), "INVALID_JSON", a2a.JSONRPC, a2a.GetTask},
	{"only-space", ` `, "INVALID_JSON", a2a.HTTPJSON, a2a.GetTask},
	{"no-utf-8", result(`1`, "\"\xff\""), "INVALID_JSON", a2a.JSONRPC, a2a.GetTask},
	{"lone-surrogate", result(`1`, `"\ud800"`), "INVALID_JSON", a2a.JSONRPC, a2a.GetTask},
	{"too-large", result(`1`, `"`+strings.Repeat("a", 300)+`"`), "TOO_LARGE", a2a.JSONRPC, a2a.GetTask},
	{"too-deep", strings.Repeat("[", 9) + strings.Repeat("]", 9), "TOO_DEEP", a2a.HTTPJSON, a2a.GetTask},
	{"too-many", `[` + strings.Repeat("1,", 16) + `1]`, "TOO_MANY_MEMBERS", a2a.HTTPJSON, a2a.GetTask},
	{"result-in-another-case", `{"id":1,"Result":{}}`, "MISSPELLED_KEY", a2a.JSONRPC, a2a.GetTask},
	{"result-in-two-cases", `{"id":1,"result":{},"RESULT":{}}`, "MISSPELLED_KEY", a2a.JSONRPC, a2a.GetExtendedAgentCard},
	{"result-and-error", `{"id":1,"result":{},"error":{"code":1}}`, "AMBIGUOUS_ANSWER", a2a.JSONRPC, a2a.GetTask},
	{"task-and-message", result(`1`, `{"task":{},"message":{}}`), "AMBIGUOUS_ANSWER", a2a.JSONRPC, a2a.SendMessage},
	{"rest-two-updates", `{"statusUpdate":{},"artifactUpdate":{}}`, "AMBIGUOUS_ANSWER", a2a.HTTPJSON, a2a.SubscribeToTask},
	{"rest-task-and-error", `{"id":"t","error":{"code":1}}`, "AMBIGUOUS_ANSWER", a2a.HTTPJSON, a2a.GetTask},
	{"rest-list-and-error", `{"tasks":[],"error":{"code":1}}`, "AMBIGUOUS_ANSWER", a2a.HTTPJSON, a2a.ListTasks},
	{"rest-card-and-error", `{"skills":[],"error":{"code":1}}`, "AMBIGUOUS_ANSWER", a2a.HTTPJSON, a2a.GetExtendedAgentCard},
	{"rest-push-and-error", `{"url":"u","error":{"code":1}}`, "AMBIGUOUS_ANSWER", a2a.HTTPJSON, a2a.GetTaskPushNotificationConfig},
}

func TestAmbiguousAnswersAreRefused(t *testing.T) {
	t.Parallel()
	lim := a2a.Limits{Bytes: 300, Depth: 8, Members: 16}
	for _, tc := range answerRefusals {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, p := a2a.ParseAnswer(tc.binding, tc.method, []byte(tc.body), lim)
			if p == nil {
				t.Fatalf("accepted as %+v", got)
			}
			if p.Reason != tc.reason || p.Binding != tc.binding || p.Method != tc.method || !p.Agent {
				t.Errorf("got %s for %v %s, agent's %v", p.Reason, p.Binding, p.Method, p.Agent)
			}
			if got.Texts != nil || got.Kind != a2a.AnswerUnknown {
				t.Errorf("a refused answer is %+v", got)
			}
			d := p.Denial()
			if d.HTTPStatus != 500 || d.Code != a2a.CodeInvalidAgentResponse || d.GRPC != 13 {
				t.Errorf("denied as %d, %d, %d", d.HTTPStatus, d.Code, d.GRPC)
			}
			checkAnswer(t, d)
		})
	}
}

func TestAnswerOutlivesBody(t *testing.T) {
	t.Parallel()
	body := []byte(result(`1`, `{"task":`+task10+`}`))
	a, p := a2a.ParseAnswer(a2a.JSONRPC, a2a.SendMessage, body, a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	clear(body)
	if a.Tasks[0].ID != "t-1" || a.Texts[0].Value != "jsonrpc" && a.Texts[0].Value != "2.0" {
		t.Errorf("the answer changed with the body: %+v", a.Tasks)
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, tc := range answers {
		f.Add(uint8(tc.binding), string(tc.method), []byte(tc.body))
	}
	for _, tc := range answerRefusals {
		f.Add(uint8(tc.binding), string(tc.method), []byte(tc.body))
	}
	f.Fuzz(func(t *testing.T, binding uint8, method string, body []byte) {
		b, m := a2a.Binding(binding%3), a2a.Method(method)
		a, p := a2a.ParseAnswer(b, m, body, fuzzLimits)
		again, q := a2a.ParseAnswer(b, m, bytes.Clone(body), fuzzLimits)
		if diff := cmp.Diff(a, again); diff != "" {
			t.Errorf("two readings of one body (-first +second):\n%s", diff)
		}
		if diff := cmp.Diff(p, q); diff != "" {
			t.Errorf("two refusals of one body (-first +second):\n%s", diff)
		}
		if p != nil {
			if jsontext.Value(body).IsValid() && p.Reason != "AMBIGUOUS_ANSWER" && p.Reason != "MISSPELLED_KEY" && p.Reason != "TOO_DEEP" {
				t.Errorf("refused for %s, and jsontext takes it: %q", p.Reason, body)
			}
			checkAnswer(t, p.Denial())
			return
		}
		if len(body) == 0 {
			return
		}
		checkTexts(t, a.Texts, body)
		for _, part := range append(spans(a), a.Total, a.Card) {
			if part != (a2a.Span{}) && !jsontext.Value(body[part.Start:part.End]).IsValid() {
				t.Errorf("%q is no value", body[part.Start:part.End])
			}
		}
	})
}

func spans(a a2a.Answer) []a2a.Span {
	var list []a2a.Span
	for _, r := range a.Tasks {
		list = append(list, a2a.Span{Start: r.Start, End: r.End})
	}
	return list
}

// TestPushedPayloads reads what agents of either generation push to callbacks.
func TestPushedPayloads(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]a2a.AnswerKind{
		`{"task":{"id":"t-1","contextId":"c-1","status":{"state":"TASK_STATE_COMPLETED"}}}`:                     a2a.AnswerTask,
		`{"statusUpdate":{"taskId":"t-1","contextId":"c-1","status":{"state":"TASK_STATE_WORKING"}}}`:           a2a.AnswerStatusUpdate,
		`{"artifactUpdate":{"taskId":"t-1","contextId":"c-1","artifact":{"artifactId":"a","parts":[]}}}`:        a2a.AnswerArtifactUpdate,
		`{"message":{"messageId":"m","taskId":"t-1","contextId":"c-1","role":"ROLE_AGENT","parts":[]}}`:         a2a.AnswerMessage,
		`{"kind":"task","id":"t-1","contextId":"c-1","status":{"state":"completed"}}`:                           a2a.AnswerTask,
		`{"kind":"status-update","taskId":"t-1","contextId":"c-1","final":true,"status":{"state":"completed"}}`: a2a.AnswerStatusUpdate,
	} {
		got, p := a2a.ParseAnswer(a2a.HTTPJSON, a2a.SubscribeToTask, []byte(body), a2a.DefaultLimits())
		if p != nil || got.Kind != want || len(got.Tasks) != 1 || got.Tasks[0].ID != "t-1" || got.Tasks[0].ContextID != "c-1" {
			t.Errorf("%s: %+v %v", body, got, p)
		}
	}
}
