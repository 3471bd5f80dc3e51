package nonce

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/store"
)

// drain uses new nonces in parallel, a thousand in each second of their clock.
func drain(b *testing.B, g *Guard) {
	b.Helper()
	var goroutines atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		prefix := strconv.FormatInt(goroutines.Add(1), 10) + "-"
		for i := int64(0); pb.Next(); i++ {
			now := noon.Add(time.Minute + time.Duration(i)*time.Millisecond)
			if err := g.Use(b.Context(), proof(prefix+strconv.FormatInt(i, 10), now), now); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkLocalParallel is the path of a mesh of one process.
func BenchmarkLocalParallel(b *testing.B) {
	m := newMesh(b)
	g, err := Open(b.Context(), Config{Local: identity.NewReplay(noon, 1<<30), Ahead: m.ahead}, noon)
	if err != nil {
		b.Fatal(err)
	}
	drain(b, g)
}

// BenchmarkSharedParallel adds the calls of an embedded store.
func BenchmarkSharedParallel(b *testing.B) {
	s, err := store.OpenNATS(b.Context(), store.NATSConfig{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	shared, err := s.Volatile(b.Context(), "nonces")
	if err != nil {
		b.Fatal(err)
	}
	g, err := Open(b.Context(), Config{Local: identity.NewReplay(noon, 1<<30), Shared: shared, Timeout: 10 * time.Second}, noon)
	if err != nil {
		b.Fatal(err)
	}
	drain(b, g)
}
