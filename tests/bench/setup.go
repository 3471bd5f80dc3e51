package main

import (
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
	"time"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/internal/agent"
)

// callee is the name of the agent that is called.
const callee = "forecast"

// bench is everything that runs: one agent, a governed Envoy with its Ringfence, and the same Envoy bare.
type bench struct {
	at        places
	dir       string
	envoyPath string
	vegeta    string

	agent     *child
	agentURL  string
	ringfence *child
	ready     readiness
	bare      *bareEnvoy
	caller    *caller
}

// startBench starts everything. The bare Envoy gets the configuration that the governed one has by then.
func startBench(ctx context.Context, at places) (_ *bench, err error) {
	b := &bench{at: at}
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	if b.vegeta, err = at.vegeta(); err != nil {
		return nil, err
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		return nil, errors.New("wrk is missing: install the package wrk of your distribution")
	}
	if b.envoyPath, err = envoy.Find(ctx, envoy.Finder{}); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "ringfence-bench-"); err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	if err := os.WriteFile(b.script(), replayScript, 0o600); err != nil {
		return nil, fmt.Errorf("writing the wrk script: %w", err)
	}
	if b.agent, b.agentURL, err = startAgentProcess(); err != nil {
		return nil, err
	}
	if err := b.startRingfence(ctx); err != nil {
		return nil, err
	}
	if err := b.populate(ctx); err != nil {
		return nil, err
	}
	b.bare, err = startBare(ctx, b.envoyPath, filepath.Join(b.dir, "bare"), b.ready.EnvoyAdmin)
	return b, err
}

func (b *bench) script() string { return filepath.Join(b.dir, "replay.lua") }

// settings let cards be fetched from loopback, and the one caller call as often as it can.
const settings = `registry: {allowedNetworks: [127.0.0.0/8]}
rings:
  ring0: {rate: 1000000, burst: 1000000, concurrent: 1000000}
  ring1: {rate: 1000000, burst: 1000000, concurrent: 1000000}
  ring2: {rate: 1000000, burst: 1000000, concurrent: 1000000}
`

// startRingfence runs `ringfence up` with its defaults, but for free ports and what settings say.
func (b *bench) startRingfence(ctx context.Context) error {
	config, ready := filepath.Join(b.dir, "ringfence.yaml"), filepath.Join(b.dir, "ready.json")
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		return fmt.Errorf("writing configuration: %w", err)
	}
	args := []string{"up", "--config", config, "--data-dir", filepath.Join(b.dir, "state"), "--ready-file", ready, "--log-level", "warn"}
	for _, listener := range []string{"gateway", "api", "grpc", "cards"} {
		args = append(args, "--listen-"+listener, "127.0.0.1:0")
	}
	cmd := exec.Command(b.at.ringfence, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), envoy.BinaryVariable+"="+b.envoyPath)
	var err error
	if b.ringfence, err = start("ringfence", cmd); err != nil {
		return err
	}
	b.ready, err = b.ringfence.awaitReady(ctx, ready)
	return err
}

// populate registers the caller, vouched for up to ring 2, and the callee, and waits until calls pass.
func (b *bench) populate(ctx context.Context) error {
	var err error
	if b.caller, err = newCaller(); err != nil {
		return err
	}
	if err := b.register(ctx, "caller", map[string]any{"dids": []string{b.caller.did}, "ringCeiling": 2}); err != nil {
		return err
	}
	if err := b.register(ctx, callee, nil); err != nil {
		return err
	}
	return b.awaitRoute(ctx, callee, 0)
}

// register registers an agent that is reached at the one agent process.
func (b *bench) register(ctx context.Context, name string, more map[string]any) error {
	registration := map[string]any{"name": name, "card": map[string]any{
		"name": name, "description": "Answers at once.", "version": "1", "capabilities": map[string]any{},
		"defaultInputModes": []string{"text/plain"}, "defaultOutputModes": []string{"text/plain"},
		"skills": []any{map[string]any{"id": "answer", "name": "Answer", "description": "Answers.", "tags": []string{"bench"}}},
		"supportedInterfaces": []any{map[string]any{
			"url": b.agentURL + "/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0",
		}},
	}}
	for key, value := range more {
		registration[key] = value
	}
	data, err := json.Marshal(registration)
	if err != nil {
		return fmt.Errorf("registering %s: %w", name, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.ready.APIURL+"/v1/agents", bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("registering %s: %w", name, err)
	}
	r.Header.Set("Authorization", "Bearer "+b.ready.Token)
	r.Header.Set("Content-Type", "application/json")
	status, answer, err := exchange(r)
	if err != nil {
		return fmt.Errorf("registering %s: %w", name, err)
	}
	if status != http.StatusCreated {
		return fmt.Errorf("registering %s: status %d: %s", name, status, answer)
	}
	return nil
}

// url returns where an agent is reached through the governed gateway.
func (b *bench) url(name string) string { return b.ready.GatewayURL + agent.MeshPrefix + name }

// call sends one signed request and reports whether the agent answered it.
func (b *bench) call(ctx context.Context, name string) (bool, error) {
	signed, err := b.caller.sign(b.caller.signer, b.url(name))
	if err != nil {
		return false, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url(name), bytes.NewReader(signed.body))
	if err != nil {
		return false, fmt.Errorf("calling %s: %w", name, err)
	}
	r.Header = signed.header
	status, answer, err := exchange(r)
	if err != nil {
		return false, fmt.Errorf("calling %s: %w", name, err)
	}
	return hit{Code: status, Body: answer}.succeeded(), nil
}

// awaitRoute calls the agent, with the given pause after each call, until it answers.
func (b *bench) awaitRoute(ctx context.Context, name string, pause time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		if answered, err := b.call(ctx, name); err != nil || answered {
			return err
		}
		time.Sleep(pause)
	}
}

func exchange(r *http.Request) (int, []byte, error) {
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, answer, err
}

// stop ends whatever was started.
func (b *bench) stop() {
	if b.bare != nil {
		b.bare.stop()
	}
	if b.ringfence != nil {
		b.ringfence.stop()
	}
	if b.agent != nil {
		b.agent.stop()
	}
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}
