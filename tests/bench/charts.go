package main

import (
	"fmt"

	"ringfence.dev/ringfence/tests/bench/chart"
)

// charts draws throughput as a share of the bare one, and CPU time by process.
func charts(r *results) chart.Chart {
	return chart.Chart{Panels: []chart.Panel{ratioChart(r), cpuChart(r), headersChart(r.Headers)}}
}

func ratioChart(r *results) chart.Panel {
	p := chart.Panel{Title: "Throughput of a governed Envoy, of bare (dashed: mark)"}
	add := func(name string, rs runs, marked bool) {
		for _, s := range rs.governed() {
			bar := chart.Bar{Name: name + ", " + string(s), Segments: []chart.Segment{{Kind: "of bare", Value: median(rs.ratios(s, bare))}}}
			if marked {
				bar.Mark = shapeMarks[s].ratio
			}
			p.Bars = append(p.Bars, bar)
		}
	}
	add("1 KB", r.Shapes, true)
	for _, size := range sizes {
		add(fmt.Sprintf("%d KB", size.bytes>>10), r.Sizes[size.name], false)
	}
	for _, one := range r.Scale {
		add(fmt.Sprintf("1 KB, %d agents", one.Agents), one.Runs, false)
	}
	return p
}

func cpuChart(r *results) chart.Panel {
	p := chart.Panel{Title: "CPU time per request at saturation, µs"}
	add := func(name string, rs runs) {
		for _, s := range rs.sides() {
			p.Bars = append(p.Bars, cpuBar(name+string(s), rs.of(s)))
		}
	}
	add("1 KB, ", r.Shapes)
	for _, size := range sizes[:1] { // the larger ones would leave no room for the others
		add(fmt.Sprintf("%d KB, ", size.bytes>>10), r.Sizes[size.name])
	}
	return p
}

func headersChart(rs runs) chart.Panel {
	p := chart.Panel{Title: "CPU time per check of headers alone, µs"}
	for _, s := range []side{ringfenceAnonymous, opaAnonymous, ringfenceSigned, opaSigned} {
		if of := rs.of(s); len(of) > 0 {
			p.Bars = append(p.Bars, cpuBar(string(s), of))
		}
	}
	return p
}

func cpuBar(name string, rs runs) chart.Bar {
	bar := chart.Bar{Name: name}
	for _, process := range processes(rs[0].CPU) {
		bar.Segments = append(bar.Segments, chart.Segment{Kind: process, Value: rs.median(func(one run) float64 { return one.perRequest(process) })})
	}
	return bar
}
