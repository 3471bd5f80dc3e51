package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
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
	one := func(kind string, s side, round, requests int, p50, p99 float64) run {
		return run{
			Kind: kind, Side: s, Round: round, Seconds: 2, Requests: requests,
			Latency: latency{P50: p50, P99: p99}, CPU: map[string]float64{procEnvoy: 1000 * float64(round)},
		}
	}
	r := results{
		Environment: environment{Date: "2026-11-23", Cores: 2, CPU: "c", OS: "o", Go: "1", Envoy: "1.40.0", Load: "0.1"},
		Runs: []run{
			one(saturation, bare, 1, 1000, 1, 2), one(saturation, governed, 1, 200, 5, 9),
			one(saturation, bare, 2, 2000, 1, 2), one(saturation, governed, 2, 600, 5, 9),
			one(saturation, bare, 3, 1000, 1, 2), one(saturation, governed, 3, 100, 5, 9),
			one(steady, bare, 1, 100, 0.5, 1), one(steady, governed, 1, 100, 0.75, 3),
		},
		Propagation: propagation{Agents: 10, Registered: []float64{1, 2}, Reachable: []float64{20, 100}},
	}
	r.Runs[6].Offered, r.Runs[7].Offered = 50, 50
	return r
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	text := func(s string) *string { return &s }
	want := map[string]figure{
		"throughput-ratio":              {"throughput-ratio", 0.2, "governed/bare", text("≥ 0.15"), &yes},
		"throughput-bare":               {"throughput-bare", 500, "requests/s", nil, nil},
		"throughput-governed":           {"throughput-governed", 100, "requests/s", nil, nil},
		"half-load":                     {"half-load", 50, "requests/s", nil, nil},
		"half-load-added-p50":           {"half-load-added-p50", 0.25, "ms", nil, nil},
		"half-load-added-p99":           {"half-load-added-p99", 2, "ms", nil, nil},
		"cpu-saturation-governed-envoy": {"cpu-saturation-governed-envoy", 5, "µs/request", nil, nil},
		"failed-requests":               {"failed-requests", 0, "requests", text("= 0"), &yes},
		"propagation-p50":               {"propagation-p50", 20, "ms", nil, nil},
		"propagation-p99":               {"propagation-p99", 100, "ms", text("< 100"), &no},
		"registration-p99":              {"registration-p99", 2, "ms", nil, nil},
	}
	got := map[string]figure{}
	for _, f := range summarize(sample()) {
		if _, twice := got[f.Name]; twice {
			t.Errorf("%s stands there twice", f.Name)
		}
		got[f.Name] = f
	}
	for name, f := range want {
		if diff := cmp.Diff(f, got[name]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestHalfLoad(t *testing.T) {
	t.Parallel()
	if got := halfLoad(sample().Runs[:6]); got != 50 {
		t.Errorf("%d, want 50", got)
	}
}

func TestResultsSurviveSaving(t *testing.T) {
	t.Parallel()
	dir, want := t.TempDir(), sample()
	stale := run{Kind: steady, Side: bare, Round: 9}
	if err := writeJSON(dir+"/"+stale.file(), stale); err != nil {
		t.Fatal(err)
	}
	if err := want.save(dir); err != nil {
		t.Fatal(err)
	}
	got, err := loadResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{saturation, steady} {
		for _, s := range sides {
			if diff := cmp.Diff(want.of(kind, s), got.of(kind, s)); diff != "" {
				t.Errorf("%s %s (-want +got)\n%s", kind, s, diff)
			}
		}
	}
	if diff := cmp.Diff(summarize(want), summarize(got)); diff != "" {
		t.Errorf("figures (-want +got)\n%s", diff)
	}
	if _, err := os.Stat(dir + "/" + stale.file()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a result of an earlier measurement stays: %v", err)
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

// TestPublished holds the figures and tables of docs against the raw results, so that neither is edited by hand.
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
	if diff := cmp.Diff(summarize(r), list); diff != "" {
		t.Errorf("%s (-want +got)\n%s\n%s", at.summary, diff, advice)
	}
	page, err := os.ReadFile(at.page)
	if err != nil {
		t.Fatal(err)
	}
	filled, err := fill(page, tables(r))
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
