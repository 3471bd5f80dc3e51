package xds

import (
	"log/slog"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// Rejection is one configuration that an Envoy refused (a NACK).
type Rejection struct {
	Node    string `json:"node"`
	Type    string `json:"type"`
	Version string `json:"version"`
	// Message is Envoy's own reason.
	Message string    `json:"message"`
	Time    time.Time `json:"time"`
}

// remembered bounds the rejections that Status shows.
const remembered = 16

// reject records a rejection and takes back what caused it. The caller holds mu.
func (p *Publisher) reject(s *stream, typeURL, version, message string) {
	r := Rejection{
		Node: s.node.GetId(), Type: kinds[typeURL], Version: version, Message: message, Time: p.clock.Now().UTC(),
	}
	s.last = &r
	p.rejections = append(p.rejections, r)
	if len(p.rejections) > remembered {
		p.rejections = p.rejections[1:]
	}
	p.metrics.rejections.WithLabelValues(r.Type).Inc()
	p.log.Warn("configuration rejected by envoy", slog.String("node", r.Node), slog.String("type", r.Type),
		slog.String("version", version), slog.String("reason", message))
	if p.current.versions[typeURL] != version || p.accepted(typeURL, version) {
		return // already replaced, or good enough for another Envoy: this one keeps what it had
	}
	if p.hold(message) {
		p.advance()
	}
}

func (p *Publisher) accepted(typeURL, version string) bool {
	for _, s := range p.streams {
		if s.acked[typeURL] == version {
			return true
		}
	}
	return false
}

// hold holds the agents that Envoy's message names, or else all that changed since the last publication an
// Envoy acknowledged, which amounts to a rollback. Before the first acknowledgement there is nothing to go
// back to: unless the message names agents, Envoy's own last configuration is the better one. It reports
// whether there is something new to publish; each call holds more agents than the one before, so that
// rejections end.
func (p *Publisher) hold(message string) bool {
	var named, changed []agent.ID
	for _, record := range p.snap.Agents() {
		current, good := p.current.shares[record.Name], p.good[record.Name]
		if current == good {
			continue
		}
		changed = append(changed, record.Name)
		if strings.Contains(message, prefix(record.Name)) {
			named = append(named, record.Name)
		}
	}
	suspects := named
	if len(suspects) == 0 && p.good != nil {
		suspects = changed
	}
	for _, name := range suspects {
		record, _ := p.snap.Agent(name)
		p.holds[name] = hold{rejected: record, last: p.good[name], reason: "rejected by Envoy: " + message}
	}
	return len(suspects) > 0
}
