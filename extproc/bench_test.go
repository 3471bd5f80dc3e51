package extproc

import (
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/proto"

	"ringfence.dev/ringfence/internal/envoywire"
)

// BenchmarkRead reads the messages of a call as Envoy sent them.
func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"request-headers", "request-body", "response-headers", "response-body"} {
		data := real(b, name)
		b.Run("raw/"+name, func(b *testing.B) {
			b.ReportAllocs()
			var m envoywire.Message
			for b.Loop() {
				if err := m.Parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("generated/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				request := &extprocv3.ProcessingRequest{}
				if err := proto.Unmarshal(data, request); err != nil {
					b.Fatal(err)
				}
				translated(request)
			}
		})
	}
}
