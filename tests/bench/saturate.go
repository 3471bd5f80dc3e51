package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/identity"
)

const (
	// guessBytes is how much the requests may take that are signed before any rate is known.
	guessBytes = 384 << 20
	// spare is how many times as many requests are signed as the run before used, and warmupSpare as many as the one that did
	// not count, in which much happened for the first time. Signing takes longer than sending.
	spare, warmupSpare = 1.7, 3
)

// contender is one side of a contest. Its requests are in the file records; wrap lets it start over in it.
type contender struct {
	target
	records string
	wrap    bool
}

// contest has contenders take turns at as many requests as they can.
type contest struct {
	contenders  []contender
	rounds      int
	warmup      bool
	duration    time.Duration
	connections int
	// first is how many requests are made before any rate is known, and prepare writes as many fresh ones.
	first   int
	prepare func(n int) error
}

// saturate runs a contest, after one short round that does not count. Each second round is run backwards, so that what
// grows with time weighs on no side more than on another.
func (b *bench) saturate(ctx context.Context, c contest) (runs, error) {
	n := c.first
	if c.warmup {
		short := c
		short.duration = time.Second
		last, err := b.saturateRound(ctx, short, 0, n)
		if err != nil {
			return nil, err
		}
		n = c.after(last, warmupSpare)
	}
	var all runs
	for round := 1; round <= c.rounds; round++ {
		last, err := b.saturateRound(ctx, c, round, n)
		for tries := 0; errors.Is(err, errExhausted) && tries < 3; tries++ {
			n *= 3 // the machine has become much faster meanwhile
			last, err = b.saturateRound(ctx, c, round, n)
		}
		if err != nil {
			return nil, err
		}
		for _, r := range last {
			fmt.Println(r)
		}
		all = append(all, last...)
		n = c.after(all, spare)
	}
	return all, nil
}

// after returns how many requests are made after some rounds, so that they last with the given reserve.
func (c contest) after(seen runs, reserve float64) int {
	return max(c.first/15, int(reserve*fastest(c.contenders, seen)*c.duration.Seconds()))
}

// fastest returns the highest rate in any round of a contender that may not start over in its file.
func fastest(contenders []contender, seen runs) float64 {
	most := 0.0
	for _, c := range contenders {
		if !c.wrap {
			most = max(most, quantile(seen.of(c.side).values(run.rate), 1))
		}
	}
	return most
}

// saturateRound makes n requests and drives each contender with them.
func (b *bench) saturateRound(ctx context.Context, c contest, round, n int) (runs, error) {
	began := time.Now()
	if err := c.prepare(n); err != nil {
		return nil, err
	}
	order := slices.Clone(c.contenders)
	if round%2 == 0 {
		slices.Reverse(order)
	}
	var done runs
	for _, one := range order {
		r, err := b.saturateOnce(ctx, c, one)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", round, err)
		}
		r.Round = round
		done = append(done, r)
	}
	return done, inTime(began)
}

// saturateOnce drives one contender as fast as it goes.
func (b *bench) saturateOnce(ctx context.Context, c contest, one contender) (run, error) {
	d := drive{url: one.url + "/", script: b.script(), records: one.records, wrap: one.wrap, connections: c.connections, duration: c.duration}
	var report replayed
	var tool time.Duration
	cost, err := one.watch(ctx, func() (err error) {
		report, tool, err = d.run(ctx)
		return err
	})
	if err != nil {
		return run{}, err
	}
	r := run{
		Side: one.side, Seconds: report.Micros / 1e6, Requests: report.Requests - min(report.Failed, report.Requests),
		Failed:  report.Failed + report.SocketErrors,
		Latency: latency{P50: report.P50 / 1e3, P90: report.P90 / 1e3, P99: report.P99 / 1e3, Max: report.Max / 1e3},
		CPU:     cost.cpu, Allocations: cost.allocations,
	}
	if r.Requests == 0 {
		return run{}, fmt.Errorf("%s: all %d requests failed", one.side, r.Failed)
	}
	r.CPU[procTool] = tool.Seconds() * 1e6
	if one.metrics != "" {
		r.Verify, err = timeVerify()
	}
	return r, err
}

// timeVerify returns the CPU time of one Ed25519 verification with all cores at it, in microseconds. A run at saturation
// keeps all cores busy too, so this is what its verifications cost then.
func timeVerify() (float64, error) {
	key := chainKey("caller")
	public, text := key.Public().(ed25519.PublicKey), make([]byte, 512)
	signature := ed25519.Sign(key, text)
	var passes atomic.Int64
	before, err := ownCPU()
	if err != nil {
		return 0, err
	}
	var group sync.WaitGroup
	began := time.Now()
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for time.Since(began) < readingRound {
				ed25519.Verify(public, text, signature)
				passes.Add(1)
			}
		})
	}
	group.Wait()
	after, err := ownCPU()
	return float64((after - before).Nanoseconds()) / 1e3 / float64(passes.Load()), err
}

// inTime returns an error when requests signed at the given moment have expired by now.
func inTime(signed time.Time) error {
	if took := time.Since(signed); took > identity.MaxLifetime {
		return fmt.Errorf("a round took %s from the first signature on, and signatures live %s: the machine is too busy",
			took.Round(time.Second), identity.MaxLifetime)
	}
	return nil
}

// messages is a contest of the bare side and the shapes over signed messages with bodies of size bytes. The bare side may start over in the
// file, which the governed ones read from its beginning: nobody checked the signatures before.
func (b *bench) messages(p plan, shapes []side, size int, duration time.Duration) contest {
	c := contest{rounds: p.rounds, warmup: p.warmup, duration: duration, connections: p.connections, first: min(p.guess, guessBytes/size)}
	records := filepath.Join(b.dir, "requests.bin")
	for _, t := range b.targets(shapes) {
		c.contenders = append(c.contenders, contender{target: t, records: records, wrap: t.side == bare})
	}
	c.prepare = func(n int) error {
		requests, err := b.caller.batch(b.url(callee), n, size)
		if err != nil {
			return err
		}
		return writeRecords(records, b.host(), requests)
	}
	return c
}

// sizes are those of larger bodies, by name.
var sizes = []struct {
	name  string
	bytes int
}{{"16kb", 16 << 10}, {"256kb", 256 << 10}}

// measureShapes drives every side with ordinary messages.
func measureShapes(ctx context.Context, b *bench, p plan, r *results) (err error) {
	r.Shapes, err = b.saturate(ctx, b.messages(p, allShapes(p), bodySize, p.saturation))
	return err
}

// measureSizes drives the sides with larger messages.
func measureSizes(ctx context.Context, b *bench, p plan, r *results) error {
	r.Sizes = map[string]runs{}
	for _, size := range sizes {
		fmt.Printf("bodies of %s:\n", size.name)
		done, err := b.saturate(ctx, b.messages(p, requestShapes(p), size.bytes, p.sized))
		if err != nil {
			return fmt.Errorf("bodies of %s: %w", size.name, err)
		}
		r.Sizes[size.name] = done
	}
	return nil
}
