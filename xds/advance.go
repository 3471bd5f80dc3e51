package xds

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"ringfence.dev/ringfence/internal/agent"
)

const (
	// settle is how long Envoys that do not answer hold up routes to new clusters.
	settle = time.Second
	// grace is how long a cluster outlives its routes. Envoy looks the cluster up again after a request was
	// decided, so one that was routed before the routes went must be uploaded, decided and sent within it.
	grace = uploadTimeout + 30*time.Second
)

// advance publishes the latest snapshot under the current holds, or waits for what must happen before. The
// caller holds mu.
func (p *Publisher) advance() {
	maps.DeleteFunc(p.holds, func(name agent.ID, h hold) bool {
		record, ok := p.snap.Agent(name)
		return !ok || !same(record, h.rejected)
	})
	r := p.builder.build(p.snap, p.holds)
	next := p.following(r)
	if p.current != nil && next.adds(p.current) && !p.settled() {
		p.wait()
		return
	}
	p.publish(next)
}

// publish hands the publication out and sees to the clusters it leaves behind. The caller holds mu.
func (p *Publisher) publish(next *publication) {
	if p.stopWait != nil {
		p.stopWait()
		p.stopWait = nil
	}
	p.metrics.problems.Set(float64(len(next.Problems)))
	p.set(next)
	p.schedule()
	p.notify()
}

// set hands a publication to the cache. The caller holds mu.
func (p *Publisher) set(next *publication) {
	known := next.equal(p.current)
	p.current = next
	if known {
		return
	}
	p.metrics.publications.Inc()
	p.log.Debug("publishing configuration", slog.Uint64("revision", next.Revision),
		slog.Int("agents", len(next.shares)), slog.Int("problems", len(next.Problems)))
	// The context bounds waits on streams' channels, which are wide enough never to wait.
	if err := p.cache.SetSnapshot(context.Background(), group, next); err != nil {
		p.log.Error("publishing configuration failed", slog.Any("error", err))
	}
}

// settled reports whether every Envoy answered for the current clusters. Until then the cache could not send it
// more clusters, but would send routes to them. The caller holds mu.
func (p *Publisher) settled() bool {
	current := p.current.versions[resource.ClusterType]
	for _, s := range p.streams {
		if s.subscribed(resource.ClusterType) && !s.answered(resource.ClusterType, current) {
			return false
		}
	}
	return true
}

// wait puts the publication off until all is settled, but not for longer than settle. The caller holds mu.
func (p *Publisher) wait() {
	if p.stopWait != nil {
		return
	}
	p.stopWait = p.clock.AfterFunc(settle, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.stopWait != nil {
			p.publish(p.following(p.builder.build(p.snap, p.holds)))
		}
	})
}

// resume publishes what waited, if nothing holds it up any more.
func (p *Publisher) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopWait != nil && p.settled() {
		p.advance()
	}
}

// following returns the publication of the resources that may follow the current one: with the clusters that
// have to outlive their routes. The caller holds mu.
func (p *Publisher) following(r Resources) *publication {
	now := p.clock.Now()
	wanted := make(map[string]bool, len(r.Clusters))
	for _, c := range r.Clusters {
		wanted[c.GetName()] = true
	}
	if p.current != nil && len(p.streams) > 0 {
		for name := range p.current.resources[resource.ClusterType] {
			if _, known := p.leaving[name]; !known && !wanted[name] {
				p.leaving[name] = now.Add(grace)
			}
		}
	}
	maps.DeleteFunc(p.leaving, func(name string, until time.Time) bool { return wanted[name] || !until.After(now) })
	return newPublication(r, p.current, slices.Sorted(maps.Keys(p.leaving)))
}

// schedule has the leaving clusters removed when their time is over. The caller holds mu.
func (p *Publisher) schedule() {
	if p.stopSweep != nil {
		p.stopSweep()
		p.stopSweep = nil
	}
	if len(p.leaving) == 0 {
		return
	}
	first := slices.MinFunc(slices.Collect(maps.Values(p.leaving)), time.Time.Compare)
	p.stopSweep = p.clock.AfterFunc(first.Sub(p.clock.Now()), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.set(p.following(p.current.Resources))
		p.schedule()
		p.notify()
	})
}
