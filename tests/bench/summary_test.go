package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		values []float64
		want   float64
	}{
		{"none", nil, 0},
		{"one", []float64{3}, 3},
		{"odd", []float64{9, 1, 5}, 5},
		{"even", []float64{4, 1, 2, 9}, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := median(c.values); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	var hundred []float64
	for i := 100; i > 0; i-- {
		hundred = append(hundred, float64(i))
	}
	cases := []struct {
		name   string
		values []float64
		q      float64
		want   float64
	}{
		{"none", nil, 0.5, 0},
		{"half", hundred, 0.5, 50},
		{"almost-all", hundred, 0.99, 99},
		{"all", hundred, 1, 100},
		{"least", hundred, 0, 1},
		{"few", []float64{7, 3}, 0.99, 7},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := quantile(c.values, c.q); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestRounded(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]float64{0: 0, 0.123456: 0.1235, 24832.7: 24830, -3.14159: -3.142, 99.999: 100, 7: 7} {
		if got := rounded(value); got != want {
			t.Errorf("%v becomes %v, want %v", value, got, want)
		}
	}
}

func sample() results {
	one := func(s side, round, requests int, p50, p99 float64) run {
		return run{
			Side: s, Round: round, Seconds: 2, Requests: requests,
			Latency: latency{P50: p50, P99: p99}, CPU: map[string]float64{procEnvoy: 1000 * float64(round)},
		}
	}
	ours := func(s side, round, requests int, p50, p99 float64) run {
		r := one(s, round, requests, p50, p99)
		r.CPU[procRingfence], r.Allocations, r.Verify = 100*float64(requests), 50*float64(requests), 60
		return r
	}
	peer := func(s side, requests int, process string, micros float64) run {
		return run{Side: s, Round: 1, Seconds: 1, Requests: requests, CPU: map[string]float64{process: micros * float64(requests)}}
	}
	steady := runs{one(bare, 1, 100, 0.5, 1), ours(split, 1, 100, 0.75, 3.5)}
	steady[0].Offered, steady[1].Offered = 50, 50
	return results{
		Environments: map[string]environment{"shapes": {Date: "2026-11-23", Cores: 2, CPU: "c", OS: "o", Go: "1", Envoy: "1.40.0", Load: "0.1"}},
		Shapes: runs{
			one(bare, 1, 1000, 1, 2), ours(split, 1, 200, 5, 9),
			ours(split, 2, 600, 5, 9), one(bare, 2, 2000, 1, 2),
			one(bare, 3, 1000, 1, 2), ours(split, 3, 100, 5, 9),
		},
		Sizes:   map[string]runs{"16kb": {one(bare, 1, 1000, 1, 2), ours(split, 1, 100, 1, 2)}},
		Cold:    map[side]runs{split: {ours(warm, 1, 100, 1, 2), ours(cold, 1, 80, 1.25, 2)}},
		Latency: map[side]runs{split: steady},
		Streams: streams{
			{Side: bare, Round: 1, Streams: 2, Events: 40, First: latency{P50: 1}, Event: latency{P50: 0.5}, CPU: map[string]float64{procEnvoy: 400}},
			{Side: split, Round: 1, Streams: 2, Events: 38, Failed: 2, First: latency{P50: 3}, Event: latency{P50: 0.625}, CPU: map[string]float64{procRingfence: 380}},
		},
		Headers: runs{
			peer(ringfenceAnonymous, 400, procRingfence, 20), peer(opaAnonymous, 200, procOPA, 50),
			peer(ringfenceSigned, 300, procRingfence, 90), peer(opaSigned, 200, procOPA, 60),
		},
		Floors: &floors{
			Runs:    runs{one(bare, 1, 1000, 1, 2), one(floorSplit, 1, 400, 1, 2)},
			Held:    map[side]runs{floorSplit: {one(bare, 1, 200, 1, 2), one(floorSplit, 1, 200, 1.5, 4)}},
			Streams: streams{{Side: bare, Round: 1, Event: latency{P50: 0.5}}, {Side: floorStream, Round: 1, Failed: 1, Event: latency{P50: 0.75}}},
		},
		Scale: []scaled{{
			Agents: markedAgents, Runs: runs{one(bare, 1, 100, 1, 2), ours(split, 1, 50, 1, 2)},
			Propagation: propagation{Registered: []float64{1, 2}, Reachable: []float64{20, 101}},
			Background:  background{Failed: 1}, Memory: memory{Ringfence: 150, RingfenceMost: 180, Envoy: 90, BareEnvoy: 60},
		}},
	}
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	text := func(s string) *string { return &s }
	want := []figure{
		{"throughput-ratio-split", 0.2, "of bare", text("≥ 0.25"), &no},
		{"throughput-bare", 500, "requests/s", nil, nil},
		{"throughput-split", 100, "requests/s", nil, nil},
		{"cpu-split-envoy", 5, "µs/request", nil, nil},
		{"cpu-split-ringfence", 100, "µs/request", nil, nil},
		{"cpu-split-ringfence-beyond-verify", 40, "µs/request", text("≤ 45"), &yes},
		{"allocations-split", 50, "allocations/request", text("≤ 40"), &no},
		{"throughput-ratio-16kb-split", 0.1, "of bare", nil, nil},
		{"cold-split-throughput-ratio", 0.8, "of warm", nil, nil},
		{"cold-split-added-p50", 0.25, "ms", nil, nil},
		{"half-load-split", 50, "requests/s", nil, nil},
		{"half-load-split-added-p50", 0.25, "ms", text("≤ 0.35"), &yes},
		{"half-load-split-added-p99", 2.5, "ms", text("≤ 2"), &no},
		{"stream-split-added-first-event-p50", 2, "ms", nil, nil},
		{"stream-split-added-event-p50", 0.125, "ms", text("≤ 0.25"), &yes},
		{"stream-split-cpu-ringfence", 10, "µs/event", nil, nil},
		{"headers-cpu-times-less", 2.5, "times", text("≥ 3"), &no},
		{"headers-throughput-ratio-signed", 1.5, "of opa", text("≥ 1"), &yes},
		{"agents-10000-throughput-ratio", 0.5, "of bare", nil, nil},
		{"agents-10000-propagation-p50", 20, "ms", text("≤ 30"), &yes},
		{"agents-10000-propagation-p99", 101, "ms", text("≤ 100"), &no},
		{"agents-10000-control-plane-rss", 150, "MiB", text("≤ 200"), &yes},
		{"agents-10000-envoy-rss-over-bare", 30, "MiB", nil, nil},
		{"floor-split-throughput-ratio", 0.4, "of bare", nil, nil},
		{"floor-split-half-load-added-p50", 0.5, "ms", nil, nil},
		{"floor-split-half-load-added-p99", 2, "ms", nil, nil},
		{"floor-stream-event-added-p50", 0.25, "ms", nil, nil},
		{"failed-requests", 4, "requests", text("= 0"), &no},
	}
	r := sample()
	got := map[string]figure{}
	for _, f := range summarize(&r) {
		if _, twice := got[f.Name]; twice {
			t.Errorf("%s stands there twice", f.Name)
		}
		got[f.Name] = f
	}
	for _, f := range want {
		if diff := cmp.Diff(f, got[f.Name]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", f.Name, diff)
		}
	}
	// Nothing that was not measured has a figure.
	if list := summarize(&results{}); len(list) != 1 || list[0].Name != "failed-requests" {
		t.Errorf("figures of nothing: %v", list)
	}
}

func TestHalfLoad(t *testing.T) {
	t.Parallel()
	if got := halfLoad(sample().Shapes, split); got != 50 {
		t.Errorf("%d, want 50", got)
	}
}

func TestResultsSurviveSaving(t *testing.T) {
	t.Parallel()
	dir, want := t.TempDir(), sample()
	stale := filepath.Join(dir, "stale.json")
	if err := writeJSON(stale, 1); err != nil {
		t.Fatal(err)
	}
	if err := want.save(dir); err != nil {
		t.Fatal(err)
	}
	got, err := loadResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got)\n%s", diff)
	}
	if _, err := os.Stat(stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a result of an earlier measurement stays: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "reading.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a file of what was not measured: %v", err)
	}
}

// TestReplace holds that a part that is measured alone takes its own place and no other.
func TestReplace(t *testing.T) {
	t.Parallel()
	got, want := sample(), sample()
	again := runs{{Side: bare, Round: 1, Requests: 7}}
	got.replace(results{Environments: map[string]environment{"headers": {Date: "2026-11-24"}}, Headers: again})
	want.Headers, want.Environments["headers"] = again, environment{Date: "2026-11-24"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got)\n%s", diff)
	}
	var none results
	none.replace(sample())
	if diff := cmp.Diff(sample(), none); diff != "" {
		t.Errorf("results in the place of none (-want +got)\n%s", diff)
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	r := sample()
	got := string(tables(&r))
	for _, line := range []string{
		"| shapes | 2026-11-23 | 2 × c, o | 1 | 1.40.0 | 0.1 |",
		"| throughput-ratio-split | 0.2 | of bare | ≥ 0.25 | no |",
		"| 2 | 1000, 1.00 / 2.00 | 300, 5.00 / 9.00 |",
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("there is no %s in\n%s", line, got)
		}
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, page, want, err string
	}{
		{"replaced", "a\n" + beginMark + "old\n" + endMark + "z\n", "a\n" + beginMark + "new\n" + endMark + "z\n", ""},
		{"no-place", "a\n", "", "no place"},
		{"no-end", beginMark, "", "no place"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := fill([]byte(c.page), []byte("new\n"))
			check(t, err, c.err)
			if string(got) != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestPublished holds the figures, tables and chart of docs against the raw results, so that none is edited by hand.
func TestPublished(t *testing.T) {
	t.Parallel()
	at := newPlaces("../..")
	r, err := loadResults(at.results)
	if err != nil {
		t.Fatal(err)
	}
	const advice = "write it with: go run ./tests/bench -render"
	var list []figure
	if err := readJSON(at.summary, &list); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(summarize(&r), list); diff != "" {
		t.Errorf("%s (-want +got)\n%s\n%s", at.summary, diff, advice)
	}
	chart, err := os.ReadFile(at.chart)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(chart, charts(&r).SVG()) {
		t.Errorf("%s is not what the results say; %s", at.chart, advice)
	}
	page, err := os.ReadFile(at.page)
	if err != nil {
		t.Fatal(err)
	}
	filled, err := fill(page, tables(&r))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, filled) {
		t.Errorf("%s is not what the results say; %s", at.page, advice)
	}
}

func TestFigureWithoutMark(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(newFigure("n", 1.5, "ms"))
	if want := `{"name":"n","value":1.5,"unit":"ms","mark":null,"met":null}`; err != nil || string(got) != want {
		t.Errorf("%s %v, want %s", got, err, want)
	}
}
