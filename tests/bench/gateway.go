package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/internal/agent"
)

// callee is the name of the agent that is called.
const callee = "forecast"

// cardPath is where the callee's card is read, which needs no signature.
const cardPath = agent.MeshPrefix + callee + "/.well-known/agent-card.json"

// gateway is a governed Envoy with its Ringfence, and what is registered there.
type gateway struct {
	shape    side
	agentURL string
	process  *child
	ready    readiness
	caller   *caller
}

// settings let cards be fetched from loopback, and callers call as often as they can.
const settings = `registry: {allowedNetworks: [127.0.0.0/8]}
rings:
  ring0: {rate: 1000000, burst: 1000000, concurrent: 1000000}
  ring1: {rate: 1000000, burst: 1000000, concurrent: 1000000}
  ring2: {rate: 1000000, burst: 1000000, concurrent: 1000000}
  ring3: {rate: 1000000, burst: 1000000, concurrent: 1000000}
`

// unread leaves answers to the agents.
const unread = "content: {answers: \"off\"}\ntasks: {mode: \"off\"}\n"

// shapeSettings says of each governed side how a configuration asks for it.
var shapeSettings = map[side]string{
	split:        "envoy: {shape: split}\n" + unread,
	fused:        "envoy: {shape: fused}\n" + unread,
	splitAnswers: "envoy: {shape: split}\n",
	fusedAnswers: "envoy: {shape: fused}\n",
}

// startGateway runs `ringfence up` in one shape, with its defaults but for free ports and what settings say, and registers
// the caller, vouched for up to ring 2, and the callee. It waits until calls pass.
func (b *bench) startGateway(ctx context.Context, shape side, name string) (_ *gateway, err error) {
	g := &gateway{shape: shape, agentURL: b.agentURL, caller: b.caller}
	defer func() {
		if err != nil {
			g.stop()
		}
	}()
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	config, ready := filepath.Join(dir, "ringfence.yaml"), filepath.Join(dir, "ready.json")
	if err := os.WriteFile(config, []byte(settings+shapeSettings[shape]), 0o600); err != nil {
		return nil, fmt.Errorf("writing configuration: %w", err)
	}
	args := []string{"up", "--config", config, "--data-dir", filepath.Join(dir, "state"), "--ready-file", ready, "--log-level", "error"}
	for _, listener := range []string{"gateway", "api", "grpc", "cards"} {
		args = append(args, "--listen-"+listener, "127.0.0.1:0")
	}
	cmd := exec.Command(b.at.ringfence, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), envoy.BinaryVariable+"="+b.envoyPath)
	if g.process, err = start("ringfence", cmd); err != nil {
		return nil, err
	}
	if g.ready, err = g.process.awaitReady(ctx, ready); err != nil {
		return nil, err
	}
	if err := g.register(ctx, "caller", map[string]any{"dids": []string{g.caller.did}, "ringCeiling": 2}); err != nil {
		return nil, err
	}
	if err := g.register(ctx, callee, nil); err != nil {
		return nil, err
	}
	return g, g.awaitRoute(ctx, callee, 0)
}

func (g *gateway) stop() {
	if g.process != nil {
		g.process.stop()
	}
}

// target returns the gateway as it is driven.
func (g *gateway) target(agentPID int) target {
	return target{
		side: g.shape, url: g.ready.GatewayURL, metrics: g.ready.APIURL + "/metrics",
		processes: map[string]int{procEnvoy: g.ready.EnvoyPID, procRingfence: g.process.Process.Pid, procAgent: agentPID},
	}
}

// register registers an agent that is reached at the one agent process.
func (g *gateway) register(ctx context.Context, name string, more map[string]any) error {
	registration := map[string]any{"name": name, "card": map[string]any{
		"name": name, "description": "Answers at once.", "version": "1", "capabilities": map[string]any{"streaming": true},
		"defaultInputModes": []string{"text/plain"}, "defaultOutputModes": []string{"text/plain"},
		"skills": []any{map[string]any{"id": "answer", "name": "Answer", "description": "Answers.", "tags": []string{"bench"}}},
		"supportedInterfaces": []any{map[string]any{
			"url": g.agentURL + "/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0",
		}},
	}}
	for key, value := range more {
		registration[key] = value
	}
	data, err := json.Marshal(registration)
	if err != nil {
		return fmt.Errorf("registering %s: %w", name, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.ready.APIURL+"/v1/agents", bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("registering %s: %w", name, err)
	}
	r.Header.Set("Authorization", "Bearer "+g.ready.Token)
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

// registrars register at once.
const registrars = 8

// registerAll registers agents, each with the key of one caller and vouched for up to ring 2, and waits until the last is
// reached.
func (g *gateway) registerAll(ctx context.Context, names []string, callers []*caller) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(registrars)
	for i, name := range names {
		group.Go(func() error {
			return g.register(within, name, map[string]any{"dids": []string{callers[i].did}, "ringCeiling": 2})
		})
	}
	if err := group.Wait(); err != nil || len(names) == 0 {
		return err
	}
	return g.awaitRoute(ctx, names[len(names)-1], 5*time.Millisecond)
}

// url returns where an agent is reached.
func (g *gateway) url(name string) string { return g.ready.GatewayURL + agent.MeshPrefix + name }

// call sends one signed request and reports whether the agent answered it.
func (g *gateway) call(ctx context.Context, name string) (bool, error) {
	signed, err := g.caller.sign(g.caller.signer, g.url(name), bodySize)
	if err != nil {
		return false, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url(name), bytes.NewReader(signed.body))
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
func (g *gateway) awaitRoute(ctx context.Context, name string, pause time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if answered, err := g.call(ctx, name); err != nil || answered {
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
