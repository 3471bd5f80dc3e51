package a2a_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence.dev/ringfence/internal/a2a"
)

// otherNames gives every id of a task that the operation has another name.
func otherNames(op a2a.Operation) map[string]string {
	names := map[string]string{}
	for _, id := range slices.Concat([]string{op.TaskID}, op.References, op.Mentions) {
		names[id] = "renamed-" + id
	}
	return names
}

// wanted is the operation with other names.
func wanted(op a2a.Operation, names map[string]string) a2a.Operation {
	other := func(id string) string {
		if to, ok := names[id]; ok && id != "" {
			return to
		}
		return id
	}
	op.TaskID = other(op.TaskID)
	op.References = slices.Clone(op.References)
	for i := range op.References {
		op.References[i] = other(op.References[i])
	}
	op.Mentions = nil
	return op
}

// checkRenamed requires that a request which was renamed asks for the same, and that renaming it back restores it.
func checkRenamed(t *testing.T, op a2a.Operation, r a2a.Request, names map[string]string) {
	t.Helper()
	after := r.Operation
	for _, id := range slices.Concat([]string{after.TaskID}, after.References, after.Mentions) {
		if _, stale := names[id]; stale && id != "" {
			t.Errorf("the request still names %q: %s %s", id, r.Path, r.Body)
		}
	}
	after.Mentions = nil
	ignore := cmpopts.IgnoreFields(a2a.Operation{}, "Texts")
	if diff := cmp.Diff(wanted(op, names), after, ignore, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("operation (-want +got):\n%s", diff)
	}
	back := map[string]string{}
	for from, to := range names {
		back[to] = from
	}
	restored, err := a2a.RenameTask(r.Operation, r.Verb, r.Path, r.Body, back)
	if err != nil {
		t.Fatalf("renaming back: %v", err)
	}
	if diff := cmp.Diff(op, restored.Operation, ignore); diff != "" {
		t.Errorf("renamed back (-want +got):\n%s", diff)
	}
}

// checkPlaces requires that the strings of two JSON texts are the same but for other names.
func checkPlaces(t *testing.T, before, after []byte, names map[string]string) {
	t.Helper()
	was, is := oracle(t, before), oracle(t, after)
	if len(was) != len(is) {
		t.Fatalf("%d strings became %d: %q", len(was), len(is), after)
	}
	for i := range was {
		if was[i] == is[i] {
			continue
		}
		want := was[i]
		want.Value, _ = otherName(want.Value, names)
		if want != is[i] {
			t.Errorf("%+v became %+v", was[i], is[i])
		}
	}
}

// otherName is the other name of an id, or of the resource name that has one.
func otherName(name string, names map[string]string) (string, bool) {
	if to, ok := names[name]; ok && name != "" {
		return to, true
	}
	parts := strings.SplitN(name, "/", 3)
	if len(parts) < 2 || parts[0] != "tasks" {
		return name, false
	}
	to, ok := names[parts[1]]
	parts[1] = to
	if !ok {
		return name, false
	}
	return strings.Join(parts, "/"), true
}

// Every request that the other tests know is one about another task afterwards, and only that.
func TestRenameTaskOfEveryRequest(t *testing.T) {
	t.Parallel()
	t.Run("jsonrpc", func(t *testing.T) {
		t.Parallel()
		for _, tc := range methodCases {
			op, p := a2a.ParseJSONRPC([]byte(tc.body), a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			checkRequest(t, tc.name, op, "POST", "/", []byte(tc.body))
		}
	})
	t.Run("http-json", func(t *testing.T) {
		t.Parallel()
		for _, tc := range routeCases {
			op, p := a2a.ParseHTTPJSON(tc.verb, tc.path, []byte(tc.body), a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			checkRequest(t, tc.name, op, tc.verb, tc.path, []byte(tc.body))
		}
	})
	t.Run("grpc", func(t *testing.T) {
		t.Parallel()
		for _, tc := range grpcCases {
			body := framed(encoded(t, tc.path, tc.text, false))
			op, p := a2a.ParseGRPC(tc.path, body, a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			checkRequest(t, tc.name, op, "POST", tc.path, body)
		}
	})
}

func checkRequest(t *testing.T, name string, op a2a.Operation, verb, path string, body []byte) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		names := otherNames(op)
		r, err := a2a.RenameTask(op, verb, path, body, names)
		if op.Method == a2a.OtherMethod {
			if named := op.TaskID != "" || op.Mentions != nil; named != errors.Is(err, a2a.ErrUnnameable) {
				t.Errorf("the error is %v for %+v", err, op)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkRenamed(t, op, r, names)
		if len(body) > 0 && op.Binding != a2a.GRPC {
			checkPlaces(t, body, r.Body, names)
		}
	})
}

func TestRenameTask(t *testing.T) {
	t.Parallel()
	names := map[string]string{"w-1": "t/1 \"ü\"", "w-2": "t:2"}
	const resource = `"tasks/w-2"`
	for _, tc := range []struct{ name, verb, path, body, wantPath, wantBody string }{
		{
			"get", "", "", request(`"w-1"`, "GetTask", `{ "id" : "w-1" , "metadata":{"id":"w-1"}}`),
			"", request(`"w-1"`, "GetTask", `{ "id" : "t/1 \"ü\"" , "metadata":{"id":"w-1"}}`),
		},
		{
			"escaped", "", "", request(`1`, "GetTask", `{"id":"\u0077-1"}`),
			"", request(`1`, "GetTask", `{"id":"t/1 \"ü\""}`),
		},
		{
			"proto-names", "", "", request(`1`, "GetTaskPushNotificationConfig", `{"task_id":"w-2","id":"w-2"}`),
			"", request(`1`, "GetTaskPushNotificationConfig", `{"task_id":"t:2","id":"w-2"}`),
		},
		{
			"where-another-version-looks", "", "", request(`1`, "tasks/get", `{"id":"w-2","taskId":"w-2","name":`+resource+`}`),
			"", request(`1`, "tasks/get", `{"id":"t:2","taskId":"t:2","name":"tasks/t:2"}`),
		},
		{
			"message", "", "", request(`1`, "SendMessage",
				`{"message":{"taskId":"w-1","parts":[{"text":"w-1"},{"data":{"taskId":"w-1"}}],"referenceTaskIds":["w-2","w-3","w-1"]},`+
					`"configuration":{"taskPushNotificationConfig":{"id":"w-1","taskId":"w-1","url":"w-1"}}}`),
			"", request(`1`, "SendMessage",
				`{"message":{"taskId":"t/1 \"ü\"","parts":[{"text":"w-1"},{"data":{"taskId":"w-1"}}],"referenceTaskIds":["t:2","w-3","t/1 \"ü\""]},`+
					`"configuration":{"taskPushNotificationConfig":{"id":"w-1","taskId":"t/1 \"ü\"","url":"w-1"}}}`),
		},
		{"other-tasks", "", "", request(`1`, "GetTask", `{"id":"w-3"}`), "", request(`1`, "GetTask", `{"id":"w-3"}`)},
		{"path", "GET", "/tasks/w-2?historyLength=1&x=w-2", "", "/tasks/t:2?historyLength=1&x=w-2", ""},
		{"path-encoded", "GET", "/tasks/%77-2", "", "/tasks/t:2", ""},
		{"path-of-tenant", "POST", "/w-2/tasks/w-2:cancel", `{"id":"w-2"}`, "/w-2/tasks/t:2:cancel", `{"id":"t:2"}`},
		{"path-of-version", "GET", "/v1/tasks/w-2:subscribe", "", "/v1/tasks/t:2:subscribe", ""},
		{"path-of-config", "DELETE", "/tasks/w-2/pushNotificationConfigs/w-2", "", "/tasks/t:2/pushNotificationConfigs/w-2", ""},
		{
			"path-and-resources", "POST", "/v1/tasks/w-2/pushNotificationConfigs",
			`{"parent":"tasks/w-2","config":{"name":"tasks/w-2/pushNotificationConfigs/w-2"}}`,
			"/v1/tasks/t:2/pushNotificationConfigs",
			`{"parent":"tasks/t:2","config":{"name":"tasks/t:2/pushNotificationConfigs/w-2"}}`,
		},
		{"path-of-message", "POST", "/message:send", `{"message":{"taskId":"w-2"}}`, "/message:send", `{"message":{"taskId":"t:2"}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			op, p := a2a.ParseJSONRPC([]byte(tc.body), a2a.DefaultLimits())
			if tc.verb != "" {
				op, p = a2a.ParseHTTPJSON(tc.verb, tc.path, []byte(tc.body), a2a.DefaultLimits())
			}
			if p != nil {
				t.Fatal(p)
			}
			got, err := a2a.RenameTask(op, tc.verb, tc.path, []byte(tc.body), names)
			if err != nil {
				t.Fatal(err)
			}
			if got.Path != tc.wantPath || string(got.Body) != tc.wantBody {
				t.Errorf("got %s\n%s\nwant %s\n%s", got.Path, got.Body, tc.wantPath, tc.wantBody)
			}
		})
	}
}

// An id that the agent chose must not lead to another operation than the one that was judged.
func TestRenameTaskToWhatCannotBeNamed(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/tasks/w", "/tasks/w/pushNotificationConfigs", "/acme/tasks/w", "/v1/tasks/w"} {
		op, p := a2a.ParseHTTPJSON("GET", path, nil, a2a.DefaultLimits())
		if p != nil {
			t.Fatal(p)
		}
		for _, id := range []string{"", ".", "..", "a/b", `a\b`, "a%2Fb", "a\x00", "\xff"} {
			if r, err := a2a.RenameTask(op, "GET", path, nil, map[string]string{"w": id}); !errors.Is(err, a2a.ErrUnnameable) {
				t.Errorf("%q in %s became %s, %v", id, path, r.Path, err)
			}
		}
	}
	op, _ := a2a.ParseHTTPJSON("GET", "/tasks/w", nil, a2a.DefaultLimits())
	for _, id := range []string{"x:subscribe", "x:SUBSCRIBE", "x:cancel"} {
		if r, err := a2a.RenameTask(op, "GET", "/tasks/w", nil, map[string]string{"w": id}); !errors.Is(err, a2a.ErrUnnameable) {
			t.Errorf("%q became %s, %v", id, r.Path, err)
		}
	}
	for _, id := range []string{"a/b", "a/pushNotificationConfigs/b", ""} {
		body := framed(encoded(t, legacy+"GetTask", `name: "tasks/w"`, false))
		op, _ := a2a.ParseGRPC(legacy+"GetTask", body, a2a.DefaultLimits())
		if r, err := a2a.RenameTask(op, "POST", legacy+"GetTask", body, map[string]string{"w": id}); !errors.Is(err, a2a.ErrUnnameable) {
			t.Errorf("%q became %q, %v", id, r.Body, err)
		}
	}
}

func FuzzRenameTask(f *testing.F) {
	for _, tc := range methodCases {
		f.Add("", "", []byte(tc.body), "t-9")
	}
	for _, tc := range routeCases {
		f.Add(tc.verb, tc.path, []byte(tc.body), "x:cancel")
	}
	f.Fuzz(func(t *testing.T, verb, path string, body []byte, to string) {
		op, p := a2a.ParseJSONRPC(body, fuzzLimits)
		if verb != "" {
			op, p = a2a.ParseHTTPJSON(verb, path, body, fuzzLimits)
		}
		if p != nil || bytes.Contains(body, []byte("renamed-")) || strings.Contains(path, "renamed-") {
			return
		}
		if r, err := a2a.RenameTask(op, verb, path, body, map[string]string{op.TaskID: to}); err == nil && op.TaskID != "" && r.Operation.TaskID != to {
			t.Errorf("%q is still %q", to, r.Operation.TaskID)
		}
		names := otherNames(op)
		r, err := a2a.RenameTask(op, verb, path, body, names)
		switch {
		case err == nil && op.Method != a2a.OtherMethod:
			checkRenamed(t, op, r, names)
			if len(body) > 0 {
				checkPlaces(t, body, r.Body, names)
			}
		case err != nil && op.Method != a2a.OtherMethod && verb == "":
			t.Errorf("%v: %q", err, body)
		}
	})
}
