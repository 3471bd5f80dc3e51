package xds

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/prometheus/client_golang/prometheus"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

// Publisher turns registry snapshots into publications and follows what the connected Envoys make of them. All
// of them get the same configuration.
type Publisher struct {
	log     *slog.Logger
	clock   Clock
	metrics metrics
	cache   cache.SnapshotCache
	next    atomic.Pointer[registry.Snapshot]

	mu      sync.Mutex
	builder *builder
	snap    *registry.Snapshot
	current *publication
	// good are the parts of the last publication that some Envoy acknowledged whole; nil before the first.
	good       map[agent.ID]*share
	holds      map[agent.ID]hold
	streams    map[streamKey]*stream
	rejections []Rejection
	// leaving are the clusters that lost their routes, with the time when they may go.
	leaving map[string]time.Time
	// stopSweep and stopWait cancel the calls that remove leaving clusters and end a wait; nil while there is none.
	stopSweep, stopWait func() bool
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

// watches is the snapshot cache as the server sees it.
type watches struct {
	cache.SnapshotCache
	publisher *Publisher
}

// CreateWatch lets the publisher go on once the watch stands: what waited for the answer that renews the watch
// can reach Envoy in the right order only now.
func (w watches) CreateWatch(r *cache.Request, s cache.Subscription, c chan cache.Response) (func(), error) {
	cancel, err := w.SnapshotCache.CreateWatch(r, s, c)
	w.publisher.resume()
	return cancel, err
}

// CreateDeltaWatch is CreateWatch for the delta variant.
func (w watches) CreateDeltaWatch(r *cache.DeltaRequest, s cache.Subscription, c chan cache.DeltaResponse) (func(), error) {
	cancel, err := w.SnapshotCache.CreateDeltaWatch(r, s, c)
	w.publisher.resume()
	return cancel, err
}

// everyone puts all Envoys into one group of the cache.
type everyone struct{}

const group = "all"

func (everyone) ID(*corev3.Node) string { return group }

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
		log:     log,
		clock:   clock,
		metrics: m,
		cache:   cache.NewSnapshotCache(true, everyone{}, nil),
		builder: b,
		holds:   map[agent.ID]hold{},
		streams: map[streamKey]*stream{},
		leaving: map[string]time.Time{},
		changed: make(chan struct{}),
	}, nil
}

// Publish serves the snapshot to all Envoys. It does not wait for them: a snapshot with new clusters may itself
// wait, up to a second, until they answered for the last ones. Snapshots that arrive while one is built or waits
// are skipped but for the last. One older than the latest is ignored; nil is the empty mesh before any revision.
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
	p.snap = snap
	p.advance()
}

// notify wakes those who wait in Synced. The caller holds mu.
func (p *Publisher) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Synced waits until at least one Envoy is connected and every connected one has acknowledged a publication of
// the registry's revision or a later one. It returns the context's error when that ends first.
func (p *Publisher) Synced(ctx context.Context, revision uint64) error {
	for {
		p.mu.Lock()
		synced, changed := p.synced(revision), p.changed
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

func (p *Publisher) synced(revision uint64) bool {
	if p.current == nil || p.current.Revision < revision || len(p.streams) == 0 {
		return false
	}
	for _, s := range p.streams {
		if !s.has(p.current) {
			return false
		}
	}
	return true
}
