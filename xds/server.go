package xds

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// NewServer returns the aggregated discovery service of the publisher, for both variants of the protocol. Its
// streams end with the context.
func NewServer(ctx context.Context, p *Publisher) discoveryv3.AggregatedDiscoveryServiceServer {
	return &server{done: ctx.Done(), publisher: p}
}

type server struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer

	done      <-chan struct{}
	publisher *Publisher
}

// DeltaAggregatedResources serves one Envoy that wants differences.
func (s *server) DeltaAggregatedResources(envoy discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	receive := func() (request, error) {
		r, err := envoy.Recv()
		out := request{
			node: r.GetNode(), typeURL: r.GetTypeUrl(), nonce: r.GetResponseNonce(), names: r.GetResourceNamesSubscribe(),
			dropped: r.GetResourceNamesUnsubscribe(), known: r.GetInitialResourceVersions(),
			failed: r.GetErrorDetail() != nil, failure: r.GetErrorDetail().GetMessage(),
		}
		return out, err
	}
	send := func(r *response) error {
		out := &discoveryv3.DeltaDiscoveryResponse{
			TypeUrl: r.typeURL, Nonce: r.nonce, SystemVersionInfo: r.version, RemovedResources: r.removed,
			Resources: make([]*discoveryv3.Resource, len(r.items)),
		}
		for n, i := range r.items {
			packed, err := i.packed()
			if err != nil {
				return err
			}
			out.Resources[n] = &discoveryv3.Resource{Name: i.name, Version: i.version, Resource: packed}
		}
		return envoy.Send(out)
	}
	return s.serve(envoy.Context(), newStream(delta), receive, send)
}

// StreamAggregatedResources serves one Envoy that wants all of a type when something of it changes.
func (s *server) StreamAggregatedResources(envoy discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	receive := func() (request, error) {
		r, err := envoy.Recv()
		out := request{
			node: r.GetNode(), typeURL: r.GetTypeUrl(), nonce: r.GetResponseNonce(), version: r.GetVersionInfo(),
			names: r.GetResourceNames(), failed: r.GetErrorDetail() != nil, failure: r.GetErrorDetail().GetMessage(),
		}
		return out, err
	}
	send := func(r *response) error {
		out := &discoveryv3.DiscoveryResponse{
			TypeUrl: r.typeURL, Nonce: r.nonce, VersionInfo: r.version, Resources: make([]*anypb.Any, len(r.items)),
		}
		for n, i := range r.items {
			packed, err := i.packed()
			if err != nil {
				return err
			}
			out.Resources[n] = packed
		}
		return envoy.Send(out)
	}
	return s.serve(envoy.Context(), newStream(sotw), receive, send)
}

// serve speaks with one Envoy. Only this Envoy is waited for when it does not read what it is sent.
func (s *server) serve(ctx context.Context, envoy *stream, receive func() (request, error), send func(*response) error) error {
	s.publisher.open(envoy)
	defer s.publisher.close(envoy)
	ended := make(chan error, 1)
	go func() {
		for {
			r, err := receive()
			if err != nil {
				ended <- err
				return
			}
			s.publisher.requested(envoy, r)
		}
	}()
	for {
		select {
		case <-envoy.wake:
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return status.Error(codes.Unavailable, "the control plane is shutting down")
		}
		for r := s.publisher.take(envoy); r != nil; r = s.publisher.take(envoy) {
			if err := send(r); err != nil {
				return err
			}
		}
	}
}

func (p *Publisher) open(s *stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams[s] = struct{}{}
	p.metrics.connected.Set(float64(len(p.streams)))
}

func (p *Publisher) close(s *stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.streams, s)
	p.metrics.connected.Set(float64(len(p.streams)))
	p.notify()
}

// take returns what is to be sent next, or nil. Before the first publication there is nothing.
func (p *Publisher) take(s *stream) *response {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.snap == nil {
		return nil
	}
	r := s.next(p.catalogue, p.generation)
	switch {
	case r == nil:
		p.rest(s)
	case s.transport == sotw:
		s.complete(r, p.catalogue)
	}
	return r
}

// rest notes when a stream has all there is. The caller holds mu.
func (p *Publisher) rest(s *stream) {
	if s.has(p.generation) {
		p.settled = true
	}
	p.notify()
}

// complete makes all there is of a response about some: a state of the world says what there is by saying nothing of
// what there is not. Routes are named by who wants them, so that those that did not change may be left out.
func (s *stream) complete(r *response, c *catalogue) {
	if !s.types[r.typeURL].wildcard {
		return
	}
	r.items = make([]*item, 0, len(c.items[r.typeURL]))
	for _, name := range slices.Sorted(maps.Keys(c.items[r.typeURL])) {
		r.items = append(r.items, c.items[r.typeURL][name])
	}
}

// requested takes a request.
func (p *Publisher) requested(s *stream, r request) {
	if kinds[r.typeURL] == "" {
		return // nothing of the type is served
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.node != nil {
		s.node = r.node
	}
	u := s.subscribe(r, p.catalogue)
	switch f := u.flight; {
	case f == nil || r.nonce == "" || r.nonce != f.nonce:
		// It answers nothing, or an earlier stream.
	case r.failed:
		p.reject(s, r.typeURL, r.failure)
	default:
		u.acknowledge()
		p.credit(s, f)
	}
	p.rest(s)
	s.awake()
}
