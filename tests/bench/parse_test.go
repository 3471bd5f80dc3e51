package main

import (
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
	if got := cpuModel("processor\t: 0\nmodel name\t: A CPU: fast\nflags\t: x\n"); got != "A CPU: fast" {
		t.Errorf("model %q", got)
	}
	if got := cpuModel(""); got != "unknown" {
		t.Errorf("model %q", got)
	}
	if got := firstField("1.25 0.80 0.60 1/100 99\n"); got != "1.25" {
		t.Errorf("load %q", got)
	}
}
