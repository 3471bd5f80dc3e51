package conformance

import (
	"encoding/json"
	"testing"
)

func TestScenarioOf(t *testing.T) {
	t.Parallel()
	for id, prefix := range map[string]string{
		"tck-artifact-file-7":       "tck-artifact-file",
		"tck-artifact-file-url-7":   "tck-artifact-file-url",
		"tck-stream-artifact-text7": "tck-stream-artifact-text",
		"tck-stream-001":            "tck-stream-001",
		"hold-task-1":               HoldPrefix,
		"something-else":            "tck-complete-task",
		"":                          "tck-complete-task",
	} {
		if got := scenarioOf(id).prefix; got != prefix {
			t.Errorf("%q plays %s, want %s", id, got, prefix)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	if TaskID("a") == TaskID("b") || TaskID("a") != "task-ca978112ca1bbdca" || nameAfter("task", "a", 2) == TaskID("a") {
		t.Error("a name follows from what it is made after, and from nothing else")
	}
}

func TestSpoken(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"": true, "1.0": true, "1.0.1": true, "0.3": true, "0.3.0": true,
		"1": false, "1.1": false, "0.2": false, "99.0": false, "1.0x": false, "v1.0": false,
	} {
		if spoken(version) != want {
			t.Errorf("%q: %t", version, !want)
		}
	}
}

func TestRenamed(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"task_id":"t"}`:                     `{"taskId":"t"}`,
		`{"request":{"message_id":"m"}}`:      `{"message":{"messageId":"m"}}`,
		`{"taskId":"t","task_id":"u"}`:        `{"taskId":"t","task_id":"u"}`,
		`{"metadata":{"a_b":1}}`:              `{"metadata":{"a_b":1}}`,
		`{"message":{"metadata":{"a_b":1}}}`:  `{"message":{"metadata":{"a_b":1}}}`,
		`{"config":{"push_notification":{}}}`: `{"config":{"pushNotification":{}}}`,
		`[1]`:                                 `[1]`,
		`{`:                                   `{`,
		`null`:                                `null`,
	} {
		if got, _ := renamed(json.RawMessage(in), map[string]string{"request": "message"}); string(got) != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}

// FuzzRenamed wants valid JSON to stay valid, and everything else as it was.
func FuzzRenamed(f *testing.F) {
	for _, seed := range []string{`{"task_id":"t"}`, `{"request":{"message_id":"m","content":[{"text":"hi"}]},"configuration":{"blocking":true}}`, `{`, `[]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out, changed := renamed(json.RawMessage(in), map[string]string{"request": "message"})
		if changed && !json.Valid(out) || !changed && string(out) != in {
			t.Errorf("%q becomes %q", in, out)
		}
	})
}

func TestStreamedError(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		event  string
		status int
		ok     bool
	}{
		{"id: 1\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32001}}\n\n", 200, true},
		{"id: 1\ndata: {\"error\":{\"code\":404}}\n\n", 404, true},
		{"id: 1\ndata: {\"error\":{\"code\":7}}\n\n", 500, true},
		{"id: 1\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n", 0, false},
		{": keep-alive\n\n", 0, false},
		{"data: {\n\n", 0, false},
		{"", 0, false},
	} {
		if status, _, ok := streamedError([]byte(test.event)); status != test.status || ok != test.ok {
			t.Errorf("%q: %d, %t", test.event, status, ok)
		}
	}
}
