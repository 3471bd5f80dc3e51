package xds

import (
	"cmp"
	"fmt"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

// Resources are the Envoy configuration of one registry snapshot.
type Resources struct {
	// Revision is the registry's revision they were built from.
	Revision uint64
	// Listener is the gateway's, Routes its table of all that leads to no agent.
	Listener *listenerv3.Listener
	Routes   *routev3.RouteConfiguration
	// Agents are the agents' own tables; Scopes lead to them and to Routes. They and Clusters are sorted by name.
	Agents   []*routev3.RouteConfiguration
	Scopes   []*routev3.ScopedRouteConfiguration
	Clusters []*clusterv3.Cluster
	// Problems are the agents that could not be routed, sorted by name.
	Problems []Problem
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
	c := newCatalogue(b.base)
	r := Resources{Revision: snap.Revision()}
	for _, record := range snap.Agents() {
		if record.Status != agent.Active {
			continue
		}
		built := b.share(record)
		if built.problem != nil {
			r.Problems = append(r.Problems, Problem{Agent: record.Name, Reason: built.problem.Error()})
		}
		for _, i := range built.items {
			c.set(i)
		}
	}
	return r, r.decode(c)
}

// decode fills in the resources of a catalogue.
func (r *Resources) decode(c *catalogue) error {
	for typeURL, items := range c.items {
		for _, i := range items {
			packed, err := i.packed()
			if err != nil {
				return err
			}
			m, err := packed.UnmarshalNew()
			if err != nil {
				return fmt.Errorf("decoding %s %s: %w", kinds[typeURL], i.name, err)
			}
			r.take(m)
		}
	}
	slices.SortFunc(r.Agents, byName)
	slices.SortFunc(r.Scopes, byName)
	slices.SortFunc(r.Clusters, byName)
	return nil
}

func (r *Resources) take(m proto.Message) {
	switch m := m.(type) {
	case *listenerv3.Listener:
		r.Listener = m
	case *clusterv3.Cluster:
		r.Clusters = append(r.Clusters, m)
	case *routev3.ScopedRouteConfiguration:
		r.Scopes = append(r.Scopes, m)
	case *routev3.RouteConfiguration:
		if m.GetName() == Gateway {
			r.Routes = m
		} else {
			r.Agents = append(r.Agents, m)
		}
	}
}

func byName[T interface{ GetName() string }](a, b T) int {
	return cmp.Compare(a.GetName(), b.GetName())
}

// builder builds the parts of agents, and what is served whatever agents there are.
type builder struct {
	settings Settings
	clusters clusters
	routes   routes
	// forms are those of the types of resources.
	forms map[string]*form
	base  []*item
}

func newBuilder(s Settings) (*builder, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("validating xDS settings: %w", err)
	}
	b := &builder{settings: s, clusters: newClusters(s), routes: newRoutes(s)}
	if err := manager(s).ValidateAll(); err != nil {
		return nil, fmt.Errorf("validating connection manager: %w", err)
	}
	if err := keyMutations(s).ValidateAll(); err != nil {
		return nil, fmt.Errorf("validating scope keys: %w", err)
	}
	governor, err := parseEndpoint(s.Governor)
	if err != nil {
		return nil, fmt.Errorf("reading governor endpoint: %w", err)
	}
	cards, err := parseEndpoint(s.Cards)
	if err != nil {
		return nil, fmt.Errorf("reading cards endpoint: %w", err)
	}
	if b.forms, err = b.routes.forms(); err != nil {
		return nil, err
	}
	for _, r := range []struct {
		typeURL string
		m       named
	}{
		{resource.ClusterType, b.clusters.governor(AuthzCluster, governor)},
		{resource.ClusterType, b.clusters.governor(ProcCluster, governor)},
		{resource.ClusterType, b.clusters.cards(cards)},
		{resource.ListenerType, listener(s)},
		{resource.ScopedRouteType, gatewayScope()},
	} {
		i, err := b.forms[r.typeURL].item(r.m)
		if err != nil {
			return nil, fmt.Errorf("validating %s %s: %w", kinds[r.typeURL], r.m.GetName(), err)
		}
		b.base = append(b.base, i)
	}
	var own share
	if err := own.addTable(b, b.routes.gateway(nil)); err != nil {
		return nil, fmt.Errorf("validating the gateway's routes: %w", err)
	}
	b.base = append(b.base, own.items...)
	return b, b.compact()
}

// same reports whether two records are the same revision of one agent. Records made outside the store have
// revision 0 and are the same only if they are one value.
func same(a, b *agent.Record) bool {
	return a == b || a != nil && b != nil && a.Name == b.Name && a.Revision == b.Revision && a.Revision != 0
}
