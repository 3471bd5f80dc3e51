// Command demo starts a whole mesh on this machine (Ringfence, a real Envoy, three sample agents that know
// nothing of either), registers the agents through the API, and plays a scripted scenario with the official A2A
// client. It prints what was expected and what came, and fails when they differ.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("bin", "bin", "directory that holds the ringfence and agent binaries")
	stay := flag.Bool("stay", false, "leave the mesh running until interrupted instead of playing the scenario")
	data := flag.String("data", "", "data directory (default: a temporary one, removed at the end)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, *data, *stay); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin, data string, stay bool) error {
	if data == "" {
		dir, err := os.MkdirTemp("", "ringfence-demo-")
		if err != nil {
			return fmt.Errorf("making a data directory: %w", err)
		}
		defer os.RemoveAll(dir)
		data = dir
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("making a data directory: %w", err)
	}
	started := time.Now()
	m, err := startMesh(ctx, bin, data)
	if err != nil {
		return err
	}
	defer m.stop()
	if err := m.populate(ctx); err != nil {
		return err
	}
	fmt.Printf("mesh up in %.1f s: gateway %s, API %s\n\n", time.Since(started).Seconds(), m.ready.GatewayURL, m.ready.APIURL)
	if stay {
		m.explain(bin)
		select {
		case <-ctx.Done():
			return nil
		case err := <-m.died:
			return err
		}
	}
	steps, err := newScenario(m)
	if err != nil {
		return err
	}
	return play(ctx, os.Stdout, steps)
}

// explain says what a newcomer can do with a mesh that stays.
func (m *mesh) explain(bin string) {
	ringfence := filepath.Join(bin, "ringfence")
	fmt.Printf(`Agents: weather (reads), ledger (writes), concierge (may write). Try:

  %[1]s call --key %[2]s %[3]s/agents/weather "Will it rain in Paris?"
  %[1]s call --key %[2]s --stream %[3]s/agents/ledger "10 EUR from A to B"
  %[1]s call --key %[4]s %[3]s/agents/ledger "10 EUR from A to B"     # denied: weather is in ring 3
  curl -s %[3]s/agents/weather/.well-known/agent-card.json
  curl -s -H "Authorization: Bearer $(cat %[5]s)" %[6]s/v1/decisions

Stop with Ctrl-C.
`, ringfence, m.keyFile("concierge"), m.ready.GatewayURL, m.keyFile("weather"), m.tokenFile(), m.ready.APIURL)
}
