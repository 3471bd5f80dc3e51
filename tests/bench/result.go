package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// results is everything that was measured. What was not is nil.
type results struct {
	// Environments are those of the parts of the measurement, by name.
	Environments map[string]environment
	Reading      []reading
	Deciding     []deciding
	Judging      *judging
	Inspecting   *inspecting
	// Shapes are runs at saturation with ordinary requests, Sizes those with larger ones by name of the size, and Cold those
	// of callers that are known beside those of callers that call for the first time, by shape.
	Shapes runs
	Sizes  map[string]runs
	Cold   map[side]runs
	// Latency are runs at a constant rate, half of what the shape manages, by shape.
	Latency map[side]runs
	// Streams are runs of event streams.
	Streams streams
	// Headers are runs of checks of headers alone, Ringfence's and the peer's.
	Headers runs
	// Floors are what asking costs, whatever is decided.
	Floors *floors
	// Scale is what grows with the number of agents.
	Scale []scaled
}

// files returns where each part is kept.
func (r *results) files() map[string]any {
	return map[string]any{
		"environments.json": &r.Environments,
		"reading.json":      &r.Reading,
		"deciding.json":     &r.Deciding,
		"policies.json":     &r.Judging,
		"inspecting.json":   &r.Inspecting,
		"shapes.json":       &r.Shapes,
		"sizes.json":        &r.Sizes,
		"cold.json":         &r.Cold,
		"latency.json":      &r.Latency,
		"streams.json":      &r.Streams,
		"headers.json":      &r.Headers,
		"floors.json":       &r.Floors,
		"scale.json":        &r.Scale,
	}
}

// save replaces the results in dir.
func (r *results) save(dir string) error {
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
	for name, part := range r.files() {
		data, err := json.MarshalIndent(part, "", "  ")
		if err != nil {
			return fmt.Errorf("saving %s: %w", name, err)
		}
		if string(data) == "null" { // it was not measured
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), append(data, '\n'), 0o644); err != nil {
			return fmt.Errorf("saving results: %w", err)
		}
	}
	return nil
}

// loadResults reads what save wrote.
func loadResults(dir string) (results, error) {
	var r results
	for name, part := range r.files() {
		if err := readJSON(filepath.Join(dir, name), part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return results{}, err
		}
	}
	return r, nil
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

// failed returns how many requests failed in all runs.
func (r *results) failed() int {
	sum := r.Shapes.failed() + r.Headers.failed()
	for _, of := range r.Sizes {
		sum += of.failed()
	}
	for _, by := range []map[side]runs{r.Cold, r.Latency} {
		for _, of := range by {
			sum += of.failed()
		}
	}
	seen := r.Streams
	if f := r.Floors; f != nil {
		sum += f.Runs.failed()
		for _, of := range f.Held {
			sum += of.failed()
		}
		seen = append(slices.Clone(seen), f.Streams...)
	}
	for _, one := range seen {
		sum += one.Failed
	}
	for _, one := range r.Scale {
		sum += one.Runs.failed() + one.Background.Failed
	}
	return sum
}
