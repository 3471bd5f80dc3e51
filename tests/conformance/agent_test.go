package conformance

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/google/go-cmp/cmp"
)

func started(t *testing.T, o Options) *Agent {
	t.Helper()
	agent, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(agent.Close)
	return agent
}

// post sends a body and returns status, content type and answer.
func post(t *testing.T, url, body string, header ...string) (int, string, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Content-Type"), string(answer)
}

func rpc(method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":7,"method":%q,"params":%s}`, method, params)
}

func message(id, more string) string {
	return fmt.Sprintf(`{"message":{"messageId":%q,"role":"ROLE_USER","parts":[{"text":"hi"}]%s}}`, id, more)
}

// TestSameBytes is what comparisons rest on: two agents that get the same requests give the same answers.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	one, other := started(t, Options{}), started(t, Options{})
	for _, s := range scenarios {
		if s.prefix == HoldPrefix || s.prefix == "test-resubscribe-message-id" {
			continue
		}
		call := rpc("SendMessage", message(s.prefix+"-x", ""))
		for range 2 { // the same message again starts another task
			_, _, first := post(t, one.URL+rpcPath, call)
			_, _, second := post(t, other.URL+rpcPath, call)
			if diff := cmp.Diff(first, second); diff != "" || !strings.Contains(first, `"result"`) {
				t.Errorf("%s: %s (-one +other)\n%s", s.prefix, first, diff)
			}
		}
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	agent := started(t, Options{})
	post(t, agent.URL+rpcPath, rpc("SendMessage", message("tck-complete-task-done", "")))
	legacy := `{"message":{"kind":"message","messageId":"m","role":"user","parts":[{"kind":"text","text":"hi"}]}}`
	for _, test := range []struct {
		name, path, body string
		header           []string
		status           int
		kind, part       string
	}{
		{name: "1.0", path: rpcPath, body: rpc("SendMessage", message("a", "")), status: 200, kind: "application/json", part: `"task":{`},
		{name: "trailing-slash", path: rpcPath + "/", body: rpc("SendMessage", message("b", "")), status: 200, kind: "application/json", part: `"task":{`},
		{name: "0.3", path: rpcPath, body: rpc("message/send", legacy), status: 200, kind: "application/json", part: `"kind":"task"`},
		{name: "names-of-the-proto-file", path: rpcPath, body: rpc("GetTask", fmt.Sprintf(`{"id":%q,"history_length":0}`, TaskID("tck-complete-task-done"))), status: 200, kind: "application/json", part: `"state":"TASK_STATE_COMPLETED"`},
		{name: "names-of-the-proto-file-in-0.3", path: restPath + "/v1/message:send", body: `{"request":{"message_id":"c","role":"ROLE_USER","content":[{"text":"hi"}]}}`, status: 200, kind: "application/json", part: `"task":{`},
		{name: "patch-version", path: rpcPath, body: rpc("SendMessage", message("d", "")), header: []string{"A2A-Version", "1.0.7"}, status: 200, kind: "application/json", part: `"task":{`},
		{name: "other-version", path: rpcPath, body: rpc("SendMessage", message("e", "")), header: []string{"A2A-Version", "99.0"}, status: 200, kind: "application/json", part: "-32009"},
		{name: "other-version-in-the-query", path: restPath + "/message:send?A2A-Version=2.0", body: message("f", ""), status: 400, kind: "application/json", part: "VERSION_NOT_SUPPORTED"},
		{name: "other-media-type", path: rpcPath, body: rpc("SendMessage", `{"message":{"messageId":"g","role":"ROLE_USER","parts":[{"raw":"AA==","mediaType":"image/x"}]}}`), status: 200, kind: "application/json", part: "-32005"},
		{name: "other-content-type", path: rpcPath, body: rpc("SendMessage", message("h", "")), header: []string{"Content-Type", "text/plain"}, status: 200, kind: "application/json", part: "-32005"},
		{name: "parameters", path: rpcPath, body: rpc("SendMessage", message(EchoPrefix, "")), header: []string{"A2A-Extensions", "urn:x", "A2A-Version", "1.0"}, status: 200, kind: "application/json", part: `A2A-Version: 1.0\nA2A-Extensions: urn:x\n`},
		{name: "short-history", path: rpcPath, body: rpc("SendMessage", strings.TrimSuffix(message("i", ""), "}")+`,"configuration":{"historyLength":0}}`), status: 200, kind: "application/json", part: `"task":{"id":"` + TaskID("i") + `","contextId":"` + ContextID("i") + `","status"`},
		{name: "error-before-a-stream", path: rpcPath, body: rpc("SubscribeToTask", fmt.Sprintf(`{"id":%q}`, TaskID("tck-complete-task-done"))), status: 200, kind: "application/json", part: "-32004"},
		{name: "error-before-a-rest-stream", path: restPath + "/tasks/nobody:subscribe", status: 404, kind: "application/json", part: "TASK_NOT_FOUND"},
		{name: "stream", path: restPath + "/message:stream", body: message("tck-stream-001", ""), status: 200, kind: "text/event-stream", part: "Stream hello from TCK"},
		{name: "no-tasks", path: rpcPath, body: rpc("ListTasks", `{"contextId":"nobody"}`), status: 200, kind: "application/json", part: `"tasks":[]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, kind, answer := post(t, agent.URL+test.path, test.body, test.header...)
			if status != test.status || kind != test.kind || !strings.Contains(answer, test.part) {
				t.Errorf("%d %s %s\nwant %d %s with %s", status, kind, answer, test.status, test.kind, test.part)
			}
		})
	}
}

func TestCardCanBeKept(t *testing.T) {
	t.Parallel()
	agent := started(t, Options{})
	ask := func(tag string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, agent.URL+"/.well-known/agent-card.json", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("If-None-Match", tag)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response
	}
	first := ask("")
	if first.StatusCode != http.StatusOK || first.Header.Get("ETag") == "" || !strings.Contains(first.Header.Get("Cache-Control"), "max-age") {
		t.Errorf("%s %v", first.Status, first.Header)
	}
	if again := ask(first.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("the same card: %s", again.Status)
	}
}

// deliveries records what is pushed.
type deliveries chan string

func (d deliveries) SendPush(_ context.Context, config *a2a.PushConfig, event a2a.Event) error {
	if update, ok := event.(*a2a.TaskStatusUpdateEvent); ok {
		d <- config.URL + " " + string(update.Status.State)
	}
	return nil
}

func TestPush(t *testing.T) {
	t.Parallel()
	pushed := make(deliveries, 4)
	agent := started(t, Options{Push: pushed})
	config := `,"configuration":{"taskPushNotificationConfig":{"id":"c","url":"http://callback.example/"}}}`
	post(t, agent.URL+rpcPath, rpc("SendMessage", strings.TrimSuffix(message("tck-complete-task-push", ""), "}")+config))
	if got := <-pushed; got != "http://callback.example/ TASK_STATE_COMPLETED" {
		t.Error(got)
	}
}

// TestPushOverHTTP delivers to a receiver on loopback, as the TCK's is.
func TestPushOverHTTP(t *testing.T) {
	t.Parallel()
	received := make(chan string, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- r.Header.Get("A2A-Notification-Token") + " " + string(body)
	}))
	t.Cleanup(receiver.Close)
	agent := started(t, Options{})
	config := fmt.Sprintf(`,"configuration":{"taskPushNotificationConfig":{"id":"c","url":%q,"token":"t"}}}`, receiver.URL)
	post(t, agent.URL+rpcPath, rpc("SendMessage", strings.TrimSuffix(message("tck-complete-task-push", ""), "}")+config))
	for {
		if got := <-received; strings.HasPrefix(got, "t {") && strings.Contains(got, "TASK_STATE_COMPLETED") {
			return
		}
	}
}
