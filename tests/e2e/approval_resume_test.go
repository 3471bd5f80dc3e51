package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/tests/conformance"
)

// bodiless are the ways in which a client can send a request without a byte of body. Of some, Envoy learns with the header
// that nothing follows.
var bodiless = map[string]struct {
	http2, bare bool
	edit        func(*http.Request)
}{
	"http1":              {bare: true, edit: func(*http.Request) {}},
	"http2":              {bare: true, http2: true, edit: func(*http.Request) {}},
	"http1-empty-chunks": {edit: func(r *http.Request) { r.Body, r.ContentLength, r.TransferEncoding = empty(), -1, []string{"chunked"} }},
	"http2-empty-data":   {http2: true, edit: func(r *http.Request) { r.Body, r.ContentLength = empty(), -1 }},
}

// empty is a body of unknown length without a byte.
func empty() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// bare sends a request of HTTP+JSON of 1.0 in one of those ways.
func (l *lobby) bare(t *testing.T, method, path, way string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, l.at[wire{"1.0", "HTTP+JSON"}]+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	bodiless[way].edit(r)
	r.Header.Set("A2A-Version", "1.0")
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!bodiless[way].http2)
	transport.Protocols.SetUnencryptedHTTP2(bodiless[way].http2)
	defer transport.CloseIdleConnections()
	if err := l.caller.signer.Sign(r, nil); err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// takesThePlaceOfRequests has approved tasks read, subscribed to and canceled by requests without a body, in every way in
// which HTTP says that: what Envoy sends to the agent has the method, path and body that were judged. Where it would keep
// the verb, nothing is sent, and the approval is not used up.
func (l *lobby) takesThePlaceOfRequests(t *testing.T) {
	w := wire{"1.0", "HTTP+JSON"}
	for way, how := range bodiless {
		message := "tck-complete-task-" + way
		task, approval := l.send(t, w, "send", message)
		l.grant(t, approval)
		status, body := l.bare(t, http.MethodGet, "/tasks/"+task, way)
		if n := l.overheard.times(message); !how.bare && (status != http.StatusBadRequest || !strings.Contains(body, "TASK_WAITING") || n != 0) {
			t.Errorf("%s: a read whose verb Envoy keeps is answered with %d %s, and the agent was sent the message %d times", way, status, body, n)
		}
		if !how.bare {
			status, body = l.bare(t, http.MethodGet, "/tasks/"+task, "http1")
		}
		if status != http.StatusOK || !strings.Contains(body, `"id":"`+task+`"`) || !strings.Contains(body, w.stateName("COMPLETED")) {
			t.Errorf("%s: a read is answered with %d %s", way, status, body)
		}
		if n := l.overheard.times(message); n != 1 {
			t.Errorf("%s: the agent was sent the message %d times", way, n)
		}
		if status, body := l.bare(t, http.MethodPost, "/tasks/"+task+":cancel", way); status != http.StatusBadRequest || !strings.Contains(body, "TASK_NOT_CANCELABLE") {
			t.Errorf("%s: canceling is answered with %d %s", way, status, body)
		}

		message = "tck-stream-001-" + way
		task, approval = l.send(t, w, "send", message)
		l.grant(t, approval)
		status, body = l.bare(t, http.MethodPost, "/tasks/"+task+":subscribe", way)
		if status != http.StatusOK || strings.Count(body, task) < 4 || !strings.Contains(body, w.stateName("COMPLETED")) || strings.Contains(body, conformance.TaskID(message)) {
			t.Errorf("%s: subscribing is answered with %d %s", way, status, body)
		}
		if n := l.overheard.times(message); n != 1 {
			t.Errorf("%s: the agent was sent the message of the stream %d times", way, n)
		}
	}
}

// isAnsweredByMessage has the agent answer with a message: the task that the caller knows has ended with it.
func (l *lobby) isAnsweredByMessage(t *testing.T, w wire, message string) {
	for _, op := range []string{"get", "subscribe"} {
		task, approval := l.send(t, w, "send", message+op)
		l.grant(t, approval)
		h := l.do(t, w, step{op: op, task: task})
		tells(t, op, w, h, task, "COMPLETED", conformance.TaskID(message+op))
		if !strings.Contains(h.body, "Direct message response") {
			t.Errorf("%s %s: the agent's words are not there: %+v", w, op, h)
		}
		tells(t, "later", w, l.do(t, w, step{op: "get", task: task}), task, "COMPLETED", conformance.TaskID(message+op))
		if n := l.overheard.times(message + op); n != 1 {
			t.Errorf("%s %s: the agent was sent the message %d times", w, op, n)
		}
	}
}

// keepsExtensions sends a message with an extension and has it go on by a read that names none: what people approved is the
// message with its extension, and so is what the agent is sent.
func (l *lobby) keepsExtensions(t *testing.T, w wire, message string) {
	h, err := l.caller.says(l.at, w, spokenStep{step: step{op: "send", message: message, header: map[string]string{
		"A2A-Extensions": a2a.ApprovalExtension + ", " + conformance.Extension,
	}}})
	found := taskInJSON.FindStringSubmatch(h.body)
	if err != nil || found == nil {
		t.Fatalf("%s: %+v %v", w, h, err)
	}
	l.grant(t, found[2])
	h, err = l.caller.says(l.at, w, spokenStep{step: step{op: "get", task: found[1]}})
	if err != nil || !strings.Contains(h.body, w.stateName("COMPLETED")) || !strings.Contains(h.body, conformance.Extension) {
		t.Errorf("%s: %+v %v", w, h, err)
	}
}
