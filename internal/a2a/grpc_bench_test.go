package a2a_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

// sendMessage returns a SendMessage request of about size bytes: text parts and data parts, as sendBody has them.
func sendMessage(tb testing.TB, size int) []byte {
	tb.Helper()
	parts := encoded(tb, current+"SendMessage", `message {
		parts {media_type: "text/plain" text: "Please book the earliest train from Zürich to Milan. `+
		strings.Repeat("the trip is for a conference and the return is open. ", 8)+`"}
		parts {data {struct_value {
			fields {key: "currency" value {string_value: "CHF"}} fields {key: "total" value {number_value: 236.5}}
			fields {key: "orders" value {list_value {
				values {struct_value {fields {key: "sku" value {string_value: "A-7"}} fields {key: "quantity" value {number_value: 3}}}}
				values {struct_value {fields {key: "sku" value {string_value: "B-77"}} fields {key: "gift" value {bool_value: false}}}}
			}}}
		}} metadata {fields {key: "source" value {string_value: "erp"}}}}
	}`, false)
	_, n := binary.Uvarint(parts[1:])
	message := field(1, "5f1c-77aa") + field(2, "ctx-19") + field(3, "task-77") + "\x20\x01" +
		strings.Repeat(string(parts[1+n:]), (size-400)/len(parts)+1) + field(7, a2a.ActionExtension) +
		field(6, field(1, field(1, a2a.ActionExtension)+field(2, field(5,
			field(1, field(1, "skill")+field(2, field(3, "orders")))+
				field(1, field(1, "action")+field(2, field(3, "refund")))))))
	return framed([]byte(field(2, message) + field(3, field(1, "text/plain")+field(1, "application/json")+"\x18\x0a")))
}

func BenchmarkParseGRPC(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"2KB", 2 << 10}, {"64KB", 64 << 10}, {"1MB", 1000 << 10}} {
		body := sendMessage(b, size.bytes)
		b.Run(size.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, p := a2a.ParseGRPC(current+"SendMessage", body, a2a.DefaultLimits()); p != nil {
					b.Fatal(p)
				}
			}
		})
	}
}
