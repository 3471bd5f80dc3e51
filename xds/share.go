package xds

import (
	"fmt"
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"ringfence.dev/ringfence/internal/agent"
)

// share is one agent's part of what is served, built and validated once per record.
type share struct {
	record *agent.Record
	// problem says why the agent has no part; items are then empty.
	problem error
	items   []*item
}

func (b *builder) share(record *agent.Record) *share {
	s := &share{record: record}
	if s.problem = b.fill(s); s.problem != nil {
		s.items = nil
	}
	return s
}

func (b *builder) fill(s *share) error {
	name := s.record.Name
	if _, err := agent.ParseID(string(name)); err != nil {
		return fmt.Errorf("name %w", err)
	}
	if slices.Contains(b.settings.PublicHosts, b.routes.hostName(name)) {
		return fmt.Errorf("host %s is the gateway's own", b.routes.hostName(name))
	}
	entries, err := b.entries(s.record)
	if err != nil {
		return err
	}
	if err := b.addClusters(s, entries); err != nil {
		return err
	}
	for _, scope := range scopes(name) {
		if err := s.add(b, resource.ScopedRouteType, scope); err != nil {
			return fmt.Errorf("validating scope: %w", err)
		}
	}
	if err := s.addTable(b, b.routes.agent(name, entries)); err != nil {
		return fmt.Errorf("validating routes: %w", err)
	}
	if name == b.settings.RootAgent {
		if err := s.addTable(b, b.routes.gateway(b.routes.root(name, entries))); err != nil {
			return fmt.Errorf("validating routes of the root: %w", err)
		}
	}
	return nil
}

// addTable adds a table of routes.
func (s *share) addTable(b *builder, table *routev3.RouteConfiguration) error {
	b.routes.complete(table)
	if err := table.ValidateAll(); err != nil {
		return err
	}
	return s.add(b, resource.RouteType, &routev3.RouteConfiguration{Name: table.GetName(), VirtualHosts: table.GetVirtualHosts()})
}

func (s *share) add(b *builder, typeURL string, m named) error {
	i, err := b.forms[typeURL].item(m)
	if err == nil {
		s.items = append(s.items, i)
	}
	return err
}

// entries reads the URLs of the agent's entrances.
func (b *builder) entries(record *agent.Record) ([]entry, error) {
	var entries []entry
	for _, e := range record.Card.Entrances() {
		u, err := parseInterface(e.Interface)
		if err != nil {
			return nil, fmt.Errorf("interface %d: url %w", e.Index, err)
		}
		if u.origin.tls && b.settings.CABundle == "" {
			return nil, fmt.Errorf("interface %d: url is https, but no CA bundle is configured to verify it with", e.Index)
		}
		entries = append(entries, entry{Entrance: e, upstream: u})
	}
	return entries, nil
}

func (b *builder) addClusters(s *share, entries []entry) error {
	seen := map[origin]bool{}
	for _, e := range entries {
		if seen[e.origin] {
			continue
		}
		seen[e.origin] = true
		if err := s.add(b, resource.ClusterType, b.clusters.agent(s.record.Name, e.origin)); err != nil {
			return fmt.Errorf("validating cluster of interface %d: %w", e.Index, err)
		}
	}
	return nil
}
