package xds

import (
	"slices"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// transport is the variant of the xDS protocol a stream speaks.
type transport string

const (
	delta transport = "delta"
	sotw  transport = "sotw"
)

// stream is what is known of one connected Envoy. It is guarded by the publisher's mu. Nothing here waits for Envoy:
// changes that it does not take yet are remembered by name, however often they happen.
type stream struct {
	transport transport
	node      *corev3.Node
	// types are the subscriptions by type URL.
	types map[string]*subscription
	last  *Rejection
	nonce uint64
	// wake has an element when there may be something to send.
	wake chan struct{}
}

// request is what both variants of a discovery request say.
type request struct {
	node           *corev3.Node
	typeURL, nonce string
	// version is what Envoy says it has; only state-of-the-world requests say it.
	version string
	// names are those wanted; of a delta request, those added, and dropped are those no longer wanted.
	names, dropped []string
	// known are the versions by resource that Envoy brings along; only delta requests say them.
	known map[string]string
	// failed says that the latest response was refused, for the reason failure.
	failed  bool
	failure string
}

// response is what both variants of a discovery response say.
type response struct {
	typeURL, nonce, version string
	changes
}

func newStream(t transport) *stream {
	return &stream{transport: t, types: map[string]*subscription{}, wake: make(chan struct{}, 1)}
}

func (s *stream) awake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *stream) touch(typeURL, name string) {
	if u := s.types[typeURL]; u != nil && (u.wants(name) || u.knows(name)) {
		u.dirty[name] = true
	}
}

// has reports whether Envoy has acknowledged what was served in a generation.
func (s *stream) has(generation uint64) bool {
	for _, typeURL := range typeURLs {
		if u := s.types[typeURL]; u == nil || !u.has(generation) {
			return false
		}
	}
	return true
}

// acked reports whether Envoy has acknowledged all of a share.
func (s *stream) acked(part *share) bool {
	for _, i := range part.items {
		if u := s.types[i.typeURL]; u == nil || !u.acked(i) {
			return false
		}
	}
	return true
}

// subscribe takes what a request says about resources.
func (s *stream) subscribe(r request, c *catalogue) *subscription {
	u, first := s.types[r.typeURL], false
	if u == nil {
		u, first = newSubscription(r.known), true
		s.types[r.typeURL] = u
	}
	names := slices.DeleteFunc(slices.Clone(r.names), func(name string) bool { return name == everything })
	all := len(names) < len(r.names) || first && len(r.names) == 0
	switch {
	case !all || u.wildcard:
	case s.transport == sotw && r.version != "" && r.version == c.version(r.typeURL):
		u.wildcard = true
		u.recall(c.items[r.typeURL])
	default:
		u.wildcard = true
		for name := range c.items[r.typeURL] {
			u.dirty[name] = true
		}
	}
	dropped := r.dropped
	if s.transport == sotw {
		names, dropped = u.turn(names)
	}
	u.want(names, r.known)
	u.forget(dropped)
	return u
}

// everything is the name by which all resources of a type are wanted.
const everything = "*"

// next returns the next response to send, or nil while there is none. A type waits for the answers about those before
// it: clusters are known before scopes and routes lead to them, and scopes are gone before their routes are. Clusters
// in turn go when no route can lead to them any more.
func (s *stream) next(c *catalogue, generation uint64) *response {
	for _, typeURL := range typeURLs {
		u := s.types[typeURL]
		if u == nil {
			continue
		}
		if u.flight != nil {
			return nil
		}
		if !u.initial && len(u.dirty) == 0 {
			continue
		}
		found := u.take(c.items[typeURL], typeURL == resource.ClusterType && s.routing())
		if s.transport == sotw && !u.wildcard {
			found.removed = nil // which cannot be said
		}
		if found.empty() && !u.initial {
			if len(u.dirty) == 0 && len(u.refused) == 0 {
				u.version, u.generation = c.version(typeURL), generation
			}
			continue
		}
		s.nonce++
		f := &flight{nonce: strconv.FormatUint(s.nonce, 10), version: c.version(typeURL), generation: generation}
		u.sending(f, found)
		if len(u.dirty) > 0 {
			f.generation = 0 // more is to follow
		}
		return &response{typeURL, f.nonce, f.version, found}
	}
	return nil
}

// routing reports whether Envoy may still have routes that are served no more.
func (s *stream) routing() bool {
	for _, typeURL := range []string{resource.ScopedRouteType, resource.RouteType} {
		if u := s.types[typeURL]; u != nil && !u.idle() {
			return true
		}
	}
	return false
}
