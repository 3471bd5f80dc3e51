// Package e2e runs the binaries as users do, against a real Envoy.
package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/meshtest"
)

// bin holds the binaries under test, envoyBinary the Envoy they run.
var bin, envoyBinary string

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("e2e: skipped by -short")
		return
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	var err error
	if bin, err = os.MkdirTemp("", "ringfence-e2e-"); err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(bin)
	build := exec.Command("go", "build", "-tags", "grpcnotrace", "-o", bin, "./cmd/ringfence", "./examples/agent", "./examples/demo")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Printf("%s%v\n", out, err)
		return 1
	}
	if envoyBinary, err = envoy.Find(context.Background(), envoy.Finder{}); err != nil {
		fmt.Println(err)
		return 1
	}
	// Every mesh of the tests uses the Envoy that was found once.
	os.Setenv(envoy.BinaryVariable, envoyBinary)
	return m.Run()
}

// bound is how long anything may take before a test gives up. It is no measurement.
const bound = 30 * time.Second

// process is a program under test. Its output is shown when the test fails.
type process struct {
	*exec.Cmd
	output output
	exited chan struct{}
}

// output keeps what a process prints, also while it prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(filepath.Join(bin, name), args...), exited: make(chan struct{})}
	p.Stdout, p.Stderr = &p.output, &p.output
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.stop(t, syscall.SIGTERM)
		if t.Failed() {
			t.Logf("%s %s:\n%s", name, strings.Join(args, " "), p.output.String())
		}
	})
	return p
}

// stop sends a signal and waits for the process to end.
func (p *process) stop(t *testing.T, signal syscall.Signal) {
	t.Helper()
	_ = p.Process.Signal(signal)
	select {
	case <-p.exited:
	case <-time.After(bound):
		_ = p.Process.Kill()
		<-p.exited
		t.Errorf("the process did not end within %s of %v", bound, signal)
	}
}

// await waits for the process to end by itself.
func (p *process) await(t *testing.T) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(bound):
		t.Fatalf("the process runs on after %s", bound)
	}
}

// mesh is a running mesh and how to reach it.
type mesh struct {
	*process
	dir   string
	ready struct {
		Gateway, GatewayURL, API, APIURL, GRPC, EnvoyAdmin, Token string
		EnvoyPID                                                  int
	}
}

// up starts a mesh. The directory is made when empty; further arguments follow the usual ones.
func up(t *testing.T, command, dir string, args ...string) *mesh {
	t.Helper()
	return upWith(t, command, dir, "", args...)
}

// shape is how Envoy asks about requests where a test does not say, and served by what it is answered. The variables have the same
// tests run on others.
var (
	shape  = cmp.Or(os.Getenv("RINGFENCE_E2E_SHAPE"), "auto")
	served = cmp.Or(os.Getenv("RINGFENCE_E2E_RPC"), "lean")
)

// unlimited lets agents above ring 3 call as often as they like: tests call in bursts that would be refused.
const unlimited = `rings:
  ring0: {rate: 1000000, burst: 1000000, concurrent: 1000000}
  ring1: {rate: 1000000, burst: 1000000, concurrent: 1000000}
  ring2: {rate: 1000000, burst: 1000000, concurrent: 1000000}
`

// upWith starts a mesh with further configuration, in YAML. Unless that says something of rings, they are unlimited.
func upWith(t *testing.T, command, dir, settings string, args ...string) *mesh {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	config := filepath.Join(dir, "ringfence.yaml")
	if !strings.Contains(settings, "rings:") {
		settings += unlimited
	}
	if !strings.Contains(settings, "envoy:") {
		settings += "envoy: {concurrency: 1, drain: 2s, shape: " + shape + ", rpc: " + served + "}\n"
	}
	if err := os.WriteFile(config, []byte("registry: {allowedNetworks: [127.0.0.0/8]}\n"+settings), 0o600); err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(dir, "ready.json")
	_ = os.Remove(ready)
	usual := []string{command, "--config", config, "--data-dir", filepath.Join(dir, "state"), "--ready-file", ready}
	for _, listener := range []string{"gateway", "api", "grpc", "cards"} {
		if !strings.Contains(strings.Join(args, " "), "--listen-"+listener) {
			usual = append(usual, "--listen-"+listener, "127.0.0.1:0")
		}
	}
	m := &mesh{process: start(t, "ringfence", append(usual, args...)...), dir: dir}
	eventually(t, "the mesh is ready", func() error {
		select {
		case <-m.exited:
			t.Fatalf("ringfence ended: %s", m.output.String())
		default:
		}
		data, err := os.ReadFile(ready)
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &m.ready)
	})
	return m
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() error) {
	t.Helper()
	deadline := time.Now().Add(bound)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s until %s: %v", bound, what, err)
		}
		<-tick.C
	}
}

// agent starts a sample agent and returns its URL.
func agentURL(t *testing.T, kind string) string {
	t.Helper()
	p := &process{Cmd: exec.Command(filepath.Join(bin, "agent"), "--kind", kind), exited: make(chan struct{})}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() { p.stop(t, syscall.SIGTERM) })
	return strings.TrimSpace(line)
}

// api sends one request to the registry and returns status and body.
func (m *mesh) api(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	status, answer, err := m.tryAPI(method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

func (m *mesh) tryAPI(method, path, body string) (int, string, error) {
	r, err := http.NewRequest(method, m.ready.APIURL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+m.ready.Token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return exchange(r)
}

func exchange(r *http.Request) (int, string, error) {
	ctx, cancel := context.WithTimeout(r.Context(), bound)
	defer cancel()
	response, err := http.DefaultClient.Do(r.WithContext(ctx))
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, string(answer), err
}

// caller is an agent that calls others.
type caller struct {
	signer identity.Signer
	did    string
}

func newCaller(t *testing.T) *caller {
	t.Helper()
	private, err := identity.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := meshtest.Public(private)
	return &caller{did: key.DID, signer: identity.Signer{Key: private, KeyID: key.IDs()[0], Now: time.Now, Random: rand.Reader}}
}

// register registers an agent and fails the test unless that succeeds.
func (m *mesh) register(t *testing.T, registration map[string]any) {
	t.Helper()
	body, err := json.Marshal(registration)
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := m.api(t, http.MethodPost, "/v1/agents", string(body)); status != http.StatusCreated {
		t.Fatalf("registering: %d %s", status, answer)
	}
}

// call signs and sends a JSON-RPC body to an agent.
func (c *caller) call(url, body string) (int, string, error) {
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("A2A-Version", "1.0")
	if err := c.signer.Sign(r, []byte(body)); err != nil {
		return 0, "", err
	}
	return exchange(r)
}

// expect calls until the status and a part of the body are as wanted: routes reach Envoy a moment after they are
// registered.
func (c *caller) expect(t *testing.T, url, body string, status int, part string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s answers %d with %q", url, status, part), func() error {
		got, answer, err := c.call(url, body)
		if err == nil && (got != status || !strings.Contains(answer, part)) {
			err = errors.New(fmt.Sprint(got, " ", answer))
		}
		return err
	})
}

func jsonCard(url string) json.RawMessage { return json.RawMessage(fmt.Sprintf(card, url)) }
