package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// side is what was driven: an Envoy alone, or one with the services that it asks.
type side string

const (
	bare side = "bare"
	// split and fused are the shapes of the governed request path: the decision on headers apart from that on the body, or
	// both at once. Answers are not judged. splitAnswers and fusedAnswers are those with answers judged too.
	split        side = "split"
	fused        side = "fused"
	splitAnswers side = "split-answers"
	fusedAnswers side = "fused-answers"
)

// Names of the processes whose CPU time is told apart.
const (
	procTool      = "tool"
	procEnvoy     = "envoy"
	procRingfence = "ringfence"
	procOPA       = "opa"
	procFloor     = "floor"
	procAgent     = "agent"
)

// latency is in milliseconds.
type latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// latencyOf returns the quantiles of times in milliseconds.
func latencyOf(millis []float64) latency {
	return latency{P50: quantile(millis, 0.50), P90: quantile(millis, 0.90), P99: quantile(millis, 0.99), Max: quantile(millis, 1)}
}

func (l latency) short() string { return fmt.Sprintf("%.2f / %.2f", l.P50, l.P99) }

func p50(l latency) float64 { return l.P50 }
func p99(l latency) float64 { return l.P99 }

// run is what one side did in one round.
type run struct {
	Side  side `json:"side"`
	Round int  `json:"round"`
	// Offered is the constant rate in requests per second; 0 at saturation.
	Offered int `json:"offeredPerSecond,omitempty"`
	// Seconds is how long the run took.
	Seconds float64 `json:"seconds"`
	// Requests were answered by the agent; Failed were denied, refused or lost.
	Requests int     `json:"requests"`
	Failed   int     `json:"failed"`
	Latency  latency `json:"latencyMillis"`
	// CPU is the CPU time of each process over the run, in microseconds.
	CPU map[string]float64 `json:"cpuMicros"`
	// Allocations is how many objects Ringfence allocated over the run; 0 where it took no part.
	Allocations float64 `json:"allocations,omitempty"`
	// Verify is the CPU time of one Ed25519 verification right after the run, in microseconds; 0 where none was timed.
	Verify float64 `json:"verifyMicros,omitempty"`
}

// rate returns the requests answered per second.
func (r run) rate() float64 { return float64(r.Requests) / r.Seconds }

// perRequest returns the CPU time of a process per answered request in microseconds.
func (r run) perRequest(process string) float64 { return r.CPU[process] / float64(max(1, r.Requests)) }

// allocated returns the objects that Ringfence allocated per answered request.
func (r run) allocated() float64 { return r.Allocations / float64(max(1, r.Requests)) }

// beyondVerify returns the CPU time of Ringfence per answered request without that of the signature, in microseconds.
func (r run) beyondVerify() float64 { return r.perRequest(procRingfence) - r.Verify }

func (r run) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-20s %d: %7.0f req/s, p50 %.2f ms, p99 %.2f ms, failed %d; CPU us/request:",
		r.Side, r.Round, r.rate(), r.Latency.P50, r.Latency.P99, r.Failed)
	for _, name := range processes(r.CPU) {
		fmt.Fprintf(&b, " %s %.0f", name, r.perRequest(name))
	}
	if r.Allocations > 0 {
		fmt.Fprintf(&b, "; allocations %.0f", r.allocated())
	}
	return b.String()
}

// processes returns the names in the order in which a request meets them.
func processes(cpu map[string]float64) []string {
	order := []string{procTool, procEnvoy, procRingfence, procOPA, procFloor, procAgent}
	names := slices.Collect(maps.Keys(cpu))
	slices.SortFunc(names, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	return names
}

// runs are those of one part of the measurement.
type runs []run

// of returns the runs of one side in the order of their rounds.
func (rs runs) of(s side) runs {
	var list runs
	for _, one := range rs {
		if one.Side == s {
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b run) int { return a.Round - b.Round })
	return list
}

// sides returns those that were driven, in the order in which they first stand there.
func (rs runs) sides() []side {
	var list []side
	for _, one := range rs {
		if !slices.Contains(list, one.Side) {
			list = append(list, one.Side)
		}
	}
	return list
}

// governed returns the sides but the bare one.
func (rs runs) governed() []side {
	return slices.DeleteFunc(rs.sides(), func(s side) bool { return s == bare })
}

// values returns one number of each run.
func (rs runs) values(of func(run) float64) []float64 {
	list := make([]float64, len(rs))
	for i, r := range rs {
		list[i] = of(r)
	}
	return list
}

// median returns the middle of one number of the runs.
func (rs runs) median(of func(run) float64) float64 { return median(rs.values(of)) }

// ratios returns the throughput of one side over another's by round.
func (rs runs) ratios(above, below side) []float64 { return rs.over(above, below, run.rate, quotient) }

// added returns by how much the latency of a side exceeds the bare one, by round.
func (rs runs) added(s side, of func(latency) float64) []float64 {
	return rs.over(s, bare, func(one run) float64 { return of(one.Latency) }, difference)
}

// over returns what f makes of one number of two sides, by round.
func (rs runs) over(a, b side, of func(run) float64, f func(a, b float64) float64) []float64 {
	return pairwise(rs.of(a).values(of), rs.of(b).values(of), f)
}

// failed returns how many requests of all runs failed.
func (rs runs) failed() int {
	sum := 0
	for _, one := range rs {
		sum += one.Failed
	}
	return sum
}
