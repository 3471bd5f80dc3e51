package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// propagation is how long registrations took, in milliseconds.
type propagation struct {
	// Agents were registered before.
	Agents int `json:"agents"`
	// Pause was between two calls to an agent whose route was awaited, in milliseconds.
	Pause float64 `json:"pauseMillis"`
	// Registered is from sending each registration to its answer; Reachable from sending it to the first answer of
	// the agent through its new route.
	Registered []float64 `json:"registeredMillis"`
	Reachable  []float64 `json:"reachableMillis"`
}

// propagate registers many agents, then times further registrations one by one.
func (b *bench) propagate(ctx context.Context, p plan) (propagation, error) {
	result := propagation{Agents: p.agents, Pause: float64(p.pause.Milliseconds())}
	// The caller and the callee are registered already.
	last := callee
	for i := range p.agents - 2 {
		last = fmt.Sprintf("standing-%d", i)
		if err := b.register(ctx, last, nil); err != nil {
			return propagation{}, err
		}
	}
	if err := b.awaitRoute(ctx, last, p.pause); err != nil {
		return propagation{}, err
	}
	for i := range p.registrations {
		registered, reachable, err := b.timeRegistration(ctx, fmt.Sprintf("fresh-%d", i), p.pause)
		if err != nil {
			return propagation{}, err
		}
		result.Registered = append(result.Registered, registered)
		result.Reachable = append(result.Reachable, reachable)
	}
	fmt.Printf("propagation with %d agents: %d registrations timed\n", p.agents, p.registrations)
	return result, nil
}

// timeRegistration registers one agent while calls to it are under way.
func (b *bench) timeRegistration(ctx context.Context, name string, pause time.Duration) (registered, reachable float64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	since := func() float64 { return float64(time.Since(began).Nanoseconds()) / 1e6 }
	group.Go(func() error {
		defer func() { registered = since() }()
		return b.register(ctx, name, nil)
	})
	group.Go(func() error {
		defer func() { reachable = since() }()
		return b.awaitRoute(ctx, name, pause)
	})
	err = group.Wait()
	return registered, reachable, err
}
