package a2a_test

import (
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

// authorCases have the name of its author at the start of each word. A role counts in the history alone, and there for
// all of its message; in an agent's own messages, which claim the caller's role here, it counts for nothing.
const (
	authorsMessage10 = `{"messageId":"AGENT","role":"ROLE_USER","parts":[{"text":"AGENT"}],"metadata":{"AGENT k":"AGENT"}}`
	authorsTask10    = `{"id":"NOBODY","history":[` +
		`{"role":"ROLE_USER","messageId":"USER","taskId":"USER","parts":[{"text":"USER","metadata":{"USER k":"USER"}},{"data":{"USER d":["USER"]}},` +
		`{"raw":"USER","filename":"USER","mediaType":"USER"},{"url":"USER"}],"metadata":{"USER m":{"USER n":"USER"}},"extensions":["USER"],"referenceTaskIds":["USER"]},` +
		`{"parts":[{"text":"AGENT"}],"metadata":{"AGENT k":1},"role":"ROLE_AGENT"},{"parts":[{"text":"NOBODY"}]},{"role":"ROLE_UNSPECIFIED","parts":[{"text":"NOBODY"}]},` +
		`{"role":"Role_User","parts":[{"text":"NOBODY"}]}],"status":{"message":` + authorsMessage10 + `},` +
		`"artifacts":[{"role":"ROLE_USER","artifactId":"AGENT","name":"AGENT","parts":[{"text":"AGENT"}]}],"metadata":{"NOBODY k":"NOBODY"}}`
	authorsTask03 = `{"id":"NOBODY","kind":"task","history":[{"kind":"message","parts":[{"kind":"text","text":"USER"},{"kind":"file","file":{"bytes":"USER","name":"USER"}},` +
		`{"kind":"data","data":{"USER k":"USER"}}],"role":"user"},{"kind":"message","role":"agent","parts":[{"kind":"text","text":"AGENT"}]}],` +
		`"status":{"message":{"role":"user","parts":[{"text":"AGENT"}]}},"artifacts":[{"parts":[{"kind":"text","text":"AGENT"}]}]}`
	authorsTask03Proto = `{"id":"NOBODY","history":[{"role":"ROLE_USER","content":[{"text":"USER"},{"file":{"fileWithBytes":"USER"}},{"data":{"data":{"USER k":"USER"}}}]},` +
		`{"role":"ROLE_AGENT","content":[{"text":"AGENT"}]}],"status":{"update":{"role":"ROLE_USER","content":[{"text":"AGENT"}]}}}`
	authorsAround = `id: "NOBODY" metadata {fields {key: "NOBODY k" value {string_value: "NOBODY"}}} artifacts {artifact_id: "AGENT" name: "AGENT" parts {text: "AGENT"}}
		history {role: ROLE_AGENT parts {text: "AGENT"}} history {parts {text: "NOBODY"}} `
	authorsHistory = `role: ROLE_USER message_id: "USER" task_id: "USER" extensions: "USER" reference_task_ids: "USER"
		metadata {fields {key: "USER k" value {list_value {values {string_value: "USER"}}}}} parts {text: "USER" metadata {fields {key: "USER m"}}} `
	authorsStatus = `status {message {role: ROLE_USER message_id: "AGENT" parts {text: "AGENT"}}}`
	authorsTaskPB = authorsAround + authorsStatus + `history {` + authorsHistory + `parts {raw: "USER" filename: "USER" media_type: "USER"} parts {url: "USER"}
		parts {data {string_value: "USER"}}}`
	authorsTaskPB03 = authorsAround + `status {update {role: ROLE_USER parts {text: "AGENT"}}} history {` + authorsHistory + `
		parts {file {file_with_bytes: "USER" mime_type: "USER"}} parts {data {data {fields {key: "USER d" value {string_value: "USER"}}}}}}`
)

func TestAuthors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		texts func(t *testing.T) []a2a.Text
	}{
		{"task-1.0", jsonAnswer(a2a.GetTask, authorsTask10)},
		{"canceled-1.0", jsonAnswer(a2a.CancelTask, authorsTask10)},
		{"sent-1.0", jsonAnswer(a2a.SendMessage, `{"task":`+authorsTask10+`}`)},
		{"streamed-1.0", jsonAnswer(a2a.SubscribeToTask, `{"task":`+authorsTask10+`}`)},
		{"listed", jsonAnswer(a2a.ListTasks, `{"tasks":[`+authorsTask10+`,`+authorsTask10+`]}`)},
		{"of-another-method", jsonAnswer(a2a.OtherMethod, `{"task":`+authorsTask10+`}`)},
		{"task-0.3", jsonAnswer(a2a.GetTask, authorsTask03)},
		{"sent-0.3", jsonAnswer(a2a.SendMessage, authorsTask03)},
		{"streamed-0.3", jsonAnswer(a2a.SendStreamingMessage, authorsTask03)},
		{"task-0.3-proto", jsonAnswer(a2a.GetTask, authorsTask03Proto)},
		{"message-1.0", jsonAnswer(a2a.SendMessage, `{"message":`+authorsMessage10+`}`)},
		{"message-0.3", jsonAnswer(a2a.SendMessage, `{"kind":"message","role":"user","parts":[{"kind":"text","text":"AGENT"}]}`)},
		{"status", jsonAnswer(a2a.SubscribeToTask, `{"statusUpdate":{"taskId":"NOBODY","status":{"message":`+authorsMessage10+`}}}`)},
		{"artifact", jsonAnswer(a2a.SubscribeToTask, `{"artifactUpdate":{"taskId":"NOBODY","artifact":{"artifactId":"AGENT","parts":[{"text":"AGENT"}]}}}`)},
		{"grpc-task-1.0", grpcAnswer(current+"GetTask", authorsTaskPB)},
		{"grpc-sent-1.0", grpcAnswer(current+"SendMessage", `task {`+authorsTaskPB+`}`)},
		{"grpc-streamed-1.0", grpcAnswer(current+"SubscribeToTask", `task {`+authorsTaskPB+`}`)},
		{"grpc-listed", grpcAnswer(current+"ListTasks", `tasks {`+authorsTaskPB+`} tasks {`+authorsTaskPB+`}`)},
		{"grpc-task-0.3", grpcAnswer(legacy+"GetTask", authorsTaskPB03)},
		{"grpc-message-0.3", grpcAnswer(legacy+"SendMessage", `msg {role: ROLE_USER parts {text: "AGENT"}}`)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			seen := map[a2a.Author]bool{}
			for _, x := range tc.texts(t) {
				word, _, _ := strings.Cut(x.Value, " ")
				want, marked := authors[word]
				if seen[want] = seen[want] || marked; marked && x.Author != want {
					t.Errorf("%q is of %s", x.Value, authorNames[x.Author])
				}
			}
			if !seen[a2a.AuthorAgent] {
				t.Error("no word is the agent's")
			}
		})
	}
}

var authors = map[string]a2a.Author{"NOBODY": a2a.AuthorUnknown, "USER": a2a.AuthorUser, "AGENT": a2a.AuthorAgent}
