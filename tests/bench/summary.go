package main

import (
	"fmt"
	"strconv"
)

// figure is one line of docs/performance.json.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Mark is what the value is held to, such as "≥ 0.15"; nil when it is reported alone. Met says whether it is kept.
	Mark *string `json:"mark"`
	Met  *bool   `json:"met"`
}

// The marks.
const (
	leastRatio      = 0.15
	mostPropagation = 100 // milliseconds, exclusive

	mostReading2KB = 5    // microseconds, exclusive
	mostReading1MB = 3000 // microseconds, exclusive
	mostSignature  = 1.3  // times a bare verification, exclusive
	mostAuthority  = 5    // microseconds, exclusive

	mostPolicies10     = 5    // microseconds, exclusive
	mostPolicies1000   = 8    // microseconds, exclusive
	mostPolicies100000 = 15   // microseconds, exclusive
	mostShadow         = 1.1  // times the same in force, exclusive
	mostCompiled       = 2000 // milliseconds, exclusive

	mostInspecting = 30 // microseconds, exclusive
	mostRemembered = 2  // microseconds, exclusive
	mostPressed    = 10 // milliseconds, exclusive
)

func (f figure) atLeast(bound float64) figure { return f.held("≥ ", bound, f.Value >= bound) }
func (f figure) below(bound float64) figure   { return f.held("< ", bound, f.Value < bound) }
func (f figure) exactly(bound float64) figure { return f.held("= ", bound, f.Value == bound) }

func (f figure) held(sign string, bound float64, met bool) figure {
	mark := sign + number(bound)
	f.Mark, f.Met = &mark, &met
	return f
}

// number writes a value without an exponent.
func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

func newFigure(name string, value float64, unit string) figure {
	return figure{Name: name, Value: rounded(value), Unit: unit}
}

// values returns one number of each run.
func values(runs []run, of func(run) float64) []float64 {
	list := make([]float64, len(runs))
	for i, r := range runs {
		list[i] = of(r)
	}
	return list
}

// ratios returns governed over bare throughput by round.
func (r results) ratios() []float64 {
	return pairwise(values(r.of(saturation, governed), run.rate), values(r.of(saturation, bare), run.rate), quotient)
}

// added returns by how much the governed latency exceeds the bare one at half load, by round.
func (r results) added(of func(latency) float64) []float64 {
	number := func(one run) float64 { return of(one.Latency) }
	return pairwise(values(r.of(steady, governed), number), values(r.of(steady, bare), number), difference)
}

func p50(l latency) float64 { return l.P50 }
func p99(l latency) float64 { return l.P99 }

// summarize returns the figures: medians over the rounds, and marks where there are any.
func summarize(r results) []figure {
	list := []figure{
		newFigure("throughput-ratio", median(r.ratios()), "governed/bare").atLeast(leastRatio),
		newFigure("throughput-bare", median(values(r.of(saturation, bare), run.rate)), "requests/s"),
		newFigure("throughput-governed", median(values(r.of(saturation, governed), run.rate)), "requests/s"),
		newFigure("half-load", median(values(r.of(steady, governed), func(one run) float64 { return float64(one.Offered) })), "requests/s"),
		newFigure("half-load-added-p50", median(r.added(p50)), "ms"),
		newFigure("half-load-added-p99", median(r.added(p99)), "ms"),
	}
	for _, s := range sides {
		for _, q := range []struct {
			name string
			of   func(latency) float64
		}{{"p50", p50}, {"p99", p99}} {
			value := median(values(r.of(steady, s), func(one run) float64 { return q.of(one.Latency) }))
			list = append(list, newFigure(fmt.Sprintf("half-load-%s-%s", s, q.name), value, "ms"))
		}
	}
	for _, load := range []struct{ kind, name string }{{saturation, "saturation"}, {steady, "half-load"}} {
		for _, s := range sides {
			list = append(list, cpuFigures(r.of(load.kind, s), fmt.Sprintf("cpu-%s-%s-", load.name, s))...)
		}
	}
	for _, one := range r.Reading {
		bound := float64(mostReading2KB)
		if one.Bytes > 1<<16 {
			bound = mostReading1MB
		}
		list = append(list, newFigure("reading-"+one.Name, median(one.Micros), "µs").below(bound),
			newFigure("reading-"+one.Name+"-ratio", median(pairwise(one.Micros, one.Yardstick, quotient)), "of encoding/json.Valid"),
			newFigure("reading-"+one.Name+"-allocations", one.Allocations, "allocations, result included"))
	}
	list = append(list, decidingFigures(r.Deciding)...)
	if r.Judging != nil {
		list = append(list, judgingFigures(*r.Judging)...)
	}
	if r.Inspecting != nil {
		list = append(list, inspectingFigures(*r.Inspecting)...)
	}
	failed := 0
	for _, one := range r.Runs {
		failed += one.Failed
	}
	reachable, registered := r.Propagation.Reachable, r.Propagation.Registered
	return append(list,
		newFigure("failed-requests", float64(failed), "requests").exactly(0),
		newFigure("propagation-agents", float64(r.Propagation.Agents), "agents"),
		newFigure("propagation-poll-pause", r.Propagation.Pause, "ms"),
		newFigure("propagation-p50", quantile(reachable, 0.50), "ms"),
		newFigure("propagation-p99", quantile(reachable, 0.99), "ms").below(mostPropagation),
		newFigure("propagation-max", quantile(reachable, 1), "ms"),
		newFigure("registration-p50", quantile(registered, 0.50), "ms"),
		newFigure("registration-p99", quantile(registered, 0.99), "ms"),
	)
}

// decidingFigures are those of the parts of a decision. What a signature costs beyond the bare verification has a mark, and
// so has the authority of a chain; the speed-up on all cores shows whether they wait for each other.
func decidingFigures(parts []deciding) []figure {
	var list []figure
	for _, one := range parts {
		name := "deciding-" + one.Name
		took := newFigure(name, median(one.Micros), "µs")
		if one.Name == "authority-3-links" {
			took = took.below(mostAuthority)
		}
		list = append(list, took)
		if one.Name == "signature" {
			list = append(list, newFigure(name+"-ratio", median(pairwise(one.Micros, one.Yardstick, quotient)), "of a bare Ed25519 verification").below(mostSignature))
		}
		list = append(list, newFigure(name+"-speedup", median(pairwise(one.Micros, one.Parallel, quotient)), "times on all cores"))
	}
	return list
}

func cpuFigures(runs []run, prefix string) []figure {
	if len(runs) == 0 {
		return nil
	}
	var list []figure
	for _, process := range processes(runs[0].CPU) {
		value := median(values(runs, func(one run) float64 { return one.perRequest(process) }))
		list = append(list, newFigure(prefix+process, value, "µs/request"))
	}
	return list
}
