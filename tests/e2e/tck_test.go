package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/tests/conformance"
)

// What scripts/tck tells the test: a checkout of the A2A TCK, the Python that has its requirements, and where the
// reports go.
const (
	tckCheckout = "RINGFENCE_TCK"
	tckPython   = "RINGFENCE_TCK_PYTHON"
	tckReports  = "RINGFENCE_TCK_REPORTS"
)

// tckReport is compatibility.json of the TCK, as far as it is compared.
type tckReport struct {
	PerRequirement map[string]tckRequirement `json:"per_requirement"`
}

type tckRequirement struct {
	Level      string            `json:"level"`
	Status     string            `json:"status"`
	Transports map[string]string `json:"transports"`
	Errors     []string          `json:"errors"`
}

// TestTCK runs the public A2A TCK against the conformance agent, directly and through the mesh, and fails for each
// requirement that got worse on the way. It takes minutes, so it runs only when scripts/tck asks for it.
func TestTCK(t *testing.T) {
	checkout := os.Getenv(tckCheckout)
	if checkout == "" {
		t.Skip("scripts/tck runs this test with a checkout of the TCK")
	}
	reports := os.Getenv(tckReports)
	agent := func() *conformance.Agent {
		a, err := conformance.Start(conformance.Options{Now: func() time.Time { return time.Now().UTC() }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(a.Close)
		return a
	}
	direct := runTCK(t, checkout, agent().URL, filepath.Join(reports, "direct"))
	through := runTCK(t, checkout, fronted(t, agent()), filepath.Join(reports, "through"))
	t.Logf("cells, by level and transport:\n%s", tckNumbers(direct, through))
	if worse := tckWorse(direct, through); len(worse) > 0 {
		t.Errorf("worse through the mesh (%d):\n%s", len(worse), strings.Join(worse, "\n"))
	}
}

// runTCK runs the whole kit against an agent. Its exit code does not matter: that requirements fail is in the report.
func runTCK(t *testing.T, checkout, at, reports string) tckReport {
	t.Helper()
	if err := os.MkdirAll(reports, 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"-m", "pytest", "tests/compatibility/", "--sut-host=" + at, "--tb=short", "-q", "--webhook-host=127.0.0.1", "-p", "no:cacheprovider",
		"--compatibility-report=" + filepath.Join(reports, "compatibility"), "--junitxml=" + filepath.Join(reports, "junit.xml"),
	}
	plugins, err := filepath.Abs("../conformance/tck")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.DefaultResolver.LookupHost(t.Context(), "example.com"); err != nil {
		t.Log("example.com does not resolve here: push configurations lead to loopback instead")
		args = append(args, "-p", "offline")
	}
	run := exec.CommandContext(t.Context(), os.Getenv(tckPython), args...)
	run.Dir = checkout
	run.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH="+plugins)
	out, err := run.CombinedOutput()
	if err := os.WriteFile(filepath.Join(reports, "output.txt"), out, 0o600); err != nil {
		t.Fatal(err)
	}
	data, reading := os.ReadFile(filepath.Join(reports, "compatibility.json"))
	if reading != nil {
		t.Fatalf("the TCK made no report: %v, %v\n%s", err, reading, tail(string(out)))
	}
	var report tckReport
	if err := json.Unmarshal(data, &report); err != nil || len(report.PerRequirement) == 0 {
		t.Fatalf("the report of the TCK cannot be read: %v", err)
	}
	return report
}

// tckRank orders results: what was not tested because something before it failed is worse than a pass.
func tckRank(result string) int {
	switch result {
	case "PASS":
		return 2
	case "FAIL":
		return 0
	}
	return 1
}

// tckWorse lists the requirements that fare worse in the second report, with what the TCK says of them.
func tckWorse(direct, through tckReport) []string {
	var worse []string
	for _, id := range slices.Sorted(maps.Keys(direct.PerRequirement)) {
		before, after := direct.PerRequirement[id], through.PerRequirement[id]
		known := len(worse)
		for _, transport := range slices.Sorted(maps.Keys(before.Transports)) {
			was, is := before.Transports[transport], after.Transports[transport]
			if tckRank(is) < tckRank(was) {
				worse = append(worse, fmt.Sprintf("  %s %s %s: %s, was %s: %s", before.Level, id, transport, is, was, strings.Join(after.Errors, "; ")))
			}
		}
		// A transport's result is that of its last test; the requirement's counts all of them.
		if tckRank(after.Status) < tckRank(before.Status) && len(worse) == known {
			worse = append(worse, fmt.Sprintf("  %s %s: %s, was %s: %s", before.Level, id, after.Status, before.Status, strings.Join(after.Errors, "; ")))
		}
	}
	return worse
}

// tckNumbers is a table of how often each result was, directly and through the mesh.
func tckNumbers(direct, through tckReport) string {
	counts := map[string][2]int{}
	for i, report := range []tckReport{direct, through} {
		for _, r := range report.PerRequirement {
			for transport, result := range r.Transports {
				row := fmt.Sprintf("%-6s %-10s %-8s", r.Level, transport, result)
				n := counts[row]
				n[i]++
				counts[row] = n
			}
		}
	}
	table := "                           direct  through\n"
	for _, row := range slices.Sorted(maps.Keys(counts)) {
		table += fmt.Sprintf("%s %7d %8d\n", row, counts[row][0], counts[row][1])
	}
	return table
}

func TestTCKComparison(t *testing.T) {
	t.Parallel()
	report := func(result string) tckReport {
		return tckReport{map[string]tckRequirement{"R-1": {Level: "MUST", Transports: map[string]string{"grpc": result}}}}
	}
	for _, test := range []struct {
		direct, through string
		worse           int
	}{
		{"PASS", "PASS", 0},
		{"PASS", "FAIL", 1},
		{"PASS", "SKIPPED", 1},
		{"SKIPPED", "FAIL", 1},
		{"FAIL", "FAIL", 0},
		{"FAIL", "PASS", 0},
		{"SKIPPED", "PASS", 0},
	} {
		if worse := tckWorse(report(test.direct), report(test.through)); len(worse) != test.worse {
			t.Errorf("%s, then %s: %v", test.direct, test.through, worse)
		}
	}
	if worse := tckWorse(report("PASS"), tckReport{}); len(worse) != 1 {
		t.Errorf("a requirement that is not tested any more: %v", worse)
	}
}
