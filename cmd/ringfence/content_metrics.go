package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/inspect/ruledir"
)

// contentMetrics shows what content rules find, and which are in force.
type contentMetrics struct {
	registerer prometheus.Registerer
	findings   *prometheus.CounterVec
}

func newContentMetrics(r prometheus.Registerer) *contentMetrics {
	m := &contentMetrics{registerer: r, findings: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ringfence_content_findings_total", Help: "Places where content rules hold, by rule, and what became of them.",
	}, []string{"rule", "class", "direction", "action"})}
	r.MustRegister(m.findings)
	return m
}

// count counts what was found in a request or an answer.
func (m *contentMetrics) count(r audit.Record) {
	for _, f := range r.Findings {
		m.findings.WithLabelValues(f.Rule, f.Class, f.Direction, f.Action).Inc()
	}
}

// follow shows what the rules in force count.
func (m *contentMetrics) follow(rules *ruledir.Rules) {
	m.registerer.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ringfence_content_rules", Help: "Content rules in force."},
			func() float64 { return float64(len(rules.Set().Rules())) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ringfence_content_rules_stale", Help: "1 while the content rules in force are not those of the files."},
			func() float64 {
				if rules.Stats().Stale {
					return 1
				}
				return 0
			}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "ringfence_content_rules_loaded_total", Help: "Sets of content rules that were put in force."},
			func() float64 { return float64(rules.Stats().Loads) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "ringfence_content_rules_refused_total", Help: "Sets of content rules that were refused."},
			func() float64 { return float64(rules.Stats().Refusals) }),
	)
}
