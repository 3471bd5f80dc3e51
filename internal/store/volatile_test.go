package store_test

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/store/storetest"
)

func TestVolatileMemory(t *testing.T) {
	t.Parallel()
	storetest.RunVolatile(t, func(*testing.T) store.Store { return store.NewMemory(time.Now) })
}

func TestVolatileEmbedded(t *testing.T) {
	t.Parallel()
	storetest.RunVolatile(t, func(t *testing.T) store.Store { return openEmbedded(t, t.TempDir()) })
}

func TestVolatileByURL(t *testing.T) {
	t.Parallel()
	storetest.RunVolatile(t, func(t *testing.T) store.Store {
		srv := storetest.StartServer(t, &server.Options{StoreDir: t.TempDir()})
		return openURL(t, srv.ClientURL(), 1)
	})
}

// TestVolatileIsAnotherKind shows that a bucket that promises durability is never one that does not.
func TestVolatileIsAnotherKind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stores := map[string]func() store.Store{
		"memory":   func() store.Store { return store.NewMemory(time.Now) },
		"embedded": func() store.Store { return openEmbedded(t, dir) },
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			s := open()
			if _, err := s.Bucket(t.Context(), "agents"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Volatile(t.Context(), "nonces"); err != nil {
				t.Fatal(err)
			}
			if b, err := s.Volatile(t.Context(), "agents"); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Volatile() of a durable bucket = %v, %v", b, err)
			}
			if b, err := s.Bucket(t.Context(), "nonces"); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Bucket() of a volatile bucket = %v, %v", b, err)
			}
			must(t, s.Close())
		})
	}
	s := openEmbedded(t, dir)
	if b, err := s.Volatile(t.Context(), "agents"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Volatile() of a durable bucket after a restart = %v, %v", b, err)
	}
	b, err := s.Volatile(t.Context(), "nonces")
	must(t, err)
	if _, err := b.Get(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get() after a restart = %v, want an empty bucket", err)
	}
}

// TestVolatileComesBack loses the one server that keeps the bucket. The bucket comes back empty, also for a caller whose
// calls are too short to notice what happened, while a durable one keeps its keys.
func TestVolatileComesBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := storetest.StartServer(t, &server.Options{StoreDir: dir, SyncAlways: true})
	address, err := url.Parse(srv.ClientURL())
	must(t, err)
	port, err := strconv.Atoi(address.Port())
	must(t, err)
	s := openURL(t, srv.ClientURL(), 1)
	kept := openBucket(t, s)
	_, err = kept.Put(t.Context(), "a", nil)
	must(t, err)
	b, err := s.Volatile(t.Context(), "nonces")
	must(t, err)
	_, err = b.Create(t.Context(), "a", nil, time.Hour)
	must(t, err)
	srv.Shutdown()
	srv.WaitForShutdown()
	storetest.StartServer(t, &server.Options{StoreDir: dir, Port: port, SyncAlways: true})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for err = store.ErrUnavailable; err != nil; {
		if ctx.Err() != nil {
			t.Fatalf("the bucket did not come back: %v", err)
		}
		if !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("Create() while the bucket is gone = %v", err)
		}
		brief, end := context.WithTimeout(ctx, 50*time.Millisecond)
		_, err = b.Create(brief, "a", nil, time.Hour)
		end()
	}
	if _, err := b.Create(ctx, "a", nil, time.Hour); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Create() of a key that is there = %v", err)
	}
	if _, err := kept.Get(ctx, "a"); err != nil {
		t.Errorf("Get() of a durable key = %v", err)
	}
	must(t, s.Healthy(ctx))
}
