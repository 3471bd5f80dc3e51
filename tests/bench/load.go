package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

const (
	// guess is how many requests are signed before any rate is known.
	guess = 15_000
	// spare is how many times as many requests are signed as the run before used. Signing takes longer than sending.
	spare = 2
)

// pids returns the processes that take part in a run of one side.
func (b *bench) pids(s side) map[string]int {
	if s == bare {
		return map[string]int{procEnvoy: b.bare.PID(), procAgent: b.agent.Process.Pid}
	}
	return map[string]int{procEnvoy: b.ready.EnvoyPID, procRingfence: b.ringfence.Process.Pid, procAgent: b.agent.Process.Pid}
}

// base returns where a side is reached.
func (b *bench) base(s side) string {
	if s == bare {
		return b.bare.url
	}
	return b.ready.GatewayURL
}

func (b *bench) records() string { return filepath.Join(b.dir, "requests.bin") }

// prepare signs requests for one round at saturation.
func (b *bench) prepare(n int) error {
	requests, err := b.caller.batch(b.url(callee), n)
	if err != nil {
		return err
	}
	return writeRecords(b.records(), b.ready.Gateway, agent.MeshPrefix+callee, requests)
}

// saturateOnce drives one side as fast as it goes. The bare side may start over in the file, which the governed one
// then reads from its beginning: nobody checked the signatures before.
func (b *bench) saturateOnce(ctx context.Context, s side, round int, p plan) (run, error) {
	before, err := cpuTimes(b.pids(s))
	if err != nil {
		return run{}, err
	}
	d := drive{url: b.base(s) + "/", script: b.script(), records: b.records(), wrap: s == bare, connections: p.connections, duration: p.saturation}
	report, tool, err := d.run(ctx)
	if err != nil {
		return run{}, fmt.Errorf("%s, round %d: %w", s, round, err)
	}
	after, err := cpuTimes(b.pids(s))
	if err != nil {
		return run{}, err
	}
	r := run{
		Kind: saturation, Side: s, Round: round,
		Seconds: report.Micros / 1e6, Requests: report.Requests - min(report.Failed, report.Requests),
		Failed:  report.Failed + report.SocketErrors,
		Latency: latency{P50: report.P50 / 1e3, P90: report.P90 / 1e3, P99: report.P99 / 1e3, Max: report.Max / 1e3},
		CPU:     spent(before, after),
	}
	r.CPU[procTool] = tool.Seconds() * 1e6
	return r, nil
}

// spent returns the CPU time between two readings in microseconds.
func spent(before, after map[string]time.Duration) map[string]float64 {
	used := make(map[string]float64, len(after))
	for name, t := range after {
		used[name] = float64((t - before[name]).Microseconds())
	}
	return used
}

// saturate lets both sides take turns at as many requests as they can, after one short round that does not count.
func (b *bench) saturate(ctx context.Context, p plan) ([]run, error) {
	warmup := p
	warmup.saturation = time.Second
	last, err := b.saturateRound(ctx, 0, guess, warmup)
	if err != nil {
		return nil, err
	}
	var runs []run
	for round := 1; round <= p.rounds; round++ {
		n := spare * last[len(last)-1].rate() * p.saturation.Seconds()
		if last, err = b.saturateRound(ctx, round, max(int(n), guess), p); err != nil {
			return nil, err
		}
		for _, r := range last {
			fmt.Println(r)
		}
		runs = append(runs, last...)
	}
	return runs, nil
}

// saturateRound signs n requests and drives each side with them.
func (b *bench) saturateRound(ctx context.Context, round, n int, p plan) ([]run, error) {
	began := time.Now()
	if err := b.prepare(n); err != nil {
		return nil, err
	}
	var runs []run
	for _, s := range sides {
		r, err := b.saturateOnce(ctx, s, round, p)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, inTime(began)
}

// inTime returns an error when requests signed at the given moment have expired by now.
func inTime(signed time.Time) error {
	if took := time.Since(signed); took > identity.MaxLifetime {
		return fmt.Errorf("a round took %s from the first signature on, and signatures live %s: the machine is too busy",
			took.Round(time.Second), identity.MaxLifetime)
	}
	return nil
}

// halfLoad is half of what the governed side managed, in requests per second.
func halfLoad(runs []run) int {
	return int(median(ratesOf(runs, governed)) / 2)
}

// hold lets both sides take turns at a constant rate.
func (b *bench) hold(ctx context.Context, p plan, rate int) ([]run, error) {
	var runs []run
	for round := 1; round <= p.rounds; round++ {
		began := time.Now()
		// One more than needed: vegeta may send it at the very end.
		requests, err := b.caller.batch(b.url(callee), int(float64(rate)*p.steady.Seconds())+1)
		if err != nil {
			return nil, err
		}
		for _, s := range sides {
			r, err := b.holdOnce(ctx, s, round, attack{
				vegeta: b.vegeta, dir: b.dir, targets: filepath.Join(b.dir, "targets.json"), rate: rate, duration: p.steady,
			}, requests)
			if err != nil {
				return nil, err
			}
			fmt.Println(r)
			runs = append(runs, r)
		}
		if err := inTime(began); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

func (b *bench) holdOnce(ctx context.Context, s side, round int, a attack, requests []request) (run, error) {
	if err := writeTargets(a.targets, b.base(s)+agent.MeshPrefix+callee, b.ready.Gateway, requests); err != nil {
		return run{}, err
	}
	before, err := cpuTimes(b.pids(s))
	if err != nil {
		return run{}, err
	}
	seen, err := a.run(ctx)
	if err != nil {
		return run{}, fmt.Errorf("%s at %d requests/s, round %d: %w", s, a.rate, round, err)
	}
	after, err := cpuTimes(b.pids(s))
	if err != nil {
		return run{}, err
	}
	millis := inMillis(seen.latencies)
	return run{
		Kind: steady, Side: s, Round: round, Offered: a.rate,
		Seconds: a.duration.Seconds(), Requests: seen.succeeded, Failed: seen.failed,
		Latency: latency{
			P50: quantile(millis, 0.50), P90: quantile(millis, 0.90), P99: quantile(millis, 0.99), Max: slices.Max(millis),
		},
		CPU: spent(before, after),
	}, nil
}

func inMillis(durations []time.Duration) []float64 {
	millis := make([]float64, len(durations))
	for i, d := range durations {
		millis[i] = float64(d.Nanoseconds()) / 1e6
	}
	return millis
}

// processes returns the names in the order in which a request meets them.
func processes(cpu map[string]float64) []string {
	order := []string{procTool, procEnvoy, procRingfence, procAgent}
	names := slices.Collect(maps.Keys(cpu))
	slices.SortFunc(names, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	return names
}
