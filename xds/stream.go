package xds

import (
	"maps"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// transport is the variant of the xDS protocol a stream speaks.
type transport string

const (
	delta transport = "delta"
	sotw  transport = "sotw"
)

// streamKey identifies a stream: the two servers number theirs separately.
type streamKey struct {
	transport transport
	id        int64
}

// stream is what is known of one connected Envoy. Its maps are by type URL.
type stream struct {
	node *corev3.Node
	// sent is the latest response, acked and refused the latest versions Envoy took and did not take.
	sent           map[string]response
	acked, refused map[string]string
	last           *Rejection
}

// response identifies a response on its stream.
type response struct{ nonce, version string }

// request is what both variants of a discovery request say.
type request struct {
	node           *corev3.Node
	typeURL, nonce string
	// version is what Envoy says it has; only state-of-the-world requests say it.
	version string
	// known are the versions by resource that Envoy brings along; only delta requests say them.
	known map[string]string
	// failed says that the latest response was refused, for the reason failure.
	failed  bool
	failure string
}

func newStream() *stream {
	return &stream{sent: map[string]response{}, acked: map[string]string{}, refused: map[string]string{}}
}

// subscribed reports whether the stream was ever sent the type, or has it from before.
func (s *stream) subscribed(typeURL string) bool {
	_, acked := s.acked[typeURL]
	_, sent := s.sent[typeURL]
	return acked || sent
}

// answered reports whether Envoy took or refused the version.
func (s *stream) answered(typeURL, version string) bool {
	return s.acked[typeURL] == version || s.refused[typeURL] == version
}

// has reports whether Envoy acknowledged the publication's content of every type.
func (s *stream) has(p *publication) bool {
	for typeURL, version := range p.versions {
		if s.acked[typeURL] != version {
			return false
		}
	}
	return true
}

// outcome is what a request says about the response it answers.
type outcome int

const (
	unanswered outcome = iota
	acknowledged
	rejected
)

// answer takes what a request says about the latest response, and returns that response's version. Requests
// that answer an overtaken response, or only change subscriptions, say nothing.
func (s *stream) answer(r request) (outcome, string) {
	latest, ok := s.sent[r.typeURL]
	switch {
	case !ok || r.nonce == "" || r.nonce != latest.nonce:
		return unanswered, ""
	case r.failed:
		s.refused[r.typeURL] = latest.version
		return rejected, latest.version
	case r.version != "" && r.version != latest.version, s.refused[r.typeURL] == latest.version:
		return unanswered, ""
	default:
		s.acked[r.typeURL] = latest.version
		return acknowledged, latest.version
	}
}

// reconnected takes the versions an Envoy brings along when it connects again. Where they are the current ones
// nothing will be sent, hence nothing acknowledged.
func (s *stream) reconnected(r request, p *publication) {
	if p != nil && len(r.known) > 0 && maps.Equal(r.known, p.each[r.typeURL]) {
		s.acked[r.typeURL] = p.versions[r.typeURL]
	}
}
