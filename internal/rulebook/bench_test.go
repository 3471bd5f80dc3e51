package rulebook

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/store"
)

// loaded returns a book of n stored documents, and how many of its agents there are.
func loaded(b *testing.B, n int) *Book {
	b.Helper()
	memory := store.NewMemory(time.Now)
	b.Cleanup(func() { memory.Close() })
	bucket, err := memory.Bucket(b.Context(), BucketName)
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		name := fmt.Sprintf("p-%d", i)
		value, err := note{Source: text(name, fmt.Sprintf("agent-%d-*", i), forbid), Version: 1}.encode()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := bucket.Put(b.Context(), name, value); err != nil {
			b.Fatal(err)
		}
	}
	book, err := Open(b.Context(), Config{
		Bucket: bucket, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Agents: func() policy.Agents { return NamedAgents{"weather": "team a"} },
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := book.Problem(); err != nil {
		b.Fatal(err)
	}
	return book
}

// BenchmarkOpen reads 10,000 documents from the store.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		loaded(b, 10_000).Close()
	}
}

// BenchmarkPut replaces one of 10,000 documents.
func BenchmarkPut(b *testing.B) {
	book := loaded(b, 10_000)
	defer book.Close()
	for i := 0; b.Loop(); i++ {
		rule := []string{forbid, permit}[i%2]
		if _, err := book.Put(b.Context(), Change{Name: "p-7", Source: []byte(text("p-7", "weather", rule))}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecheck has nothing to do with 10,000 documents.
func BenchmarkRecheck(b *testing.B) {
	book := loaded(b, 10_000)
	defer book.Close()
	for b.Loop() {
		book.refresh()
	}
}
