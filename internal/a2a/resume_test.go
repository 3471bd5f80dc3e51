package a2a_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence.dev/ringfence/internal/a2a"
)

// kept holds a message and reads it back from JSON, as a store does.
func kept(t *testing.T, op a2a.Operation, path, contentType string, body []byte) a2a.Held {
	t.Helper()
	h, err := a2a.Hold(op, path, contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var again a2a.Held
	if err := json.Unmarshal(stored, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h, again); diff != "" {
		t.Errorf("read back from JSON (-want +got):\n%s", diff)
	}
	return again
}

// resuming returns an operation that resumes what op, a message, started.
func resuming(op a2a.Operation, m a2a.Method, id string) a2a.Operation {
	r := a2a.Operation{Method: m, Binding: op.Binding, Generation: op.Generation, Tenant: op.Tenant, TaskID: "w-1"}
	if id != "" {
		r.RequestID = []byte(id)
	}
	return r
}

func TestResume(t *testing.T) {
	t.Parallel()
	const stored = `{"message":{"messageId":"m-1","parts":[{"text":"id"}]}}`
	for _, tc := range []struct {
		name, path, body string
		by               a2a.Method
		id               string
		wantPath         string
		want             string
	}{
		{"send-read", "", request(`"r"`, "SendMessage", stored), a2a.GetTask, `7`, "", request(`7`, "SendMessage", stored)},
		{"send-subscribed", "", request(`"r"`, "SendMessage", stored), a2a.SubscribeToTask, `"s"`, "", request(`"s"`, "SendStreamingMessage", stored)},
		{"stream-read", "", request(`1`, "SendStreamingMessage", stored), a2a.GetTask, `"long-id"`, "", request(`"long-id"`, "SendMessage", stored)},
		{"send-0.3", "", request(`1`, "message/send", stored), a2a.SubscribeToTask, `2`, "", request(`2`, "message/stream", stored)},
		{"stream-0.3", "", request(`1`, "message/stream", stored), a2a.GetTask, `2`, "", request(`2`, "message/send", stored)},
		{
			"in-another-order", "", `{ "method" : "SendMessage", "params":` + stored + `,"id":1 ,"jsonrpc":"2.0"}`, a2a.GetTask, `22`, "",
			`{ "method" : "SendMessage", "params":` + stored + `,"id":22 ,"jsonrpc":"2.0"}`,
		},
		{
			"escaped", "", `{"jsonrpc":"2.0","\u0069d":1,"m\u0065thod":"\u0053endMessage","params":` + stored + `}`, a2a.SubscribeToTask, `2`, "",
			`{"jsonrpc":"2.0","\u0069d":2,"m\u0065thod":"SendStreamingMessage","params":` + stored + `}`,
		},
		{
			"held-without-id", "", ` {"jsonrpc":"2.0","method":"SendMessage","params":` + stored + `}`, a2a.GetTask, `3`, "",
			` {"id":3,"jsonrpc":"2.0","method":"SendMessage","params":` + stored + `}`,
		},
		{"asked-without-id", "", request(`1`, "SendMessage", stored), a2a.GetTask, ``, "", request(`null`, "SendMessage", stored)},
		{"http-read", "/message:stream?A2A-Version=1.0", stored, a2a.GetTask, ``, "/message:send?A2A-Version=1.0", stored},
		{"http-subscribed", "/acme/message:send", stored, a2a.SubscribeToTask, ``, "/acme/message:stream", stored},
		{"http-0.3", "/v1/message:send", stored, a2a.SubscribeToTask, ``, "/v1/message:stream", stored},
		{"http-without-body", "/message:send", ``, a2a.GetTask, ``, "/message:send", ``},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			op, p := a2a.ParseJSONRPC([]byte(tc.body), a2a.DefaultLimits())
			if tc.path != "" {
				op, p = a2a.ParseHTTPJSON("POST", tc.path, []byte(tc.body), a2a.DefaultLimits())
			}
			if p != nil {
				t.Fatal(p)
			}
			h := kept(t, op, tc.path, "application/a2a+json", []byte(tc.body))
			got, err := h.Resume(resuming(op, tc.by, tc.id))
			if err != nil {
				t.Fatal(err)
			}
			if got.Verb != "POST" || got.ContentType != "application/a2a+json" || got.Path != tc.wantPath {
				t.Errorf("%s %s of %s", got.Verb, got.Path, got.ContentType)
			}
			if diff := cmp.Diff(tc.want, string(got.Body)); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			want := op
			want.Method = a2a.SendMessage
			if tc.by == a2a.SubscribeToTask {
				want.Method = a2a.SendStreamingMessage
			}
			if want.Binding == a2a.JSONRPC {
				want.RequestID = []byte("null")
				if tc.id != "" {
					want.RequestID = []byte(tc.id)
				}
			}
			if diff := cmp.Diff(want, got.Operation, cmpopts.IgnoreFields(a2a.Operation{}, "Wire", "Texts")); diff != "" {
				t.Errorf("operation (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHoldRefuses(t *testing.T) {
	t.Parallel()
	send := a2a.Operation{Method: a2a.SendMessage, Binding: a2a.JSONRPC, Generation: a2a.V10}
	with := func(change func(*a2a.Operation)) a2a.Operation {
		op := send
		change(&op)
		return op
	}
	for _, tc := range []struct {
		name string
		op   a2a.Operation
		size int
		want error
	}{
		{"as-large-as-may-be", send, a2a.MaxHeld, nil},
		{"too-large", send, a2a.MaxHeld + 1, a2a.ErrHeldTooLarge},
		{"no-message", with(func(op *a2a.Operation) { op.Method = a2a.CancelTask }), 1, a2a.ErrNotHeld},
		{"grpc", with(func(op *a2a.Operation) { op.Binding = a2a.GRPC }), 1, a2a.ErrNotHeld},
		{"unknown-generation", with(func(op *a2a.Operation) { op.Generation = 0 }), 1, a2a.ErrNotHeld},
	} {
		if _, err := a2a.Hold(tc.op, "", "", make([]byte, tc.size)); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestHoldKeepsNothingOfTheRequest(t *testing.T) {
	t.Parallel()
	body := []byte(request(`1`, "SendMessage", `{"message":`+message10+`}`))
	op, p := a2a.ParseJSONRPC(body, a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	h := kept(t, op, "/", "", body)
	want := string(h.Body)
	clear(body)
	if string(h.Body) != want {
		t.Error("the held message changes with the request")
	}
	r, err := h.Resume(resuming(op, a2a.GetTask, `2`))
	if err != nil || r.ContentType != "application/json" {
		t.Errorf("content type %q, %v", r.ContentType, err)
	}
	if string(h.Body) != want {
		t.Error("the held message changed as it was resumed")
	}
}

func TestResumeRefuses(t *testing.T) {
	t.Parallel()
	body := []byte(request(`1`, "SendMessage", `{"tenant":"acme","message":`+message10+`}`))
	sent, p := a2a.ParseJSONRPC(body, a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	sound := kept(t, sent, "", "", body)
	for _, tc := range []struct {
		name   string
		change func(*a2a.Held, *a2a.Operation)
		want   error
	}{
		{"another-binding", func(_ *a2a.Held, op *a2a.Operation) { op.Binding = a2a.HTTPJSON }, a2a.ErrOtherForm},
		{"grpc", func(h *a2a.Held, op *a2a.Operation) { op.Binding, h.Binding = a2a.GRPC, "GRPC" }, a2a.ErrOtherForm},
		{"another-generation", func(_ *a2a.Held, op *a2a.Operation) { op.Generation = a2a.V03 }, a2a.ErrOtherForm},
		{"another-tenant", func(_ *a2a.Held, op *a2a.Operation) { op.Tenant = "" }, a2a.ErrOtherForm},
		{"cancel", func(_ *a2a.Held, op *a2a.Operation) { op.Method = a2a.CancelTask }, a2a.ErrNotResuming},
		{"zero", func(h *a2a.Held, _ *a2a.Operation) { *h = a2a.Held{} }, a2a.ErrOtherForm},
		{"cut-off", func(h *a2a.Held, _ *a2a.Operation) { h.Body = h.Body[:40] }, a2a.ErrHeldUnsound},
		{"batch", func(h *a2a.Held, _ *a2a.Operation) { h.Body = []byte(`[]`) }, a2a.ErrHeldUnsound},
		{"no-object", func(h *a2a.Held, _ *a2a.Operation) { h.Body = []byte(`{}`) }, a2a.ErrHeldUnsound},
		{"tenant-in-the-body", func(h *a2a.Held, op *a2a.Operation) { h.Tenant, op.Tenant = "other", "other" }, a2a.ErrHeldUnsound},
		{"path-of-no-message", func(h *a2a.Held, op *a2a.Operation) {
			op.Binding, h.Binding, h.Path = a2a.HTTPJSON, "HTTP+JSON", "/tasks/t-1:cancel"
		}, a2a.ErrHeldUnsound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h, op := sound, resuming(sent, a2a.GetTask, `2`)
			tc.change(&h, &op)
			if r, err := h.Resume(op); !errors.Is(err, tc.want) || r.Body != nil {
				t.Errorf("%v: %s", err, r.Body)
			}
		})
	}
}

// What is accepted as a message can be held and sent, as what it was.
func FuzzResume(f *testing.F) {
	for _, tc := range methodCases {
		f.Add("", []byte(tc.body), []byte(`1`), false)
	}
	for _, tc := range routeCases {
		f.Add(tc.path, []byte(tc.body), []byte(`"x"`), true)
	}
	f.Fuzz(func(t *testing.T, path string, body, id []byte, stream bool) {
		op, p := a2a.ParseJSONRPC(body, fuzzLimits)
		if path != "" {
			op, p = a2a.ParseHTTPJSON("POST", path, body, fuzzLimits)
		}
		if p != nil || op.Method != a2a.SendMessage && op.Method != a2a.SendStreamingMessage {
			return
		}
		h, err := a2a.Hold(op, path, "", body)
		if err != nil {
			t.Fatal(err)
		}
		by := a2a.GetTask
		if stream {
			by = a2a.SubscribeToTask
		}
		r, err := h.Resume(resuming(op, by, string(id)))
		if err != nil {
			t.Fatalf("%v: %s %q", err, path, body)
		}
		want := op
		want.Method, want.RequestID = r.Operation.Method, r.Operation.RequestID
		if diff := cmp.Diff(want, r.Operation, cmpopts.IgnoreFields(a2a.Operation{}, "Wire", "Texts")); diff != "" {
			t.Errorf("operation (-want +got):\n%s", diff)
		}
		if r.Operation.Method.Streaming() != stream {
			t.Errorf("%s by %s", r.Operation.Method, by)
		}
		if path != "" && !bytes.Equal(r.Body, body) {
			t.Errorf("the body became %q", r.Body)
		}
		if again, q := a2a.ParseJSONRPC(r.Body, fuzzLimits); path == "" && (q != nil || !strings.HasPrefix(again.Wire, op.Wire[:4])) {
			t.Errorf("%v: %q", q, r.Body)
		}
	})
}
