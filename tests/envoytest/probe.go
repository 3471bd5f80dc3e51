package envoytest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"

	"ringfence.dev/ringfence/envoy"
)

// Address returns the host:port of the named listener, which may still be on its way from the control plane.
func (e *Envoy) Address(t testing.TB, listener string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), DefaultWait)
	defer cancel()
	address, err := e.ListenerAddress(ctx, listener)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// URL returns the URL of the root of the named listener, without a slash at the end.
func (e *Envoy) URL(t testing.TB, listener string) string {
	t.Helper()
	return "http://" + e.Address(t, listener)
}

// Get returns the answer of the admin interface to GET path.
func (e *Envoy) Get(t testing.TB, path string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), DefaultWait)
	defer cancel()
	body, err := e.Admin().Get(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// ConfigDump returns the configuration that Envoy runs with, endpoints included, as JSON.
func (e *Envoy) ConfigDump(t testing.TB) []byte {
	t.Helper()
	return e.Get(t, "/config_dump?include_eds")
}

// Stats returns the counters and gauges whose names the regular expression matches anywhere.
func (e *Envoy) Stats(t testing.TB, pattern string) map[string]uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), DefaultWait)
	defer cancel()
	stats, err := e.Admin().Stats(ctx, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

// Counter returns one counter or gauge; one that does not exist yet is 0.
func (e *Envoy) Counter(t testing.TB, name string) uint64 {
	t.Helper()
	return e.Stats(t, "")[name]
}

// AwaitCounter waits until a counter or gauge is at least the given value.
func (e *Envoy) AwaitCounter(t testing.TB, name string, atLeast uint64) {
	t.Helper()
	Eventually(t, func() error {
		if value := e.Counter(t, name); value < atLeast {
			return fmt.Errorf("%s is %d, want at least %d", name, value, atLeast)
		}
		return nil
	})
}

// Eventually calls condition until it returns nil, and fails the test with its last error after [DefaultWait].
func Eventually(t testing.TB, condition func() error) {
	t.Helper()
	deadline := time.NewTimer(DefaultWait)
	defer deadline.Stop()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatalf("gave up waiting: %v", err)
		}
	}
}

// FreePort returns a TCP port on 127.0.0.1 that nothing listened on just now. It is outside the range from which systems
// serve port 0 and outgoing connections, so nobody is given it by chance before the program that is told to listen
// there. Where a program can listen on port 0 and say where, that is safer; for Envoy, see [ReservedAddress].
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 12000 + rand.IntN(20000)
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// ReservedAddress returns a host:port that only an Envoy can listen on until the test ends.
func ReservedAddress(t testing.TB) string {
	t.Helper()
	reservation, err := envoy.ReservePort("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := reservation.Close(); err != nil {
			t.Error(err)
		}
	})
	return reservation.Addr().String()
}
