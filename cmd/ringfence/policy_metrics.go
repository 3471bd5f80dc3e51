package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/rulebook"
)

// rulebookMetrics shows what the book of policies counts.
func rulebookMetrics(book *rulebook.Book) []prometheus.Collector {
	gauge := func(name, help string, value func(rulebook.Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ringfence_policy_" + name, Help: help}, func() float64 { return value(book.Stats()) })
	}
	counter := func(name, help string, value func(rulebook.Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "ringfence_policy_" + name + "_total", Help: help},
			func() float64 { return float64(value(book.Stats())) })
	}
	return []prometheus.Collector{
		gauge("documents", "Policy documents in force.", func(s rulebook.Stats) float64 { return float64(s.Documents) }),
		gauge("problems", "Why the latest policy documents are not in force; 0 when they are.", func(s rulebook.Stats) float64 { return float64(s.Problems) }),
		gauge("warnings", "What is doubtful about the policy documents in force.", func(s rulebook.Stats) float64 { return float64(s.Warnings) }),
		gauge("stale", "1 while the policy documents in force are older than those that are held.", func(s rulebook.Stats) float64 {
			if s.Stale {
				return 1
			}
			return 0
		}),
		counter("sets_judged", "Sets of policy documents that were compiled.", func(s rulebook.Stats) uint64 { return s.Judged }),
		counter("sets_refused", "Sets of policy documents of which something was refused.", func(s rulebook.Stats) uint64 { return s.Refused }),
		counter("writes", "Policy documents that were stored or deleted.", func(s rulebook.Stats) uint64 { return s.Written }),
		counter("conflicts", "Writes of policy documents that another one came before.", func(s rulebook.Stats) uint64 { return s.Conflicts }),
	}
}

// approvalMetrics shows how many cases there are in each state.
func approvalMetrics(ledger *approval.Ledger) []prometheus.Collector {
	all := make([]prometheus.Collector, len(approval.States))
	for i, state := range approval.States {
		all[i] = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ringfence_approvals", Help: "Cases that people were asked about, by how they stand.", ConstLabels: prometheus.Labels{"state": string(state)},
		}, func() float64 { return float64(len(ledger.List(approval.Filter{State: state}, time.Now()))) })
	}
	return all
}
