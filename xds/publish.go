package xds

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

// Publisher turns registry snapshots into what is served and follows what the connected Envoys make of it. All
// of them get the same configuration.
type Publisher struct {
	log     *slog.Logger
	clock   Clock
	metrics metrics
	next    atomic.Pointer[registry.Snapshot]

	mu        sync.Mutex
	builder   *builder
	catalogue *catalogue
	// snap is the snapshot that is served, nil before the first; generation counts changes of what is served.
	snap       *registry.Snapshot
	generation uint64
	// shares are the parts that are served, good those that some Envoy acknowledged whole. settled says that some
	// Envoy once had everything.
	shares, good map[agent.ID]*share
	settled      bool
	holds        map[agent.ID]hold
	problems     map[agent.ID]string
	streams      map[*stream]struct{}
	rejections   []Rejection
	departures   departures
	// changed is closed and replaced whenever Synced may have a new answer.
	changed chan struct{}
}

// Clock is what the publisher needs of time: the present, and a call later that can be stopped.
type Clock struct {
	Now       func() time.Time
	AfterFunc func(time.Duration, func()) (stop func() bool)
}

// SystemClock is the machine's clock.
func SystemClock() Clock {
	return Clock{
		Now:       time.Now,
		AfterFunc: func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop },
	}
}

// NewPublisher returns a Publisher for the settings, which serves the configuration of an empty mesh only once
// a snapshot was published. Its metrics are registered with r, which may be nil.
func NewPublisher(s Settings, log *slog.Logger, clock Clock, r prometheus.Registerer) (*Publisher, error) {
	b, err := newBuilder(s)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(r)
	if err != nil {
		return nil, fmt.Errorf("registering xDS metrics: %w", err)
	}
	return &Publisher{
		log:        log,
		clock:      clock,
		metrics:    m,
		builder:    b,
		catalogue:  newCatalogue(b.base),
		shares:     map[agent.ID]*share{},
		good:       map[agent.ID]*share{},
		holds:      map[agent.ID]hold{},
		problems:   map[agent.ID]string{},
		streams:    map[*stream]struct{}{},
		departures: departures{until: map[string]time.Time{}},
		changed:    make(chan struct{}),
	}, nil
}

// Publish serves the snapshot to all Envoys. It waits for none of them: each is sent what it lacks as soon as it has
// answered for what it was sent before. Snapshots that arrive while one is published are skipped but for the last. One
// older than the latest is ignored; nil is the empty mesh before any revision. What it costs depends on what changed,
// but for one comparison of pointers for each agent.
func (p *Publisher) Publish(snap *registry.Snapshot) {
	if snap == nil {
		snap = registry.NewSnapshot(0, nil)
	}
	p.next.Store(snap)
	p.mu.Lock()
	defer p.mu.Unlock()
	snap = p.next.Swap(nil)
	if snap == nil || p.snap != nil && snap.Revision() < p.snap.Revision() {
		return
	}
	before, generation := p.snap, p.generation
	p.snap = snap
	if before == nil {
		p.generation++
	}
	for name, record := range differences(before.Agents(), snap.Agents()) {
		p.update(name, record)
	}
	p.published(generation)
}

// differences calls yield for each agent whose record is another value, and with nil where there is none any more. Both
// are sorted by name. Records that are the same are not looked into: that would cost most where nothing changed.
func differences(before, after []*agent.Record) func(yield func(agent.ID, *agent.Record) bool) {
	return func(yield func(agent.ID, *agent.Record) bool) {
		for len(before) > 0 || len(after) > 0 {
			var gone, come *agent.Record
			switch {
			case len(after) == 0:
				gone = before[0]
			case len(before) == 0:
				come = after[0]
			case before[0] == after[0]:
				before, after = before[1:], after[1:]
				continue
			case before[0].Name < after[0].Name:
				gone = before[0]
			case before[0].Name > after[0].Name:
				come = after[0]
			default:
				gone, come = before[0], after[0]
			}
			name := cmp.Or(come, gone).Name
			if gone != nil {
				before = before[1:]
			}
			if come != nil {
				after = after[1:]
			}
			if !yield(name, come) {
				return
			}
		}
	}
}

// published lets everybody know what changed since a generation. The caller holds mu.
func (p *Publisher) published(since uint64) {
	p.metrics.problems.Set(float64(len(p.problems)))
	p.schedule()
	p.notify()
	if p.generation == since {
		return
	}
	p.metrics.publications.Inc()
	p.log.Debug("publishing configuration", slog.Uint64("revision", p.snap.Revision()),
		slog.Int("agents", len(p.shares)), slog.Int("problems", len(p.problems)))
	for s := range p.streams {
		s.awake()
	}
}

// notify wakes those who wait in Synced. The caller holds mu.
func (p *Publisher) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Synced waits until at least one Envoy is connected and every connected one has acknowledged what is served of
// the registry's revision or a later one. It returns the context's error when that ends first.
func (p *Publisher) Synced(ctx context.Context, revision uint64) error {
	var wanted uint64
	for {
		p.mu.Lock()
		if wanted == 0 && p.snap != nil && p.snap.Revision() >= revision {
			wanted = p.generation
		}
		synced, changed := wanted > 0 && p.synced(wanted), p.changed
		p.mu.Unlock()
		if synced {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for Envoy to acknowledge revision %d: %w", revision, context.Cause(ctx))
		}
	}
}

func (p *Publisher) synced(generation uint64) bool {
	for s := range p.streams {
		if !s.has(generation) {
			return false
		}
	}
	return len(p.streams) > 0
}
