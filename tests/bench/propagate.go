package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// propagation is how long registrations took, in milliseconds.
type propagation struct {
	// Pause was between two calls to an agent whose route was awaited, in milliseconds.
	Pause float64 `json:"pauseMillis"`
	// Registered is from sending each registration to its answer; Reachable from sending it to the first answer of
	// the agent through its new route.
	Registered []float64 `json:"registeredMillis"`
	Reachable  []float64 `json:"reachableMillis"`
}

// background is the load that a gateway is under while something else is timed.
type background struct {
	// Offered is its rate in requests per second.
	Offered  int `json:"offeredPerSecond"`
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
}

// propagate times registrations one by one, of agents whose names begin with prefix, while the gateway is under load.
func (b *bench) propagate(ctx context.Context, p plan, g *gateway, prefix string) (propagation, background, error) {
	result := propagation{Pause: float64(p.pause.Milliseconds())}
	within, stop := context.WithCancel(ctx)
	defer stop()
	load := background{Offered: p.background}
	group, within := errgroup.WithContext(within)
	ended := make(chan struct{})
	group.Go(func() error { return load.keep(within, g, ended) })
	group.Go(func() error {
		defer close(ended)
		for i := range p.registrations {
			registered, reachable, err := g.timeRegistration(within, fmt.Sprintf("%s-%d", prefix, i), p.pause)
			if err != nil {
				return err
			}
			result.Registered = append(result.Registered, registered)
			result.Reachable = append(result.Reachable, reachable)
		}
		return nil
	})
	err := group.Wait()
	return result, load, err
}

// timeRegistration registers one agent while calls to it are under way.
func (g *gateway) timeRegistration(ctx context.Context, name string, pause time.Duration) (registered, reachable float64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	since := func() float64 { return float64(time.Since(began).Nanoseconds()) / 1e6 }
	group.Go(func() error {
		defer func() { registered = since() }()
		return g.register(ctx, name, nil)
	})
	group.Go(func() error {
		defer func() { reachable = since() }()
		return g.awaitRoute(ctx, name, pause)
	})
	err = group.Wait()
	return registered, reachable, err
}

// keepers share the load between them, so that one slow answer does not stop it.
const keepers = 4

// keep calls the callee at the offered rate until ended is closed.
func (l *background) keep(ctx context.Context, g *gateway, ended <-chan struct{}) error {
	group, ctx := errgroup.WithContext(ctx)
	var requests, failed atomic.Int64
	began, gap := time.Now(), time.Second/time.Duration(l.Offered)
	for keeper := range keepers {
		group.Go(func() error {
			c, err := connect(ctx, g.ready.GatewayURL)
			if err != nil {
				return err
			}
			defer c.Close()
			signer := g.caller.signer
			signer.Random = bufio.NewReader(rand.Reader)
			for i := keeper; ; i += keepers {
				due := time.NewTimer(time.Until(began.Add(time.Duration(i) * gap)))
				select {
				case <-due.C:
				case <-ended:
					due.Stop()
					return nil
				}
				signed, err := g.caller.sign(signer, g.url(callee), bodySize)
				if err != nil {
					return err
				}
				answered, err := c.ask(signed.appendHTTP(nil, g.ready.Gateway))
				switch {
				case err != nil:
					return err
				case answered:
					requests.Add(1)
				default:
					failed.Add(1)
				}
			}
		})
	}
	err := group.Wait()
	l.Requests, l.Failed = int(requests.Load()), int(failed.Load())
	return err
}

// seconds returns how long work took.
func seconds(work func() error) (float64, error) {
	began := time.Now()
	err := work()
	return time.Since(began).Seconds(), err
}
