package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestTasksBySpelling has an agent that would take any spelling for a task, and wants no request of another caller about
// the task to reach it.
func TestTasksBySpelling(t *testing.T) {
	t.Parallel()
	const id = "0192f7a4-93cd-7ab0-8001-0a1b2c3d4e5f"
	var armed atomic.Bool
	_, anna, bert, url := pair(t, "", "", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if armed.Load() {
			t.Errorf("the agent was reached with %s %v", body, err)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":7,"result":{"task":{"id":%q,"contextId":"c","status":{"state":"TASK_STATE_WORKING"}}}}`, id)
	}))
	anna.expect(t, url, message("a", ""), http.StatusOK, id)
	bert.expect(t, url, rpc("CancelTask", `{"id":"none"}`), http.StatusOK, "")
	armed.Store(true)
	for _, body := range []string{
		rpc("CancelTask", `{"id":"`+id+`"}`),
		rpc("CancelTask", `{"id":"`+strings.ToUpper(id)+`"}`),
		rpc("CancelTask", `{"id":"`+strings.ReplaceAll(id, "-", "")+`"}`),
		rpc("CancelTask", `{"id":"{`+id+`}"}`),
		rpc("CancelTask", `{"id":" `+id+`"}`),
		rpc("CancelTask", `{"id":"\u0030`+id[1:]+`"}`),
		rpc("CancelTask", `{"name":"tasks/`+id+`"}`),
		rpc("CancelTask", `{"id":"mine","taskId":"`+id+`"}`),
		rpc("CancelTask", `{"id":["`+id+`"]}`),
		rpc("CancelTask", `{"ID":"`+id+`"}`),
		rpc("CancelTask", `{"id":17}`),
		rpc("tasks/cancel", `{"id":"`+id+`"}`),
		rpc("tasks/Cancel", `{"id":"`+id+`"}`),
		rpc("tasks/sendSubscribe", `{"id":"`+id+`","message":{"role":"user","parts":[{"type":"text","text":"hi"}]}}`),
		rpc("tasks/pushNotification/set", `{"id":"`+id+`","pushNotificationConfig":{"url":"https://example.com/"}}`),
		rpc("org.example/pause", `{"Task_Id":"`+id+`"}`),
		rpc("SendMessage", `{"id":"`+id+`","message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"hi"}]}}`),
		rpc("SendMessage", `{"message":{"messageId":"m","role":"ROLE_USER","referenceTaskIds":"`+id+`","parts":[{"text":"hi"}]}}`),
		rpc("CreateTaskPushNotificationConfig", `{"taskId":"`+strings.ToUpper(id)+`","url":"https://example.com/"}`),
	} {
		if status, answer, err := bert.call(url, body); err != nil || !strings.Contains(answer, `"error"`) {
			t.Errorf("%s: %d %s %v", body, status, answer, err)
		}
	}
}
