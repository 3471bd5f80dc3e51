package xds

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

// Resources are the Envoy configuration of one registry snapshot. They are shared and must not be changed.
type Resources struct {
	// Revision is the registry's revision they were built from.
	Revision uint64
	// Listener and Routes are the gateway's; Clusters are sorted by name.
	Listener *listenerv3.Listener
	Routes   *routev3.RouteConfiguration
	Clusters []*clusterv3.Cluster
	// Problems are the agents that could not be routed, sorted by name.
	Problems []Problem

	listenerVersion, routesVersion string
	encodedRoutes                  *routev3.RouteConfiguration
	clusterVersions                []string
	shares                         map[agent.ID]*share
}

// Problem says why an agent is not routed as registered.
type Problem struct {
	Agent  agent.ID `json:"agent"`
	Reason string   `json:"reason"`
}

// Build returns the configuration for the settings and the agents of the snapshot, which may be nil. An agent
// that cannot be routed safely is left out and named in Problems; an error means that the settings are not
// valid.
func Build(s Settings, snap *registry.Snapshot) (Resources, error) {
	b, err := newBuilder(s)
	if err != nil {
		return Resources{}, err
	}
	return b.build(snap, nil), nil
}

// builder builds successive snapshots, and only anew what changed between them.
type builder struct {
	settings Settings
	clusters clusters
	routes   routes
	listener versioned[*listenerv3.Listener]
	fixed    []versioned[*clusterv3.Cluster]
	encoder  encoder
	shares   map[agent.ID]*share
}

func newBuilder(s Settings) (*builder, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("validating xDS settings: %w", err)
	}
	b := &builder{settings: s, clusters: newClusters(s), routes: newRoutes(s)}
	var err error
	if err = manager(s).ValidateAll(); err != nil {
		return nil, fmt.Errorf("validating connection manager: %w", err)
	}
	if b.listener, err = checked(listener(s)); err != nil {
		return nil, fmt.Errorf("validating listener: %w", err)
	}
	empty := b.routes.table(s, nil, b.routes.shared())
	if err = empty.ValidateAll(); err != nil {
		return nil, fmt.Errorf("validating route table: %w", err)
	}
	if b.encoder, err = newEncoder(empty, b.routes.shared()); err != nil {
		return nil, fmt.Errorf("encoding route table: %w", err)
	}
	for _, route := range []*routev3.Route{b.routes.cards(), b.routes.keys()} {
		if err = route.ValidateAll(); err != nil {
			return nil, fmt.Errorf("validating card routes: %w", err)
		}
	}
	governor, err := parseEndpoint(s.Governor)
	if err != nil {
		return nil, fmt.Errorf("reading governor endpoint: %w", err)
	}
	cards, err := parseEndpoint(s.Cards)
	if err != nil {
		return nil, fmt.Errorf("reading cards endpoint: %w", err)
	}
	for _, cluster := range []*clusterv3.Cluster{
		b.clusters.governor(AuthzCluster, governor),
		b.clusters.governor(ProcCluster, governor),
		b.clusters.cards(cards),
	} {
		v, err := checked(cluster)
		if err != nil {
			return nil, fmt.Errorf("validating cluster %s: %w", cluster.GetName(), err)
		}
		b.fixed = append(b.fixed, v)
	}
	return b, nil
}

// hold keeps an agent's part as it was before Envoy rejected it, until its record changes.
type hold struct {
	rejected *agent.Record
	// last is the part that was accepted before, or nil.
	last   *share
	reason string
}

// build assembles the snapshot's resources. Parts of records that did not change since the last build are the
// same values as then.
func (b *builder) build(snap *registry.Snapshot, holds map[agent.ID]hold) Resources {
	r := Resources{Revision: snap.Revision(), shares: make(map[agent.ID]*share, len(snap.Agents()))}
	built := make(map[agent.ID]*share, len(snap.Agents()))
	for _, record := range snap.Agents() {
		if record.Status != agent.Active {
			continue
		}
		s := b.shares[record.Name]
		if s == nil || !same(s.record, record) {
			s = b.share(record)
		}
		built[record.Name] = s
		if h, ok := holds[record.Name]; ok && same(h.rejected, record) {
			r.Problems = append(r.Problems, Problem{Agent: record.Name, Reason: h.reason})
			s = h.last
		}
		switch {
		case s == nil:
		case s.problem != nil:
			r.Problems = append(r.Problems, Problem{Agent: record.Name, Reason: s.problem.Error()})
		default:
			r.shares[record.Name] = s
		}
	}
	b.shares = built
	b.assemble(&r, snap.Agents())
	return r
}

// same reports whether two records are the same revision of one agent. Records made outside the store have
// revision 0 and are the same only if they are one value.
func same(a, b *agent.Record) bool {
	return a == b || a.Name == b.Name && a.Revision == b.Revision && a.Revision != 0
}

func (b *builder) assemble(r *Resources, records []*agent.Record) {
	shares := make([]*share, 0, len(r.shares))
	hosts := make([]*routev3.VirtualHost, 0, len(r.shares))
	tree := b.routes.shared()
	list := slices.Clone(b.fixed)
	for _, record := range records {
		s := r.shares[record.Name]
		if s == nil {
			continue
		}
		shares = append(shares, s)
		hosts = append(hosts, s.host)
		maps.Copy(tree, s.tree)
		list = append(list, s.clusters...)
	}
	slices.SortFunc(list, func(a, b versioned[*clusterv3.Cluster]) int {
		return strings.Compare(a.resource.GetName(), b.resource.GetName())
	})
	r.Listener, r.listenerVersion = b.listener.resource, b.listener.version
	r.Routes = b.routes.table(b.settings, hosts, tree)
	r.encodedRoutes, r.routesVersion = b.encoder.encode(shares)
	r.Clusters = make([]*clusterv3.Cluster, len(list))
	r.clusterVersions = make([]string, len(list))
	for i, c := range list {
		r.Clusters[i], r.clusterVersions[i] = c.resource, c.version
	}
}
