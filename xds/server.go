package xds

import (
	"context"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	sotwv3 "github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
)

// NewServer returns the aggregated discovery service of the publisher, for both variants of the protocol. Its
// streams end with the context.
func NewServer(ctx context.Context, p *Publisher) discoveryv3.AggregatedDiscoveryServiceServer {
	return serverv3.NewServer(ctx, watches{p.cache, p}, p.callbacks(), sotwv3.WithOrderedADS())
}

// callbacks feed what streams say into the publisher. The server calls them before it acts on a request, so
// that what they publish is what the request is answered with.
func (p *Publisher) callbacks() serverv3.CallbackFuncs {
	open := func(t transport) func(context.Context, int64, string) error {
		return func(_ context.Context, id int64, _ string) error {
			p.open(streamKey{t, id})
			return nil
		}
	}
	closed := func(t transport) func(int64, *corev3.Node) {
		return func(id int64, _ *corev3.Node) { p.close(streamKey{t, id}) }
	}
	return serverv3.CallbackFuncs{
		StreamOpenFunc:        open(sotw),
		DeltaStreamOpenFunc:   open(delta),
		StreamClosedFunc:      closed(sotw),
		DeltaStreamClosedFunc: closed(delta),
		StreamResponseFunc: func(_ context.Context, id int64, _ *discoveryv3.DiscoveryRequest, r *discoveryv3.DiscoveryResponse) {
			p.sent(streamKey{sotw, id}, r.GetTypeUrl(), response{r.GetNonce(), r.GetVersionInfo()})
		},
		StreamDeltaResponseFunc: func(id int64, _ *discoveryv3.DeltaDiscoveryRequest, r *discoveryv3.DeltaDiscoveryResponse) {
			p.sent(streamKey{delta, id}, r.GetTypeUrl(), response{r.GetNonce(), r.GetSystemVersionInfo()})
		},
		StreamRequestFunc: func(id int64, r *discoveryv3.DiscoveryRequest) error {
			a := request{
				node: r.GetNode(), typeURL: r.GetTypeUrl(), nonce: r.GetResponseNonce(), version: r.GetVersionInfo(),
			}
			if e := r.GetErrorDetail(); e != nil {
				a.failure, a.failed = e.GetMessage(), true
			}
			version := p.requested(streamKey{sotw, id}, a)
			if a.failed && version != "" {
				// The library would at once send again what was rejected, as the client's version differs from
				// the served one: let it wait for the next publication instead.
				r.VersionInfo = version
			}
			return nil
		},
		StreamDeltaRequestFunc: func(id int64, r *discoveryv3.DeltaDiscoveryRequest) error {
			a := request{
				node: r.GetNode(), typeURL: r.GetTypeUrl(), nonce: r.GetResponseNonce(), known: r.GetInitialResourceVersions(),
			}
			if e := r.GetErrorDetail(); e != nil {
				a.failure, a.failed = e.GetMessage(), true
			}
			p.requested(streamKey{delta, id}, a)
			return nil
		},
	}
}

func (p *Publisher) open(key streamKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams[key] = newStream()
	p.metrics.connected.Set(float64(len(p.streams)))
}

func (p *Publisher) close(key streamKey) {
	p.mu.Lock()
	delete(p.streams, key)
	p.metrics.connected.Set(float64(len(p.streams)))
	p.notify()
	p.mu.Unlock()
	p.resume()
}

func (p *Publisher) sent(key streamKey, typeURL string, what response) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.streams[key]; s != nil {
		s.sent[typeURL] = what
	}
}

// requested takes a request and returns the version it answers, if it answers the latest response.
func (p *Publisher) requested(key streamKey, r request) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.streams[key]
	if s == nil {
		return ""
	}
	if r.node != nil {
		s.node = r.node
	}
	s.reconnected(r, p.current)
	outcome, version := s.answer(r)
	switch outcome {
	case acknowledged:
		if p.current != nil && s.has(p.current) {
			p.good = p.current.shares
		}
	case rejected:
		p.reject(s, r.typeURL, version, r.failure)
	}
	p.notify()
	return version
}
