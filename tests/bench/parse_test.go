package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseReplayed(t *testing.T) {
	t.Parallel()
	const head = "Running 5s test @ http://127.0.0.1:1/\n  1 threads and 32 connections\n"
	report := `{"requests":100,"micros":5000000,"failed":3,"socketErrors":2,"exhausted":0,"p50":10,"p90":20,"p99":30,"max":40}`
	cases := []struct {
		name, output string
		want         replayed
		err          string
	}{
		{"report", head + reportMark + report + "\n", replayed{
			Requests: 100, Micros: 5e6, Failed: 3, SocketErrors: 2, P50: 10, P90: 20, P99: 30, Max: 40,
		}, ""},
		{"no-report", head, replayed{}, "no report"},
		{"cut-short", head + reportMark + report[:40], replayed{}, "unexpected end"},
		{"exhausted", head + reportMark + strings.Replace(report, `"exhausted":0`, `"exhausted":1`, 1), replayed{}, "did not last"},
		{"nothing-done", head + reportMark + strings.Replace(report, `"requests":100`, `"requests":0`, 1), replayed{}, "no request"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseReplayed([]byte(c.output))
			check(t, err, c.err)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("report (-want +got)\n%s", diff)
			}
		})
	}
}

// check fails the test unless the error says what is expected; empty expects none.
func check(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Fatalf("error %v, want %q", err, want)
	}
}

// hits are results as `vegeta encode -to=json` writes them. The bodies are {"result":{}} and {"error":{}}.
const (
	hitEarly  = `{"attack":"","seq":0,"code":200,"timestamp":"2026-11-23T12:00:00Z","latency":900000,"bytes_out":1024,"bytes_in":13,"error":"","body":"eyJyZXN1bHQiOnt9fQ==","method":"POST","url":"http://h/","headers":{}}`
	hitLater  = `{"seq":1,"code":200,"timestamp":"2026-11-23T12:00:01.5Z","latency":1500000,"error":"","body":"eyJyZXN1bHQiOnt9fQ=="}`
	hitDenied = `{"seq":2,"code":200,"timestamp":"2026-11-23T12:00:02Z","latency":100000,"error":"","body":"eyJlcnJvciI6e319"}`
	hitStatus = `{"seq":3,"code":503,"timestamp":"2026-11-23T12:00:02Z","latency":100000,"error":"503 Service Unavailable","body":null}`
	hitLost   = `{"seq":4,"code":0,"timestamp":"2026-11-23T12:00:02Z","latency":100000,"error":"connection refused","body":null}`
)

func TestParseAttacked(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		lines []string
		want  attacked
		err   string
	}{
		{"all", []string{hitEarly, hitLater, hitDenied, hitStatus, hitLost}, attacked{
			succeeded: 2, failed: 3, latencies: []time.Duration{1500 * time.Microsecond},
		}, ""},
		{"only-warmup", []string{hitEarly}, attacked{}, "no success"},
		{"only-denials", []string{hitDenied, hitDenied}, attacked{}, "2 failures"},
		{"empty", nil, attacked{}, "no success"},
		{"not-json", []string{"x"}, attacked{}, "invalid character"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseAttacked(strings.NewReader(strings.Join(c.lines, "\n")), time.Second)
			check(t, err, c.err)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(attacked{})); diff != "" {
				t.Errorf("attack (-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	const tail = " S 1 2 3 0 -1 4194560 10 0 0 0 250 31 7 9 20 0 5 0 100 200 300"
	cases := []struct {
		name, stat string
		want       time.Duration
		err        string
	}{
		{"plain", "42 (envoy)" + tail, 2810 * time.Millisecond, ""},
		{"awkward-name", "42 (a) b (c)" + tail, 2810 * time.Millisecond, ""},
		{"short", "42 (envoy) S 1 2", 0, "unexpected form"},
		{"empty", "", 0, "unexpected form"},
		{"not-a-number", "42 (envoy)" + strings.Replace(tail, "250", "x", 1), 0, "invalid syntax"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseStat([]byte(c.stat))
			check(t, err, c.err)
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, got, want string
	}{
		{"model", cpuModel("processor\t: 0\nmodel name\t: A CPU: fast\nflags\t: x\n"), "A CPU: fast"},
		{"no-model", cpuModel(""), "unknown"},
		{"load", firstField("1.25 0.80 0.60 1/100 99\n"), "1.25"},
		{"release", release("/opt/envoy  version: 1b2c3d/1.40.0/Clean/RELEASE/BoringSSL\n"), "1.40.0"},
		{"no-release", release("/opt/envoy"), "unknown"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestMetric(t *testing.T) {
	t.Parallel()
	const page = "# HELP go_memstats_mallocs_total x\n# TYPE go_memstats_mallocs_total counter\ngo_memstats_mallocs_total 1.5e+06\nother{a=\"b\"} 3\nbroken x\n"
	cases := []struct {
		name string
		want float64
		err  string
	}{
		{"go_memstats_mallocs_total", 1.5e6, ""},
		{"go_memstats_mallocs", 0, "there is no"},
		{"other", 0, "there is no"},
		{"broken", 0, "invalid syntax"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := metric(page, c.name)
			check(t, err, c.err)
			if got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestSentAt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 123456789, time.UTC)
	written := event([]byte("000000000001"), 3, now)
	cases := []struct {
		name, line string
		want       int64
		ok         bool
	}{
		{"event", string(written), now.UnixMicro(), true},
		{"empty", "\n", 0, false},
		{"other", "data: {}\n", 0, false},
		{"no-number", `data: {"sentMicros":x}`, 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := sentAt([]byte(c.line)); got != c.want && ok || ok != c.ok {
				t.Errorf("%d %v, want %d %v", got, ok, c.want, c.ok)
			}
		})
	}
	data, _, _ := bytes.Cut(bytes.TrimPrefix(written, []byte("data: ")), []byte("\n"))
	if !json.Valid(data) {
		t.Errorf("no JSON: %s", data)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	if all, err := choose(""); err != nil || len(all) != len(parts) {
		t.Errorf("%d parts, error %v", len(all), err)
	}
	if one, err := choose("scale"); err != nil || len(one) != 1 || one[0].name != "scale" {
		t.Errorf("%v, error %v", one, err)
	}
	_, err := choose("nothing")
	check(t, err, "there is no part")
	if shapes, err := readShapes(defaultShapes); err != nil || len(shapes) == 0 {
		t.Errorf("%v, error %v", shapes, err)
	}
	_, err = readShapes("split,round")
	check(t, err, "there is no shape")
}

func TestResident(t *testing.T) {
	t.Parallel()
	now, most, err := residentMiB(os.Getpid())
	if err != nil || now <= 0 || most < now {
		t.Errorf("%v MiB, at most %v, error %v", now, most, err)
	}
}
