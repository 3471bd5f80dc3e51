package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"ringfence.dev/ringfence/envoy"
)

// scaled is what was measured with a number of agents registered.
type scaled struct {
	// Agents were registered, beside the caller.
	Agents int `json:"agents"`
	// Registered is how long registering took that many, in seconds, from the number before on.
	Registered float64 `json:"registeredSeconds"`
	// Runs are the bare side and the governed one at saturation, each call to another agent.
	Runs        runs        `json:"runs"`
	Propagation propagation `json:"propagation"`
	// Background is what called agents while registrations were timed.
	Background background `json:"background"`
	// Memory is that of processes after all of this, in MiB.
	Memory memory `json:"memoryMiB"`
}

// memory is what is resident of processes, in MiB. Of Ringfence, which governs too, it is what there was before calls came,
// and the most that ever was. Of Envoys it is what they have allocated too: of what is resident, much was used once, to read
// their configuration.
type memory struct {
	Ringfence     float64 `json:"ringfence"`
	RingfenceRest float64 `json:"ringfenceBeforeCalls"`
	RingfenceMost float64 `json:"ringfenceMost"`
	Envoy         float64 `json:"envoy"`
	BareEnvoy     float64 `json:"bareEnvoy"`
	// Allocated is of the governed Envoy, BareAllocated of the bare one.
	Allocated     float64 `json:"envoyAllocated"`
	BareAllocated float64 `json:"bareEnvoyAllocated"`
}

// measureScale measures a gateway of its own with more and more agents.
func measureScale(ctx context.Context, b *bench, p plan, r *results) error {
	shape := p.scaled
	g, err := b.startGateway(ctx, shape, "scale")
	if err != nil {
		return err
	}
	defer g.stop()
	names := []string{callee}
	for _, count := range p.agents {
		done, grown, err := b.grow(ctx, p, g, names, count)
		if err != nil {
			return fmt.Errorf("%d agents: %w", count, err)
		}
		names = grown
		fmt.Printf("%d agents: registered within %.1f s, %d registrations timed, Ringfence %.0f MiB, Envoy %.0f MiB, bare %.0f MiB\n",
			count, done.Registered, len(done.Propagation.Reachable), done.Memory.Ringfence, done.Memory.Envoy, done.Memory.BareEnvoy)
		r.Scale = append(r.Scale, done)
	}
	return nil
}

// grow registers agents until there are as many as count, and measures. The names are those that were registered before.
func (b *bench) grow(ctx context.Context, p plan, g *gateway, names []string, count int) (scaled, []string, error) {
	done := scaled{Agents: count}
	var fresh []string
	var callers []*caller
	for i := len(names); i < count; i++ {
		c, err := newCaller()
		if err != nil {
			return scaled{}, nil, err
		}
		fresh, callers = append(fresh, fmt.Sprintf("standing-%d", i)), append(callers, c)
	}
	var err error
	if done.Registered, err = seconds(func() error { return g.registerAll(ctx, fresh, callers) }); err != nil {
		return scaled{}, nil, err
	}
	names = append(names, fresh...)
	// What the agents are is the same for both sides from here on.
	plain, err := startBare(ctx, b.envoyPath, filepath.Join(b.dir, fmt.Sprintf("bare-%d", count)), g.ready.EnvoyAdmin)
	if err != nil {
		return scaled{}, nil, err
	}
	defer plain.stop()
	rest, _, err := residentMiB(g.process.Process.Pid)
	if err != nil {
		return scaled{}, nil, err
	}
	if done.Runs, err = b.saturate(ctx, b.toMany(p, g, plain, names)); err != nil {
		return scaled{}, nil, err
	}
	if done.Propagation, done.Background, err = b.propagate(ctx, p, g, fmt.Sprintf("fresh-%d", count)); err != nil {
		return scaled{}, nil, err
	}
	done.Memory, err = memoryOf(ctx, g, plain)
	done.Memory.RingfenceRest = rest
	return done, names, err
}

// calledAgents is how many agents are called, at most: enough to miss what is remembered of few, and few enough for the
// connections to them not to be what costs memory.
const calledAgents = 250

// spread returns as many of the names, from everywhere among them.
func spread(names []string, most int) []string {
	if len(names) <= most {
		return names
	}
	some := make([]string, most)
	for i := range some {
		some[i] = names[i*len(names)/most]
	}
	return some
}

// toMany is a contest of a gateway and its bare Envoy over messages to agents in turn.
func (b *bench) toMany(p plan, g *gateway, plain *bareEnvoy, names []string) contest {
	names = spread(names, calledAgents)
	records := filepath.Join(b.dir, "scale.bin")
	return contest{
		rounds: p.rounds, warmup: p.warmup, duration: p.sized, connections: p.connections, first: p.guess,
		contenders: []contender{
			{target: plain.target(b.agent.Process.Pid), records: records, wrap: true},
			{target: g.target(b.agent.Process.Pid), records: records},
		},
		prepare: func(n int) error {
			requests, err := signAll(n, func(i int) (*caller, string) {
				return b.caller, g.url(names[i%len(names)])
			}, bodySize)
			if err != nil {
				return err
			}
			return writeRecords(records, g.ready.Gateway, requests)
		},
	}
}

func memoryOf(ctx context.Context, g *gateway, plain *bareEnvoy) (memory, error) {
	var m memory
	var err error
	if m.Ringfence, m.RingfenceMost, err = residentMiB(g.process.Process.Pid); err != nil {
		return memory{}, err
	}
	if m.Envoy, _, err = residentMiB(g.ready.EnvoyPID); err != nil {
		return memory{}, err
	}
	if m.BareEnvoy, _, err = residentMiB(plain.PID()); err != nil {
		return memory{}, err
	}
	if m.Allocated, err = allocatedMiB(ctx, envoy.NewAdmin(g.ready.EnvoyAdmin)); err != nil {
		return memory{}, err
	}
	m.BareAllocated, err = allocatedMiB(ctx, plain.Admin())
	return m, err
}

// allocatedMiB returns what an Envoy says that it has allocated.
func allocatedMiB(ctx context.Context, admin *envoy.Admin) (float64, error) {
	answer, err := admin.Get(ctx, "/memory")
	if err != nil {
		return 0, err
	}
	var m struct {
		Allocated uint64 `json:"allocated,string"`
	}
	if err := json.Unmarshal(answer, &m); err != nil {
		return 0, fmt.Errorf("reading Envoy's memory: %w", err)
	}
	return float64(m.Allocated) / (1 << 20), nil
}
