package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// measureLatency lets the bare side and each shape take turns at a constant rate, half of what the shape manages.
func measureLatency(ctx context.Context, b *bench, p plan, r *results) error {
	managed := r.Shapes
	if len(managed) == 0 { // measured alone
		short := p
		short.rounds = 1
		var err error
		if managed, err = b.saturate(ctx, b.messages(short, requestShapes(p), bodySize, short.sized)); err != nil {
			return err
		}
	}
	r.Latency = map[side]runs{}
	for _, t := range b.targets(requestShapes(p))[1:] {
		done, err := b.hold(ctx, p, t, halfLoad(managed, t.side))
		if err != nil {
			return err
		}
		r.Latency[t.side] = done
	}
	return nil
}

// halfLoad is half of what a side managed, in requests per second.
func halfLoad(managed runs, s side) int { return int(managed.of(s).median(run.rate) / 2) }

// hold lets the bare side and a governed one take turns at a constant rate.
func (b *bench) hold(ctx context.Context, p plan, t target, rate int) (runs, error) {
	a := attack{vegeta: b.vegeta, dir: b.dir, targets: filepath.Join(b.dir, "targets.json"), rate: rate, duration: p.steady}
	var all runs
	for round := 1; round <= p.rounds; round++ {
		began := time.Now()
		// One more than needed: vegeta may send it at the very end.
		requests, err := b.caller.batch(b.url(callee), int(float64(rate)*p.steady.Seconds())+1, bodySize)
		if err != nil {
			return nil, err
		}
		for _, one := range []target{b.bare.target(b.agent.Process.Pid), t} {
			if err := writeTargets(a.targets, one.url, b.host(), requests); err != nil {
				return nil, err
			}
			done, err := holdOnce(ctx, one, a)
			if err != nil {
				return nil, fmt.Errorf("at %d requests/s, round %d: %w", rate, round, err)
			}
			done.Round = round
			fmt.Println(done)
			all = append(all, done)
		}
		if err := inTime(began); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func holdOnce(ctx context.Context, t target, a attack) (run, error) {
	var seen attacked
	cost, err := t.watch(ctx, func() (err error) {
		seen, err = a.run(ctx)
		return err
	})
	if err != nil {
		return run{}, err
	}
	return run{
		Side: t.side, Offered: a.rate, Seconds: a.duration.Seconds(), Requests: seen.succeeded, Failed: seen.failed,
		Latency: latencyOf(inMillis(seen.latencies)), CPU: cost.cpu, Allocations: cost.allocations,
	}, nil
}

func inMillis(durations []time.Duration) []float64 {
	millis := make([]float64, len(durations))
	for i, d := range durations {
		millis[i] = float64(d.Nanoseconds()) / 1e6
	}
	return millis
}
