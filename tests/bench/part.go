package main

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"strings"
	"time"
)

// part is what is measured at once, and can be measured alone.
type part struct {
	name string
	// alone parts time code of this program before anything else is started.
	alone bool
	// govern returns the shapes that have to run.
	govern  func(plan) []side
	measure func(context.Context, *bench, plan, *results) error
}

// parts are measured in this order: what registers many agents comes last.
var parts = []part{
	{name: "reading", alone: true, measure: func(_ context.Context, _ *bench, p plan, r *results) error {
		r.Reading = reads(p.rounds)
		return nil
	}},
	{name: "deciding", alone: true, measure: func(_ context.Context, _ *bench, p plan, r *results) (err error) {
		r.Deciding, err = decides(p.rounds)
		return err
	}},
	{name: "policies", alone: true, measure: func(_ context.Context, _ *bench, p plan, r *results) error {
		judged, err := judges(p.rounds, p.short)
		r.Judging = &judged
		return err
	}},
	{name: "inspecting", alone: true, measure: func(_ context.Context, b *bench, p plan, r *results) error {
		inspected, err := inspects(b.at.root, p.rounds, p.short)
		r.Inspecting = &inspected
		return err
	}},
	{name: "shapes", govern: allShapes, measure: measureShapes},
	{name: "latency", govern: requestShapes, measure: measureLatency},
	{name: "sizes", govern: requestShapes, measure: measureSizes},
	{name: "streams", govern: allShapes, measure: measureStreams},
	{name: "headers", govern: requestShapes, measure: measureHeaders},
	{name: "floors", govern: requestShapes, measure: measureFloors},
	{name: "cold", govern: requestShapes, measure: measureCold},
	{name: "scale", measure: measureScale},
}

// allShapes returns those that are driven.
func allShapes(p plan) []side { return p.shapes }

// requestShapes returns those in which requests alone are judged, or all that are driven if there are none.
func requestShapes(p plan) []side {
	var list []side
	for _, s := range p.shapes {
		if s == split || s == fused {
			list = append(list, s)
		}
	}
	if list == nil {
		return p.shapes
	}
	return list
}

func partNames() []string {
	names := make([]string, len(parts))
	for i, one := range parts {
		names[i] = one.name
	}
	return names
}

// choose returns the part with the name, or all of them.
func choose(name string) ([]part, error) {
	if name == "" {
		return parts, nil
	}
	for _, one := range parts {
		if one.name == name {
			return []part{one}, nil
		}
	}
	return nil, fmt.Errorf("there is no part %q: name one of %s", name, strings.Join(partNames(), ", "))
}

// measure runs parts one after the other.
func measure(ctx context.Context, at places, p plan, chosen []part) (results, error) {
	r := results{Environments: map[string]environment{}}
	idle := &bench{at: at}
	b := idle
	defer func() { b.stop() }()
	for _, one := range chosen {
		if !one.alone && b == idle {
			runtime.GC() // what policies and rules have left is not the mesh's
			started, err := startBench(ctx, at)
			if err != nil {
				return results{}, err
			}
			b = started
		}
		if one.govern != nil {
			if err := b.govern(ctx, one.govern(p), p.settle); err != nil {
				return results{}, err
			}
		}
		r.Environments[one.name] = b.environment(ctx)
		began := time.Now()
		fmt.Printf("%s:\n", one.name)
		if err := one.measure(ctx, b, p, &r); err != nil {
			return results{}, fmt.Errorf("measuring %s: %w", one.name, err)
		}
		fmt.Printf("%s took %.0f s\n\n", one.name, time.Since(began).Seconds())
	}
	return r, nil
}

// replace takes over what was measured in another run.
func (r *results) replace(by results) {
	environments := maps.Clone(r.Environments)
	if environments == nil {
		environments = map[string]environment{}
	}
	maps.Copy(environments, by.Environments)
	own := r.files()
	for name, value := range by.files() {
		if taken := reflect.ValueOf(value).Elem(); !taken.IsZero() {
			reflect.ValueOf(own[name]).Elem().Set(taken)
		}
	}
	r.Environments = environments
}
