package a2a_test

import (
	"fmt"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

// sendBody returns a SendMessage request of about size bytes: text parts with escapes and data parts.
func sendBody(size int) []byte {
	const head = `{"jsonrpc":"2.0","id":"8f14e45f-ea67-4c2a-9d1b-0c5d2f7a9e31","method":"SendMessage","params":{` +
		`"message":{"messageId":"5f1c-77aa","contextId":"ctx-19","taskId":"task-77","role":"ROLE_USER","parts":[`
	const tail = `],"extensions":["https://ringfence.dev/ext/action/v1"],"metadata":{` +
		`"https://ringfence.dev/ext/action/v1":{"skill":"orders","action":"refund"}}},` +
		`"configuration":{"acceptedOutputModes":["text/plain","application/json"],"historyLength":10}}}`
	text := `{"text":"Please book the earliest train from Zürich to Milan.\nTwo seats, \"window\" if there is one; ` +
		strings.Repeat("the trip is for a conference and the return is open. ", 8) + `","mediaType":"text/plain"}`
	data := `{"data":{"orders":[{"sku":"A-%d","quantity":3,"price":12.50,"gift":false},{"sku":"B-77","quantity":1,` +
		`"price":199,"note":null}],"currency":"CHF","total":236.5},"metadata":{"source":"erp"}}`
	var b strings.Builder
	b.WriteString(head)
	for i := 0; ; i++ {
		b.WriteString(text + ",")
		fmt.Fprintf(&b, data, i)
		if b.Len()+len(text)+len(data)+len(tail) > size {
			break
		}
		b.WriteByte(',')
	}
	b.WriteString(tail)
	return []byte(b.String())
}

func BenchmarkParseJSONRPC(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"2KB", 2 << 10}, {"64KB", 64 << 10}, {"1MB", 1 << 20}} {
		body := sendBody(size.bytes)
		b.Run(size.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, p := a2a.ParseJSONRPC(body, a2a.DefaultLimits()); p != nil {
					b.Fatal(p)
				}
			}
		})
	}
}
