package a2a_test

import (
	"fmt"
	"strings"
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
			{"/params/message/parts/0/mediaType", "text/plain", "media", false},
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
			{"/params/message/parts/0/file/mimeType", "t", "media", false},
			{"/params/message/parts/0/file/bytes", "b", "bytes", false},
			{"/params/message/parts/0/file/uri", "u", "url", false},
			{"/params/message/content/0/file/fileWithUri", "u2", "url", false},
			{"/params/message/content/0/file/fileWithBytes", "b2", "bytes", false},
		}},
		{"push-in-send", "SendMessage", `{"configuration":{"acceptedOutputModes":["text/plain"],` +
			`"taskPushNotificationConfig":{"url":"https://cb.example","token":"s1","authentication":{"scheme":"Bearer","credentials":"s2"}}}}`, []located{
			{"/params/configuration/acceptedOutputModes/0", "text/plain", "media", false},
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

var authorNames = map[a2a.Author]string{a2a.AuthorUnknown: "-", a2a.AuthorUser: "user", a2a.AuthorAgent: "agent"}

func TestAnswerTexts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		method a2a.Method
		body   string
		want   string
	}{
		{
			"task-1.0", a2a.GetTask,
			`{"id":"t","artifacts":[{"artifactId":"a","name":"n","description":"d","parts":[{"text":"x"},{"raw":"eA==","filename":"f"}],` +
				`"metadata":{"k":"v"}}],"history":[{"parts":[{"text":"please","metadata":{"u":1}}],"role":"ROLE_USER"},` +
				`{"role":"ROLE_AGENT","parts":[{"url":"https://f.example"}]},{"parts":[{"text":"whose"}]}],` +
				`"status":{"message":{"role":"ROLE_USER","parts":[{"text":"forged"}]},"state":"TASK_STATE_WORKING"},"metadata":{"m":"y"}}`,
			`/id id - t
/artifacts/0/artifactId id agent a
/artifacts/0/name free agent n
/artifacts/0/description free agent d
/artifacts/0/parts/0/text text agent x
/artifacts/0/parts/1/raw bytes agent eA==
/artifacts/0/parts/1/filename name agent f
/artifacts/0/metadata/k free agent k (key)
/artifacts/0/metadata/k free agent v
/history/0/parts/0/text text user please
/history/0/parts/0/metadata/u free user u (key)
/history/0/role id user ROLE_USER
/history/1/role id agent ROLE_AGENT
/history/1/parts/0/url url agent https://f.example
/history/2/parts/0/text text - whose
/status/message/role id agent ROLE_USER
/status/message/parts/0/text text agent forged
/status/state id - TASK_STATE_WORKING
/metadata/m free - m (key)
/metadata/m free - y
`,
		},
		{
			"message-0.3", a2a.SendMessage,
			`{"parts":[{"kind":"text","text":"x"},{"kind":"file","file":{"uri":"u","bytes":"eA=="}},{"data":{"k":"v"}}],"role":"user","kind":"message"}`,
			`/parts/0/kind id agent text
/parts/0/text text agent x
/parts/1/kind id agent file
/parts/1/file/uri url agent u
/parts/1/file/bytes bytes agent eA==
/parts/2/data/k free agent k (key)
/parts/2/data/k free agent v
/role id agent user
/kind id agent message
`,
		},
		{
			"update-0.3-proto", a2a.SendStreamingMessage,
			`{"statusUpdate":{"taskId":"t","status":{"update":{"content":[{"text":"x","file":{"fileWithUri":"u"}}]}},"metadata":{"k":"v"}}}`,
			`/statusUpdate/taskId id - t
/statusUpdate/status/update/content/0/text text agent x
/statusUpdate/status/update/content/0/file/fileWithUri url agent u
/statusUpdate/metadata/k free - k (key)
/statusUpdate/metadata/k free - v
`,
		},
		{
			"push-config", a2a.GetTaskPushNotificationConfig,
			`{"taskId":"t","pushNotificationConfig":{"url":"https://cb.example","token":"s","authentication":{"credentials":"p","schemes":["Bearer"]}},"url":"u"}`,
			`/taskId id - t
/pushNotificationConfig/url callback - https://cb.example
/pushNotificationConfig/token secret - s
/pushNotificationConfig/authentication/credentials secret - p
/pushNotificationConfig/authentication/schemes/0 id - Bearer
/url callback - u
`,
		},
		{
			"error", a2a.GetTask, `{"error":{"code":404,"status":"NOT_FOUND","message":"m","details":[{"@type":"t","metadata":{"k":"v"}}]}}`,
			`/error/status id - NOT_FOUND
/error/message free - m
/error/details/0/@type id - t
/error/details/0/metadata free - metadata (key)
/error/details/0/metadata/k free - k (key)
/error/details/0/metadata/k free - v
`,
		},
		{
			"card", a2a.GetExtendedAgentCard,
			`{"name":"n","provider":{"organization":"o","url":"u1"},"supportedInterfaces":[{"url":"u2","protocolBinding":"JSONRPC"}],` +
				`"skills":[{"id":"s","description":"d","tags":["t"],"examples":["e"],"inputModes":["text/plain"]}],` +
				`"capabilities":{"extensions":[{"uri":"x","params":{"p":"q"}}]},` +
				`"securitySchemes":{"o":{"oauth2SecurityScheme":{"description":"d2","flows":{"authorizationCode":{"tokenUrl":"u3","scopes":{"a":"b"}}}}},` +
				`"i":{"type":"openIdConnect","openIdConnectUrl":"u4"}}}`,
			`/name free - n
/provider/organization free - o
/provider/url url - u1
/supportedInterfaces/0/url url - u2
/supportedInterfaces/0/protocolBinding id - JSONRPC
/skills/0/id id - s
/skills/0/description free - d
/skills/0/tags/0 free - t
/skills/0/examples/0 free - e
/skills/0/inputModes/0 media - text/plain
/capabilities/extensions/0/uri id - x
/capabilities/extensions/0/params/p free - p (key)
/capabilities/extensions/0/params/p free - q
/securitySchemes/o free - o (key)
/securitySchemes/o/oauth2SecurityScheme/description free - d2
/securitySchemes/o/oauth2SecurityScheme/flows/authorizationCode/tokenUrl url - u3
/securitySchemes/o/oauth2SecurityScheme/flows/authorizationCode/scopes/a free - a (key)
/securitySchemes/o/oauth2SecurityScheme/flows/authorizationCode/scopes/a free - b
/securitySchemes/i free - i (key)
/securitySchemes/i/type id - openIdConnect
/securitySchemes/i/openIdConnectUrl url - u4
`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a, p := a2a.ParseAnswer(a2a.HTTPJSON, tc.method, []byte(tc.body), a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			var b strings.Builder
			for _, x := range a.Texts {
				fmt.Fprintf(&b, "%s %s %s %s", x.Pointer([]byte(tc.body)), x.Kind, authorNames[x.Author], x.Value)
				if x.Key {
					b.WriteString(" (key)")
				}
				b.WriteByte('\n')
			}
			if diff := cmp.Diff(tc.want, b.String()); diff != "" {
				t.Errorf("texts (-want +got):\n%s", diff)
			}
		})
	}
}

// A caller that looks for addresses to which an agent shall push must find them at every entry point.
func TestCallbacks(t *testing.T) {
	t.Parallel()
	const where = "https://cb.example"
	for _, tc := range []struct{ name, method, params, path string }{
		{"create-1.0", "CreateTaskPushNotificationConfig", `{"taskId":"t","url":"` + where + `"}`, "/tasks/t/pushNotificationConfigs"},
		{"send-1.0", "SendMessage", `{"configuration":{"taskPushNotificationConfig":{"url":"` + where + `"}}}`, "/message:send"},
		{"stream-1.0", "SendStreamingMessage", `{"configuration":{"taskPushNotificationConfig":{"url":"` + where + `"}}}`, "/message:stream"},
		{
			"set-0.3", "tasks/pushNotificationConfig/set", `{"taskId":"t","pushNotificationConfig":{"url":"` + where + `"}}`,
			"/v1/tasks/t/pushNotificationConfigs",
		},
		{"send-0.3", "message/send", `{"configuration":{"pushNotificationConfig":{"url":"` + where + `"}}}`, "/v1/message:send"},
		{"send-0.3-proto", "message/send", `{"configuration":{"pushNotification":{"url":"` + where + `"}}}`, "/v1/message:send"},
		{"stream-0.3", "message/stream", `{"configuration":{"pushNotificationConfig":{"url":"` + where + `"}}}`, "/v1/message:stream"},
		{
			"create-0.3-proto", "tasks/pushNotificationConfig/set",
			`{"config":{"pushNotificationConfig":{"url":"` + where + `"}}}`, "/v1/tasks/t/pushNotificationConfigs",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rpc, p := a2a.ParseJSONRPC([]byte(request(`1`, tc.method, tc.params)), a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			rest, p := a2a.ParseHTTPJSON("POST", tc.path, []byte(tc.params), a2a.DefaultLimits())
			if p != nil {
				t.Fatal(p)
			}
			for _, op := range []a2a.Operation{rpc, rest} {
				var found []string
				for _, x := range op.Texts {
					if x.Kind == a2a.KindCallback {
						found = append(found, x.Value)
					}
				}
				if diff := cmp.Diff([]string{where}, found); diff != "" {
					t.Errorf("callbacks of %s %s (-want +got):\n%s", op.Binding, op.Wire, diff)
				}
			}
		})
	}
}
