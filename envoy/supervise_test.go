package envoy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/tests/envoytest"
)

// supervise runs Envoy until the test ends; each Envoy that it starts comes out of the channel.
func supervise(t *testing.T, s envoy.Supervision) (started chan *envoy.Instance, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan *envoy.Instance, 16), make(chan error, 1)
	s.Started = func(i *envoy.Instance) { started <- i }
	go func() { ended <- envoy.Supervise(ctx, s) }()
	stop = func() error {
		cancel()
		return <-ended
	}
	t.Cleanup(cancel)
	return started, stop
}

func next(t *testing.T, started chan *envoy.Instance) *envoy.Instance {
	t.Helper()
	select {
	case instance := <-started:
		return instance
	case <-time.After(envoytest.DefaultWait):
		t.Fatal("no Envoy was started")
		return nil
	}
}

func TestSuperviseRestartsKilledEnvoyOnReservedPort(t *testing.T) {
	t.Parallel()
	address := envoytest.ReservedAddress(t)
	p := process(t, static(t, address, nowhere))
	started, stop := supervise(t, envoy.Supervision{Process: p, Grace: 3 * time.Second})

	killed := next(t, started)
	if err := killed.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := get(t, address, "/"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(killed.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	successor := next(t, started)
	if successor.PID() == killed.PID() {
		t.Fatal("the same process was reported again")
	}
	envoytest.Eventually(t, func() error { return get(t, address, "/") })

	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(successor.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the last Envoy is still there: %v", err)
	}
}

func TestSuperviseStopsWithOpenStream(t *testing.T) {
	t.Parallel()
	upstream, _ := streaming(t)
	started, stop := supervise(t, envoy.Supervision{Process: process(t, static(t, anyPort, upstream)), Grace: time.Second})
	instance := next(t, started)
	if err := instance.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	body := open(t, instance)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(body); err == nil {
		t.Error("a cut stream ended like a whole one")
	}
}

func TestSuperviseFailsWithTheFirstStart(t *testing.T) {
	t.Parallel()
	p := process(t, static(t, anyPort, nowhere))
	p.Binary = filepath.Join(t.TempDir(), "missing")
	if err := envoy.Supervise(t.Context(), envoy.Supervision{Process: p}); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("got %v", err)
	}
}

func TestSuperviseKeepsTryingLater(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp4", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	started, stop := supervise(t, envoy.Supervision{Process: process(t, static(t, address, nowhere)), Grace: time.Second})
	instance := next(t, started)
	if err := instance.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(instance.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-instance.Done()
	// The address is taken before the successor gets it, and given back after it has failed.
	if listener, err = net.Listen("tcp4", address); err == nil {
		defer listener.Close()
		successor := next(t, started)
		if err := successor.Wait(); err == nil || !strings.Contains(err.Error(), "is in use") {
			t.Fatalf("got %v", err)
		}
		listener.Close()
	}
	envoytest.Eventually(t, func() error { return get(t, address, "/") })
	if err := stop(); err != nil {
		t.Error(err)
	}
}
