package a2a_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence.dev/ringfence/internal/a2a"
)

// indexes returns the words by the indexes of the texts that have the values.
func indexes(t *testing.T, texts []a2a.Text, words map[string]string) map[int]string {
	t.Helper()
	found := map[int]string{}
	for value, w := range words {
		n := len(found)
		for i := range texts {
			if texts[i].Value == value && !texts[i].Key {
				found[i] = w
			}
		}
		if n == len(found) {
			t.Fatalf("no text is %q", value)
		}
	}
	return found
}

func TestRedactRequest(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, verb, path, body string
		words                  map[string]string
		want                   string
	}{
		{
			"text-1.0", "", "", request(`"r"`, "SendMessage", `{ "message" : {"role":"ROLE_USER","parts":[{"text" : "my \"key\" is \u0041B" },{"text":"AB"}]} }`),
			map[string]string{`my "key" is AB`: "my \"key\" is [redacted]\n<&>"},
			request(`"r"`, "SendMessage", `{ "message" : {"role":"ROLE_USER","parts":[{"text" : "my \"key\" is [redacted]\u000a\u003c\u0026\u003e" },{"text":"AB"}]} }`),
		},
		{
			"text-0.3", "", "", request(`1`, "message/send", `{"message":{"kind":"message","parts":[{"kind":"text","text":"one"},{"kind":"text","text":"two"}]}}`),
			map[string]string{"two": "2", "one": "a longer one"},
			request(`1`, "message/send", `{"message":{"kind":"message","parts":[{"kind":"text","text":"a longer one"},{"kind":"text","text":"2"}]}}`),
		},
		{
			"all-of-a-file-1.0", "POST", "/message:send", `{"message":{"parts":[{"raw":"c2VjcmV0","filename":"secret.txt","mediaType":"text/plain"},{"url":"https://f.example/secret"}]}}`,
			map[string]string{"c2VjcmV0": "[redacted]", "secret.txt": "redacted", "https://f.example/secret": "is not used"},
			`{"message":{"parts":[{"raw":"W3JlZGFjdGVkXQ==","filename":"redacted","mediaType":"text/plain"},{"url":"urn:ringfence:redacted"}]}}`,
		},
		{
			"all-of-a-file-0.3", "POST", "/v1/message:send", `{"message":{"content":[{"file":{"fileWithBytes":"eA==","name":"n","mimeType":"t"}},{"file":{"fileWithUri":"u"}}]}}`,
			map[string]string{"eA==": "", "n": "x", "u": ""},
			`{"message":{"content":[{"file":{"fileWithBytes":"","name":"x","mimeType":"t"}},{"file":{"fileWithUri":"urn:ringfence:redacted"}}]}}`,
		},
		{
			"data-and-metadata", "POST", "/tasks/t-1:cancel", `{"metadata":{"why":["because",{"k":"secret"}],"n":1}}`,
			map[string]string{"secret": "-", "because": "\xff\xfe!"},
			`{"metadata":{"why":["�!",{"k":"-"}],"n":1}}`,
		},
		{
			"another-method", "", "", request(`1`, "org.example/do", `{"what":"secret"}`),
			map[string]string{"secret": "-"},
			request(`1`, "org.example/do", `{"what":"-"}`),
		},
		{"nothing", "POST", "/message:send", `{}`, nil, `{}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			body := []byte(tc.body)
			op, p := a2a.ParseJSONRPC(body, a2a.DefaultLimits())
			if tc.verb != "" {
				op, p = a2a.ParseHTTPJSON(tc.verb, tc.path, body, a2a.DefaultLimits())
			}
			if p != nil {
				t.Fatal(p)
			}
			got, err := a2a.RedactRequest(op, tc.verb, tc.path, body, indexes(t, op.Texts, tc.words))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got.Body)); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if string(body) != tc.body || got.Verb != tc.verb || got.Path != tc.path {
				t.Errorf("%s %s, and the body that came is %s", got.Verb, got.Path, body)
			}
			checkTexts(t, got.Operation.Texts, got.Body)
		})
	}
}

func TestRedactAnswer(t *testing.T) {
	t.Parallel()
	words := map[string]string{"secret": "-"}
	for _, tc := range []struct {
		name       string
		method     a2a.Method
		body, want string
	}{
		{
			"task", a2a.GetTask,
			`{"id":"t","history":[{"role":"ROLE_USER","parts":[{"text":"secret"}]}],"artifacts":[{"artifactId":"a","name":"secret",` +
				`"parts":[{"text":"secret"},{"data":{"secret":"secret"}}]}],"status":{"message":{"parts":[{"text":"secret"}]},"state":"TASK_STATE_COMPLETED"}}`,
			`{"id":"t","history":[{"role":"ROLE_USER","parts":[{"text":"-"}]}],"artifacts":[{"artifactId":"a","name":"-",` +
				`"parts":[{"text":"-"},{"data":{"secret":"-"}}]}],"status":{"message":{"parts":[{"text":"-"}]},"state":"TASK_STATE_COMPLETED"}}`,
		},
		{
			"list", a2a.ListTasks, `{"tasks":[{"id":"t","metadata":{"k":"secret"}}, {"id":"u"}],"totalSize":2}`,
			`{"tasks":[{"id":"t","metadata":{"k":"-"}}, {"id":"u"}],"totalSize":2}`,
		},
		{"card", a2a.GetAgentCard, `{"skills":[{"id":"s","description":"secret"}]}`, `{"skills":[{"id":"s","description":"-"}]}`},
		{
			"error", a2a.GetTask, `{"error":{"code":500,"message":"secret","details":[{"@type":"t","metadata":{"k":"secret"}}]}}`,
			`{"error":{"code":500,"message":"-","details":[{"@type":"t","metadata":{"k":"-"}}]}}`,
		},
		{"words-alone", a2a.OtherMethod, `"secret"`, `"-"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, b := range []a2a.Binding{a2a.HTTPJSON, a2a.JSONRPC} {
				unit, want := []byte(tc.body), tc.want
				if b == a2a.JSONRPC && tc.method != a2a.GetAgentCard {
					unit, want = []byte(result(`"r"`, tc.body)), result(`"r"`, tc.want)
				}
				a, p := a2a.ParseAnswer(b, tc.method, unit, a2a.DefaultLimits())
				if p != nil {
					t.Fatal(p)
				}
				// What stands in the fields of the answer is none of its body.
				a.Texts = append(a.Texts, a2a.Text{Value: "of a field"})
				got, after, err := a2a.RedactAnswer(a2a.Operation{Binding: b, Method: tc.method}, a, unit, indexes(t, a.Texts, words))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, string(got)); diff != "" {
					t.Errorf("%v (-want +got):\n%s", b, diff)
				}
				again, _ := a2a.ParseAnswer(b, tc.method, got, a2a.DefaultLimits())
				if diff := cmp.Diff(again, after); diff != "" {
					t.Errorf("%v: the answer is not that of its body (-want +got):\n%s", b, diff)
				}
			}
		})
	}
}

func TestRedactPassesWithoutWords(t *testing.T) {
	t.Parallel()
	unit := []byte(`{"id":"t-1"}`)
	a, _ := a2a.ParseAnswer(a2a.HTTPJSON, a2a.GetTask, unit, a2a.DefaultLimits())
	got, after, err := a2a.RedactAnswer(a2a.Operation{Binding: a2a.HTTPJSON, Method: a2a.GetTask}, a, unit, nil)
	if err != nil || &got[0] != &unit[0] || cmp.Diff(a, after) != "" {
		t.Errorf("%s, %v", got, err)
	}
}

// What no other words can stand for must not be made into something else: the message is refused instead.
func TestUnredactable(t *testing.T) {
	t.Parallel()
	const secret = "it"
	send := func(params string) string { return request(`"r"`, "SendMessage", params) }
	for _, tc := range []struct{ name, verb, path, body string }{
		{"request-id", "", "", request(`"it"`, "GetTask", `{"id":"t"}`)},
		{"method", "", "", request(`1`, "it", `{}`)},
		{"task", "", "", request(`1`, "GetTask", `{"id":"it"}`)},
		{"role", "", "", send(`{"message":{"role":"it"}}`)},
		{"kind", "", "", send(`{"message":{"parts":[{"kind":"it"}]}}`)},
		{"message-id", "", "", send(`{"message":{"messageId":"it"}}`)},
		{"reference", "", "", send(`{"message":{"referenceTaskIds":["it"]}}`)},
		{"extension", "", "", send(`{"message":{"extensions":["it"]}}`)},
		{"declared-action", "", "", send(`{"message":{"metadata":{"` + a2a.ActionExtension + `":{"action":"it"}}}}`)},
		{"media-type", "", "", send(`{"message":{"parts":[{"mediaType":"it"}]}}`)},
		{"media-type-0.3", "", "", send(`{"message":{"parts":[{"file":{"mimeType":"it"}}]}}`)},
		{"accepted-media-type", "", "", send(`{"configuration":{"acceptedOutputModes":["it"]}}`)},
		{"callback", "", "", send(`{"configuration":{"taskPushNotificationConfig":{"url":"it"}}}`)},
		{"token", "", "", send(`{"configuration":{"taskPushNotificationConfig":{"token":"it"}}}`)},
		{"credentials", "", "", send(`{"configuration":{"taskPushNotificationConfig":{"authentication":{"credentials":"it"}}}}`)},
		{"key", "", "", send(`{"metadata":{"it":1}}`)},
		{"task-that-another-agent-reads", "", "", request(`1`, "x/y", `{"TaskID":"it"}`)},
		{"path", "GET", "/tasks/it", ``},
		{"query", "GET", "/tasks?pageToken=it", ``},
		{"query-of-no-name", "GET", "/tasks?x=it", ``},
		{"path-beside-a-body", "POST", "/it/message:send", `{}`},
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
			found := false
			for i := range op.Texts {
				if op.Texts[i].Value != secret {
					continue
				}
				found = true
				if got, err := a2a.RedactRequest(op, tc.verb, tc.path, []byte(tc.body), map[int]string{i: "x"}); !errors.Is(err, a2a.ErrUnredactable) || got.Body != nil {
					t.Errorf("became %s, %v", got.Body, err)
				}
			}
			if !found {
				t.Error("the text is not there")
			}
		})
	}
}

func TestUnredactableAnswers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		method a2a.Method
		body   string
	}{
		{"artifact-id", a2a.GetTask, `{"artifacts":[{"artifactId":"it"}]}`},
		{"state", a2a.GetTask, `{"status":{"state":"it"}}`},
		{"timestamp", a2a.GetTask, `{"status":{"timestamp":"it"}}`},
		{"page-token", a2a.ListTasks, `{"nextPageToken":"it"}`},
		{"push-token", a2a.GetTaskPushNotificationConfig, `{"token":"it"}`},
		{"error-type", a2a.GetTask, `{"error":{"code":1,"details":[{"@type":"it"}]}}`},
		{"error-status", a2a.GetTask, `{"error":{"code":1,"status":"it"}}`},
		{"scheme", a2a.GetAgentCard, `{"securitySchemes":{"s":{"type":"it"}}}`},
		{"signature", a2a.GetAgentCard, `{"signatures":[{"signature":"it"}]}`},
		{"input-mode", a2a.GetAgentCard, `{"defaultInputModes":["it"]}`},
	} {
		a, p := a2a.ParseAnswer(a2a.HTTPJSON, tc.method, []byte(tc.body), a2a.DefaultLimits())
		if p != nil {
			t.Fatal(p)
		}
		op := a2a.Operation{Binding: a2a.HTTPJSON, Method: tc.method}
		if got, _, err := a2a.RedactAnswer(op, a, []byte(tc.body), indexes(t, a.Texts, map[string]string{"it": "x"})); !errors.Is(err, a2a.ErrUnredactable) || got != nil {
			t.Errorf("%s: became %s, %v", tc.name, got, err)
		}
	}
}

// Words for a text that is not there, or for another body than that of the texts, must not become an answer.
func TestRedactOfAnotherBody(t *testing.T) {
	t.Parallel()
	body := []byte(`{"message":{"parts":[{"text":"one"},{"text":"two"}]}}`)
	op, _ := a2a.ParseHTTPJSON("POST", "/message:send", body, a2a.DefaultLimits())
	last := len(op.Texts) - 1
	for _, i := range []int{-1, last + 1} {
		if got, err := a2a.RedactRequest(op, "POST", "/message:send", body, map[int]string{i: "x"}); !errors.Is(err, a2a.ErrUnredactable) {
			t.Errorf("text %d: %s, %v", i, got.Body, err)
		}
	}
	for _, other := range []string{``, `{}`, `{"message":{"parts":[{"text":1234567890123456}]}}`, `{"message":{"parts":[{"text":"1"},{"text":"two"}]}}`} {
		if got, err := a2a.RedactRequest(op, "POST", "/message:send", []byte(other), map[int]string{last: "x"}); !errors.Is(err, a2a.ErrUnredactable) {
			t.Errorf("%q became %s, %v", other, got.Body, err)
		}
	}
	op.Binding = a2a.BindingUnknown
	if got, err := a2a.RedactRequest(op, "POST", "/message:send", body, map[int]string{last: "x"}); !errors.Is(err, a2a.ErrUnredactable) {
		t.Errorf("of no binding: %s, %v", got.Body, err)
	}
}

// A redacted event is the same event with other data, for clients that read it line by line.
func TestRedactedEvents(t *testing.T) {
	t.Parallel()
	op := a2a.Operation{Binding: a2a.HTTPJSON, Method: a2a.SubscribeToTask}
	for _, tc := range []struct{ name, stream, want string }{
		{"one-line", "data: {\"message\":{\"parts\":[{\"text\":\"secret\"}]}}\n\n", "data: {\"message\":{\"parts\":[{\"text\":\"-\\u0085\\u000a\"}]}}\n\n"},
		{
			"many-lines", "id: 7\ndata: {\"message\":\ndata:  {\"parts\":[\ndata:{\"text\":\"secret\"}]}}\nevent: x\n\n",
			"id: 7\nevent: x\ndata: {\"message\":\ndata:  {\"parts\":[\ndata: {\"text\":\"-\\u0085\\u000a\"}]}}\n\n",
		},
		{
			"carriage-returns-and-comments", ": hello\r\n\r\ndata: {\"message\":\r\n: beside\r\ndata: {\"parts\":[{\"text\":\"secret\"}]}}\r\n\r\n: bye\r\n",
			": hello\r\n\r\n: beside\ndata: {\"message\":\ndata: {\"parts\":[{\"text\":\"-\\u0085\\u000a\"}]}}\n\n\n: bye\r\n",
		},
		{"unfinished", "data: {\"message\":{\"parts\":[{\"text\":\"secret\"}]}}", "data: {\"message\":{\"parts\":[{\"text\":\"-\\u0085\\u000a\"}]}}\n\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var out []byte
			var was []run
			pass := func(e a2a.Event) {
				if !e.Told {
					out = append(out, e.Raw...)
					return
				}
				a, p := a2a.ParseAnswer(op.Binding, op.Method, e.Data, a2a.DefaultLimits())
				if p != nil {
					t.Fatal(p)
				}
				data, _, err := a2a.RedactAnswer(op, a, e.Data, indexes(t, a.Texts, map[string]string{"secret": "-\u0085\n"}))
				if err != nil {
					t.Fatal(err)
				}
				was = append(was, run{Data: string(data), Name: string(e.Name)})
				out = append(out, e.With(data)...)
			}
			events := a2a.NewEvents(1 << 10)
			for events.Feed([]byte(tc.stream)); ; {
				e, ok, err := events.Next()
				if !ok && err == nil {
					e, err = events.Rest()
				}
				if err != nil {
					t.Fatal(err)
				}
				if pass(e); !ok {
					break
				}
			}
			if diff := cmp.Diff(tc.want, string(out)); diff != "" {
				t.Errorf("stream (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(was, toldByStandard(out), cmpopts.IgnoreFields(run{}, "Raw", "Told")); diff != "" {
				t.Errorf("a client is told (-want +got):\n%s", diff)
			}
		})
	}
}

// redactable says whether a text can have other words, by its kind.
func redactable(x a2a.Text) bool {
	switch x.Kind {
	case a2a.KindFree, a2a.KindText, a2a.KindName, a2a.KindURL, a2a.KindBytes:
		return !x.Key && x.End > 0
	}
	return false
}

// spoken is the text with other words, as the binding writes them.
func spoken(b a2a.Binding, x a2a.Text, words string) a2a.Text {
	switch {
	case x.Kind == a2a.KindURL:
		x.Value = a2a.RedactedURL
	case x.Kind == a2a.KindBytes && b != a2a.GRPC:
		x.Value = base64.StdEncoding.EncodeToString([]byte(words))
	case x.Kind == a2a.KindBytes:
		x.Value = words
	default:
		x.Value = strings.ToValidUTF8(words, "\uFFFD")
	}
	return x
}

// withWords returns the texts with words in the place of some.
func withWords(b a2a.Binding, texts []a2a.Text, words map[int]string) []a2a.Text {
	var want []a2a.Text
	for i, x := range texts {
		if w, ok := words[i]; ok {
			if x = spoken(b, x, w); x.Value == "" && b == a2a.GRPC {
				continue
			}
		}
		want = append(want, x)
	}
	return want
}

// choices returns words for texts one by one, and for all at once that can have others.
func choices(texts []a2a.Text, words string) []map[int]string {
	var list []map[int]string
	all := map[int]string{}
	for i, x := range texts {
		list = append(list, map[int]string{i: words})
		if redactable(x) {
			all[i] = words
		}
	}
	return append(list, all)
}

var ignorePlaces = []cmp.Option{cmpopts.IgnoreFields(a2a.Text{}, "Start", "End", "Piece"), cmpopts.EquateEmpty()}

// checkRedactedRequest requires that words can stand wherever the kind allows, and nowhere else, and that the request is
// the same but for them. It says which texts must be refused although their kind allows words.
func checkRedactedRequest(t *testing.T, op a2a.Operation, verb, path string, body []byte, words string, refused func(a2a.Text) bool) {
	t.Helper()
	for _, choice := range choices(op.Texts, words) {
		able := !refusedIn(op.Texts, choice, refused)
		r, err := a2a.RedactRequest(op, verb, path, body, choice)
		if able != (err == nil) || err != nil && (!errors.Is(err, a2a.ErrUnredactable) || r.Body != nil) {
			t.Fatalf("%v for %v in %q", err, choice, body)
		}
		if err != nil {
			continue
		}
		if diff := cmp.Diff(withWords(op.Binding, op.Texts, choice), r.Operation.Texts, ignorePlaces...); diff != "" {
			t.Errorf("texts of %q (-want +got):\n%s", r.Body, diff)
		}
		if diff := cmp.Diff(op, r.Operation, cmpopts.IgnoreFields(a2a.Operation{}, "Texts")); diff != "" {
			t.Errorf("operation (-want +got):\n%s", diff)
		}
		if op.Binding != a2a.GRPC && len(body) > 0 {
			checkStrings(t, op.Binding, op.Texts, body, r.Body, choice)
		}
	}
}

func checkRedactedAnswer(t *testing.T, op a2a.Operation, a a2a.Answer, unit []byte, words string, refused func(a2a.Text) bool) {
	t.Helper()
	for _, choice := range choices(a.Texts, words) {
		able := !refusedIn(a.Texts, choice, refused)
		got, after, err := a2a.RedactAnswer(op, a, unit, choice)
		if able != (err == nil) || err != nil && (!errors.Is(err, a2a.ErrUnredactable) || got != nil) {
			t.Fatalf("%v for %v in %q", err, choice, unit)
		}
		if err != nil {
			continue
		}
		if diff := cmp.Diff(withWords(op.Binding, a.Texts, choice), after.Texts, ignorePlaces...); diff != "" {
			t.Errorf("texts of %q (-want +got):\n%s", got, diff)
		}
		place := cmpopts.IgnoreFields(a2a.TaskRef{}, "Start", "End")
		if diff := cmp.Diff(a, after, place, cmpopts.IgnoreFields(a2a.Answer{}, "Texts", "Total", "Card")); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
		if op.Binding != a2a.GRPC && len(unit) > 0 {
			checkStrings(t, op.Binding, a.Texts, unit, got, choice)
		}
	}
}

func refusedIn(texts []a2a.Text, choice map[int]string, refused func(a2a.Text) bool) bool {
	for i := range choice {
		if !redactable(texts[i]) || refused != nil && refused(texts[i]) {
			return true
		}
	}
	return false
}

// checkStrings requires that jsontext finds the same strings in two JSON texts but for the words.
func checkStrings(t *testing.T, b a2a.Binding, texts []a2a.Text, before, after []byte, words map[int]string) {
	t.Helper()
	want := oracle(t, before)
	for i, w := range words {
		at := texts[i].Pointer(before)
		for j := range want {
			if want[j].Pointer == at && !want[j].Key {
				want[j].Value = spoken(b, texts[i], w).Value
			}
		}
	}
	if diff := cmp.Diff(want, oracle(t, after)); diff != "" {
		t.Errorf("strings of %q (-want +got):\n%s", after, diff)
	}
}

const someWords = "[redacted] \"ü\"\n\u2028<&>\xff"

func TestRedactEverything(t *testing.T) {
	t.Parallel()
	for _, tc := range methodCases {
		op, p := a2a.ParseJSONRPC([]byte(tc.body), a2a.DefaultLimits())
		if p != nil {
			t.Fatal(p)
		}
		checkRedactedRequest(t, op, "", "", []byte(tc.body), someWords, nil)
	}
	for _, tc := range routeCases {
		op, p := a2a.ParseHTTPJSON(tc.verb, tc.path, []byte(tc.body), a2a.DefaultLimits())
		if p != nil {
			t.Fatal(p)
		}
		checkRedactedRequest(t, op, tc.verb, tc.path, []byte(tc.body), someWords, nil)
	}
	for _, tc := range answers {
		if tc.binding == a2a.BindingUnknown {
			continue
		}
		a, p := a2a.ParseAnswer(tc.binding, tc.method, []byte(tc.body), a2a.DefaultLimits())
		if p != nil {
			t.Fatal(p)
		}
		checkRedactedAnswer(t, a2a.Operation{Binding: tc.binding, Method: tc.method}, a, []byte(tc.body), someWords, nil)
	}
	for _, op := range waitingOps() {
		r, _ := waitingIn(a2a.WaitingAuthRequired).Answer(op)
		events := a2a.NewEvents(1 << 20)
		units := [][]byte{r.Body}
		if op.Method.Streaming() {
			units = nil
			events.Feed(r.Body)
			for e, ok, _ := events.Next(); ok; e, ok, _ = events.Next() {
				units = append(units, bytes.Clone(e.Data))
			}
		}
		for _, unit := range units {
			a, p := a2a.ParseAnswer(op.Binding, op.Method, unit, a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			checkRedactedAnswer(t, op, a, unit, someWords, nil)
		}
	}
}

func FuzzRedactRequest(f *testing.F) {
	for _, tc := range methodCases {
		f.Add("", "", []byte(tc.body), someWords)
	}
	for _, tc := range routeCases {
		f.Add(tc.verb, tc.path, []byte(tc.body), "")
	}
	f.Fuzz(func(t *testing.T, verb, path string, body []byte, words string) {
		op, p := a2a.ParseJSONRPC(body, fuzzLimits)
		if verb != "" {
			op, p = a2a.ParseHTTPJSON(verb, path, body, fuzzLimits)
		}
		if p == nil && len(op.Texts) < 100 {
			// Where any agent may look for a task, another one may have been judged.
			mention := func(x a2a.Text) bool { return op.Method == a2a.OtherMethod && op.Mentions != nil }
			checkRedactedOrRefused(t, op, verb, path, body, words, mention)
		}
	})
}

// checkRedactedOrRefused is checkRedactedRequest where it is not known which requests are refused.
func checkRedactedOrRefused(t *testing.T, op a2a.Operation, verb, path string, body []byte, words string, unclear func(a2a.Text) bool) {
	t.Helper()
	if len(op.Texts) > 0 && unclear(op.Texts[0]) {
		for _, choice := range choices(op.Texts, words) {
			if r, err := a2a.RedactRequest(op, verb, path, body, choice); err == nil && cmp.Diff(op.Mentions, r.Operation.Mentions) != "" {
				t.Errorf("%q mentions %v, %q %v", body, op.Mentions, r.Body, r.Operation.Mentions)
			}
		}
		return
	}
	checkRedactedRequest(t, op, verb, path, body, words, nil)
}

func FuzzRedactAnswer(f *testing.F) {
	for _, tc := range answers {
		f.Add(uint8(tc.binding), string(tc.method), []byte(tc.body), someWords)
	}
	f.Fuzz(func(t *testing.T, binding uint8, method string, body []byte, words string) {
		op := a2a.Operation{Binding: a2a.Binding(1 + binding%2), Method: a2a.Method(method)}
		a, p := a2a.ParseAnswer(op.Binding, op.Method, body, fuzzLimits)
		if p == nil && len(a.Texts) < 100 {
			checkRedactedAnswer(t, op, a, body, words, nil)
		}
	})
}
