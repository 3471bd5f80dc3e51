package a2a_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

// place is a string of a JSON text as the oracle sees it.
type place struct {
	Pointer, Value string
	Key            bool
}

// oracle lists the strings of a valid JSON text in document order.
func oracle(t *testing.T, body []byte) []place {
	t.Helper()
	var list []place
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("jsontext refuses what the parser accepted: %v\n%q", err, body)
		}
		if token.Kind() == '"' {
			kind, n := d.StackIndex(d.StackDepth())
			list = append(list, place{string(d.StackPointer()), token.String(), kind == '{' && n%2 == 1})
		}
	}
}

// checkTexts holds texts against the oracle: every value stands in them, in order and with its pointer, and every key
// in them is a key of the body.
func checkTexts(t *testing.T, texts []a2a.Text, body []byte) {
	t.Helper()
	for len(texts) > 0 && texts[0].End == 0 {
		texts = texts[1:]
	}
	for _, want := range oracle(t, body) {
		if len(texts) > 0 {
			x := texts[0]
			if got := (place{x.Pointer(body), x.Value, x.Key}); got == want {
				texts = texts[1:]
				continue
			}
		}
		if !want.Key {
			t.Fatalf("no text for %q at %s in %q", want.Value, want.Pointer, body)
		}
	}
	if len(texts) > 0 {
		t.Fatalf("texts that stand nowhere: %+v in %q", texts, body)
	}
}

var fuzzLimits = a2a.Limits{Bytes: 1 << 20, Depth: 1000, Members: 1 << 20}

func FuzzScan(f *testing.F) {
	for _, tc := range suite {
		f.Add([]byte(tc.text))
	}
	for _, tc := range conformance {
		if len(tc.text) < 1<<10 {
			f.Add([]byte(tc.text))
		}
	}
	f.Add(wide(20, "k3"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := a2a.Sound(body, fuzzLimits)
		if want := jsontext.Value(body).IsValid(); got != want && a2a.Reason(body, fuzzLimits) != "TOO_DEEP" {
			t.Errorf("sound = %v, jsontext says %v: %q", got, want, body)
		}
	})
}

func FuzzParseJSONRPC(f *testing.F) {
	for _, tc := range methodCases {
		f.Add([]byte(tc.body))
	}
	for _, tc := range refusals {
		f.Add([]byte(tc.body))
	}
	for _, tc := range spellings {
		f.Add([]byte(tc.body))
	}
	f.Add(sendBody(2 << 10))
	f.Fuzz(func(t *testing.T, body []byte) {
		op, p := a2a.ParseJSONRPC(body, fuzzLimits)
		again, q := a2a.ParseJSONRPC(bytes.Clone(body), fuzzLimits)
		if diff := cmp.Diff(op, again); diff != "" {
			t.Errorf("two readings of one body (-first +second):\n%s", diff)
		}
		if diff := cmp.Diff(p, q); diff != "" {
			t.Errorf("two refusals of one body (-first +second):\n%s", diff)
		}
		if p != nil {
			checkAnswer(t, p.Denial())
			return
		}
		if op.Method == "" || op.Wire == "" || op.Binding != a2a.JSONRPC {
			t.Errorf("accepted without a method: %+v", op)
		}
		if op.RequestID != nil && !jsontext.Value(op.RequestID).IsValid() {
			t.Errorf("request id %q is no JSON", op.RequestID)
		}
		checkTexts(t, op.Texts, body)
		checkGoServer(t, op, body)
	})
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// goMessage is a message as a Go server reads it, with the names of the proto's fields, which it would overlook.
type goMessage struct {
	ID           string `json:"messageId"`
	TaskID       string `json:"taskId"`
	ContextID    string `json:"contextId"`
	ProtoID      string `json:"message_id"`
	ProtoTask    string `json:"task_id"`
	ProtoContext string `json:"context_id"`
}

// checkGoServer reads body as the official Go SDK does, which folds the case of names and lets the last of two
// win, and requires that it sees the same operation, or nothing where names are those of the proto's fields.
func checkGoServer(t *testing.T, op a2a.Operation, body []byte) {
	t.Helper()
	var got struct {
		Method string `json:"method"`
		Params struct {
			ID        string    `json:"id"`
			TaskID    string    `json:"taskId"`
			ProtoTask string    `json:"task_id"`
			Tenant    string    `json:"tenant"`
			Message   goMessage `json:"message"`
			Request   goMessage `json:"request"`
		} `json:"params"`
	}
	if err := json.Unmarshal(body, &got); err != nil || op.Method == a2a.OtherMethod {
		return
	}
	type reading struct{ wire, tenant, task, context, message string }
	want := reading{got.Method, got.Params.Tenant, "", op.ContextID, ""}
	switch op.Method {
	case a2a.SendMessage, a2a.SendStreamingMessage:
		m := got.Params.Message
		if m == (goMessage{}) {
			m = got.Params.Request
		}
		want.task, want.context, want.message = either(m.TaskID, m.ProtoTask), either(m.ContextID, m.ProtoContext), either(m.ID, m.ProtoID)
	case a2a.GetTask, a2a.CancelTask, a2a.SubscribeToTask:
		want.task = got.Params.ID
	case a2a.CreateTaskPushNotificationConfig:
		want.task = either(got.Params.TaskID, got.Params.ProtoTask)
	default:
		want.task = op.TaskID
	}
	if read := (reading{op.Wire, op.Tenant, op.TaskID, op.ContextID, op.MessageID}); read != want {
		t.Errorf("we read %+v, a Go server %+v: %q", read, want, body)
	}
}

func FuzzParseHTTPJSON(f *testing.F) {
	for _, tc := range routeCases {
		f.Add(tc.verb, tc.path, []byte(tc.body))
	}
	for _, tc := range routeRefusals {
		f.Add(tc.verb, tc.path, []byte(tc.body))
	}
	f.Fuzz(func(t *testing.T, verb, path string, body []byte) {
		op, p := a2a.ParseHTTPJSON(verb, path, body, fuzzLimits)
		again, q := a2a.ParseHTTPJSON(verb, path, bytes.Clone(body), fuzzLimits)
		if diff := cmp.Diff(op, again); diff != "" {
			t.Errorf("two readings of one request (-first +second):\n%s", diff)
		}
		if diff := cmp.Diff(p, q); diff != "" {
			t.Errorf("two refusals of one request (-first +second):\n%s", diff)
		}
		if p != nil {
			checkAnswer(t, p.Denial())
			return
		}
		if op.Method == "" || op.Wire == "" || op.Binding != a2a.HTTPJSON {
			t.Errorf("accepted without a method: %+v", op)
		}
		if len(body) > 0 {
			checkTexts(t, op.Texts, body)
		}
	})
}

// checkAnswer requires the body of a denial to be valid JSON, within one event if it is a stream.
func checkAnswer(t *testing.T, d a2a.Denial) {
	t.Helper()
	body := d.Response().Body
	if rest, ok := bytes.CutPrefix(body, []byte("data: ")); ok {
		body, ok = bytes.CutSuffix(rest, []byte("\n\n"))
		if !ok || bytes.ContainsAny(body, "\r\n") {
			t.Errorf("not exactly one event: %q", rest)
		}
	}
	if !jsontext.Value(body).IsValid() {
		t.Errorf("the denial is no valid JSON: %q", body)
	}
}
