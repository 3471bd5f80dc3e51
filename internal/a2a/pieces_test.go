package a2a_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

// pieceOfText is a piece with its strand.
type pieceOfText struct {
	Text   string
	Strand a2a.Strand
}

func pieces(a a2a.Answer) []pieceOfText {
	var list []pieceOfText
	for i, strand := range a.Pieces() {
		list = append(list, pieceOfText{a.Texts[i].Value, strand})
	}
	return list
}

func artifactOf(task, id string) a2a.Strand {
	return a2a.Strand{TaskID: task, Artifact: true, ArtifactID: id}
}

// pieceCases have no word that is a piece but those wanted: ids, names, descriptions, metadata and data are none.
var pieceCases = []struct {
	name   string
	method a2a.Method
	body   string
	want   []pieceOfText
}{
	{
		"artifact-1.0", a2a.SendStreamingMessage,
		`{"artifactUpdate":{"taskId":"t","contextId":"c","append":true,"artifact":{"parts":[{"text":"one","metadata":{"text":"x"},"mediaType":"m"},` +
			`{"data":{"text":"x"}},{"raw":"eA=="},{"text":"two"}],"name":"n","description":"d","artifactId":"a","metadata":{"text":"x"}}}}`,
		[]pieceOfText{{"one", artifactOf("t", "a")}, {"two", artifactOf("t", "a")}},
	},
	{
		"artifact-0.3", a2a.SendStreamingMessage,
		`{"kind":"artifact-update","artifact":{"artifactId":"a","parts":[{"kind":"text","text":"one"},{"kind":"text","text":""}]},"taskId":"t","contextId":"c"}`,
		[]pieceOfText{{"one", artifactOf("t", "a")}, {"", artifactOf("t", "a")}},
	},
	{
		"artifact-in-names-of-the-proto", a2a.SubscribeToTask,
		`{"artifact_update":{"task_id":"t","artifact":{"artifact_id":"a","parts":[{"text":"one"}]}}}`,
		[]pieceOfText{{"one", artifactOf("t", "a")}},
	},
	{
		"artifact-without-id", a2a.SubscribeToTask,
		`{"artifactUpdate":{"taskId":"t","artifact":{"parts":[{"text":"one"}]}}}`,
		[]pieceOfText{{"one", artifactOf("t", "")}},
	},
	{
		"artifact-without-task", a2a.SubscribeToTask,
		`{"artifactUpdate":{"contextId":"c","artifact":{"artifactId":7,"parts":[{"text":"one"}]}}}`,
		[]pieceOfText{{"one", a2a.Strand{ContextID: "c", Artifact: true}}},
	},
	{
		"status-1.0", a2a.SubscribeToTask,
		`{"statusUpdate":{"taskId":"t","contextId":"c","status":{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"one"}]}},"metadata":{"text":"x"}}}`,
		[]pieceOfText{{"one", a2a.Strand{TaskID: "t"}}},
	},
	{
		"status-0.3", a2a.SubscribeToTask,
		`{"kind":"status-update","taskId":"t","contextId":"c","status":{"message":{"parts":[{"kind":"text","text":"one"}]}}}`,
		[]pieceOfText{{"one", a2a.Strand{TaskID: "t"}}},
	},
	{
		"status-0.3-proto", a2a.SubscribeToTask,
		`{"statusUpdate":{"taskId":"t","status":{"update":{"content":[{"text":"one"}]}}}}`,
		[]pieceOfText{{"one", a2a.Strand{TaskID: "t"}}},
	},
	{
		"message-1.0", a2a.SendStreamingMessage, `{"message":{"contextId":"c","parts":[{"text":"one"},{"text":"two"}]}}`,
		[]pieceOfText{{"one", a2a.Strand{ContextID: "c"}}, {"two", a2a.Strand{ContextID: "c"}}},
	},
	{
		"message-0.3", a2a.SendStreamingMessage, `{"kind":"message","taskId":"t","contextId":"c","parts":[{"kind":"text","text":"one"}]}`,
		[]pieceOfText{{"one", a2a.Strand{TaskID: "t"}}},
	},
	{"message-alone", a2a.SendMessage, `{"message":{"parts":[{"text":"one"}]}}`, []pieceOfText{{"one", a2a.Strand{}}}},
	{
		"task-with-which-a-stream-starts", a2a.SubscribeToTask,
		`{"task":{"artifacts":[{"artifactId":"a","parts":[{"text":"one"}]},{"parts":[{"text":"two"}]},{"parts":[{"text":"three"}],"artifactId":"b"}],` +
			`"history":[{"role":"ROLE_AGENT","parts":[{"text":"x"}]}],"status":{"message":{"parts":[{"text":"four"}]}},"id":"t"}}`,
		[]pieceOfText{{"one", artifactOf("t", "a")}, {"two", artifactOf("t", "")}, {"three", artifactOf("t", "b")}, {"four", a2a.Strand{TaskID: "t"}}},
	},
	{"task-0.3", a2a.GetTask, `{"kind":"task","id":"t","artifacts":[{"artifactId":"a","parts":[{"text":"one"}]}]}`, []pieceOfText{{"one", artifactOf("t", "a")}}},
	{
		"in-a-spelling-that-go-reads", a2a.SendStreamingMessage, `{"message":{"parts":[{"Text":"one"},{"TEXT":"two","t e-x_t":"three","texts":"x"}]}}`,
		[]pieceOfText{{"one", a2a.Strand{}}, {"two", a2a.Strand{}}, {"three", a2a.Strand{}}},
	},
	{"list", a2a.ListTasks, `{"tasks":[{"id":"t","artifacts":[{"artifactId":"a","parts":[{"text":"x"}]}]}]}`, nil},
	{"error", a2a.GetTask, `{"error":{"code":1,"message":"x"}}`, nil},
}

func TestPieces(t *testing.T) {
	t.Parallel()
	for _, tc := range pieceCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, b := range []a2a.Binding{a2a.HTTPJSON, a2a.JSONRPC} {
				body := tc.body
				if b == a2a.JSONRPC {
					body = result(`1`, body)
				}
				a, p := a2a.ParseAnswer(b, tc.method, []byte(body), a2a.DefaultLimits())
				if p != nil {
					t.Fatal(p)
				}
				if diff := cmp.Diff(tc.want, pieces(a)); diff != "" {
					t.Errorf("%v: pieces (-want +got):\n%s", b, diff)
				}
			}
		})
	}
}

func TestPiecesGRPC(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, path, text string
		want             []pieceOfText
	}{
		{
			"artifact-1.0", current + "SubscribeToTask",
			`artifact_update {task_id: "t" context_id: "c" artifact {artifact_id: "a" name: "n" description: "d" parts {text: "one" filename: "f"}
				parts {raw: "x"} parts {data {string_value: "x"}} parts {text: "two"}} append: true}`,
			[]pieceOfText{{"one", artifactOf("t", "a")}, {"two", artifactOf("t", "a")}},
		},
		{
			"artifact-0.3", legacy + "TaskSubscription", `artifact_update {context_id: "c" artifact {name: "n" parts {text: "one"}}}`,
			[]pieceOfText{{"one", a2a.Strand{ContextID: "c", Artifact: true}}},
		},
		{
			"status-1.0", current + "SendStreamingMessage", `status_update {task_id: "t" context_id: "c" status {message {message_id: "m" parts {text: "one"}}}}`,
			[]pieceOfText{{"one", a2a.Strand{TaskID: "t"}}},
		},
		{
			"status-0.3", legacy + "SendStreamingMessage", `status_update {task_id: "t" status {update {parts {text: "one"}}}}`,
			[]pieceOfText{{"one", a2a.Strand{TaskID: "t"}}},
		},
		{"message-0.3", legacy + "SendMessage", `msg {context_id: "c" parts {text: "one"}}`, []pieceOfText{{"one", a2a.Strand{ContextID: "c"}}}},
		{
			"task", current + "SendStreamingMessage",
			`task {id: "t" artifacts {artifact_id: "a" parts {text: "one"}} artifacts {parts {text: "two"}} history {parts {text: "x"}} status {message {parts {text: "three"}}}}`,
			[]pieceOfText{{"three", a2a.Strand{TaskID: "t"}}, {"one", artifactOf("t", "a")}, {"two", artifactOf("t", "")}},
		},
		{"list", current + "ListTasks", `tasks {id: "t" artifacts {parts {text: "x"}}}`, nil},
		{"card", current + "GetExtendedAgentCard", `description: "x"`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a, p := a2a.ParseGRPCAnswer(tc.path, encoded(t, tc.path, tc.text, true), a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			if diff := cmp.Diff(tc.want, pieces(a)); diff != "" {
				t.Errorf("pieces (-want +got):\n%s", diff)
			}
		})
	}
}

// A caller that has heard enough may stop.
func TestPiecesStop(t *testing.T) {
	t.Parallel()
	a, _ := a2a.ParseAnswer(a2a.HTTPJSON, a2a.SendMessage, []byte(`{"message":{"parts":[{"text":"one"},{"text":"two"}]}}`), a2a.DefaultLimits())
	for i := range a.Pieces() {
		if a.Texts[i].Value != "one" {
			t.Fatal("the pieces went on")
		}
		break
	}
}
