package main

import (
	"context"
	"fmt"
	"runtime"
)

// The sides of a cold round: one caller that is known, and callers of which each calls for the first time.
const (
	warm side = "warm"
	cold side = "cold"
)

// measureCold registers callers with a key each, and has them call once each, in turn with as many calls of one caller.
func measureCold(ctx context.Context, b *bench, p plan, r *results) error {
	callers := make([]*caller, p.callers)
	names := make([]string, p.callers)
	for i := range callers {
		var err error
		if callers[i], err = newCaller(); err != nil {
			return err
		}
		names[i] = fmt.Sprintf("newcomer-%d", i)
	}
	r.Cold = map[side]runs{}
	each := p.callers / p.rounds
	for _, g := range b.governed(requestShapes(p)) {
		if err := g.registerAll(ctx, names, callers); err != nil {
			return err
		}
		fmt.Printf("%s, %d callers registered:\n", g.shape, p.callers)
		for round := 1; round <= p.rounds; round++ {
			once := callers[(round-1)*each : round*each]
			for _, s := range []side{warm, cold} {
				done, err := b.callOnce(ctx, p, g, s, once)
				if err != nil {
					return fmt.Errorf("%s, round %d: %w", s, round, err)
				}
				done.Round = round
				fmt.Println(done)
				r.Cold[g.shape] = append(r.Cold[g.shape], done)
			}
		}
	}
	return nil
}

// callOnce sends a call of each of the callers, or as many of the one that is known.
func (b *bench) callOnce(ctx context.Context, p plan, g *gateway, s side, callers []*caller) (run, error) {
	requests, err := signAll(len(callers), func(i int) (*caller, string) {
		if s == warm {
			return b.caller, b.url(callee)
		}
		return callers[i], b.url(callee)
	}, bodySize)
	if err != nil {
		return run{}, err
	}
	runtime.GC() // what signing has left is not the tool's
	t := g.target(b.agent.Process.Pid)
	t.side = s
	var done run
	cost, err := t.watch(ctx, func() (err error) {
		done, err = replayAll(ctx, t.url, b.host(), requests, p.connections)
		return err
	})
	done.Side, done.CPU, done.Allocations = s, cost.cpu, cost.allocations
	return done, err
}
