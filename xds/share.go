package xds

import (
	"fmt"
	"slices"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/protobuf/proto"

	"ringfence.dev/ringfence/internal/agent"
)

// share is one agent's part of a publication, built and validated once per record.
type share struct {
	record *agent.Record
	// problem says why the agent has no part; everything below is then unset.
	problem error

	host *routev3.VirtualHost
	// tree are the agent's entries in the gateway's prefix tree.
	tree map[string]*xdsmatcherv3.Matcher_OnMatch
	// encodedHost and encodedTree are host, and tree as fields of the encoded tree.
	encodedHost, encodedTree []byte
	clusters                 []versioned[*clusterv3.Cluster]
}

// versioned is a resource with the hash of its content.
type versioned[T proto.Message] struct {
	resource T
	version  string
}

func (b *builder) share(record *agent.Record) *share {
	s := &share{record: record}
	s.problem = b.fill(s)
	if s.problem != nil {
		return &share{record: record, problem: s.problem}
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
	s.host = b.routes.host(name, entries)
	key, path := b.routes.path(name, entries)
	s.tree = map[string]*xdsmatcherv3.Matcher_OnMatch{key: path}
	if name == b.settings.RootAgent {
		s.tree[rootKey] = b.routes.root(name, entries)
	}
	// The routes in the tree are packed, out of validation's sight, but differ from host's only in their base.
	if err := s.host.ValidateAll(); err != nil {
		return fmt.Errorf("validating routes: %w", err)
	}
	return s.encode()
}

// encode encodes the routes.
func (s *share) encode() error {
	host, err := marshal(s.host)
	if err != nil {
		return fmt.Errorf("encoding virtual host: %w", err)
	}
	tree, err := encodeTree(s.tree)
	if err != nil {
		return fmt.Errorf("encoding path routes: %w", err)
	}
	s.encodedHost, s.encodedTree = host, tree
	return nil
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
		cluster := b.clusters.agent(s.record.Name, e.origin)
		v, err := checked(cluster)
		if err != nil {
			return fmt.Errorf("validating cluster of interface %d: %w", e.Index, err)
		}
		s.clusters = append(s.clusters, v)
	}
	return nil
}

// validator is what every generated Envoy message offers.
type validator interface {
	proto.Message
	ValidateAll() error
}

// checked validates a resource and gives it its version.
func checked[T validator](resource T) (versioned[T], error) {
	if err := resource.ValidateAll(); err != nil {
		return versioned[T]{}, err
	}
	v, err := version(resource)
	return versioned[T]{resource: resource, version: v}, err
}

// version is the version the server library gives a resource on the wire, a hash of its content. Envoy brings it
// along when it reconnects, so the publisher must use the same.
func version(m proto.Message) (string, error) {
	encoded, err := cache.MarshalResource(m)
	if err != nil {
		return "", fmt.Errorf("encoding: %w", err)
	}
	return cache.HashResource(encoded), nil
}
