package main

import (
	"fmt"
	"maps"
	"slices"
)

// shapeMarks are what each shape is held to: the share of the bare throughput, and Ringfence's CPU time per request beyond
// the verification of its signature in microseconds.
var shapeMarks = map[side]struct{ ratio, beyond float64 }{
	split: {0.25, 45}, splitAnswers: {0.25, 45},
	fused: {0.36, 30}, fusedAnswers: {0.36, 30},
}

// shapesInOrder are the governed sides as figures list them.
var shapesInOrder = []side{split, fused, splitAnswers, fusedAnswers}

// Marks that hold for all shapes.
const (
	mostAllocations = 40   // objects per request
	mostAddedP50    = 0.35 // milliseconds, at half load
	mostAddedP99    = 2    // milliseconds, at half load
	mostEventAdded  = 0.25 // milliseconds

	// Against the peer: how many times less CPU time a check costs, and its throughput with the signature.
	leastTimesLess, leastSignedRatio = 3, 1

	// With as many agents as markedAgents.
	markedAgents       = 10_000
	mostPropagationP50 = 30  // milliseconds
	mostPropagationP99 = 100 // milliseconds
	mostResident       = 200 // MiB
)

// shapesFigures are those of ordinary messages at saturation.
func shapesFigures(rs runs) []figure {
	var list []figure
	for _, s := range rs.governed() {
		list = append(list, newFigure("throughput-ratio-"+string(s), median(rs.ratios(s, bare)), "of bare").atLeast(shapeMarks[s].ratio))
	}
	for _, s := range rs.sides() {
		list = append(list, newFigure("throughput-"+string(s), rs.of(s).median(run.rate), "requests/s"))
	}
	for _, s := range rs.sides() {
		list = append(list, cpuFigures(rs.of(s), "cpu-"+string(s)+"-")...)
	}
	for _, s := range rs.governed() {
		list = append(list,
			newFigure("verify-"+string(s), rs.of(s).median(func(one run) float64 { return one.Verify }), "µs"),
			newFigure("cpu-"+string(s)+"-ringfence-beyond-verify", rs.of(s).median(run.beyondVerify), "µs/request").atMost(shapeMarks[s].beyond),
			newFigure("allocations-"+string(s), rs.of(s).median(run.allocated), "allocations/request").atMost(mostAllocations))
	}
	return list
}

func cpuFigures(rs runs, prefix string) []figure {
	if len(rs) == 0 {
		return nil
	}
	var list []figure
	for _, process := range processes(rs[0].CPU) {
		list = append(list, newFigure(prefix+process, rs.median(func(one run) float64 { return one.perRequest(process) }), "µs/request"))
	}
	return list
}

// latencyFigures are those at half load.
func latencyFigures(by map[side]runs) []figure {
	var list []figure
	for _, shape := range slices.Sorted(maps.Keys(by)) {
		rs, name := by[shape], "half-load-"+string(shape)
		list = append(list,
			newFigure(name, rs.of(shape).median(func(one run) float64 { return float64(one.Offered) }), "requests/s"),
			newFigure(name+"-added-p50", median(rs.added(shape, p50)), "ms").atMost(mostAddedP50),
			newFigure(name+"-added-p99", median(rs.added(shape, p99)), "ms").atMost(mostAddedP99))
		for _, s := range []side{bare, shape} {
			of := name + "-" + string(s)
			if s == shape {
				of = name + "-governed"
			}
			list = append(list,
				newFigure(of+"-p50", rs.of(s).median(func(one run) float64 { return one.Latency.P50 }), "ms"),
				newFigure(of+"-p99", rs.of(s).median(func(one run) float64 { return one.Latency.P99 }), "ms"))
			list = append(list, cpuFigures(rs.of(s), of+"-cpu-")...)
		}
	}
	return list
}

// sizesFigures are those of larger messages.
func sizesFigures(by map[string]runs) []figure {
	var list []figure
	for _, size := range sizes {
		rs := by[size.name]
		for _, s := range rs.governed() {
			list = append(list, newFigure(fmt.Sprintf("throughput-ratio-%s-%s", size.name, s), median(rs.ratios(s, bare)), "of bare"))
		}
		for _, s := range rs.sides() {
			list = append(list, newFigure(fmt.Sprintf("throughput-%s-%s", size.name, s), rs.of(s).median(run.rate), "requests/s"))
			list = append(list, cpuFigures(rs.of(s), fmt.Sprintf("cpu-%s-%s-", size.name, s))...)
		}
	}
	return list
}

// coldFigures are those of first calls.
func coldFigures(by map[side]runs) []figure {
	var list []figure
	for _, shape := range slices.Sorted(maps.Keys(by)) {
		rs := by[shape]
		list = append(list,
			newFigure(fmt.Sprintf("cold-%s-throughput-ratio", shape), median(rs.ratios(cold, warm)), "of warm"),
			newFigure(fmt.Sprintf("cold-%s-added-p50", shape), median(rs.over(cold, warm, func(one run) float64 { return one.Latency.P50 }, difference)), "ms"))
		for _, s := range []side{warm, cold} {
			name := fmt.Sprintf("%s-%s", s, shape)
			list = append(list,
				newFigure(name+"-throughput", rs.of(s).median(run.rate), "requests/s"),
				newFigure(name+"-allocations", rs.of(s).median(run.allocated), "allocations/request"))
			list = append(list, cpuFigures(rs.of(s), name+"-cpu-")...)
		}
	}
	return list
}

// streamsFigures are those of event streams.
func streamsFigures(ss streams) []figure {
	var list []figure
	numbers := []struct {
		name string
		of   func(streamed) float64
		mark float64
	}{
		{"first-event-p50", func(s streamed) float64 { return s.First.P50 }, 0},
		{"first-event-p99", func(s streamed) float64 { return s.First.P99 }, 0},
		{"event-p50", func(s streamed) float64 { return s.Event.P50 }, mostEventAdded},
		{"event-p99", func(s streamed) float64 { return s.Event.P99 }, 0},
	}
	for _, s := range shapesInOrder {
		if len(ss.of(s, numbers[0].of)) == 0 {
			continue
		}
		for _, one := range numbers {
			f := newFigure(fmt.Sprintf("stream-%s-added-%s", s, one.name), median(pairwise(ss.of(s, one.of), ss.of(bare, one.of), difference)), "ms")
			if one.mark > 0 {
				f = f.atMost(one.mark)
			}
			list = append(list, f)
		}
	}
	for _, s := range append([]side{bare}, shapesInOrder...) {
		if len(ss.of(s, numbers[0].of)) == 0 {
			continue
		}
		for _, one := range numbers {
			list = append(list, newFigure(fmt.Sprintf("stream-%s-%s", s, one.name), median(ss.of(s, one.of)), "ms"))
		}
		for _, process := range []string{procEnvoy, procRingfence, procAgent} {
			if s == bare && process == procRingfence {
				continue
			}
			list = append(list, newFigure(fmt.Sprintf("stream-%s-cpu-%s", s, process),
				median(ss.of(s, func(one streamed) float64 { return one.perEvent(process) })), "µs/event"))
		}
	}
	return list
}

// headersFigures are those of checks of headers alone beside the peer's.
func headersFigures(rs runs) []figure {
	if len(rs) == 0 {
		return nil
	}
	// One service takes part on each side; the other's time is 0.
	service := func(one run) float64 { return one.perRequest(procRingfence) + one.perRequest(procOPA) }
	list := []figure{
		newFigure("headers-cpu-times-less", median(rs.over(opaAnonymous, ringfenceAnonymous, service, quotient)), "times").atLeast(leastTimesLess),
		newFigure("headers-throughput-ratio-anonymous", median(rs.ratios(ringfenceAnonymous, opaAnonymous)), "of opa"),
		newFigure("headers-throughput-ratio-signed", median(rs.ratios(ringfenceSigned, opaSigned)), "of opa").atLeast(leastSignedRatio),
	}
	for _, s := range []side{ringfenceAnonymous, opaAnonymous, ringfenceSigned, opaSigned} {
		list = append(list, newFigure("headers-throughput-"+string(s), rs.of(s).median(run.rate), "requests/s"))
		list = append(list, cpuFigures(rs.of(s), "headers-cpu-"+string(s)+"-")...)
	}
	return list
}

// scaleFigures are those that may grow with the number of agents.
func scaleFigures(list []scaled) []figure {
	var figures []figure
	for _, one := range list {
		name := func(what string) string { return fmt.Sprintf("agents-%d-%s", one.Agents, what) }
		reachable, registered := one.Propagation.Reachable, one.Propagation.Registered
		half, most := newFigure(name("propagation-p50"), quantile(reachable, 0.50), "ms"), newFigure(name("propagation-p99"), quantile(reachable, 0.99), "ms")
		resident := newFigure(name("control-plane-rss"), one.Memory.Ringfence, "MiB")
		if one.Agents == markedAgents {
			half, most, resident = half.atMost(mostPropagationP50), most.atMost(mostPropagationP99), resident.atMost(mostResident)
		}
		for _, s := range one.Runs.governed() {
			figures = append(figures, newFigure(name("throughput-ratio"), median(one.Runs.ratios(s, bare)), "of bare"))
		}
		for _, s := range one.Runs.sides() {
			figures = append(figures, newFigure(name("throughput-"+string(s)), one.Runs.of(s).median(run.rate), "requests/s"))
			figures = append(figures, cpuFigures(one.Runs.of(s), name("cpu-"+string(s)+"-"))...)
		}
		figures = append(
			figures, half, most,
			newFigure(name("registration-p50"), quantile(registered, 0.50), "ms"),
			newFigure(name("registration-p99"), quantile(registered, 0.99), "ms"),
			newFigure(name("registered-within"), one.Registered, "s"),
			resident,
			newFigure(name("control-plane-rss-before-calls"), one.Memory.RingfenceRest, "MiB"),
			newFigure(name("control-plane-rss-most"), one.Memory.RingfenceMost, "MiB"),
			newFigure(name("envoy-rss"), one.Memory.Envoy, "MiB"),
			newFigure(name("envoy-rss-over-bare"), one.Memory.Envoy-one.Memory.BareEnvoy, "MiB"),
			newFigure(name("envoy-allocated"), one.Memory.Allocated, "MiB"),
			newFigure(name("envoy-allocated-over-bare"), one.Memory.Allocated-one.Memory.BareAllocated, "MiB"),
		)
	}
	return figures
}
