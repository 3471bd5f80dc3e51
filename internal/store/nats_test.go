package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/store/storetest"
)

func TestEmbedded(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return openEmbedded(t, t.TempDir()) })
}

func TestByURL(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		srv := storetest.StartServer(t, &server.Options{StoreDir: t.TempDir(), SyncAlways: true})
		return openURL(t, srv.ClientURL(), 1)
	})
}

func openURL(t *testing.T, url string, replicas int) *store.NATS {
	t.Helper()
	s, err := store.OpenNATS(context.Background(), store.NATSConfig{URL: url, Replicas: replicas})
	if err != nil {
		t.Fatalf("OpenNATS() = %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return s
}

func TestEmbeddedKeepsEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := t.Context()
	first := openEmbedded(t, dir)
	b := openBucket(t, first)
	kept, err := b.Put(ctx, "kept", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(ctx, "fades", nil, time.Second); err != nil {
		t.Fatal(err)
	}
	last, err := b.Put(ctx, "gone", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(ctx, "gone", 0); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	b = openBucket(t, openEmbedded(t, dir))
	events, err := b.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Get(ctx, "kept"); err != nil || string(got.Value) != "1" || got.Revision != kept {
		t.Errorf("Get() = %+v, %v, want 1 at revision %d", got, err, kept)
	}
	if _, err := b.Get(ctx, "gone"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get() of a removed key = %v", err)
	}
	next, err := b.Create(ctx, "gone", nil, 0)
	if err != nil || next <= last+1 {
		t.Errorf("Create() = %d, %v, want a revision above that of the removal, %d", next, err, last+1)
	}
	// An expiry that began before the restart still comes.
	for event := range events {
		if event.Deleted && event.Key == "fades" {
			return
		}
	}
	t.Error("the watch was lost")
}

// TestEndedWatchesLeaveNothing looks at the server, because a forgotten consumer costs only there.
func TestEndedWatchesLeaveNothing(t *testing.T) {
	t.Parallel()
	srv := storetest.StartServer(t, &server.Options{StoreDir: t.TempDir()})
	b := openBucket(t, openURL(t, srv.ClientURL(), 1))
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		events, err := b.Watch(ctx)
		must(t, err)
		<-events
		cancel()
		for range events {
		}
	}
	conn, err := nats.Connect(srv.ClientURL())
	must(t, err)
	defer conn.Close()
	js, err := conn.JetStream()
	must(t, err)
	info, err := js.StreamInfo("KV_agents")
	must(t, err)
	if info.State.Consumers != 0 {
		t.Errorf("%d consumers are left on the server", info.State.Consumers)
	}
}

// TestEmbeddedRefusesDamage wants no store at all where one that silently lacks a bucket could be had.
func TestEmbeddedRefusesDamage(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   string
	}{
		{"file-for-a-directory", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(filepath.Join(dir, "jetstream")))
			must(t, os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600))
		}, "not a directory"},
		{"empty-description", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "jetstream", "$G", "streams", "KV_agents", "meta.inf"), 0))
		}, "could not be recovered"},
		{"missing-description", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "jetstream", "$G", "streams", "KV_agents", "meta.inf")))
		}, "could not be recovered"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := openEmbedded(t, dir)
			_, err := openBucket(t, s).Put(t.Context(), "a", nil)
			must(t, err)
			must(t, s.Close())
			c.damage(t, dir)
			// The second attempt shows that the first one gave the directory free.
			for range 2 {
				_, err = store.OpenNATS(t.Context(), store.NATSConfig{Dir: dir})
				wantSentence(t, err, store.ErrUnavailable, dir, c.want)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
