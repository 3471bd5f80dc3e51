package governance

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/held"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/store"
)

const approvedByFinance = "party: callee\nrules: [{require_approval: {methods: [SendMessage, SendStreamingMessage], min_approvals: 1, groups: [finance], timeout: 30m}}]"

// waiting is a mesh in which a message waits for people.
type waiting struct {
	*fixture
	people *people
	sent   a2a.Response
	task   string
}

// newWaiting sends the body of a message over a binding's path, by a caller that wants a task.
func newWaiting(t *testing.T, to, body string) *waiting {
	t.Helper()
	f := newFixture()
	memory := store.NewMemory(time.Now)
	t.Cleanup(func() { _ = memory.Close() })
	bucket, err := memory.Bucket(t.Context(), held.BucketName)
	if err != nil {
		t.Fatal(err)
	}
	w := &waiting{fixture: f, people: &people{answer: approval.Approval{ID: "case-1", State: approval.Pending, Expires: meshtest.Noon.Add(30 * time.Minute)}}}
	f.written, f.people, f.shelf = writes(t, approvedByFinance), w.people, &held.Shelf{Bucket: bucket, Kept: time.Hour}
	x := w.call(t, http.MethodPost, to, body)
	if x.Verdict.Decision != Approve || x.Verdict.Reason != "approval-required" {
		t.Fatalf("%+v", x.Verdict)
	}
	w.sent = x.Denial()
	w.task = "ringfence-case-1"
	return w
}

func (w *waiting) call(t *testing.T, verb, to, body string) *Exchange {
	t.Helper()
	w.replay = identity.NewReplay(meshtest.Noon.Add(-time.Minute), 1024)
	return w.decide(t, meshtest.Call{
		From: "caller", Method: verb, To: to, Body: body, Header: http.Header{"A2a-Extensions": {a2a.ApprovalExtension}, "A2a-Version": {"1.0"}},
	}, "")
}

func rpc(method, params string) string {
	return `{"jsonrpc":"2.0","id":"q","method":"` + method + `","params":` + params + `}`
}

// state returns the state of the task in an answer of the mesh.
func state(t *testing.T, r a2a.Response) string {
	t.Helper()
	_, text, ok := strings.Cut(string(r.Body), `"state":"`)
	text, _, _ = strings.Cut(text, `"`)
	if !ok || r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	return text
}

// answered returns what the caller is told when the agent answers so.
func (w *waiting) answered(t *testing.T, x *Exchange, media, body string) string {
	t.Helper()
	if x.Verdict.Decision != Allow {
		t.Fatalf("%+v", x.Verdict)
	}
	relay := w.governor().Relay(x, Reply{Status: http.StatusOK, Header: identity.Header{{Name: "content-type", Value: media}}})
	relay.Begin(t.Context())
	part := relay.Next(t.Context(), []byte(body), true)
	relay.End()
	if part.Passing != Pass {
		t.Fatalf("%+v, %+v", part, x.Verdict)
	}
	return string(part.Body)
}

func TestTasksWait(t *testing.T) {
	t.Parallel()
	w := newWaiting(t, "/agents/ledger", meshtest.Send("pay"))
	if got := state(t, w.sent); got != "TASK_STATE_AUTH_REQUIRED" || !strings.Contains(string(w.sent.Body), `"approvalId":"case-1"`) {
		t.Errorf("the message is answered with %s", w.sent.Body)
	}
	for _, c := range []struct{ method, state string }{
		{"GetTask", "TASK_STATE_AUTH_REQUIRED"}, {"SubscribeToTask", "TASK_STATE_AUTH_REQUIRED"}, {"CancelTask", "TASK_STATE_CANCELED"}, {"GetTask", "TASK_STATE_CANCELED"},
	} {
		x := w.call(t, "", "/agents/ledger", rpc(c.method, `{"id":"ringfence-case-1"}`))
		if x.Verdict.Decision == Allow || x.Sent != nil || state(t, x.Denial()) != c.state {
			t.Errorf("%s: %+v %s", c.method, x.Verdict, x.Denial().Body)
		}
		if told := strings.Contains(string(x.Denial().Body), `"approvalId":"case-1","expiresAt":"`); told != (c.state == "TASK_STATE_AUTH_REQUIRED") {
			t.Errorf("%s tells of an approval that is asked for: %t, %s", c.method, told, x.Denial().Body)
		}
	}
	w.people.answer.State = approval.Denied
	if x := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`)); state(t, x.Denial()) != "TASK_STATE_REJECTED" {
		t.Errorf("refused: %s", x.Denial().Body)
	}
}

func TestWaitingTasksGoOn(t *testing.T) {
	t.Parallel()
	w := newWaiting(t, "/agents/ledger", meshtest.Send("pay"))
	w.people.answer.State, w.people.answer.Granted = approval.Granted, true
	x := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`))
	if x.Sent == nil || !strings.Contains(string(x.Sent.Body), `"method":"SendMessage"`) || !strings.Contains(string(x.Sent.Body), `"id":"q"`) || x.Operation.Method != a2a.SendMessage {
		t.Fatalf("%+v, sent %+v", x.Verdict, x.Sent)
	}
	if first, second := w.people.asked[0].Digest, w.people.asked[1].Digest; first != second {
		t.Error("people were asked about another message than is sent")
	}
	told := w.answered(t, x, "application/json", `{"jsonrpc":"2.0","id":"q","result":{"task":{"id":"t-1","contextId":"c","status":{"state":"TASK_STATE_WORKING"}}}}`)
	if want := `{"jsonrpc":"2.0","id":"q","result":{"id":"ringfence-case-1","contextId":"c","status":{"state":"TASK_STATE_WORKING"}}}`; told != want {
		t.Errorf("told %s", told)
	}
	later := w.call(t, "", "/agents/ledger", rpc("CancelTask", `{"id":"ringfence-case-1"}`))
	if later.Sent == nil || string(later.Sent.Body) != rpc("CancelTask", `{"id":"t-1"}`) {
		t.Fatalf("later: %+v, sent %+v", later.Verdict, later.Sent)
	}
	told = w.answered(t, later, "application/json", `{"jsonrpc":"2.0","id":"q","result":{"id":"t-1","contextId":"c","status":{"state":"TASK_STATE_CANCELED"}}}`)
	if !strings.Contains(told, `"id":"ringfence-case-1"`) {
		t.Errorf("told %s", told)
	}
}

func TestWaitingTasksGoOnInStreams(t *testing.T) {
	t.Parallel()
	w := newWaiting(t, "/agents/ledger", meshtest.Send("pay"))
	w.people.answer.State, w.people.answer.Granted = approval.Granted, true
	x := w.call(t, "", "/agents/ledger", rpc("SubscribeToTask", `{"id":"ringfence-case-1"}`))
	if x.Sent == nil || x.Operation.Method != a2a.SendStreamingMessage {
		t.Fatalf("%+v, sent %+v", x.Verdict, x.Sent)
	}
	told := w.answered(t, x, "text/event-stream", "id: 1\n"+`data: {"jsonrpc":"2.0","id":"q","result":{"task":{"id":"t-1","contextId":"c","status":{"state":"TASK_STATE_WORKING"}}}}`+"\n\n"+
		`data: {"jsonrpc":"2.0","id":"q","result":{"statusUpdate":{"taskId":"t-1","contextId":"c","status":{"state":"TASK_STATE_COMPLETED"}}}}`+"\n\n")
	if strings.Contains(told, "t-1") || strings.Count(told, "ringfence-case-1") != 2 {
		t.Errorf("told %s", told)
	}
}

func TestWaitingTasksOverREST(t *testing.T) {
	t.Parallel()
	w := newWaiting(t, "/agents/ledger/message:send", `{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"pay"}]}}`)
	w.people.answer.State, w.people.answer.Granted = approval.Granted, true
	x := w.call(t, http.MethodGet, "/agents/ledger/tasks/ringfence-case-1", "")
	if x.Sent == nil || x.Sent.Method != http.MethodPost || !strings.HasSuffix(x.Sent.Path, "/message:send") || !json.Valid(x.Sent.Body) {
		t.Fatalf("%+v, sent %+v", x.Verdict, x.Sent)
	}
	told := w.answered(t, x, "application/json", `{"task":{"id":"t-1","contextId":"c","status":{"state":"TASK_STATE_WORKING"}}}`)
	if told != `{"id":"ringfence-case-1","contextId":"c","status":{"state":"TASK_STATE_WORKING"}}` {
		t.Errorf("told %s", told)
	}
	later := w.call(t, http.MethodGet, "/agents/ledger/tasks/ringfence-case-1", "")
	if later.Sent == nil || later.Sent.Method != http.MethodGet || !strings.HasSuffix(later.Sent.Path, "/tasks/t-1") || len(later.Sent.Body) != 0 {
		t.Errorf("later: %+v, sent %+v", later.Verdict, later.Sent)
	}
}

// TestWaitingTasksAreTheirSenders shows that nobody else learns of them, and that what is not approved is not sent.
func TestWaitingTasksAreTheirSenders(t *testing.T) {
	t.Parallel()
	w := newWaiting(t, "/agents/ledger", meshtest.Send("pay"))
	w.people.answer.State, w.people.answer.Granted = approval.Granted, true
	for _, c := range []meshtest.Call{
		{From: "weather", To: "/agents/ledger", Body: rpc("GetTask", `{"id":"ringfence-case-1"}`)},
		{From: "caller", To: "/agents/weather", Body: rpc("GetTask", `{"id":"ringfence-case-1"}`)},
	} {
		w.replay = identity.NewReplay(meshtest.Noon.Add(-time.Minute), 1024)
		if x := w.decide(t, c, ""); x.Verdict.Reason != "task-not-found" || x.Sent != nil {
			t.Errorf("%s at %s: %+v", c.From, c.To, x.Verdict)
		}
	}
	// The case was granted, and somebody else was quicker.
	w.people.answer.Granted = false
	if x := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`)); x.Verdict.Decision == Allow {
		t.Error("a message is sent that people have not approved")
	}
	// Other methods have nothing to work on yet.
	x := w.call(t, "", "/agents/ledger", rpc("SendMessage", `{"message":{"messageId":"m2","role":"ROLE_USER","taskId":"ringfence-case-1","parts":[{"text":"go on"}]}}`))
	if x.Verdict.Decision != Deny || x.Verdict.Reason != "task-waiting" {
		t.Errorf("%+v", x.Verdict)
	}
}

// TestUnheldMessagesGetTheError is about callers that do not want a task, and about outages.
func TestUnheldMessagesGetTheError(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.written, f.people, f.shelf = writes(t, approvedByFinance), &people{answer: approval.Approval{ID: "case-1", State: approval.Pending}}, brokenShelf{}
	if x := f.decide(t, payment, ""); x.Verdict.Decision != Approve || !strings.Contains(string(x.Denial().Body), `"reason":"APPROVAL_REQUIRED"`) {
		t.Errorf("%+v %s", x.Verdict, x.Denial().Body)
	}
	f.replay = identity.NewReplay(meshtest.Noon.Add(-time.Minute), 1024)
	call := payment
	call.Header = http.Header{"A2a-Extensions": {a2a.ApprovalExtension}}
	if x := f.decide(t, call, ""); x.Verdict.Decision != Deny || x.Verdict.Reason != "held-undecided" {
		t.Errorf("%+v", x.Verdict)
	}
}

// TestManyReferencesAreNotLookedUp bounds what one request can have read from the store.
func TestManyReferencesAreNotLookedUp(t *testing.T) {
	t.Parallel()
	w := newWaiting(t, "/agents/ledger", meshtest.Send("pay"))
	references := `"ringfence-x` + strings.Join(strings.Split(strings.Repeat("y", 17), ""), `","ringfence-`) + `z"`
	x := w.call(t, "", "/agents/ledger", rpc("SendMessage", `{"message":{"messageId":"m2","role":"ROLE_USER","referenceTaskIds":[`+references+`],"parts":[{"text":"go on"}]}}`))
	if x.Verdict.Reason != "task-unnameable" {
		t.Errorf("%+v", x.Verdict)
	}
}

// TestUnansweredMessagesHaveFailed is about a message that went to the agent, and to which nothing came back.
func TestUnansweredMessagesHaveFailed(t *testing.T) {
	t.Parallel()
	w := newWaiting(t, "/agents/ledger", meshtest.Send("pay"))
	w.people.answer.State, w.people.answer.Granted = approval.Granted, true
	x := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`))
	if x.Sent == nil {
		t.Fatalf("%+v", x.Verdict)
	}
	w.people.answer.State, w.people.answer.Granted = approval.Consumed, false
	working := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`))
	if got := state(t, working.Denial()); got != "TASK_STATE_WORKING" && got != "TASK_STATE_FAILED" {
		t.Errorf("on its way: %s", got)
	}
	w.governor().Leave(x)
	if later := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`)); state(t, later.Denial()) != "TASK_STATE_FAILED" {
		t.Errorf("afterwards: %s", later.Denial().Body)
	}
}

// TestSentMessagesEnd shows what is told of a task whose message was sent, when the agent has no task: it ends, whatever the
// answer was.
func TestSentMessagesEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer func(*Governor, *Exchange)
		want   string
	}{
		{"message", func(g *Governor, x *Exchange) {
			reply(g, x, http.StatusOK, `{"jsonrpc":"2.0","id":"q","result":{"message":{"messageId":"a","role":"ROLE_AGENT","parts":[{"text":"paid"}]}}}`, true)
		}, "TASK_STATE_COMPLETED"},
		{"error", func(g *Governor, x *Exchange) {
			reply(g, x, http.StatusOK, `{"jsonrpc":"2.0","id":"q","error":{"code":-32603,"message":"no"}}`, true)
		}, "TASK_STATE_FAILED"},
		{"page-of-a-proxy", func(g *Governor, x *Exchange) {
			r := g.Relay(x, Reply{Status: http.StatusBadGateway, Header: identity.Header{{Name: "content-type", Value: "text/html"}}})
			r.Begin(t.Context())
			r.Next(t.Context(), []byte("bad gateway"), true)
			r.End()
		}, "TASK_STATE_FAILED"},
		{"nothing-that-a2a-knows", func(g *Governor, x *Exchange) {
			reply(g, x, http.StatusOK, `{"jsonrpc":"2.0","id":"q","result":{}}`, true)
		}, "TASK_STATE_FAILED"},
		{"ambiguous", func(g *Governor, x *Exchange) { reply(g, x, http.StatusOK, `{"id":1,"id":2}`, true) }, "TASK_STATE_FAILED"},
		{"empty", func(g *Governor, x *Exchange) { reply(g, x, http.StatusInternalServerError, "", true) }, "TASK_STATE_FAILED"},
		{"broken-off", func(g *Governor, x *Exchange) { reply(g, x, http.StatusOK, `{"jsonrpc"`, false) }, "TASK_STATE_FAILED"},
		{"agent-out-of-reach", func(*Governor, *Exchange) {}, "TASK_STATE_FAILED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWaiting(t, "/agents/ledger", meshtest.Send("pay"))
			w.people.answer.State, w.people.answer.Granted = approval.Granted, true
			x := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`))
			if x.Sent == nil {
				t.Fatalf("%+v", x.Verdict)
			}
			w.people.answer.State, w.people.answer.Granted = approval.Consumed, false
			if now := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`)); state(t, now.Denial()) != "TASK_STATE_WORKING" {
				t.Errorf("under way: %s", now.Denial().Body)
			}
			g := w.governor()
			c.answer(g, x)
			g.Leave(x)
			if later := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`)); state(t, later.Denial()) != c.want {
				t.Errorf("afterwards: %s, want %s", later.Denial().Body, c.want)
			}
		})
	}
}

// TestRefusedMessagesGoOnWaiting shows that asking for a task whose message is not sent leaves it as it is.
func TestRefusedMessagesGoOnWaiting(t *testing.T) {
	t.Parallel()
	w := newWaiting(t, "/agents/ledger", meshtest.Send("pay"))
	for range 2 {
		x := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`))
		if w.governor().Leave(x); state(t, x.Denial()) != "TASK_STATE_AUTH_REQUIRED" {
			t.Errorf("%s", x.Denial().Body)
		}
	}
}

// TestLargeMessagesWait sends the largest message that waits as a task, and one that is larger, whose caller gets the error.
func TestLargeMessagesWait(t *testing.T) {
	t.Parallel()
	w := newWaiting(t, "/agents/ledger", meshtest.Send("pay"))
	most := a2a.MaxHeld - len(meshtest.Send(""))
	for _, c := range []struct {
		name string
		size int
	}{{"largest", most}, {"too-large", most + 1}} {
		x := w.call(t, http.MethodPost, "/agents/ledger", meshtest.Send(strings.Repeat("x", c.size)))
		if x.Verdict.Decision != Approve || x.Verdict.Reason != "approval-required" {
			t.Errorf("%s: %+v", c.name, x.Verdict)
		}
		if held := x.instead != nil; held != (c.size == most) {
			t.Errorf("%s: held %v", c.name, held)
		}
	}
}

// fullShelf has no room for any message.
type fullShelf struct{ brokenShelf }

func (fullShelf) Put(context.Context, held.Call) error { return held.ErrTooLarge }

// TestMessagesWithoutRoomGetTheError shows that what cannot be kept is asked about nevertheless.
func TestMessagesWithoutRoomGetTheError(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.written, f.people, f.shelf = writes(t, approvedByFinance), &people{answer: approval.Approval{ID: "case-1", State: approval.Pending}}, fullShelf{}
	call := payment
	call.Header = http.Header{"A2a-Extensions": {a2a.ApprovalExtension}}
	if x := f.decide(t, call, ""); x.Verdict.Decision != Approve || x.instead != nil {
		t.Errorf("%+v", x.Verdict)
	}
}

// TestMessagesGoOnOnce changes the policies while a message waits that people have approved: it is sent, and only once, though
// nobody has to be asked any more.
func TestMessagesGoOnOnce(t *testing.T) {
	t.Parallel()
	w := newWaiting(t, "/agents/ledger", meshtest.Send("pay"))
	w.people.answer.State, w.written = approval.Granted, nil
	if x := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`)); x.Verdict.Decision != Allow || x.Sent == nil {
		t.Fatalf("%+v", x.Verdict)
	}
	x := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`))
	if x.Verdict.Decision == Allow || state(t, x.Denial()) != "TASK_STATE_WORKING" || !strings.Contains(string(x.Denial().Body), `"id":"q"`) {
		t.Errorf("the second time: %+v %s", x.Verdict, x.Denial().Body)
	}
	w.shelf = unclaimed{w.shelf}
	if x := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`)); x.Verdict.Decision != Deny || x.Verdict.Reason != "held-undecided" {
		t.Errorf("without an answer of the store: %+v", x.Verdict)
	}
}

// unclaimed cannot tell who was the first.
type unclaimed struct{ Shelf }

func (unclaimed) Claim(context.Context, string) (bool, error) { return false, store.ErrUnavailable }

// TestLostMessagesHaveFailed is about a message of whose answer no process knows: longer than any call may take, its task is
// on its way, and then it has failed.
func TestLostMessagesHaveFailed(t *testing.T) {
	t.Parallel()
	w := newWaiting(t, "/agents/ledger", meshtest.Send("pay"))
	w.people.answer.State = approval.Consumed
	for age, want := range map[time.Duration]string{time.Minute: "TASK_STATE_WORKING", time.Hour: "TASK_STATE_FAILED"} {
		w.people.answer.History = []approval.Change{{State: approval.Consumed, At: meshtest.Noon.Add(-age)}}
		if x := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-case-1"}`)); state(t, x.Denial()) != want {
			t.Errorf("after %s: %s", age, x.Denial().Body)
		}
	}
	if x := w.call(t, "", "/agents/ledger", rpc("GetTask", `{"id":"ringfence-forgotten"}`)); x.Verdict.Reason != "task-not-found" {
		t.Errorf("forgotten: %+v", x.Verdict)
	}
}
