package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// side is which Envoy was driven.
type side string

const (
	bare     side = "bare"
	governed side = "governed"
)

// sides take turns in this order.
var sides = []side{bare, governed}

// The kinds of runs.
const (
	saturation = "saturation"
	steady     = "steady"
)

// Names of the processes whose CPU time is told apart.
const (
	procTool      = "tool"
	procEnvoy     = "envoy"
	procRingfence = "ringfence"
	procAgent     = "agent"
)

// latency is in milliseconds.
type latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// run is what one side did in one round.
type run struct {
	Kind  string `json:"kind"`
	Side  side   `json:"side"`
	Round int    `json:"round"`
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
}

// rate returns the requests answered per second.
func (r run) rate() float64 { return float64(r.Requests) / r.Seconds }

// perRequest returns the CPU time of a process per answered request in microseconds.
func (r run) perRequest(process string) float64 { return r.CPU[process] / float64(max(1, r.Requests)) }

func (r run) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s %-8s %d: %7.0f req/s, p50 %.2f ms, p99 %.2f ms, failed %d; CPU us/request:",
		r.Kind, r.Side, r.Round, r.rate(), r.Latency.P50, r.Latency.P99, r.Failed)
	for _, name := range processes(r.CPU) {
		fmt.Fprintf(&b, " %s %.0f", name, r.perRequest(name))
	}
	return b.String()
}

// results is everything one call of the program measured.
type results struct {
	Environment environment
	Reading     []reading
	Deciding    []deciding
	Judging     *judging    // nil in results of before there were policies
	Inspecting  *inspecting // nil in results of before content rules were measured
	Runs        []run
	Propagation propagation
}

// The files that raw results are kept in, beside one per run.
const (
	environmentFile = "environment.json"
	propagationFile = "propagation.json"
	readingFile     = "reading.json"
	decidingFile    = "deciding.json"
	judgingFile     = "policies.json"
	inspectingFile  = "inspecting.json"
)

func (r run) file() string { return fmt.Sprintf("%s-%s-%d.json", r.Kind, r.Side, r.Round) }

// save replaces the results in dir.
func (r results) save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("saving results: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return fmt.Errorf("saving results: %w", err)
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("saving results: %w", err)
		}
	}
	files := map[string]any{environmentFile: r.Environment, propagationFile: r.Propagation, readingFile: r.Reading, decidingFile: r.Deciding, judgingFile: r.Judging, inspectingFile: r.Inspecting}
	for _, one := range r.Runs {
		files[one.file()] = one
	}
	for name, value := range files {
		if err := writeJSON(filepath.Join(dir, name), value); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing results: %w", err)
	}
	return nil
}

// loadResults reads what save wrote.
func loadResults(dir string) (results, error) {
	var r results
	if err := readJSON(filepath.Join(dir, environmentFile), &r.Environment); err != nil {
		return results{}, err
	}
	if err := readJSON(filepath.Join(dir, propagationFile), &r.Propagation); err != nil {
		return results{}, err
	}
	if err := readJSON(filepath.Join(dir, readingFile), &r.Reading); err != nil {
		return results{}, err
	}
	if err := readJSON(filepath.Join(dir, decidingFile), &r.Deciding); err != nil && !os.IsNotExist(err) {
		return results{}, err
	}
	if err := readJSON(filepath.Join(dir, judgingFile), &r.Judging); err != nil && !os.IsNotExist(err) {
		return results{}, err
	}
	if err := readJSON(filepath.Join(dir, inspectingFile), &r.Inspecting); err != nil && !os.IsNotExist(err) {
		return results{}, err
	}
	for _, kind := range []string{saturation, steady} {
		for _, s := range sides {
			for round := 1; ; round++ {
				one := run{Kind: kind, Side: s, Round: round}
				err := readJSON(filepath.Join(dir, one.file()), &one)
				if os.IsNotExist(err) {
					break
				}
				if err != nil {
					return results{}, err
				}
				r.Runs = append(r.Runs, one)
			}
		}
	}
	return r, nil
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// of returns the runs of one kind and side in the order of their rounds.
func (r results) of(kind string, s side) []run {
	var list []run
	for _, one := range r.Runs {
		if one.Kind == kind && one.Side == s {
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b run) int { return a.Round - b.Round })
	return list
}

func ratesOf(runs []run, s side) []float64 {
	var rates []float64
	for _, r := range runs {
		if r.Side == s {
			rates = append(rates, r.rate())
		}
	}
	return rates
}
