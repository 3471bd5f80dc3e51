package xds

import (
	"cmp"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Status is what the control plane serves and what the connected Envoys make of it.
type Status struct {
	// Revision is the registry revision of what is served; Versions its content hashes by type.
	Revision uint64            `json:"revision"`
	Versions map[string]string `json:"versions"`
	// Nodes are the connected Envoys, sorted by id.
	Nodes []Node `json:"nodes"`
	// Problems are the agents that are not routed as registered.
	Problems []Problem `json:"problems"`
	// Rejections are the latest, oldest first, also of Envoys that left.
	Rejections []Rejection `json:"rejections"`
}

// Node is one connected Envoy.
type Node struct {
	ID        string `json:"id"`
	Cluster   string `json:"cluster"`
	Transport string `json:"transport"`
	// Acknowledged are the versions it acknowledged last, by type; Synced says that they are the served ones.
	Acknowledged map[string]string `json:"acknowledged"`
	Synced       bool              `json:"synced"`
	// Rejected is its last rejection, if any.
	Rejected *Rejection `json:"rejected,omitempty"`
}

// Status returns the present state. Its lists are never nil.
func (p *Publisher) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	status := Status{
		Versions:   map[string]string{},
		Nodes:      make([]Node, 0, len(p.streams)),
		Problems:   []Problem{},
		Rejections: append([]Rejection{}, p.rejections...),
	}
	if p.snap != nil {
		status.Revision = p.snap.Revision()
		for _, name := range slices.Sorted(maps.Keys(p.problems)) {
			status.Problems = append(status.Problems, Problem{Agent: name, Reason: p.problems[name]})
		}
		for _, t := range typeURLs {
			status.Versions[kinds[t]] = p.catalogue.version(t)
		}
	}
	for s := range p.streams {
		status.Nodes = append(status.Nodes, p.describe(s))
	}
	slices.SortFunc(status.Nodes, func(a, b Node) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Transport, b.Transport)) })
	return status
}

func (p *Publisher) describe(s *stream) Node {
	node := Node{
		ID:           s.node.GetId(),
		Cluster:      s.node.GetCluster(),
		Transport:    string(s.transport),
		Acknowledged: map[string]string{},
		Synced:       p.snap != nil && s.has(p.generation),
	}
	for t, u := range s.types {
		if u.version != "" {
			node.Acknowledged[kinds[t]] = u.version
		}
	}
	if s.last != nil {
		last := *s.last
		node.Rejected = &last
	}
	return node
}

// metrics are the publisher's own; Envoy counts its side itself.
type metrics struct {
	publications prometheus.Counter
	rejections   *prometheus.CounterVec
	connected    prometheus.Gauge
	problems     prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (metrics, error) {
	m := metrics{
		publications: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ringfence_xds_publications_total", Help: "Configurations published whose content was new.",
		}),
		rejections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ringfence_xds_rejections_total", Help: "Configurations that an Envoy rejected, by resource type.",
		}, []string{"type"}),
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ringfence_xds_connected_envoys", Help: "Open xDS streams.",
		}),
		problems: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ringfence_xds_unrouted_agents", Help: "Active agents that are not routed as registered.",
		}),
	}
	for _, kind := range kinds {
		m.rejections.WithLabelValues(kind) // so that the first rejection is an increase
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.publications, m.rejections, m.connected, m.problems} {
		if err := r.Register(c); err != nil {
			return metrics{}, err
		}
	}
	return m, nil
}
