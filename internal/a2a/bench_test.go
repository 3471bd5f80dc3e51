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

// taskBody returns the answer to GetTask of about size bytes: a history, artifacts with text and data parts.
func taskBody(size int) []byte {
	const head = `{"jsonrpc":"2.0","id":"8f14e45f-ea67-4c2a-9d1b-0c5d2f7a9e31","result":{"id":"task-77","contextId":"ctx-19",` +
		`"status":{"state":"TASK_STATE_COMPLETED","timestamp":"2026-03-01T12:00:00Z","message":{"messageId":"m-9",` +
		`"role":"ROLE_AGENT","parts":[{"text":"Done."}]}},"history":[`
	turn := `{"messageId":"5f1c-77aa","contextId":"ctx-19","taskId":"task-77","role":"ROLE_USER","parts":[{"text":` +
		`"Please book the earliest train from Zürich to Milan.\nTwo seats, \"window\" if there is one; ` +
		strings.Repeat("the trip is for a conference and the return is open. ", 4) + `","mediaType":"text/plain"}]}`
	artifact := `{"artifactId":"a-%d","name":"itinerary","parts":[{"text":"` +
		strings.Repeat("Departure 07:10, platform 4, arrival 10:37. ", 5) + `"},{"data":{"orders":[{"sku":"A-1","quantity":3,` +
		`"price":12.50,"gift":false}],"currency":"CHF","total":236.5},"mediaType":"application/json"}]}`
	var turns, artifacts []string
	for n := len(head); n+len(turn)+len(artifact) < size || len(turns) == 0; n += len(turn) + len(artifact) + 4 {
		turns, artifacts = append(turns, turn), append(artifacts, fmt.Sprintf(artifact, len(turns)))
	}
	return []byte(head + strings.Join(turns, ",") + `],"artifacts":[` + strings.Join(artifacts, ",") + `]}}`)
}

func BenchmarkParseAnswer(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"2KB", 2 << 10}, {"64KB", 64 << 10}, {"1MB", 1 << 20}} {
		body := taskBody(size.bytes)
		b.Run(size.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, p := a2a.ParseAnswer(a2a.JSONRPC, a2a.GetTask, body, a2a.DefaultLimits()); p != nil {
					b.Fatal(p)
				}
			}
		})
	}
}

// A stream of status updates of 400 bytes that comes in chunks of 4 KiB.
func BenchmarkEvents(b *testing.B) {
	event := `data: {"jsonrpc":"2.0","id":1,"result":{"statusUpdate":{"taskId":"task-77","contextId":"ctx-19","status":` +
		`{"state":"TASK_STATE_WORKING","message":{"messageId":"m","role":"ROLE_AGENT","parts":[{"text":"` +
		strings.Repeat("still working, ", 12) + `"}]}}}}}` + "\n\n"
	stream := []byte(strings.Repeat(event, 64))
	e := a2a.NewEvents(1 << 20)
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		for rest := stream; len(rest) > 0; {
			n := min(len(rest), 4<<10)
			e.Feed(rest[:n])
			for {
				if _, ok, err := e.Next(); err != nil {
					b.Fatal(err)
				} else if !ok {
					break
				}
			}
			rest = rest[n:]
		}
	}
}
