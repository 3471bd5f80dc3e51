package envoy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/tests/envoytest"
)

// staticConfig has one listener that answers 200 below /, and leads to an upstream below /upstream.
const staticConfig = `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: gateway
    address: {socket_address: {address: %s, port_value: %s}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: gateway
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - {match: {prefix: /upstream}, route: {cluster: upstream, timeout: 0s}}
              - {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hello}}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: upstream
    load_assignment:
      cluster_name: upstream
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %s}}}}]}]
`

// static fills in where the gateway listens and where the upstream is.
func static(t *testing.T, gateway, upstream string) []byte {
	t.Helper()
	host, port, err := net.SplitHostPort(gateway)
	if err != nil {
		t.Fatal(err)
	}
	_, upstreamPort, err := net.SplitHostPort(upstream)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, staticConfig, host, port, upstreamPort)
}

const anyPort = "127.0.0.1:0"

// nowhere is an upstream for tests without one.
const nowhere = "127.0.0.1:9"

func process(t *testing.T, bootstrap []byte) envoy.Process {
	t.Helper()
	return envoy.Process{Binary: envoytest.Binary(t), Bootstrap: bootstrap, Dir: t.TempDir(), Concurrency: 1}
}

// start runs Envoy and ends it with the test, whatever the test does to it before.
func start(t *testing.T, p envoy.Process) *envoy.Instance {
	t.Helper()
	instance, err := envoy.Start(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = instance.Terminate(3 * time.Second)
		if t.Failed() {
			t.Logf("Envoy printed:\n%s", instance.Output())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), envoytest.DefaultWait)
	defer cancel()
	if err := instance.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return instance
}

func get(t *testing.T, address, path string) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}

func TestStartAndStop(t *testing.T) {
	t.Parallel()
	instance := start(t, process(t, static(t, anyPort, nowhere)))
	address, err := instance.ListenerAddress(t.Context(), "gateway")
	if err != nil {
		t.Fatal(err)
	}
	if err := get(t, address, "/"); err != nil {
		t.Fatal(err)
	}
	// Its own group: an interrupt typed at the terminal must not reach it.
	if group, err := syscall.Getpgid(instance.PID()); err != nil || group != instance.PID() {
		t.Errorf("process group of %d is %d, %v", instance.PID(), group, err)
	}
	if err := instance.Stop(10 * time.Second); err != nil {
		t.Error(err)
	}
	if err := instance.Wait(); err != nil {
		t.Errorf("an asked-for end is reported as %v", err)
	}
	if err := get(t, address, "/"); err == nil {
		t.Error("the gateway still answers")
	}
	if err := instance.Ready(t.Context()); err == nil {
		t.Error("a stopped Envoy is ready")
	}
	if err := instance.Stop(time.Second); err != nil {
		t.Errorf("a second stop fails: %v", err)
	}
}

func TestStartIgnoresAddressOfEarlierRun(t *testing.T) {
	t.Parallel()
	p := process(t, static(t, anyPort, nowhere))
	if err := os.WriteFile(filepath.Join(p.Dir, "admin-address"), []byte("127.0.0.1:9"), 0o600); err != nil {
		t.Fatal(err)
	}
	if instance := start(t, p); instance.AdminAddress() == "127.0.0.1:9" {
		t.Error("an old address was taken for the new one")
	}
}

func TestListenerAddressUnknown(t *testing.T) {
	t.Parallel()
	instance := start(t, process(t, static(t, anyPort, nowhere)))
	if _, err := instance.Admin().ListenerAddress(t.Context(), "other"); !errors.Is(err, envoy.ErrNoListener) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := instance.ListenerAddress(ctx, "other"); !errors.Is(err, envoy.ErrNoListener) {
		t.Errorf("got %v", err)
	}
}

// streaming is an upstream that sends one event and then holds the stream until it is cut or released.
func streaming(t *testing.T) (address string, release chan struct{}) {
	t.Helper()
	release = make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: first\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
			_, _ = io.WriteString(w, "data: last\n\n")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), release
}

// open opens a stream through the gateway and returns its body after the first event.
func open(t *testing.T, instance *envoy.Instance) io.Reader {
	t.Helper()
	address, err := instance.ListenerAddress(t.Context(), "gateway")
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/upstream", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	first := make([]byte, len("data: first\n\n"))
	if _, err := io.ReadFull(response.Body, first); err != nil {
		t.Fatal(err)
	}
	return response.Body
}

func TestStopCutsStreamAtItsBound(t *testing.T) {
	t.Parallel()
	upstream, _ := streaming(t)
	instance := start(t, process(t, static(t, anyPort, upstream)))
	body := open(t, instance)
	if err := instance.Stop(time.Second); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(body); err == nil {
		t.Error("a cut stream ended like a whole one")
	}
}

func TestStopLetsStreamFinish(t *testing.T) {
	t.Parallel()
	upstream, release := streaming(t)
	instance := start(t, process(t, static(t, anyPort, upstream)))
	body := open(t, instance)
	address, err := instance.ListenerAddress(t.Context(), "gateway")
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error)
	// A bound that is never met: the stop has to end with the stream.
	go func() { stopped <- instance.Stop(time.Hour) }()
	envoytest.Eventually(t, func() error {
		response, err := http.Get("http://" + address + "/")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if !response.Close {
			return errors.New("clients are not told to leave yet")
		}
		return nil
	})
	close(release)
	rest, err := io.ReadAll(body)
	if err != nil || string(rest) != "data: last\n\n" {
		t.Errorf("got %q, %v", rest, err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestTerminateKillsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	instance := start(t, process(t, static(t, anyPort, nowhere)))
	if err := syscall.Kill(instance.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := instance.Stop(200 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("got %v", err)
	}
	if err := syscall.Kill(instance.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is still there: %v", err)
	}
}

func TestWaitTellsOfCrash(t *testing.T) {
	t.Parallel()
	instance := start(t, process(t, static(t, anyPort, nowhere)))
	if err := syscall.Kill(instance.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := instance.Wait(); err == nil || !strings.Contains(err.Error(), "ended by signal 9") {
		t.Errorf("got %v", err)
	}
}

func TestStartFailures(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp4", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	good := static(t, anyPort, nowhere)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("not a program"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*envoy.Process)
		want   string
	}{
		{"missing-binary", func(p *envoy.Process) { p.Binary = filepath.Join(dir, "missing") }, "does not exist: point ENVOY_BIN at"},
		{"not-executable", func(p *envoy.Process) { p.Binary = file }, "may not be executed by this user: point ENVOY_BIN at"},
		{
			"address-in-use", func(p *envoy.Process) { p.Bootstrap = static(t, taken.Addr().String(), nowhere) },
			"the address " + taken.Addr().String() + " is in use: stop what listens there",
		},
		{
			"address-elsewhere", func(p *envoy.Process) { p.Bootstrap = static(t, "192.0.2.1:8080", nowhere) },
			"the address 192.0.2.1:8080 is not one of this machine",
		},
		{"unknown-field", func(p *envoy.Process) { p.Bootstrap = []byte(`{"adminn": {}}`) }, "the Envoy configuration was refused"},
		{"no-bootstrap", func(p *envoy.Process) { p.Bootstrap = nil }, "needs a binary, a directory, a bootstrap"},
		{"log-level", func(p *envoy.Process) { p.LogLevel = "loud" }, `"loud" is not a log level`},
		{"unknown-argument", func(p *envoy.Process) { p.Args = []string{"--no-such-flag"} }, "ended with status 1"},
		{"directory-is-a-file", func(p *envoy.Process) { p.Dir = file }, "choose another data directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := process(t, good)
			test.change(&p)
			instance, err := envoy.Start(t.Context(), p)
			if err == nil {
				// A listener may be refused after the admin interface is up.
				if err = instance.Ready(t.Context()); err == nil {
					err = instance.Wait() // it said that it was ready a moment before
				}
				_ = instance.Terminate(3 * time.Second)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is more than one sentence", err)
			}
		})
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	p := process(t, static(t, anyPort, nowhere))
	// It never opens an admin interface.
	p.Binary = filepath.Join(t.TempDir(), "envoy")
	syscall.ForkLock.RLock()
	err := os.WriteFile(p.Binary, []byte("#!/bin/sh\nexec sleep 600\n"), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := envoy.Start(ctx, p); err == nil || !strings.Contains(err.Error(), "starting Envoy") {
		t.Errorf("got %v", err)
	}
}
