package inspect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A search that the bound on work cuts short is a finding, whatever operators made of the rule that says so.
func TestUndecidedIsAFinding(t *testing.T) {
	t.Parallel()
	const quiet = "rules:\n  - {id: scan-budget, class: inspection, severity: low, action: flag, signal: budget, directions: [response], tests: {misses: [x]}}\n"
	text := one(strings.Repeat("' or 'x ", 64<<10))
	for name, second := range map[string]string{"disabled": "rules:\n  - {id: scan-budget, disabled: true}\n", "other-direction": quiet} {
		s, err := Load(Builtin(), layer("r.yaml", second))
		if err != nil {
			t.Fatal(err)
		}
		var got []Finding
		for _, f := range s.Scan(text, Options{Direction: Request}) {
			if f.Class == classInspection {
				got = append(got, f)
			}
		}
		if diff := cmp.Diff([]Finding{unjudged(budgetRule)}, got); diff != "" {
			t.Errorf("%s: findings (-want +got):\n%s", name, diff)
		}
	}
}

func TestVerifierThatFailsIsAFinding(t *testing.T) {
	t.Parallel()
	s, err := Load(layer("r.yaml", goodRule))
	if err != nil {
		t.Fatal(err)
	}
	s.rules[0].verify.holds = func([]byte, span) bool { panic("broken") }
	got := s.Scan(one("a probe"), Options{})
	if diff := cmp.Diff([]Finding{unjudged(failedRule)}, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if got = s.Scan(one("nothing"), Options{}); got != nil {
		t.Errorf("the failure of a scan is told by the next: %v", got)
	}
}

func TestConclusive(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		findings []Finding
		want     bool
	}{
		"none":       {nil, true},
		"attack":     {[]Finding{{Class: "prompt-injection"}}, true},
		"inspection": {[]Finding{{Class: "secret"}, unjudged(budgetRule)}, false},
		"no-rules":   {(*Set)(nil).Scan(one("x"), Options{}), false},
	} {
		if got := Conclusive(tt.findings); got != tt.want {
			t.Errorf("%s: Conclusive() = %t", name, got)
		}
	}
}
