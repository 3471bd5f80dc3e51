package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/tests/envoytest"
)

const card = `{"name":"Sample","description":"d","version":"1","capabilities":{},"defaultInputModes":["text/plain"],
"defaultOutputModes":["text/plain"],"skills":[{"id":"s","name":"S","description":"d","tags":["t"]}],
"supportedInterfaces":[{"url":%q,"protocolBinding":"JSONRPC","protocolVersion":"1.0"}]}`

// registration returns a registration with an inline card of an agent at url.
func registration(name, url string) string {
	return fmt.Sprintf(`{"name":%q,"card":%s}`, name, fmt.Sprintf(card, url))
}

// TestKillLosesNoRegistration kills the mesh in the midst of registrations, several times, and wants every one it
// acknowledged back.
func TestKillLosesNoRegistration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 3 {
		m := up(t, "serve", dir)
		missing(t, m, acknowledged)
		done := make(chan string, 1)
		go func() {
			defer close(done)
			for i := range 10_000 {
				name := fmt.Sprintf("agent-%d-%d", round, i)
				status, _, err := m.tryAPI(http.MethodPost, "/v1/agents", registration(name, "http://127.0.0.1:1/rpc"))
				if err != nil {
					return
				}
				if status == http.StatusCreated {
					done <- name
				}
			}
		}()
		for name := range done {
			acknowledged[name] = true
			if len(acknowledged)%20 == 0 {
				m.stop(t, syscall.SIGKILL)
				break
			}
		}
		for name := range done { // acknowledged before the kill, taken after it
			acknowledged[name] = true
		}
	}
	missing(t, up(t, "serve", dir), acknowledged)
}

func missing(t *testing.T, m *mesh, acknowledged map[string]bool) {
	t.Helper()
	for name := range acknowledged {
		if status, answer := m.api(t, http.MethodGet, "/v1/agents/"+name, ""); status != http.StatusOK {
			t.Errorf("%s was acknowledged and is gone: %d %s", name, status, answer)
		}
	}
}

// TestOneSentence wants each failed start to end in one sentence that says what to do.
func TestOneSentence(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	running := up(t, "serve", "")
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("rings: {write: 7}\nlisten: {port: 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name string
		args []string
		want []string
	}{
		{"data-directory-in-use", []string{"serve", "--data-dir", filepath.Join(running.dir, "state")}, []string{"in use", fmt.Sprint(running.Process.Pid)}},
		{"api-port-in-use", []string{"serve", "--data-dir", t.TempDir(), "--listen-api", taken.Addr().String()}, []string{taken.Addr().String(), "--listen-api"}},
		{"gateway-port-in-use", []string{"up", "--data-dir", t.TempDir(), "--listen-gateway", taken.Addr().String()}, []string{taken.Addr().String(), "--listen-gateway"}},
		{"data-directory-is-a-file", []string{"serve", "--data-dir", broken}, []string{broken, "directory"}},
		{"bad-configuration", []string{"serve", "--config", broken}, []string{"rings.write", "unknown key port"}},
		{"no-configuration", []string{"up", "--config", broken + ".not"}, []string{broken + ".not"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := c.args
			for _, listener := range []string{"gateway", "api", "grpc", "cards"} {
				if !strings.Contains(strings.Join(args, " "), "--listen-"+listener) {
					args = append(args, "--listen-"+listener, "127.0.0.1:0")
				}
			}
			refused(t, start(t, "ringfence", args...), c.want...)
		})
	}
}

// refused wants the process to end with code 1 and a short message that holds the parts.
func refused(t *testing.T, p *process, parts ...string) {
	t.Helper()
	p.await(t)
	if code := p.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	message := strings.TrimSpace(p.output.String())
	if lines := strings.Count(message, "\n") + 1; lines > 5 || strings.Contains(message, "goroutine") || strings.Contains(message, "fx.") {
		t.Errorf("not a sentence:\n%s", message)
	}
	for _, part := range parts {
		if !strings.Contains(message, part) {
			t.Errorf("no %q in %q", part, message)
		}
	}
}

func TestMissingEnvoy(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(config, []byte("envoy: {binary: /nowhere/envoy}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, start(t, "ringfence", "up", "--config", config, "--data-dir", t.TempDir()), "/nowhere/envoy")
}

// TestDisks starts on a read-only and on a full data directory, and fills the disk of a running mesh.
func TestDisks(t *testing.T) {
	t.Parallel()
	mount := func(t *testing.T, flags uintptr, options string) string {
		t.Helper()
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
			t.Skipf("mounting needs rights that this user lacks: %v", err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		return dir
	}
	t.Run("read-only", func(t *testing.T) {
		t.Parallel()
		dir := mount(t, unix.MS_RDONLY, "size=1m")
		refused(t, start(t, "ringfence", "serve", "--data-dir", dir, "--listen-api", "127.0.0.1:0", "--listen-grpc", "127.0.0.1:0", "--listen-cards", "127.0.0.1:0"), dir)
	})
	t.Run("full-at-start", func(t *testing.T) {
		t.Parallel()
		dir := mount(t, 0, "size=16k")
		fill(t, dir)
		refused(t, start(t, "ringfence", "serve", "--data-dir", dir, "--listen-api", "127.0.0.1:0", "--listen-grpc", "127.0.0.1:0", "--listen-cards", "127.0.0.1:0"), dir)
	})
	t.Run("full-while-running", func(t *testing.T) {
		t.Parallel()
		dir := mount(t, 0, "size=40m")
		m := up(t, "serve", "", "--data-dir", dir)
		m.register(t, map[string]any{"name": "before", "card": jsonCard("http://127.0.0.1:1/rpc")})
		fill(t, dir)
		refusedWrite := false
		for i := range 400 {
			status, answer := m.api(t, http.MethodPost, "/v1/agents", registration(fmt.Sprintf("agent-%d", i), "http://127.0.0.1:1/rpc"))
			if status == http.StatusServiceUnavailable {
				refusedWrite = true
				if !strings.Contains(answer, dir) {
					t.Errorf("the refusal does not name the directory: %s", answer)
				}
				break
			}
			if status != http.StatusCreated {
				t.Fatalf("registering: %d %s", status, answer)
			}
		}
		if !refusedWrite {
			t.Error("a full disk refused no registration")
		}
		if status, answer := m.api(t, http.MethodGet, "/v1/agents/before", ""); status != http.StatusOK {
			t.Errorf("reading on a full disk: %d %s", status, answer)
		}
	})
}

// fill writes to the directory until nothing fits.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// TestPolicyServicesDown stops and freezes the services under a running Envoy: calls fail closed in A2A form, and
// work again afterwards, without a restart of Envoy.
func TestPolicyServicesDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ports := map[string]string{}
	var args []string
	for _, listener := range []string{"api", "grpc", "cards"} {
		ports[listener] = fmt.Sprintf("127.0.0.1:%d", envoytest.FreePort(t))
		args = append(args, "--listen-"+listener, ports[listener])
	}
	gateway := envoytest.ReservedAddress(t)
	args = append(args, "--listen-gateway", gateway)
	m := up(t, "serve", dir, args...)
	bootstrap, err := envoy.Bootstrap{NodeID: "test", NodeCluster: "test", Admin: "127.0.0.1:0", ControlPlane: ports["grpc"]}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	envoytest.Start(t, envoytest.Options{Config: string(bootstrap)})
	c := newCaller(t)
	m.register(t, map[string]any{"name": "caller", "card": jsonCard("http://127.0.0.1:1/rpc"), "dids": []string{c.did}, "ringCeiling": 2})
	m.register(t, map[string]any{"name": "ledger", "cardUrl": agentURL(t, "ledger")})
	url := "http://" + gateway + "/agents/ledger"
	c.expect(t, url, meshtest.Send("pay"), http.StatusOK, "TASK_STATE_COMPLETED")

	if err := m.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c.expect(t, url, meshtest.Send("pay"), http.StatusServiceUnavailable, `"jsonrpc":"2.0"`)
	if err := m.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	c.expect(t, url, meshtest.Send("pay"), http.StatusOK, "TASK_STATE_COMPLETED")

	m.stop(t, syscall.SIGKILL)
	c.expect(t, url, meshtest.Send("pay"), http.StatusServiceUnavailable, `"jsonrpc":"2.0"`)
	up(t, "serve", dir, args...)
	c.expect(t, url, meshtest.Send("pay"), http.StatusOK, "TASK_STATE_COMPLETED")
}
