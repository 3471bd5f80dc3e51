package lineage

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/store/storetest"
)

func opened(tb testing.TB, config store.NATSConfig) *store.NATS {
	tb.Helper()
	s, err := store.OpenNATS(context.Background(), config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// process is a ledger of a process of that name.
func process(tb testing.TB, s store.Store, name string) *Ledger {
	tb.Helper()
	bucket, err := s.Volatile(tb.Context(), BucketName)
	if err != nil {
		tb.Fatal(err)
	}
	l, err := Open(tb.Context(), Config{
		Bucket: bucket, Process: name, Linger: time.Minute, Timeout: 10 * time.Second, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { kill(l) })
	return l
}

// comes waits until b serves those calls, as a process knows it.
func comes(t *testing.T, l *Ledger, want ...agent.ID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		all := l.All("b", time.Now(), nil)
		if fmt.Sprint(by(all)) == fmt.Sprint(want) {
			return
		}
		if !store.Pause(ctx, 5*time.Millisecond) {
			t.Fatalf("b serves %v, want %v", by(all), want)
		}
	}
}

func TestSharingOnNATS(t *testing.T) {
	t.Parallel()
	for name, stores := range map[string]func(t *testing.T) (one, other store.Store){
		"embedded": func(t *testing.T) (one, other store.Store) {
			s := opened(t, store.NATSConfig{Dir: t.TempDir()})
			return s, s
		},
		"by-url": func(t *testing.T) (one, other store.Store) {
			url := storetest.StartServer(t, &server.Options{StoreDir: t.TempDir()}).ClientURL()
			return opened(t, store.NATSConfig{URL: url}), opened(t, store.NATSConfig{URL: url})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, other := stores(t)
			first, second := process(t, one, "first"), process(t, other, "second")
			for i := range 50 {
				c := mustServe(t, first, "a")
				mine := mustServe(t, second, "c")
				if all := second.All("b", time.Now(), mine); len(all) == 0 || all[len(all)-1].Holders[0] != "a" {
					t.Fatalf("call %d is not known elsewhere: %v", i, by(all))
				}
				mine.End(nil, time.Now())
				c.End(nil, time.Now())
				comes(t, second)
				comes(t, first)
			}
			mustServe(t, first, "a").End([]string{"t"}, time.Now())
			comes(t, second, "a")
			bucket, err := one.Volatile(t.Context(), BucketName)
			if err != nil {
				t.Fatal(err)
			}
			// The entry that names the task stands once the one before it is gone.
			for ctx, missing := t.Context(), true; missing && store.Pause(ctx, time.Millisecond); {
				_, err := bucket.Get(ctx, keyOf("b", "first", 51))
				missing = err == nil
			}
			comes(t, second, "a")
			second.Finished("b", "t", time.Now())
			comes(t, second)
			comes(t, first)
		})
	}
}

func mustServe(tb testing.TB, l *Ledger, who agent.ID) *Call {
	tb.Helper()
	c, err := l.Serve(tb.Context(), "b", served(who, "", agent.User), time.Minute, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// TestServerLost loses the server with all that the processes told each other: it counts still, and is told again.
func TestServerLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := storetest.StartServer(t, &server.Options{StoreDir: dir})
	url := srv.ClientURL()
	first, second := process(t, opened(t, store.NATSConfig{URL: url}), "first"), process(t, opened(t, store.NATSConfig{URL: url}), "second")
	open := mustServe(t, first, "a")
	comes(t, second, "a")
	srv.Shutdown()
	srv.WaitForShutdown()
	port, err := strconv.Atoi(url[strings.LastIndexByte(url, ':')+1:])
	if err != nil {
		t.Fatal(err)
	}
	storetest.StartServer(t, &server.Options{StoreDir: dir, Port: port})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	observer := opened(t, store.NATSConfig{URL: url})
	bucket, err := observer.Volatile(ctx, BucketName)
	if err != nil {
		t.Fatal(err)
	}
	for {
		if all := second.All("b", time.Now(), nil); len(all) != 1 {
			t.Fatalf("b serves %v meanwhile", by(all))
		}
		if _, err := bucket.Get(ctx, open.told.key); err == nil && noticed(second) {
			break
		}
		if !store.Pause(ctx, 10*time.Millisecond) {
			t.Fatal("the call is not told again")
		}
	}
	open.End(nil, time.Now())
	comes(t, second)
}

// noticed reports whether a process knows that the memory was lost, and follows the one that took its place.
func noticed(l *Ledger) bool {
	l.shared.mu.Lock()
	defer l.shared.mu.Unlock()
	return !l.shared.lostAt.IsZero() && l.Healthy() == nil
}

// BenchmarkShare is a call that begins and ends in one of two processes of a mesh.
func BenchmarkShare(b *testing.B) {
	s := opened(b, store.NATSConfig{Dir: b.TempDir()})
	l := process(b, s, "first")
	process(b, s, "second")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mustServe(b, l, "a").End(nil, time.Now())
		}
	})
}
