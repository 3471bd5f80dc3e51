package api

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

// Metrics are the API's and the registry's metrics. A nil *Metrics counts nothing.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	watchers prometheus.Gauge
}

// NewMetrics registers the metrics. The gauge of agents is read from the snapshot when metrics are collected.
func NewMetrics(registerer prometheus.Registerer, snapshot func() *registry.Snapshot) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ringfence_registry_requests_total", Help: "Requests to the registry's API by route, method and status.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ringfence_registry_request_seconds", Help: "Time to serve a request, event streams excepted.", Buckets: prometheus.DefBuckets,
		}, []string{"route", "method"}),
		watchers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ringfence_registry_watchers", Help: "Open event streams.",
		}),
	}
	for _, collector := range []prometheus.Collector{m.requests, m.duration, m.watchers, &agentGauge{snapshot}} {
		if err := registerer.Register(collector); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

// methods are those that appear as labels; clients can send any word.
var methods = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true}

func (m *Metrics) request(route, method string, status int, took time.Duration) {
	if m == nil {
		return
	}
	if !methods[method] {
		method = "other"
	}
	if status == 0 {
		status = 200
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	if route != eventsPath {
		m.duration.WithLabelValues(route, method).Observe(took.Seconds())
	}
}

func (m *Metrics) watching(change float64) {
	if m != nil {
		m.watchers.Add(change)
	}
}

// agentGauge counts agents by status, their cards by what their signatures are worth, and the cards that wait.
type agentGauge struct {
	snapshot func() *registry.Snapshot
}

var agentsDesc = prometheus.NewDesc("ringfence_registry_agents", "Registered agents by status.", []string{"status"}, nil)

var (
	cardsDesc   = prometheus.NewDesc("ringfence_registry_cards", "Cards of registered agents by verification.", []string{"verification"}, nil)
	pendingDesc = prometheus.NewDesc("ringfence_registry_pending_cards", "Changed cards that wait for approval.", nil, nil)
)

// unchecked is the label of cards whose signatures nobody looked at.
const unchecked = "unchecked"

// Describe sends the gauges' descriptions.
func (g *agentGauge) Describe(out chan<- *prometheus.Desc) {
	out <- agentsDesc
	out <- cardsDesc
	out <- pendingDesc
}

// Collect sends one value for each status.
func (g *agentGauge) Collect(out chan<- prometheus.Metric) {
	counts, verified, pending := map[agent.Status]int{}, map[agent.CardStatus]int{unchecked: 0}, 0
	for _, record := range g.snapshot().Agents() {
		counts[record.Status]++
		if record.Pending != nil {
			pending++
		}
		if record.Verification.Status == "" {
			verified[unchecked]++
			continue
		}
		verified[record.Verification.Status]++
	}
	out <- prometheus.MustNewConstMetric(pendingDesc, prometheus.GaugeValue, float64(pending))
	for _, status := range []agent.CardStatus{unchecked, agent.CardUnsigned, agent.CardVerified, agent.CardInvalid, agent.CardUnknownKey} {
		out <- prometheus.MustNewConstMetric(cardsDesc, prometheus.GaugeValue, float64(verified[status]), string(status))
	}
	for _, status := range []agent.Status{agent.Active, agent.Quarantined, agent.Revoked} {
		out <- prometheus.MustNewConstMetric(agentsDesc, prometheus.GaugeValue, float64(counts[status]), string(status))
	}
}
