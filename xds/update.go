package xds

import (
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"ringfence.dev/ringfence/internal/agent"
)

// grace is how long a cluster outlives its routes. Envoy looks the cluster up again after a request was
// decided, so one that was routed before the routes went must be uploaded, decided and sent within it.
const grace = uploadTimeout + 30*time.Second

// hold keeps an agent's part as it was before Envoy rejected it, until its record changes.
type hold struct {
	rejected *agent.Record
	// last is the part that was accepted before, or nil.
	last   *share
	reason string
}

// update serves what follows from an agent's record, which is nil if there is none. The caller holds mu.
func (p *Publisher) update(name agent.ID, record *agent.Record) {
	h, held := p.holds[name]
	if held && !same(record, h.rejected) {
		delete(p.holds, name)
		held = false
	}
	if record == nil {
		delete(p.good, name)
	}
	current := p.shares[name]
	switch {
	case record == nil || record.Status != agent.Active:
		p.apply(name, nil)
	case held:
		p.apply(name, h.last)
		p.problems[name] = h.reason
	case current == nil || !same(current.record, record):
		p.apply(name, p.builder.share(record))
	}
}

// apply serves a share, which may be nil, in the place of the agent's former one. The caller holds mu.
func (p *Publisher) apply(name agent.ID, next *share) {
	former := p.shares[name]
	delete(p.problems, name)
	delete(p.shares, name)
	wanted := map[string]bool{}
	if next != nil {
		p.shares[name] = next
		if next.problem != nil {
			p.problems[name] = next.problem.Error()
		}
		for _, i := range next.items {
			wanted[i.typeURL+i.name] = true
			if i.typeURL == resource.ClusterType {
				delete(p.departures.until, i.name)
			}
			if p.catalogue.set(i) {
				p.touch(i.typeURL, i.name)
			}
		}
	}
	if former == nil {
		return
	}
	for _, i := range former.items {
		switch {
		case wanted[i.typeURL+i.name]:
		case i.typeURL == resource.ClusterType && len(p.streams) > 0:
			p.departures.add(i.name, p.clock.Now().Add(grace))
		case p.catalogue.remove(i.typeURL, i.name):
			p.touch(i.typeURL, i.name)
		}
	}
}

// touch has every stream look at a resource anew. The caller holds mu.
func (p *Publisher) touch(typeURL, name string) {
	p.generation++
	for s := range p.streams {
		s.touch(typeURL, name)
	}
}

// departures are the clusters that lost their routes, in the order in which they may go.
type departures struct {
	until map[string]time.Time
	queue []departure
	// stop cancels the call that removes them; nil while there is none.
	stop func() bool
}

type departure struct {
	name  string
	until time.Time
}

func (d *departures) add(name string, until time.Time) {
	d.until[name] = until
	d.queue = append(d.queue, departure{name, until})
}

// due takes out what may go now, leaving out what came back in the meantime.
func (d *departures) due(now time.Time) []string {
	var names []string
	for len(d.queue) > 0 && !d.queue[0].until.After(now) {
		first := d.queue[0]
		d.queue = d.queue[1:]
		if d.until[first.name].Equal(first.until) {
			delete(d.until, first.name)
			names = append(names, first.name)
		}
	}
	return names
}

// schedule has the leaving clusters removed when their time is over. The caller holds mu.
func (p *Publisher) schedule() {
	d := &p.departures
	if d.stop != nil || len(d.queue) == 0 {
		return
	}
	d.stop = p.clock.AfterFunc(d.queue[0].until.Sub(p.clock.Now()), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		d.stop = nil
		since := p.generation
		for _, name := range d.due(p.clock.Now()) {
			if p.catalogue.remove(resource.ClusterType, name) {
				p.touch(resource.ClusterType, name)
			}
		}
		p.published(since)
	})
}
