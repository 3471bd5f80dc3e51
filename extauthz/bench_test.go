package extauthz

import (
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"ringfence.dev/ringfence/internal/envoywire"
)

// BenchmarkRead reads a check as Envoy sent it.
func BenchmarkRead(b *testing.B) {
	data := real(b)
	b.Run("raw", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := envoywire.ParseCheck(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("generated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			request := &authv3.CheckRequest{}
			if err := proto.Unmarshal(data, request); err != nil {
				b.Fatal(err)
			}
			translated(request)
		}
	})
}

// BenchmarkWrite writes an allow.
func BenchmarkWrite(b *testing.B) {
	v := &envoywire.Verdict{
		Allowed: true, Passage: string(make([]byte, 300)),
		Request: [][2]string{{timeoutField, "33000"}}, Answer: [][2]string{{"ringfence-decision", "01890a5d-ac96-774b-bcce-b302099a8057"}},
	}
	codec := envoywire.Codec()
	b.Run("raw", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := codec.Marshal(v.Frame()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("generated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := codec.Marshal(written(v)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
