package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/tests/conformance"
)

// overheard stands before an agent and counts how often it is sent each message.
type overheard struct {
	mu       sync.Mutex
	messages map[string]int
}

var messageInJSON = regexp.MustCompile(`"messageId":"([^"]+)"`)

// overhear returns the card of a conformance agent whose HTTP bindings are listened to.
func overhear(t *testing.T) (*overheard, json.RawMessage) {
	t.Helper()
	o := &overheard{messages: map[string]int{}}
	agent := conformanceAgent(t)
	to, err := url.Parse(agent.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		o.mu.Lock()
		for _, found := range messageInJSON.FindAllStringSubmatch(string(body), -1) {
			o.messages[found[1]]++
		}
		o.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	_, card, err := get(agent.URL + "/.well-known/agent-card.json")
	if err != nil {
		t.Fatal(err)
	}
	return o, json.RawMessage(strings.ReplaceAll(card, agent.URL, server.URL))
}

func (o *overheard) times(message string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.messages[message]
}

// taskWires are those over which a mesh answers for tasks.
var taskWires = []wire{{"1.0", "JSONRPC"}, {"1.0", "HTTP+JSON"}, {"0.3", "JSONRPC"}, {"0.3", "HTTP+JSON"}}

// stateName is how a state is written over a wire.
func (w wire) stateName(state string) string {
	switch {
	case w == wire{"0.3", "JSONRPC"}:
		return `"state":"` + strings.ToLower(strings.ReplaceAll(state, "_", "-")) + `"`
	case w.version == "0.3" && state == "CANCELED":
		return `"state":"TASK_STATE_CANCELLED"`
	}
	return `"state":"TASK_STATE_` + state + `"`
}

// lobby is a mesh in which messages to the agent "player" wait for the board.
type lobby struct {
	*theatre
	overheard *overheard
	at        map[wire]string
	caller    *caller
	other     *caller
	dir       string
	settings  string
}

// up starts the mesh, for the first time or again.
func (l *lobby) up(t *testing.T) {
	t.Helper()
	l.mesh = upWith(t, "up", l.dir, l.settings)
}

func newLobby(t *testing.T) *lobby {
	t.Helper()
	j := newJury(t)
	o, card := overhear(t)
	l := &lobby{overheard: o, theatre: &theatre{tokens: j.tokens}, dir: t.TempDir(), settings: steady + j.settings}
	l.up(t)
	l.register(t, map[string]any{"name": "player", "card": card})
	l.at = l.mesh.doors(t, "player")
	l.caller, l.other = l.joins(t, "caller", 2), l.joins(t, "other", 2)
	l.put(t, "ask", document("ask", "callee", "targets: {agents: [player]}", "require_approval: {groups: [board], methods: [SendMessage, SendStreamingMessage]}"))
	return l
}

var taskInJSON = regexp.MustCompile(`"id":"(ringfence-([a-z0-9.]+))"`)

// wants asks for a task rather than an error.
var wants = map[string]string{"A2A-Extensions": a2a.ApprovalExtension}

func (l *lobby) do(t *testing.T, w wire, s step) heard {
	t.Helper()
	s.header = wants
	h, err := l.caller.says(l.at, w, spokenStep{step: s})
	if err != nil || h.err != nil {
		t.Fatalf("%s %s: %v %v", w, s.op, err, h.err)
	}
	return h
}

// send sends a message that has to wait, and returns the id of the task that stands for it.
func (l *lobby) send(t *testing.T, w wire, op, message string) (task, approval string) {
	t.Helper()
	h := l.do(t, w, step{op: op, message: message})
	found := taskInJSON.FindStringSubmatch(h.body)
	if h.status != http.StatusOK || found == nil || !strings.Contains(h.body, w.stateName("AUTH_REQUIRED")) || !strings.Contains(h.body, `"approvalId":"`+found[2]+`"`) {
		t.Fatalf("%s %s: the message does not wait as a task: %+v", w, op, h)
	}
	return found[1], found[2]
}

func (l *lobby) grant(t *testing.T, id string) {
	t.Helper()
	if status, answer := l.approve(t, l.approval(t, id), l.tokens.token(t, "kim", meshAudience)); status != http.StatusOK || !strings.Contains(answer, `"granted"`) {
		t.Fatalf("approving: %d %s", status, answer)
	}
}

// tells fails unless an answer speaks of the task as the caller knows it, in a state, and not as the agent does.
func tells(t *testing.T, what string, w wire, h heard, task, state, agents string) {
	t.Helper()
	if h.status != http.StatusOK || !strings.Contains(h.body, task) || !strings.Contains(h.body, w.stateName(state)) || strings.Contains(h.body, agents) {
		t.Errorf("%s %s: not %s %s: %+v", w, what, task, state, h)
	}
}

// TestApprovalTasks has messages wait as tasks, over each wire that can.
func TestApprovalTasks(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	for _, w := range taskWires {
		t.Run(w.name(), func(t *testing.T) {
			t.Parallel()
			l.goesOn(t, w, "tck-complete-task-"+w.name())
			l.isRaced(t, w, "tck-complete-task-raced-"+w.name())
			l.streams(t, w, conformance.HoldPrefix+"-"+w.name())
			l.isCanceled(t, w, "tck-complete-task-canceled-"+w.name())
			l.continues(t, w, "tck-input-required-"+w.name())
			l.isAnsweredByMessage(t, w, "tck-message-response-"+w.name())
			l.keepsExtensions(t, w, conformance.EchoPrefix+"-extensions-"+w.name())
		})
	}
	t.Run("grpc", func(t *testing.T) {
		t.Parallel()
		l.withoutGRPC(t)
	})
	t.Run("requests", func(t *testing.T) {
		t.Parallel()
		l.takesThePlaceOfRequests(t)
	})
	for w, client := range l.clients(t) {
		t.Run("sdk-"+w.name(), func(t *testing.T) {
			t.Parallel()
			l.isSeenThrough(t, client)
		})
	}
}

// name is the wire's as part of ids and of names of tests.
func (w wire) name() string { return strings.NewReplacer("/", "-", "+", "-").Replace(w.String()) }

// goesOn reads a task until it is approved, and then until it has ended.
func (l *lobby) goesOn(t *testing.T, w wire, message string) {
	task, approval := l.send(t, w, "send", message)
	agents := conformance.TaskID(message)
	if again, _ := l.send(t, w, "send", message); again != task {
		t.Errorf("%s: sent again, the message is %s, not %s", w, again, task)
	}
	tells(t, "get", w, l.do(t, w, step{op: "get", task: task}), task, "AUTH_REQUIRED", agents)
	tells(t, "subscribe", w, l.do(t, w, step{op: "subscribe", task: task}), task, "AUTH_REQUIRED", agents)
	if h, err := l.other.says(l.at, w, spokenStep{step: step{op: "get", task: task}}); err != nil || h.reason != "TASK_NOT_FOUND" {
		t.Errorf("%s: another caller is told %+v %v", w, h, err)
	}
	if n := l.overheard.times(message); n != 0 {
		t.Errorf("%s: the agent was sent the message %d times before people approved", w, n)
	}
	l.grant(t, approval)
	for range 2 {
		h := l.do(t, w, step{op: "get", task: task})
		tells(t, "get afterwards", w, h, task, "COMPLETED", agents)
		if !strings.Contains(h.body, "Hello from TCK") {
			t.Errorf("%s: the agent's words are not there: %+v", w, h)
		}
	}
	if n := l.overheard.times(message); n != 1 {
		t.Errorf("%s: the agent was sent the message %d times", w, n)
	}
	if h := l.do(t, w, step{op: "cancel", task: task}); h.reason != "TASK_NOT_CANCELABLE" {
		t.Errorf("%s: canceling what has ended: %+v", w, h)
	}
	if h, err := l.other.says(l.at, w, spokenStep{step: step{op: "get", task: task}}); err != nil || h.reason != "TASK_NOT_FOUND" {
		t.Errorf("%s: another caller is told %+v %v", w, h, err)
	}
	if w == (wire{"0.3", "JSONRPC"}) {
		return // has no lists
	}
	// Lists are the agent's, and have the task under its own name, which is the caller's too.
	if h := l.do(t, w, step{op: "list", query: conformance.ContextID(message)}); h.status != http.StatusOK || !strings.Contains(h.body, `"id":"`+agents+`"`) {
		t.Errorf("%s: the list has %+v", w, h)
	}
	if h := l.do(t, w, step{op: "get", task: agents}); !strings.Contains(h.body, `"id":"`+agents+`"`) {
		t.Errorf("%s: by its own name the task is %+v", w, h)
	}
	if h, err := l.other.says(l.at, w, spokenStep{step: step{op: "get", task: agents}}); err != nil || h.reason != "TASK_NOT_FOUND" {
		t.Errorf("%s: another caller is told %+v %v", w, h, err)
	}
}

// isRaced has several requests read a task that was approved: one of them sends its message, and none asks people again.
func (l *lobby) isRaced(t *testing.T, w wire, message string) {
	task, approval := l.send(t, w, "send", message)
	l.grant(t, approval)
	answers := make([]heard, 6)
	var calls sync.WaitGroup
	for i := range answers {
		calls.Go(func() {
			answers[i], _ = l.caller.says(l.at, w, spokenStep{step: step{op: []string{"get", "get", "subscribe"}[i%3], task: task, header: wants}})
		})
	}
	calls.Wait()
	for _, h := range answers {
		ended := h.reason == "UNSUPPORTED_OPERATION" && w.version == "1.0" // nothing to subscribe to any more
		if !ended && (h.status != http.StatusOK || h.reason != "" || !strings.Contains(h.body, task)) {
			t.Errorf("%s: one of several is told %+v", w, h)
		}
	}
	if n := l.overheard.times(message); n != 1 {
		t.Errorf("%s: the agent was sent the message %d times", w, n)
	}
	if _, list := l.api(t, http.MethodGet, "/v1/approvals?limit=100", ""); strings.Count(list, `"digest":"`+l.approval(t, approval).Digest) != 1 {
		t.Errorf("%s: people are asked again: %s", w, list)
	}
}

// streams subscribes to a task that was approved, and cancels it meanwhile.
func (l *lobby) streams(t *testing.T, w wire, message string) {
	task, approval := l.send(t, w, "stream", message)
	agents := conformance.TaskID(message)
	l.grant(t, approval)
	var canceled heard
	h, err := l.caller.says(l.at, w, spokenStep{step: step{op: "subscribe", task: task, header: wants}, begun: func() {
		canceled, _ = l.caller.says(l.at, w, spokenStep{step: step{op: "cancel", task: task}})
	}})
	if err != nil {
		t.Fatalf("%s: %v", w, err)
	}
	tells(t, "the stream", w, h, task, "WORKING", agents)
	tells(t, "the stream", w, h, task, "CANCELED", agents)
	tells(t, "cancel", w, canceled, task, "CANCELED", agents)
	if n := l.overheard.times(message); n != 1 {
		t.Errorf("%s: the agent was sent the message %d times", w, n)
	}
}

// isCanceled takes back a message that waits.
func (l *lobby) isCanceled(t *testing.T, w wire, message string) {
	task, approval := l.send(t, w, "send", message)
	agents := conformance.TaskID(message)
	tells(t, "cancel", w, l.do(t, w, step{op: "cancel", task: task}), task, "CANCELED", agents)
	tells(t, "get", w, l.do(t, w, step{op: "get", task: task}), task, "CANCELED", agents)
	if a := l.approval(t, approval); a.State != "withdrawn" {
		t.Errorf("%s: people are asked about what was taken back: %+v", w, a)
	}
	if n := l.overheard.times(message); n != 0 {
		t.Errorf("%s: the agent was sent what was taken back", w)
	}
}

// continues sends a second message to a task that was approved.
func (l *lobby) continues(t *testing.T, w wire, message string) {
	task, approval := l.send(t, w, "send", message)
	agents := conformance.TaskID(message)
	l.grant(t, approval)
	tells(t, "get", w, l.do(t, w, step{op: "get", task: task}), task, "INPUT_REQUIRED", agents)
	more := step{op: "send", message: "tck-complete-task-more-" + message, task: task}
	h := l.do(t, w, more)
	found := approvalInJSON.FindStringSubmatch(h.body)
	if found == nil {
		t.Fatalf("%s: the second message does not wait: %+v", w, h)
	}
	l.grant(t, found[1])
	h = l.do(t, w, more)
	tells(t, "the second message", w, h, task, "COMPLETED", agents)
}

// withoutGRPC has callers over gRPC, for which the mesh cannot answer with a task, read the error instead.
func (l *lobby) withoutGRPC(t *testing.T) {
	for _, w := range wires {
		if w.binding != "GRPC" {
			continue
		}
		for _, op := range []string{"send", "stream"} {
			if err := toApprove.denied(w, op == "stream", l.do(t, w, step{op: op, message: "tck-complete-task-" + w.version + op})); err != nil {
				t.Errorf("%s %s: %v", w, op, err)
			}
		}
	}
	// A task that waits over another binding cannot be read over this one either.
	task, approval := l.send(t, taskWires[0], "send", "tck-complete-task-crossed")
	l.grant(t, approval)
	for _, w := range wires {
		if w == taskWires[0] {
			continue
		}
		if h := l.do(t, w, step{op: "get", task: task}); h.reason != "TASK_WAITING" {
			t.Errorf("%s: a task that was sent over another wire is told as %+v", w, h)
		}
	}
	tells(t, "get", taskWires[0], l.do(t, taskWires[0], step{op: "get", task: task}), task, "COMPLETED", conformance.TaskID("tck-complete-task-crossed"))
	// Now that the agent has it, it is a task like any other.
	for _, w := range wires {
		if h := l.do(t, w, step{op: "get", task: task}); h.reason != "" || !strings.Contains(h.body, task) {
			t.Errorf("%s: the task of the agent is told as %+v", w, h)
		}
	}
}

// TestApprovalTasksSurvive kills the mesh while a message waits, and changes the policies after people approved it: then they
// are asked again, and the task is the same.
func TestApprovalTasksSurvive(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	w, message := taskWires[0], "tck-complete-task-survives"
	task, approval := l.send(t, w, "send", message)
	l.stop(t, syscall.SIGKILL)
	l.up(t)
	l.at = l.mesh.doors(t, "player")
	get := func(what, state string) heard {
		t.Helper()
		h := l.do(t, w, step{op: "get", task: task})
		tells(t, what, w, h, task, state, conformance.TaskID(message))
		return h
	}
	// Signatures of the second in which the process began do not count.
	eventually(t, "the mesh takes signatures", func() error {
		h, err := l.caller.says(l.at, w, spokenStep{step: step{op: "get", task: "none"}})
		if err == nil && h.reason != "TASK_NOT_FOUND" {
			err = fmt.Errorf("%+v", h)
		}
		return err
	})
	get("after a kill", "AUTH_REQUIRED")
	l.grant(t, approval)
	l.put(t, "other", document("other", "callee", "targets: {agents: [player]}", "max_body: 64KiB"))
	h := get("under other policies", "AUTH_REQUIRED")
	found := approvalInJSON.FindStringSubmatch(h.body)
	if found == nil || found[1] == approval {
		t.Fatalf("people are not asked again: %+v", h)
	}
	if n := l.overheard.times(message); n != 0 {
		t.Errorf("the agent was sent the message %d times before people approved it under the policies of now", n)
	}
	l.grant(t, found[1])
	get("when people have approved again", "COMPLETED")
	if n := l.overheard.times(message); n != 1 {
		t.Errorf("the agent was sent the message %d times", n)
	}
}
