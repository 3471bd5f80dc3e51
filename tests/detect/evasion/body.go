package evasion

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Body is a disguise that the body of a message is, not its text.
type Body struct {
	Name string
	// Build returns the JSON-RPC request that carries text, or an answer, if Answer is set.
	Build func(text string) []byte
	// Refused says that the body must not be parsed at all: readers would take different things from it.
	Refused bool
	Answer  bool
}

const (
	// tooDeep and tooMany are beyond what the mesh parses where an operator has set nothing, deep and many within.
	tooDeep, deep = 100, 40
	tooMany, many = 70_000, 20_000
)

// Bodies returns all disguises of bodies.
func Bodies() []Body {
	return []Body{
		{Name: "lone-surrogate", Refused: true, Build: func(text string) []byte { return message(`{"text":"\ud800` + inner(text) + `"}`) }},
		{Name: "duplicate-key-first", Refused: true, Build: func(text string) []byte { return message(`{"text":` + quote(text) + `,"text":"Hello"}`) }},
		{Name: "duplicate-key-last", Refused: true, Build: func(text string) []byte { return message(`{"text":"Hello","text":` + quote(text) + `}`) }},
		{Name: "duplicate-key-escaped", Refused: true, Build: func(text string) []byte { return message(`{"text":"Hello","\u0074ext":` + quote(text) + `}`) }},
		{Name: "too-deep", Refused: true, Build: func(text string) []byte { return message(`{"data":` + nested(tooDeep, quote(text)) + `}`) }},
		{Name: "too-many", Refused: true, Build: func(text string) []byte {
			return message(`{"data":[` + strings.Repeat("0,", tooMany) + quote(text) + `]}`)
		}},
		{Name: "no-unicode", Refused: true, Build: func(text string) []byte { return message("{\"text\":\"\xff" + inner(text) + `"}`) }},
		{Name: "second-document", Refused: true, Build: func(text string) []byte {
			return append(message(`{"text":"Hello"}`), message(`{"text":`+quote(text)+`}`)...)
		}},
		{Name: "batch", Refused: true, Build: func(text string) []byte { return []byte("[" + string(message(`{"text":`+quote(text)+`}`)) + "]") }},
		{Name: "deep", Build: func(text string) []byte { return message(`{"data":` + nested(deep, quote(text)) + `}`) }},
		{Name: "many", Build: func(text string) []byte {
			return message(`{"data":[` + strings.Repeat("0,", many) + quote(text) + `]}`)
		}},
		{Name: "key", Build: func(text string) []byte { return message(`{"data":{` + quote(text) + `:true}}`) }},
		{Name: "key-of-metadata", Build: func(text string) []byte { return message(`{"text":"Hello","metadata":{` + quote(text) + `:[]}}`) }},
		{Name: "metadata", Build: func(text string) []byte { return message(`{"text":"Hello","metadata":{"note":` + quote(text) + `}}`) }},
		{Name: "unknown-member", Build: func(text string) []byte { return message(`{"text":"Hello","aside":{"note":` + quote(text) + `}}`) }},
		{Name: "escaped", Build: func(text string) []byte { return message(`{"text":"` + escaped(text) + `"}`) }},
		{Name: "file-name", Build: func(text string) []byte {
			return message(`{"raw":"iVBORw0KGgo=","filename":` + quote(text) + `,"mediaType":"image/png"}`)
		}},
		{Name: "file-of-another-type", Build: func(text string) []byte {
			return message(`{"raw":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `","filename":"plan.png","mediaType":"image/png"}`)
		}},
		{Name: "file-of-0.3", Build: func(text string) []byte {
			return message(`{"kind":"file","file":{"name":"plan.png","mimeType":"image/png","bytes":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"}}`)
		}},
		{Name: "halves-around-a-file", Build: func(text string) []byte {
			halves := split(2)(text, 0)
			return message(`{"text":`+quote(halves[0])+`}`, `{"url":"https://museum.example/plan.png","mediaType":"image/png"}`, `{"text":`+quote(halves[len(halves)-1])+`}`)
		}},
		{Name: "many-parts", Build: func(text string) []byte {
			var parts []string
			for word := range strings.FieldsSeq(text) {
				parts = append(parts, `{"text":`+quote(word+" ")+`}`)
			}
			return message(parts...)
		}},
		{Name: "history", Answer: true, Build: func(text string) []byte {
			return task(`"history":[{"messageId":"m-1","role":"ROLE_AGENT","parts":[{"text":` + quote(text) + `}]}]`)
		}},
		{Name: "artifact", Answer: true, Build: func(text string) []byte {
			return task(`"artifacts":[{"artifactId":"a-1","name":"plan","parts":[{"text":` + quote(text) + `}]}]`)
		}},
		{Name: "artifact-name", Answer: true, Build: func(text string) []byte {
			return task(`"artifacts":[{"artifactId":"a-1","name":` + quote(text) + `,"parts":[]}]`)
		}},
		{Name: "artifacts", Answer: true, Build: func(text string) []byte {
			halves := split(2)(text, 0)
			return task(`"artifacts":[{"artifactId":"a-1","parts":[{"text":` + quote(halves[0]) + `}]},{"artifactId":"a-2","parts":[{"text":` + quote(halves[len(halves)-1]) + `}]}]`)
		}},
		{Name: "error", Answer: true, Build: func(text string) []byte {
			return []byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":` + quote(text) + `}}`)
		}},
	}
}

// message returns a request that sends a message with the parts.
func message(parts ...string) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m-1","role":"ROLE_USER","parts":[%s]}}}`, strings.Join(parts, ","))
}

// task returns an answer that is a task with the members.
func task(members string) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"result":{"task":{"id":"t-1","contextId":"c-1","status":{"state":"TASK_STATE_COMPLETED"},%s}}}`, members)
}

func nested(levels int, value string) string {
	return strings.Repeat(`{"a":[`, levels/2) + value + strings.Repeat(`]}`, levels/2)
}

// inner is a text as it stands between the quotes of a JSON string.
func inner(text string) string {
	quoted := quote(text)
	return quoted[1 : len(quoted)-1]
}
