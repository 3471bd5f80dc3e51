package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/inspect/recall"
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

// follow shows what the rules in force count, and of what use the memory is, if there is one.
func (m *contentMetrics) follow(rules *ruledir.Rules, memory *recall.Scanner) {
	if memory != nil {
		counter := func(name, help string, value func(recall.Stats) uint64) prometheus.Collector {
			return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "ringfence_content_memory_" + name + "_total", Help: help},
				func() float64 { return float64(value(memory.Stats())) })
		}
		m.registerer.MustRegister(
			counter("hits", "Scans that were answered from memory.", func(s recall.Stats) uint64 { return s.Hits }),
			counter("misses", "Scans that were not.", func(s recall.Stats) uint64 { return s.Misses }),
			counter("evicted", "Remembered scans that made room for others.", func(s recall.Stats) uint64 { return s.Evicted }),
		)
	}
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
