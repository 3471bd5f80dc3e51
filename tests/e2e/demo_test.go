package e2e

import (
	"strings"
	"testing"
)

// TestDemo plays the scenario of `make demo` and wants every row as expected.
func TestDemo(t *testing.T) {
	t.Parallel()
	p := start(t, "demo", "--bin", bin)
	p.await(t)
	if code := p.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.output.String())
	}
	if !strings.Contains(p.output.String(), "15 of 15 steps as expected") {
		t.Errorf("output:\n%s", p.output.String())
	}
}
