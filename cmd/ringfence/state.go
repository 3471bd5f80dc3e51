package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/killswitch"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/rulebook"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/trust"
)

const (
	trustBucket = "trust"
	trustFile   = "trust.jsonl"
	// openWithin bounds how long loading one part of the mesh's state may take.
	openWithin = 30 * time.Second
	// trustFlush bounds how long a stop waits until what was seen last is stored.
	trustFlush = 5 * time.Second
)

func openBucket(s store.Store, name string) (store.Bucket, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	return s.Bucket(ctx, name)
}

// reviewer is told that something changed by which calls under way have to be judged anew.
type reviewer struct{ due chan struct{} }

func newReviewer() *reviewer { return &reviewer{due: make(chan struct{}, 1)} }

// ask has what is under way judged anew soon. It does not block.
func (r *reviewer) ask() {
	select {
	case r.due <- struct{}{}:
	default: // it will be, and sees this change too
	}
}

// follow reviews whenever it was asked to or the clock ticks, and rests after each review, until ctx ends or rest reports
// that it did. What was asked for meanwhile is one review.
func (r *reviewer) follow(ctx context.Context, ticks <-chan time.Time, rest func() bool, review func()) {
	for more := true; more; more = rest() {
		select {
		case <-r.due:
		case <-ticks:
		case <-ctx.Done():
			return
		}
		review()
	}
}

func newBoard(lifecycle fx.Lifecycle, s store.Store, r *reviewer, logger *slog.Logger) (*killswitch.Board, error) {
	bucket, err := openBucket(s, killswitch.Bucket)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	board, err := killswitch.Open(ctx, killswitch.Config{Bucket: bucket, Now: time.Now, Logger: logger, Changed: r.ask})
	if err != nil {
		return nil, err
	}
	lifecycle.Append(fx.StopHook(board.Close))
	return board, nil
}

func newGates(lifecycle fx.Lifecycle, s store.Store, agents *registry.Registry, r *reviewer, logger *slog.Logger) (*gate.Ledger, error) {
	bucket, err := openBucket(s, gate.BucketName)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	gates, err := gate.Open(ctx, gate.Config{Bucket: bucket, Agent: registered(agents), Now: time.Now, Logger: logger, Changed: r.ask})
	if err != nil {
		return nil, err
	}
	lifecycle.Append(fx.StopHook(gates.Close))
	return gates, nil
}

func registered(agents *registry.Registry) func(agent.ID) (*agent.Record, bool) {
	return func(name agent.ID) (*agent.Record, bool) { return agents.Snapshot().Agent(name) }
}

// trustParts are what scores are kept with.
type trustParts struct {
	fx.In

	Lifecycle fx.Lifecycle
	Config    config.Config
	Dir       lockedDir
	Store     store.Store
	Registry  *registry.Registry
	Review    *reviewer
	Logger    *slog.Logger
	Metrics   prometheus.Registerer
}

func newTrust(p trustParts) (*trust.Ledger, error) {
	bucket, err := openBucket(p.Store, trustBucket)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(string(p.Dir), trustFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of trust: %w", err)
	}
	journal := audit.NewJournal[trust.Entry](audit.JournalConfig{Out: file, Queue: 1 << 12, Kind: "trust events", Logger: p.Logger})
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	ledger, err := trust.Open(ctx, trust.Config{
		Bucket: bucket, Now: time.Now, Logger: p.Logger, Rules: trustRules(p.Config.Trust),
		Quarantine: p.Config.Trust.Quarantine, Agent: registered(p.Registry), Recorded: journal.Write,
		Changed: p.Review.ask,
	})
	if err != nil {
		return nil, errors.Join(err, journal.Close(), file.Close())
	}
	p.Lifecycle.Append(fx.StopHook(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, trustFlush)
		defer cancel()
		problem := ledger.Close(ctx)
		return errors.Join(problem, journal.Close(), file.Close())
	}))
	p.Metrics.MustRegister(trustMetrics(ledger)...)
	return ledger, nil
}

func trustRules(c config.Trust) trust.Rules {
	rules := trust.DefaultRules()
	rules.Weight, rules.GoodCap = trust.Evidence(c.Weight)*trust.Point, trust.Evidence(c.GoodCap)*trust.Point
	rules.GoodHalfLife, rules.BadHalfLife = int64(c.GoodHalfLife/time.Second), int64(c.BadHalfLife/time.Second)
	rules.BadFactor, rules.Dwell = int64(c.BadFactor), int64(c.Dwell/time.Second)
	return rules
}

// followTrust admits each new agent, so that its history begins when the mesh came to know it, and has calls under way
// judged anew when the agents change.
func followTrust(lifecycle fx.Lifecycle, agents *registry.Registry, ledger *trust.Ledger, r *reviewer) {
	background(lifecycle, func(ctx context.Context) {
		changes := agents.Subscribe(ctx)
		admitAll(agents, ledger)
		for change := range changes {
			switch change.Kind {
			case registry.Registered, registry.Replaced:
				ledger.Admit(change.Name)
			case registry.Resync:
				admitAll(agents, ledger)
			}
			r.ask()
		}
	})
}

func admitAll(agents *registry.Registry, ledger *trust.Ledger) {
	for _, record := range agents.Snapshot().Agents() {
		ledger.Admit(record.Name)
	}
}

// meshParts are what decisions know the mesh by.
type meshParts struct {
	fx.In

	Agents    *registry.Registry
	Trust     *trust.Ledger
	Board     *killswitch.Board
	Gates     *gate.Ledger
	Documents *did.Documents
	Lineage   *lineage.Ledger
	Book      *rulebook.Book
}

// newMesh returns what decisions know of the mesh at each moment.
func newMesh(p meshParts) func() governance.Mesh {
	return func() governance.Mesh {
		now := time.Now()
		return governance.Mesh{
			Agents: p.Agents.Snapshot(), Trust: p.Trust.Image(), Switches: p.Board.Image(), Gates: p.Gates.Image(), Documents: p.Documents.Image(),
			Policies: p.Book.Image(),
			Behind:   max(p.Agents.Behind(now), p.Trust.Behind(now), p.Board.Behind(now), p.Gates.Behind(now), p.Documents.Behind(now), p.Lineage.Behind(now), p.Book.Behind(now)),
		}
	}
}

// reviewRest is the least time between two reviews: trust changes all the time where many agents call, and what is to be
// stopped has to be within a second.
const reviewRest = 100 * time.Millisecond

// reviewEvery is how often calls under way are judged anew though nothing has changed: what a delegation allows ends with
// time alone, and so do scores.
const reviewEvery = time.Second

// reviewCalls judges calls under way anew when something changes, and now and then, and gives up those of which nobody has
// told the end.
func reviewCalls(lifecycle fx.Lifecycle, g *governance.Governor, open *governance.Open, r *reviewer) {
	background(lifecycle, func(ctx context.Context) {
		// A stop lets calls under way come to their end: that the review ends is no reason to cut them.
		lasting := context.WithoutCancel(ctx)
		judge := func(x *governance.Exchange) governance.Verdict { return g.Review(lasting, x) }
		ticker := time.NewTicker(reviewEvery)
		defer ticker.Stop()
		r.follow(ctx, ticker.C, func() bool { return store.Pause(ctx, reviewRest) }, func() {
			g.Forget(time.Now())
			open.Review(judge)
		})
	})
}

// trustMetrics shows what the ledger of trust counts.
func trustMetrics(ledger *trust.Ledger) []prometheus.Collector {
	counter := func(name, help string, value func(trust.Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "ringfence_trust_" + name + "_total", Help: help},
			func() float64 { return float64(value(ledger.Stats())) })
	}
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ringfence_trust_waiting", Help: "Agents of which events wait to be stored."},
			func() float64 { return float64(ledger.Stats().Waiting) }),
		counter("stored", "Events of trust that were stored.", func(s trust.Stats) uint64 { return s.Stored }),
		counter("suppressed", "Signals that the caps would have swallowed.", func(s trust.Stats) uint64 { return s.Suppressed }),
		counter("dropped", "Signals and events that found no room, or were not stored in time.", func(s trust.Stats) uint64 { return s.Dropped }),
		counter("conflicts", "Writes that another process came before.", func(s trust.Stats) uint64 { return s.Conflicts }),
		counter("failed", "Calls of the store that have to be made again.", func(s trust.Stats) uint64 { return s.Failed }),
	}
}
