package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/inspect"
)

func TestScanDocument(t *testing.T) {
	t.Parallel()
	j := scanningJudge(t)
	for _, c := range []struct {
		name, body string
		direction  inspect.Direction
		want       []string // action, rule and place of each finding
	}{
		{"any-json", `{"a":[1,{"b":"howl at the zorblax"}]}`, inspect.Request, []string{"block zorblax /a/1/b 0-19"}},
		{"a-string", `"howl at the zorblax"`, inspect.Request, []string{"block zorblax / 0-19"}},
		{"a-number", `7`, inspect.Request, nil},
		{"escaped", `["\u0068owl at the zorblax"]`, inspect.Card, []string{"block zorblax /0 0-19"}},
		{"a-name", `{"howl at the zorblax":null}`, inspect.Response, []string{"block zorblax name of /howl at the zorblax 0-19"}},
		{"a-name-with-escapes", `{"\u001b[2J":{"x":"murmur softly"}}`, inspect.Response, []string{`flag murmur "/\x1b[2J/x" 0-13`}},
		{
			"over-two-parts", `{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"please howl at"},{"text":"the zorblax now"}]}}}`,
			inspect.Request,
			[]string{"block zorblax /params/message/parts/0/text 7 to /params/message/parts/1/text 11"},
		},
		{
			"token-of-a-callback", `{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"hello"}]},"configuration":{"taskPushNotificationConfig":{"url":"https://a.example","token":"wibblekey7"}}}}`,
			inspect.Request, nil,
		},
		{"request-without-an-envelope", `{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"hello"}]},"configuration":{"taskPushNotificationConfig":{"url":"https://a.example","token":"wibblekey7"}}}`, inspect.Request, nil},
		{
			"history", `{"jsonrpc":"2.0","id":1,"result":{"task":{"id":"t","contextId":"c","status":{"state":"TASK_STATE_COMPLETED"},"history":[{"messageId":"m","role":"ROLE_USER","parts":[{"text":"wibblekey7"}]}],"artifacts":[{"artifactId":"a","parts":[{"text":"wibblekey7"}]}]}}}`,
			inspect.Response,
			[]string{"redact wibble /result/task/artifacts/0/parts/0/text 0-10", "block wibble /result/task/history/0/parts/0/text 0-10"},
		},
		{"card", `{"name":"a","description":"howl at the zorblax","version":"1","skills":[]}`, inspect.Card, []string{"block zorblax /description 0-19"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			doc, err := readDocument([]byte(c.body), c.direction)
			if err != nil {
				t.Fatal(err)
			}
			v := doc.judge(j, scanSide{direction: c.direction})
			var got []string
			for _, f := range v.Findings {
				got = append(got, f.Action+" "+f.Rule+" "+f.at())
			}
			if diff := cmp.Diff(c.want, slices.Compact(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRefusedDocuments(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "hello", `{"a":1}x`, `{"a":"b","a":"c"}`, "\"\xff\"", strings.Repeat("[", 200) + strings.Repeat("]", 200)} {
		for _, d := range []inspect.Direction{inspect.Request, inspect.Response, inspect.Card} {
			if _, err := readDocument([]byte(body), d); err == nil {
				t.Errorf("%.40q is judged as a %s", body, d)
			}
		}
	}
}

func TestRedactedDocuments(t *testing.T) {
	t.Parallel()
	j := scanningJudge(t)
	for _, c := range []struct{ name, body, want string }{
		{"any-json", `{ "a" : [ "x\n" , "is \"wibblekey7\"" ], "b":"wibblekey8" }`, `{ "a" : [ "x\n" , "is \"[redacted:secret]\"" ], "b":"[redacted:secret]" }`},
		{"answer", `{"id":"t","contextId":"c","kind":"task","status":{"state":"completed"},"artifacts":[{"artifactId":"a","parts":[{"kind":"text","text":"wibblekey7"}]}]}`, `{"id":"t","contextId":"c","kind":"task","status":{"state":"completed"},"artifacts":[{"artifactId":"a","parts":[{"kind":"text","text":"[redacted:secret]"}]}]}`},
		{"a-name", `{"wibblekey7":1}`, ""},
		{"nothing", `{"a":1}`, `{"a":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			doc, err := readDocument([]byte(c.body), inspect.Response)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			f := scanFlags{redacted: true}
			err = f.scanDocument(j, scanSide{direction: inspect.Response}, doc.body, &out)
			if out.String() != c.want || (c.want == "") != errors.Is(err, a2a.ErrUnredactable) {
				t.Errorf("%v\ngot  %s\nwant %s", err, out.String(), c.want)
			}
		})
	}
}

// The shipped rules take a secret out of a document where only the name of the member says what it is.
func TestNamedSecretsInDocuments(t *testing.T) {
	t.Parallel()
	j, err := newScanJudge(config.Default().Content, nil)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := readDocument([]byte(`{"users":[{"name":"amy","accessToken":"hol17PY8j1hZgGqqel3cTvqH"}],"nextPageToken":"ZF2dX3J5eY8jZxlgvc7w93o1"}`), inspect.Response)
	if err != nil {
		t.Fatal(err)
	}
	v := doc.judge(j, scanSide{direction: inspect.Response, ring: agent.Untrusted})
	words, ok := inspect.Redacted(doc.texts, v.cuts)
	if !ok || len(v.Findings) != 1 {
		t.Fatalf("findings %+v, redacted %t", v.Findings, ok)
	}
	if diff := cmp.Diff("redact secret-assignment /users/0/accessToken 0-24", v.Findings[0].Action+" "+v.Findings[0].Rule+" "+v.Findings[0].at()); diff != "" {
		t.Errorf("finding (-want +got)\n%s", diff)
	}
	left, err := doc.redact(words)
	want := `{"users":[{"name":"amy","accessToken":"[redacted:secret]"}],"nextPageToken":"ZF2dX3J5eY8jZxlgvc7w93o1"}`
	if err != nil || string(left) != want {
		t.Errorf("left %s, %v", left, err)
	}
}
