package main

import "strconv"

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
func (f figure) atMost(bound float64) figure  { return f.held("≤ ", bound, f.Value <= bound) }
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

// summarize returns the figures: medians over the rounds, and marks where there are any. What was not measured has none.
func summarize(r *results) []figure {
	list := shapesFigures(r.Shapes)
	list = append(list, latencyFigures(r.Latency)...)
	list = append(list, sizesFigures(r.Sizes)...)
	list = append(list, coldFigures(r.Cold)...)
	list = append(list, streamsFigures(r.Streams)...)
	list = append(list, headersFigures(r.Headers)...)
	list = append(list, floorFigures(r.Floors)...)
	list = append(list, scaleFigures(r.Scale)...)
	list = append(list, newFigure("failed-requests", float64(r.failed()), "requests").exactly(0))
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
	return list
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
