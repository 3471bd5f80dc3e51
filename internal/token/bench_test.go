package token

import (
	"crypto/ed25519"
	"strconv"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/base64url"
)

func BenchmarkVerify(b *testing.B) {
	issuers := loaded(b, newSource())
	for _, alg := range []string{"EdDSA", es256, rs256} {
		raw := good(alg).String()
		b.Run(alg+"-new", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				issuers.verified.forget()
				if _, refusal := issuers.Verify(raw, noon); refusal != nil {
					b.Fatal(refusal)
				}
			}
		})
		b.Run(alg+"-known", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, refusal := issuers.Verify(raw, noon); refusal != nil {
					b.Fatal(refusal)
				}
			}
		})
	}
}

func BenchmarkVerifyParallel(b *testing.B) {
	issuers := loaded(b, newSource())
	var tokens []string
	for n := range 64 {
		tokens = append(tokens, good("EdDSA").with("jti", strconv.Itoa(n)).String())
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			if _, refusal := issuers.Verify(tokens[n%len(tokens)], noon); refusal != nil {
				b.Error(refusal)
				return
			}
		}
	})
}

// BenchmarkEd25519 is what BenchmarkVerify/EdDSA-new is to be read against.
func BenchmarkEd25519(b *testing.B) {
	raw := good("EdDSA").String()
	end := strings.LastIndexByte(raw, '.')
	signature, _ := base64url.Decode(raw[end+1:])
	public := edKey.Public().(ed25519.PublicKey)
	for b.Loop() {
		if !ed25519.Verify(public, []byte(raw[:end]), signature) {
			b.Fatal("the signature does not verify")
		}
	}
}

func BenchmarkIsFor(b *testing.B) {
	issuers := loaded(b, newSource())
	raw := good(rs256).with("iss", "https://somebody.example").String()
	b.ReportAllocs()
	for b.Loop() {
		if issuers.IsFor(raw) {
			b.Fatal("the token is not for the mesh")
		}
	}
}
