package approval

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
)

// request returns a call with the body.
func request(binding a2a.Binding, body string) Request {
	return Request{
		Method: a2a.SendMessage, Binding: binding, Verb: "POST", Path: "/message:send", Body: []byte(body), Callee: "ledger", Caller: "broker",
		Holders: []agent.ID{"concierge", "broker"}, Descent: "delegated", Epoch: "e1",
	}
}

const call = `{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m-1","role":"ROLE_USER","parts":[{"text":"pay 10 to Bob"}],"metadata":{"n":9007199254740993}}}}`

func digest(t *testing.T, r Request) string {
	t.Helper()
	d, err := Digest(r)
	if err != nil {
		t.Fatalf("Digest() = %v", err)
	}
	if !isDigest(d) {
		t.Fatalf("Digest() = %q, which has not its form", d)
	}
	return d
}

// TestDigestForm holds the form that people sign: a change of it makes ballots and approvals useless.
func TestDigestForm(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		request Request
		want    string
	}{
		{"json-rpc", request(a2a.JSONRPC, call), "1KYgzqrVae-RPN3DeRPf5eSda8gOGoikt3fHAuh1XPY"},
		{"http-json", request(a2a.HTTPJSON, `{"message":{"messageId":"m-1"}}`), "2u0L9MqrbQp0H0X4htpns7ETYP5T_pzKl1RLjYFb82w"},
		{"http-json-without-body", request(a2a.HTTPJSON, ""), "vHT5mGoQfxCt1D8TPkR89zeipkdFwK5PQxNT7SSBiYU"},
		{"grpc", request(a2a.GRPC, "\x00\x00\x00\x00\x02\x0a\x00"), "mYwVL8EwJZmqDBZzdwg-mrOg8xrd7P6bkEppamnfgi4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := digest(t, test.request); got != test.want {
				t.Errorf("Digest() = %s, want %s", got, test.want)
			}
		})
	}
}

func TestDigestSame(t *testing.T) {
	t.Parallel()
	want := digest(t, request(a2a.JSONRPC, call))
	for name, body := range map[string]string{
		"other-id":     strings.Replace(call, `"id":1`, `"id":"again"`, 1),
		"no-id":        strings.Replace(call, `"id":1,`, ``, 1),
		"id-elsewhere": `{"method":"SendMessage","params":{"message":{"metadata":{"n":9007199254740993},"parts":[{"text":"pay 10 to Bob"}],"role":"ROLE_USER","messageId":"m-1"}},"jsonrpc":"2.0","id":null}`,
		"white-space":  " " + strings.ReplaceAll(call, `,"`, ",\n\t\"") + "\r\n",
		"escapes":      strings.Replace(strings.Replace(call, `Bob`, `\u0042o\u0062`, 1), "messageId", `message\u0049d`, 1),
		"escaped-name": strings.Replace(call, `"id"`, `"\u0069d"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if body == call {
				t.Fatal("the body does not differ")
			}
			if got := digest(t, request(a2a.JSONRPC, body)); got != want {
				t.Errorf("Digest() = %s, want %s", got, want)
			}
		})
	}
}

func TestDigestDiffers(t *testing.T) {
	t.Parallel()
	edit := func(change func(*Request)) Request {
		r := request(a2a.JSONRPC, call)
		change(&r)
		return r
	}
	body := func(from, to string) Request {
		return edit(func(r *Request) { r.Body = []byte(strings.Replace(call, from, to, 1)) })
	}
	requests := map[string]Request{
		"as-it-is":       request(a2a.JSONRPC, call),
		"method":         edit(func(r *Request) { r.Method = a2a.SendStreamingMessage }),
		"binding":        edit(func(r *Request) { r.Binding = a2a.HTTPJSON }),
		"verb":           edit(func(r *Request) { r.Binding, r.Verb = a2a.HTTPJSON, "PUT" }),
		"grpc":           edit(func(r *Request) { r.Binding = a2a.GRPC }),
		"interface":      edit(func(r *Request) { r.Interface = "https://other.example/rpc" }),
		"tenant":         edit(func(r *Request) { r.Tenant = "other" }),
		"extension":      edit(func(r *Request) { r.Extensions = []string{"a2a-extensions https://other.example/ext"} }),
		"path":           edit(func(r *Request) { r.Path = "/message:send?a=1" }),
		"callee":         edit(func(r *Request) { r.Callee = "bank" }),
		"since":          edit(func(r *Request) { r.Since = time.Unix(1, 0) }),
		"caller":         edit(func(r *Request) { r.Caller = "concierge" }),
		"no-holders":     edit(func(r *Request) { r.Holders = nil }),
		"holder-less":    edit(func(r *Request) { r.Holders = r.Holders[1:] }),
		"holders-turned": edit(func(r *Request) { r.Holders = []agent.ID{"broker", "concierge"} }),
		"descent":        edit(func(r *Request) { r.Descent = "linked" }),
		"gate":           edit(func(r *Request) { r.Gate = "metrics" }),
		"epoch":          edit(func(r *Request) { r.Epoch = "e2" }),
		"text":           body("Bob", "Eve"),
		"case":           body("Bob", "bob"),
		"wire-method":    body("SendMessage", "message/send"),
		"double-of":      body("9007199254740993", "9007199254740992"),
		"huge":           body("9007199254740993", "1e400"),
		"huger":          body("9007199254740993", "1e401"),
		"zero":           body("9007199254740993", "0"),
		"minus-zero":     body("9007199254740993", "-0"),
		"fraction":       body("9007199254740993", "9007199254740993.0"),
		"string":         body("9007199254740993", `"9007199254740993"`),
		"tagged":         body("9007199254740993", `"n9007199254740993"`),
		"null":           body("9007199254740993", "null"),
		"null-string":    body("9007199254740993", `"null"`),
		"member":         body(`"n":9`, `"n":1,"m":9`),
		"inner-id":       body(`"n":9`, `"id":9`),
		"inner-id-other": body(`"n":9007199254740993`, `"id":2`),
		"upper-id":       body(`"id":1`, `"ID":1`),
		"upper-id-other": body(`"id":1`, `"ID":2`),
		"normal-form-c":  body("Bob", "B\u00e9b"),
		"normal-form-d":  body("Bob", "Be\u0301b"),
		"element":        body(`[{"text":"pay 10 to Bob"}]`, `[{"text":"pay 10 to Bob"},{}]`),
		"nested":         body(`[{"text":"pay 10 to Bob"}]`, `[[{"text":"pay 10 to Bob"}]]`),
		"empty-body":     edit(func(r *Request) { r.Binding, r.Body = a2a.HTTPJSON, nil }),
		"null-body":      edit(func(r *Request) { r.Binding, r.Body = a2a.HTTPJSON, []byte("null") }),
	}
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		d := digest(t, requests[name])
		if other, taken := seen[d]; taken {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[d] = name
	}
}

func TestDigestRefuses(t *testing.T) {
	t.Parallel()
	edit := func(change func(*Request)) Request {
		r := request(a2a.JSONRPC, call)
		change(&r)
		return r
	}
	body := func(text string) Request { return edit(func(r *Request) { r.Body = []byte(text) }) }
	for name, r := range map[string]Request{
		"zero":              {},
		"no-method":         edit(func(r *Request) { r.Method = "" }),
		"no-caller":         edit(func(r *Request) { r.Caller = "" }),
		"no-callee":         edit(func(r *Request) { r.Callee = "" }),
		"no-epoch":          edit(func(r *Request) { r.Epoch = "" }),
		"no-binding":        edit(func(r *Request) { r.Binding = a2a.BindingUnknown }),
		"no-verb":           edit(func(r *Request) { r.Binding, r.Verb = a2a.HTTPJSON, "" }),
		"path-not-text":     edit(func(r *Request) { r.Path = "/\xff" }),
		"epoch-not-text":    edit(func(r *Request) { r.Epoch = "\xff" }),
		"holder-not-text":   edit(func(r *Request) { r.Holders = []agent.ID{"\xff"} }),
		"empty":             body(""),
		"batch":             body("[" + call + "]"),
		"string":            body(`"x"`),
		"trailing":          body(call + "{}"),
		"cut":               body(call[:40]),
		"duplicate":         body(strings.Replace(call, `"jsonrpc"`, `"method":"GetTask","jsonrpc"`, 1)),
		"duplicate-escaped": body(strings.Replace(call, `"jsonrpc"`, `"metho\u0064":"GetTask","jsonrpc"`, 1)),
		"duplicate-id":      body(strings.Replace(call, `"jsonrpc"`, `"id":2,"jsonrpc"`, 1)),
		"duplicate-inside":  body(strings.Replace(call, `"n":9`, `"n":1,"n":9`, 1)),
		"id-not-json":       body(`{"id":01}`),
		"bad-utf8":          body(strings.Replace(call, "Bob", "B\xffb", 1)),
		"lone-surrogate":    body(strings.Replace(call, "Bob", `\ud800`, 1)),
		"too-deep":          body(`{"a":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if d, err := Digest(r); err == nil {
				t.Errorf("Digest() = %s", d)
			} else if strings.Contains(err.Error(), "Bob") {
				t.Errorf("the error %q repeats the body", err)
			}
		})
	}
}

// FuzzDigest holds that two bodies have one digest exactly when they say the same, as another reader has it: one that
// keeps numbers as they are written and knows nothing of how the digest is made.
func FuzzDigest(f *testing.F) {
	for _, seed := range [][2]string{
		{call, strings.Replace(call, `"id":1`, `"id":2`, 1)},
		{call, strings.Replace(call, "Bob", `\u0042ob`, 1)},
		{`{"a":1}`, `{"a":"n1"}`},
		{`{"a":"s"}`, `{"sa":""}`},
		{`{"a":9007199254740993}`, `{"a":9007199254740992}`},
		{`{"a":1e400}`, `{"a":1E400}`},
		{`{"a":-0}`, `{"a":0}`},
		{`{"b":[],"a":{}}`, `{"a":{},"b":[]}`},
		{`{"":1}`, `{"\u0000":1}`},
		{`{"id":{"a":1,"a":2}}`, `{}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if n := len(b); n > 0 && b[0]%2 == 0 && len(a) > 0 {
			// Two texts that have nothing to do with each other tell little: compare with one bit of the first flipped.
			flipped := slices.Clone(a)
			flipped[n%len(a)] ^= 1 << (b[0] / 2 % 8)
			b = flipped
		}
		for _, binding := range []a2a.Binding{a2a.JSONRPC, a2a.HTTPJSON, a2a.GRPC} {
			da, errA := Digest(request(binding, string(a)))
			db, errB := Digest(request(binding, string(b)))
			if errA != nil || errB != nil {
				continue
			}
			if same := says(t, binding, a) == says(t, binding, b); same != (da == db) {
				t.Fatalf("%s: %q and %q say the same: %t; they have one digest: %t", binding, a, b, same, da == db)
			}
		}
	})
}

// says returns what a body says, the same text for all bodies that say the same.
func says(t *testing.T, binding a2a.Binding, body []byte) string {
	if binding == a2a.GRPC || len(body) == 0 {
		return string(body)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%q has a digest, and is no JSON: %v", body, err)
	}
	if envelope, ok := value.(map[string]any); ok && binding == a2a.JSONRPC {
		delete(envelope, "id")
	}
	text, err := json.Marshal(value) // sorts members, and writes a json.Number as it was
	if err != nil {
		t.Fatal(err)
	}
	return "json:" + string(text)
}
