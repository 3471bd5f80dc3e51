package nonce

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/store/storetest"
)

// process is a guard with a connection of its own.
func process(t *testing.T, config store.NATSConfig, shared bool) *Guard {
	t.Helper()
	s, err := store.OpenNATS(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c := Config{Local: identity.NewReplay(noon, 1000), Timeout: 10 * time.Second}
	if c.Ahead, err = s.Bucket(t.Context(), "nonces-ahead"); err != nil {
		t.Fatal(err)
	}
	if shared {
		if c.Shared, err = s.Volatile(t.Context(), "nonces"); err != nil {
			t.Fatal(err)
		}
	}
	g, err := Open(t.Context(), c, noon)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestRaceOnNATS(t *testing.T) {
	t.Parallel()
	url := storetest.StartServer(t, &server.Options{StoreDir: t.TempDir()}).ClientURL()
	processes := []*Guard{process(t, store.NATSConfig{URL: url}, true), process(t, store.NATSConfig{URL: url}, true)}
	race(t, processes, noon.Add(time.Second))
}

// TestServerLost loses the server that keeps the shared memory. No process accepts what another one did before.
func TestServerLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := storetest.StartServer(t, &server.Options{StoreDir: dir})
	url := srv.ClientURL()
	busy, idle := process(t, store.NATSConfig{URL: url}, true), process(t, store.NATSConfig{URL: url}, true)
	used := proof("used", noon.Add(30*time.Second))
	if got := outcome(busy.Use(t.Context(), used, noon.Add(30*time.Second))); got != "ok" {
		t.Fatalf("the first use: got %s", got)
	}
	srv.Shutdown()
	srv.WaitForShutdown()
	port, err := strconv.Atoi(url[strings.LastIndexByte(url, ':')+1:])
	if err != nil {
		t.Fatal(err)
	}
	storetest.StartServer(t, &server.Options{StoreDir: dir, Port: port})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for name, g := range map[string]*Guard{"busy": busy, "idle": idle} {
		got := "undecided"
		for i := 0; got == "undecided" && store.Pause(ctx, 20*time.Millisecond); i++ {
			got = outcome(g.Use(ctx, proof(name+strconv.Itoa(i), noon.Add(31*time.Second)), noon.Add(31*time.Second)))
		}
		if got != "before-boot" {
			t.Errorf("the first use after the loss at the %s one: got %s, want before-boot", name, got)
		}
	}
	if got := outcome(idle.Use(t.Context(), used, noon.Add(32*time.Second))); got != "before-boot" {
		t.Errorf("the second use, elsewhere: got %s, want before-boot", got)
	}
	fresh := proof("fresh", noon.Add(40*time.Second))
	for name, step := range map[string]*Guard{"busy": busy, "idle": idle} {
		if got := outcome(step.Use(t.Context(), proof(name, fresh.Created), noon.Add(40*time.Second))); got != "ok" {
			t.Errorf("a new nonce at the %s one: got %s", name, got)
		}
	}
	if got := outcome(idle.Use(t.Context(), proof("busy", fresh.Created), noon.Add(40*time.Second))); got != "replayed" {
		t.Errorf("a nonce that was used elsewhere: got %s, want replayed", got)
	}
}

// TestRestartOnDisk uses what is on the disk when the process is gone.
func TestRestartOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() (*store.NATS, *Guard) {
		s, err := store.OpenNATS(context.Background(), store.NATSConfig{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		ahead, err := s.Bucket(t.Context(), "nonces-ahead")
		if err != nil {
			t.Fatal(err)
		}
		g, err := Open(t.Context(), Config{Local: identity.NewReplay(noon, 1000), Ahead: ahead, Timeout: 10 * time.Second}, noon)
		if err != nil {
			t.Fatal(err)
		}
		return s, g
	}
	p := proof("a", noon.Add(8*time.Second))
	first, g := open()
	if got := outcome(g.Use(t.Context(), p, noon.Add(time.Second))); got != "ok" {
		t.Fatalf("the first use: got %s", got)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, g := open()
	if got := outcome(g.Use(t.Context(), p, noon.Add(9*time.Second))); got != "replayed" {
		t.Errorf("after a restart: got %s, want replayed", got)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}
