package a2a_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

// located is a text with its pointer.
type located struct {
	Pointer, Value, Kind string
	Key                  bool
}

func locate(op a2a.Operation, body []byte) []located {
	var list []located
	for _, x := range op.Texts {
		list = append(list, located{x.Pointer(body), x.Value, x.Kind.String(), x.Key})
	}
	return list
}

func TestTexts(t *testing.T) {
	t.Parallel()
	envelope := func(method string) []located {
		return []located{{"/jsonrpc", "2.0", "id", false}, {"/id", "r", "id", false}, {"/method", method, "id", false}}
	}
	for _, tc := range []struct {
		name, method, params string
		want                 []located
	}{
		{"parts-1.0", "SendMessage", `{"message":{"role":"ROLE_USER","parts":[` +
			`{"text":"a\nb","filename":"x.txt","mediaType":"text/plain"},{"raw":"aGk="},{"url":"https://f.example"},` +
			`{"data":{"k/1":["v",{"~k":"w"}],"n":1}}],"metadata":{"m":"x"}}}`, []located{
			{"/params/message/role", "ROLE_USER", "id", false},
			{"/params/message/parts/0/text", "a\nb", "text", false},
			{"/params/message/parts/0/filename", "x.txt", "name", false},
			{"/params/message/parts/0/mediaType", "text/plain", "name", false},
			{"/params/message/parts/1/raw", "aGk=", "bytes", false},
			{"/params/message/parts/2/url", "https://f.example", "url", false},
			{"/params/message/parts/3/data/k~11", "k/1", "free", true},
			{"/params/message/parts/3/data/k~11/0", "v", "free", false},
			{"/params/message/parts/3/data/k~11/1/~0k", "~k", "free", true},
			{"/params/message/parts/3/data/k~11/1/~0k", "w", "free", false},
			{"/params/message/parts/3/data/n", "n", "free", true},
			{"/params/message/metadata/m", "m", "free", true},
			{"/params/message/metadata/m", "x", "free", false},
		}},
		{"parts-0.3", "message/send", `{"message":{"kind":"message","parts":[{"kind":"file","file":` +
			`{"name":"n","mimeType":"t","bytes":"b","uri":"u"}}],"content":[{"file":{"fileWithUri":"u2","fileWithBytes":"b2"}}]}}`, []located{
			{"/params/message/kind", "message", "id", false},
			{"/params/message/parts/0/kind", "file", "id", false},
			{"/params/message/parts/0/file/name", "n", "name", false},
			{"/params/message/parts/0/file/mimeType", "t", "name", false},
			{"/params/message/parts/0/file/bytes", "b", "bytes", false},
			{"/params/message/parts/0/file/uri", "u", "url", false},
			{"/params/message/content/0/file/fileWithUri", "u2", "url", false},
			{"/params/message/content/0/file/fileWithBytes", "b2", "bytes", false},
		}},
		{"push-in-send", "SendMessage", `{"configuration":{"acceptedOutputModes":["text/plain"],` +
			`"taskPushNotificationConfig":{"url":"https://cb.example","token":"s1","authentication":{"scheme":"Bearer","credentials":"s2"}}}}`, []located{
			{"/params/configuration/acceptedOutputModes/0", "text/plain", "name", false},
			{"/params/configuration/taskPushNotificationConfig/url", "https://cb.example", "callback", false},
			{"/params/configuration/taskPushNotificationConfig/token", "s1", "secret", false},
			{"/params/configuration/taskPushNotificationConfig/authentication/scheme", "Bearer", "id", false},
			{"/params/configuration/taskPushNotificationConfig/authentication/credentials", "s2", "secret", false},
		}},
		{"unknown-members", "GetTask", `{"id":"t","ext\u00e9":{"a":["b"]},"history":"x"}`, []located{
			{"/params/id", "t", "id", false},
			{"/params/exté", "exté", "free", true},
			{"/params/exté/a", "a", "free", true},
			{"/params/exté/a/0", "b", "free", false},
			{"/params/history", "history", "free", true},
			{"/params/history", "x", "free", false},
		}},
		{"empty-strings", "GetTask", `{"id":"","":""}`, []located{
			{"/params/id", "", "id", false},
			{"/params/", "", "free", true},
			{"/params/", "", "free", false},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			body := []byte(request(`"r"`, tc.method, tc.params))
			op, p := a2a.ParseJSONRPC(body, a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			if diff := cmp.Diff(append(envelope(tc.method), tc.want...), locate(op, body)); diff != "" {
				t.Errorf("texts (-want +got):\n%s", diff)
			}
			for _, x := range op.Texts {
				if body[x.Start] != '"' || body[x.End-1] != '"' {
					t.Errorf("%q does not stand at %d to %d", x.Value, x.Start, x.End)
				}
			}
		})
	}
}

func TestTextsOfUnknownMethodAreWalked(t *testing.T) {
	t.Parallel()
	body := []byte(request(`1`, "x/y", `{"a":{"b":["drop table"]}}`))
	op, p := a2a.ParseJSONRPC(body, a2a.DefaultLimits())
	if p != nil {
		t.Fatal(p)
	}
	last := op.Texts[len(op.Texts)-1]
	if last.Value != "drop table" || last.Pointer(body) != "/params/a/b/0" {
		t.Errorf("last text is %q at %s", last.Value, last.Pointer(body))
	}
}

func TestPointerOfAnotherBodyDoesNotPanic(t *testing.T) {
	t.Parallel()
	body := []byte(request(`1`, "x/y", `{"a":{"b":["drop table"]}}`))
	op, _ := a2a.ParseJSONRPC(body, a2a.DefaultLimits())
	for _, other := range []string{"", `{`, `]]]]}}}`, `"\`, `{"a":"` + string(body) + `\`, string(body[:40])} {
		for _, x := range op.Texts {
			_ = x.Pointer([]byte(other))
		}
	}
}
