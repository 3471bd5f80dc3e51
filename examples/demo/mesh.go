package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// mesh is everything the demo started: the control plane with its Envoy, and the sample agents.
type mesh struct {
	bin, data string
	ready     struct {
		GatewayURL string `json:"gatewayUrl"`
		APIURL     string `json:"apiUrl"`
		Token      string `json:"token"`
	}
	agents    map[string]string // kind to URL
	processes []*exec.Cmd
	died      chan error
}

// errTaken: an agent of the name is registered already.
var errTaken = errors.New("the name is taken")

var kinds = []string{"weather", "ledger", "concierge"}

func startMesh(ctx context.Context, bin, data string) (*mesh, error) {
	m := &mesh{bin: bin, data: data, agents: map[string]string{}, died: make(chan error, 8)}
	for _, kind := range kinds {
		url, err := m.startAgent(kind)
		if err != nil {
			m.stop()
			return nil, err
		}
		m.agents[kind] = url
	}
	if err := m.startControl(ctx); err != nil {
		m.stop()
		return nil, err
	}
	return m, nil
}

func (m *mesh) startAgent(kind string) (string, error) {
	cmd := exec.Command(filepath.Join(m.bin, "agent"), "--kind", kind)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", fmt.Errorf("starting agent %s: %w", kind, err)
	}
	if err := m.start(cmd); err != nil {
		return "", fmt.Errorf("starting agent %s (build it with `make build`): %w", kind, err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("waiting for agent %s: %w", kind, err)
	}
	return strings.TrimSpace(line), nil
}

// settings let cards be fetched from loopback, and agents that may write call oftener than by default: one step of the
// scenario sends as fast as it can.
const settings = `registry:
  allowedNetworks: [127.0.0.0/8]
rings:
  ring0: {rate: 1000, burst: 1000}
  ring1: {rate: 1000, burst: 1000}
  ring2: {rate: 1000, burst: 1000}
`

// startControl runs `ringfence up` on free ports and waits for its ready file.
func (m *mesh) startControl(ctx context.Context) error {
	config := filepath.Join(m.data, "ringfence.yaml")
	people, err := m.approverSettings(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(config, []byte(settings+people), 0o600); err != nil {
		return fmt.Errorf("writing configuration: %w", err)
	}
	ready := m.readyFile()
	args := []string{"up", "--config", config, "--data-dir", filepath.Join(m.data, "state"), "--ready-file", ready, "--log-level", "warn"}
	for _, listener := range []string{"gateway", "api", "grpc", "cards"} {
		args = append(args, "--listen-"+listener, "127.0.0.1:0")
	}
	cmd := exec.Command(filepath.Join(m.bin, "ringfence"), args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := m.start(cmd); err != nil {
		return fmt.Errorf("starting ringfence (build it with `make build`): %w", err)
	}
	return m.await(ctx, ready)
}

// await reads the ready file as soon as it is there. The first start may download Envoy, hence the patience.
func (m *mesh) await(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		data, err := os.ReadFile(path)
		if err == nil {
			if err := json.Unmarshal(data, &m.ready); err != nil {
				return fmt.Errorf("reading ready file: %w", err)
			}
			return nil
		}
		select {
		case <-tick.C:
		case err := <-m.died:
			return err
		case <-ctx.Done():
			return fmt.Errorf("waiting for the mesh: %w", ctx.Err())
		}
	}
}

func (m *mesh) start(cmd *exec.Cmd) error {
	// Children get no terminal signals: the demo stops them in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	m.processes = append(m.processes, cmd)
	return nil
}

// stop ends all processes, the control plane first, and waits for them.
func (m *mesh) stop() {
	for i := len(m.processes) - 1; i >= 0; i-- {
		cmd := m.processes[i]
		_ = cmd.Process.Signal(syscall.SIGTERM)
		gone := make(chan struct{})
		go func() {
			_ = cmd.Wait()
			close(gone)
		}()
		select {
		case <-gone:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-gone
		}
	}
}

// populate gives the agents identities and registers them. Concierge is vouched for up to ring 2; weather only
// ever reads; ledger writes.
func (m *mesh) populate(ctx context.Context) error {
	for _, kind := range kinds {
		did, err := m.newIdentity(ctx, kind)
		if err != nil {
			return err
		}
		registration := map[string]any{"name": kind, "cardUrl": m.agents[kind], "dids": []string{did}, "owner": "demo"}
		switch kind {
		case "concierge":
			registration["ringCeiling"] = 2
		case "weather":
			registration["effect"] = "read"
		}
		err = m.api(ctx, http.MethodPost, "/v1/agents", registration)
		if errors.Is(err, errTaken) {
			// A mesh that stays remembers its agents, but they have new addresses.
			err = m.api(ctx, http.MethodPut, "/v1/agents/"+kind, registration)
		}
		if err != nil {
			return fmt.Errorf("registering %s: %w", kind, err)
		}
	}
	return nil
}

func (m *mesh) newIdentity(ctx context.Context, kind string) (string, error) {
	ringfence := filepath.Join(m.bin, "ringfence")
	verb := []string{"identity", "new", "--out", m.keyFile(kind)}
	if _, err := os.Stat(m.keyFile(kind)); err == nil {
		verb = []string{"identity", "show", m.keyFile(kind)}
	}
	out, err := exec.CommandContext(ctx, ringfence, verb...).Output()
	if err != nil {
		return "", fmt.Errorf("making an identity for %s: %w", kind, err)
	}
	var made struct {
		DID string `json:"did"`
	}
	if err := json.Unmarshal(out, &made); err != nil {
		return "", fmt.Errorf("reading the identity of %s: %w", kind, err)
	}
	return made.DID, nil
}

func (m *mesh) keyFile(kind string) string { return filepath.Join(m.data, kind+".pem") }

func (m *mesh) readyFile() string { return filepath.Join(m.data, "ready.json") }

func (m *mesh) tokenFile() string { return filepath.Join(m.data, "state", "token") }

// api sends one request to the registry and expects success.
func (m *mesh) api(ctx context.Context, method, path string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, m.ready.APIURL+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+m.ready.Token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusConflict {
		return fmt.Errorf("%w: %s", errTaken, answer)
	}
	if response.StatusCode >= 300 {
		return errors.New(response.Status + ": " + string(answer))
	}
	return nil
}
