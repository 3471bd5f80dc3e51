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

// approvalStates shows how many cases there are in each state.
type approvalStates struct {
	ledger *approval.Ledger
	now    func() time.Time
	cases  *prometheus.Desc
}

func newApprovalStates(ledger *approval.Ledger, now func() time.Time) approvalStates {
	help := "Cases that people were asked about, by how they stand."
	return approvalStates{ledger, now, prometheus.NewDesc("ringfence_approvals", help, []string{"state"}, nil)}
}

func (s approvalStates) Describe(to chan<- *prometheus.Desc) { to <- s.cases }

// Collect counts the cases of all states in one go.
func (s approvalStates) Collect(to chan<- prometheus.Metric) {
	counts := s.ledger.Counts(s.now())
	for _, state := range approval.States {
		to <- prometheus.MustNewConstMetric(s.cases, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}
