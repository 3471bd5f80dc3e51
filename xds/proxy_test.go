package xds_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// proxy is a client that speaks one variant of the protocol as Envoy does.
type proxy interface {
	subscribe(typeURL string)
	// next returns the names of the clusters, or nil for other types, that the next response leaves known.
	next() response
	ack(response)
	nack(response, string)
}

type response struct {
	typeURL, nonce, version string
	// changed and removed are names; state of the world has no removed ones.
	changed, removed []string
}

type deltaProxy struct {
	t      *testing.T
	stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	known  map[string]map[string]string
	// scopes are the tables that scopes lead to; tables are those that were asked for.
	scopes map[string]string
	tables map[string]bool
}

func (p *plane) delta(node string, known map[string]map[string]string) *deltaProxy {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	stream, err := p.client.DeltaAggregatedResources(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	d := &deltaProxy{t: p.t, stream: stream, known: known, scopes: map[string]string{}}
	if known == nil {
		d.known = map[string]map[string]string{}
	}
	d.send(&discoveryv3.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: node}, TypeUrl: resource.ClusterType, InitialResourceVersions: d.known[resource.ClusterType],
	})
	return d
}

func (d *deltaProxy) send(r *discoveryv3.DeltaDiscoveryRequest) {
	d.t.Helper()
	if err := d.stream.Send(r); err != nil {
		d.t.Fatal(err)
	}
}

func (d *deltaProxy) subscribe(typeURL string) {
	r := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: typeURL, InitialResourceVersions: d.known[typeURL]}
	if typeURL == resource.RouteType {
		d.tables = map[string]bool{}
		for _, name := range d.scopes {
			d.tables[name] = true
		}
		for name := range d.known[typeURL] { // after a reconnect
			d.tables[name] = true
		}
		r.ResourceNamesSubscribe = slices.Sorted(maps.Keys(d.tables))
	}
	d.send(r)
}

// follow asks for the tables that scopes lead to now, and for no others.
func (d *deltaProxy) follow() {
	if d.tables == nil {
		return
	}
	r := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: resource.RouteType}
	wanted := map[string]bool{}
	for _, name := range d.scopes {
		wanted[name] = true
		if !d.tables[name] {
			r.ResourceNamesSubscribe = append(r.ResourceNamesSubscribe, name)
		}
	}
	for name := range d.tables {
		if !wanted[name] {
			r.ResourceNamesUnsubscribe = append(r.ResourceNamesUnsubscribe, name)
			delete(d.known[resource.RouteType], name)
		}
	}
	d.tables = wanted
	slices.Sort(r.ResourceNamesSubscribe)
	r.ResourceNamesSubscribe = slices.Compact(r.ResourceNamesSubscribe)
	if len(r.ResourceNamesSubscribe)+len(r.ResourceNamesUnsubscribe) > 0 {
		d.send(r)
	}
}

func (d *deltaProxy) next() response {
	d.t.Helper()
	r, err := d.stream.Recv()
	if err != nil {
		d.t.Fatal(err)
	}
	out := response{typeURL: r.GetTypeUrl(), nonce: r.GetNonce(), removed: slices.Sorted(slices.Values(r.GetRemovedResources()))}
	if d.known[r.GetTypeUrl()] == nil {
		d.known[r.GetTypeUrl()] = map[string]string{}
	}
	for _, changed := range r.GetResources() {
		out.changed = append(out.changed, changed.GetName())
		d.known[r.GetTypeUrl()][changed.GetName()] = changed.GetVersion()
		if out.typeURL == resource.ScopedRouteType {
			d.scopes[changed.GetName()] = tableOf(d.t, changed.GetResource())
		}
	}
	for _, name := range r.GetRemovedResources() {
		delete(d.scopes, name)
		delete(d.known[r.GetTypeUrl()], name)
	}
	slices.Sort(out.changed)
	return out
}

// ack takes what was sent. As Envoy does, it says first which tables it wants now.
func (d *deltaProxy) ack(r response) {
	if r.typeURL == resource.ScopedRouteType {
		d.follow()
	}
	d.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.typeURL, ResponseNonce: r.nonce})
}

// tableOf returns the name of the table that a scope leads to.
func tableOf(t *testing.T, packed *anypb.Any) string {
	t.Helper()
	scope := &routev3.ScopedRouteConfiguration{}
	if err := packed.UnmarshalTo(scope); err != nil {
		t.Fatal(err)
	}
	return scope.GetRouteConfigurationName()
}

func (d *deltaProxy) nack(r response, message string) {
	d.send(&discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: r.typeURL, ResponseNonce: r.nonce, ErrorDetail: &status.Status{Code: 13, Message: message},
	})
}

type sotwProxy struct {
	t      *testing.T
	stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	good   map[string]string
	// tables are those that scopes lead to; nonce is the last one of routes.
	tables []string
	routes bool
	nonce  string
}

func (p *plane) sotw(node string) *sotwProxy {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	stream, err := p.client.StreamAggregatedResources(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	s := &sotwProxy{t: p.t, stream: stream, good: map[string]string{}}
	s.send(&discoveryv3.DiscoveryRequest{Node: &corev3.Node{Id: node}, TypeUrl: resource.ClusterType})
	return s
}

func (s *sotwProxy) send(r *discoveryv3.DiscoveryRequest) {
	s.t.Helper()
	if r.GetTypeUrl() == resource.RouteType {
		r.ResourceNames = s.tables
	}
	if err := s.stream.Send(r); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sotwProxy) subscribe(typeURL string) {
	s.routes = s.routes || typeURL == resource.RouteType
	s.send(&discoveryv3.DiscoveryRequest{TypeUrl: typeURL})
}

func (s *sotwProxy) next() response {
	s.t.Helper()
	r, err := s.stream.Recv()
	if err != nil {
		s.t.Fatal(err)
	}
	switch r.GetTypeUrl() {
	case resource.ScopedRouteType:
		s.tables = nil
		for _, packed := range r.GetResources() {
			if name := tableOf(s.t, packed); !slices.Contains(s.tables, name) {
				s.tables = append(s.tables, name)
			}
		}
	case resource.RouteType:
		s.nonce = r.GetNonce()
	}
	return response{typeURL: r.GetTypeUrl(), nonce: r.GetNonce(), version: r.GetVersionInfo()}
}

func (s *sotwProxy) ack(r response) {
	s.good[r.typeURL] = r.version
	s.send(&discoveryv3.DiscoveryRequest{TypeUrl: r.typeURL, ResponseNonce: r.nonce, VersionInfo: r.version})
	if r.typeURL == resource.ScopedRouteType && s.routes {
		s.send(&discoveryv3.DiscoveryRequest{
			TypeUrl: resource.RouteType, ResponseNonce: s.nonce, VersionInfo: s.good[resource.RouteType],
		})
	}
}

func (s *sotwProxy) nack(r response, message string) {
	s.send(&discoveryv3.DiscoveryRequest{
		TypeUrl: r.typeURL, ResponseNonce: r.nonce, VersionInfo: s.good[r.typeURL],
		ErrorDetail: &status.Status{Code: 13, Message: message},
	})
}
