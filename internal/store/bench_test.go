package store_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

func BenchmarkEmbedded(b *testing.B) {
	bucket := openBucket(b, openEmbedded(b, b.TempDir()))
	ctx := b.Context()
	value := make([]byte, 512)
	b.Run("put", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if _, err := bucket.Put(ctx, fmt.Sprintf("key-%d", n%1000), value); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("get", func(b *testing.B) {
		if _, err := bucket.Put(ctx, "got", value); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := bucket.Get(ctx, "got"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("create-with-ttl", func(b *testing.B) {
		for b.Loop() {
			if _, err := bucket.Create(ctx, rand.Text(), nil, time.Hour); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("compare-and-set", func(b *testing.B) {
		revision, err := bucket.Put(ctx, "set", value)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if revision, err = bucket.CompareAndSet(ctx, "set", value, revision); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("put-until-watched", func(b *testing.B) { benchmarkWatch(ctx, b, bucket, value) })
}

// benchmarkWatch measures from the start of a write until a watcher has it.
func benchmarkWatch(ctx context.Context, b *testing.B, bucket store.Bucket, value []byte) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := bucket.Watch(ctx)
	if err != nil {
		b.Fatal(err)
	}
	for event := range events {
		if event.Synced {
			break
		}
	}
	for b.Loop() {
		revision, err := bucket.Put(ctx, "watched", value)
		if err != nil {
			b.Fatal(err)
		}
		for event := range events {
			if event.Revision == revision {
				break
			}
		}
	}
}

// BenchmarkEmbeddedOpen measures a start on a directory with a thousand entries, up to the first Synced.
func BenchmarkEmbeddedOpen(b *testing.B) {
	dir := b.TempDir()
	fill(b, dir, 1000)
	for b.Loop() {
		s, err := store.OpenNATS(b.Context(), store.NATSConfig{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		events, err := openBucket(b, s).Watch(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for event := range events {
			if event.Synced {
				break
			}
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func fill(b *testing.B, dir string, entries int) {
	b.Helper()
	s, err := store.OpenNATS(b.Context(), store.NATSConfig{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	bucket := openBucket(b, s)
	for n := range entries {
		if _, err := bucket.Put(b.Context(), fmt.Sprintf("key-%d", n), make([]byte, 512)); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
