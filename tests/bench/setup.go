package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"ringfence.dev/ringfence/envoy"
)

// bench is everything that runs: one agent, a governed Envoy with its Ringfence for each side, and the same Envoy bare.
type bench struct {
	at        places
	dir       string
	envoyPath string
	vegeta    string

	agent    *child
	agentURL string
	caller   *caller
	gateways []*gateway
	bare     *bareEnvoy
}

// startBench finds the tools and starts the agent.
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
	if b.caller, err = newCaller(); err != nil {
		return nil, err
	}
	b.agent, b.agentURL, err = startAgentProcess()
	return b, err
}

// govern sees to it that there is a gateway for each shape, and the bare Envoy, which gets the configuration that the first of
// them has by then.
func (b *bench) govern(ctx context.Context, shapes []side, settle time.Duration) error {
	for _, shape := range shapes {
		if slices.ContainsFunc(b.gateways, func(g *gateway) bool { return g.shape == shape }) {
			continue
		}
		g, err := b.startGateway(ctx, shape, string(shape))
		if err != nil {
			return fmt.Errorf("starting a gateway, %s: %w", shape, err)
		}
		b.gateways = append(b.gateways, g)
	}
	if b.bare != nil {
		return nil
	}
	var err error
	if b.bare, err = startBare(ctx, b.envoyPath, filepath.Join(b.dir, "bare"), b.gateways[0].ready.EnvoyAdmin); err != nil {
		return err
	}
	select {
	case <-time.After(settle):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// governed returns the gateways of the shapes.
func (b *bench) governed(shapes []side) []*gateway {
	var list []*gateway
	for _, g := range b.gateways {
		if slices.Contains(shapes, g.shape) {
			list = append(list, g)
		}
	}
	return list
}

// targets returns the bare Envoy and the gateways of the shapes.
func (b *bench) targets(shapes []side) []target {
	list := []target{b.bare.target(b.agent.Process.Pid)}
	for _, g := range b.governed(shapes) {
		list = append(list, g.target(b.agent.Process.Pid))
	}
	return list
}

// host is the Host that requests are signed for and sent with, whichever side they go to: all sides get the same bytes.
func (b *bench) host() string { return b.gateways[0].ready.Gateway }

// url returns where an agent is reached as requests are signed for it.
func (b *bench) url(name string) string { return b.gateways[0].url(name) }

func (b *bench) script() string { return filepath.Join(b.dir, "replay.lua") }

// stop ends whatever was started.
func (b *bench) stop() {
	if b.bare != nil {
		b.bare.stop()
	}
	for _, g := range b.gateways {
		g.stop()
	}
	if b.agent != nil {
		b.agent.stop()
	}
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}
