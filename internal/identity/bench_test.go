package identity

import (
	"crypto/ed25519"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// fixedKeys knows keys at the cost of a map.
type fixedKeys map[string]ed25519.PublicKey

func (k fixedKeys) Signatory(keyID string, _ time.Time) (Signatory, bool) {
	public, ok := k[keyID]
	return Signatory{Public: public, Agent: "alice", DID: "did:key:alice", Role: agent.AgentKey}, ok
}

// typical is a signed A2A request as the Signer makes it.
func typical() (Message, fixedKeys) {
	m := Message{
		Method: "POST", Scheme: "https", Authority: "billing.mesh.example", Path: "/", HasBody: true,
		Header: Header{
			{"user-agent", "bench"},
			{"content-type", "application/json"},
			{"content-length", "47"},
			{"accept", "*/*"},
			{"content-digest", DigestOf([]byte(sampleBody))},
			{"a2a-version", "1.0"},
		},
	}
	return newDraft(m).apply(m), fixedKeys{names(alice).IDs()[0]: public(alice)}
}

// BenchmarkVerifyRatio reports how many times the bare check of the signature a whole verification costs. The two take
// turns, so that what else the machine does falls on both.
func BenchmarkVerifyRatio(b *testing.B) {
	m, keys := typical()
	var s signature
	if err := s.read(m.Header); err != nil {
		b.Fatal(err)
	}
	base, err := appendBase(nil, &m, s.components(), s.params)
	if err != nil {
		b.Fatal(err)
	}
	var whole, bare time.Duration
	for b.Loop() {
		start := time.Now()
		_, err := Verify(m, keys, noon)
		between := time.Now()
		ok := ed25519.Verify(public(alice), base, s.value[:])
		whole, bare = whole+between.Sub(start), bare+time.Since(between)
		if err != nil || !ok {
			b.Fatal("the signature does not verify")
		}
	}
	b.ReportMetric(float64(whole)/float64(bare), "x-of-ed25519")
}

// BenchmarkVerify is to be read against BenchmarkEd25519, the signature check alone over the same base.
func BenchmarkVerify(b *testing.B) {
	m, keys := typical()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(m, keys, noon); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyParallel(b *testing.B) {
	m, keys := typical()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := Verify(m, keys, noon); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkEd25519(b *testing.B) {
	m, _ := typical()
	var s signature
	if err := s.read(m.Header); err != nil {
		b.Fatal(err)
	}
	base, err := appendBase(nil, &m, s.components(), s.params)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !ed25519.Verify(public(alice), base, s.value[:]) {
			b.Fatal("the signature does not verify")
		}
	}
}

func BenchmarkReadSignature(b *testing.B) {
	m, _ := typical()
	b.ReportAllocs()
	for b.Loop() {
		var s signature
		if err := s.read(m.Header); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckDigest(b *testing.B) {
	body := make([]byte, 1024)
	field := DigestOf(body)
	b.ReportAllocs()
	for b.Loop() {
		if err := CheckDigest(field, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReplayParallel(b *testing.B) {
	r := NewReplay(noon.Add(-time.Second), 1<<30)
	key := string(public(alice))
	var goroutines atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		prefix := fmt.Sprintf("%020d", goroutines.Add(1))
		nonce := make([]byte, 0, 64)
		for i := int64(0); pb.Next(); i++ {
			now := noon.Add(time.Duration(i) * time.Millisecond)
			nonce = fmt.Appendf(nonce[:0], "%s%d", prefix, i)
			if err := r.Use(b.Context(), Proof{Key: key, Nonce: string(nonce), Created: now, Expires: now.Add(time.Minute)}, now); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
