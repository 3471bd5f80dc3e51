package identity

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

func TestWorkloadPattern(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, pattern, id string
		want              bool
	}{
		{"exact", "spiffe://a.example/ns/prod/sa/x", "spiffe://a.example/ns/prod/sa/x", true},
		{"exact-is-no-prefix", "spiffe://a.example/ns/prod", "spiffe://a.example/ns/prod/sa/x", false},
		{"exact-is-no-suffix", "spiffe://a.example/ns/prod/sa/x", "spiffe://a.example/ns/prod", false},
		{"case-of-the-path", "spiffe://a.example/ns/Prod", "spiffe://a.example/ns/prod", false},
		{"below", "spiffe://a.example/ns/prod/*", "spiffe://a.example/ns/prod/x", true},
		{"far-below", "spiffe://a.example/ns/prod/*", "spiffe://a.example/ns/prod/sa/x", true},
		{"the-path-itself", "spiffe://a.example/ns/prod/*", "spiffe://a.example/ns/prod", false},
		{"the-path-with-slash", "spiffe://a.example/ns/prod/*", "spiffe://a.example/ns/prod/", false},
		{"same-beginning", "spiffe://a.example/ns/prod/*", "spiffe://a.example/ns/production/x", false},
		{"whole-domain", "spiffe://a.example/*", "spiffe://a.example/x", true},
		{"domain-with-same-beginning", "spiffe://a.example/*", "spiffe://a.example.evil/x", false},
		{"other-domain", "spiffe://a.example/*", "spiffe://b.example/x", false},
		{"nothing", "spiffe://a.example/*", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := ParseWorkloadPattern(tt.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Match(tt.id); got != tt.want {
				t.Errorf("Match(%q) = %v, want %v", tt.id, got, tt.want)
			}
			if p.String() != tt.pattern {
				t.Errorf("String() = %q", p)
			}
		})
	}
	if (WorkloadPattern{}).Match("") {
		t.Error("the zero pattern matches")
	}
}

func TestWorkloadPatternRefuses(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		"", "*", "/*", "spiffe:/*", "spiffe://*", "spiffe://*/ns", "spiffe:///*", "spiffe://a.example", "spiffe://a.example*",
		"spiffe://a.example/ns/*/sa/x", "spiffe://a.example/ns/pro*", "spiffe://a.example/*/*", "spiffe://a.example/ns//*",
		"spiffe://a.example/../*", "spiffe://A.example/*", "spiffe://a.example/ns/**", "spiffe://a.example/ns/*/",
	} {
		if p, err := ParseWorkloadPattern(pattern); err == nil || p != (WorkloadPattern{}) {
			t.Errorf("ParseWorkloadPattern(%q) = %v, %v, want an error alone", pattern, p, err)
		}
	}
}

func TestWorkloadCaller(t *testing.T) {
	t.Parallel()
	const id = "spiffe://mesh.example/ns/prod/sa/billing"
	want := Caller{Agent: "billing", KeyID: id, Assurance: AssuranceWorkload}
	if diff := cmp.Diff(want, WorkloadCaller("billing", id)); diff != "" {
		t.Errorf("caller (-want +got):\n%s", diff)
	}
}

// Law: each pattern that is read matches only IDs of workloads that begin with it.
func FuzzWorkloadPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"spiffe://mesh.example/ns/prod/sa/billing", "spiffe://mesh.example/ns/prod/*"},
		{"spiffe://mesh.example/ns/prod/../dev", "spiffe://mesh.example/ns/prod/*"},
		{"spiffe://a/b", "spiffe://a/b"},
		{"spiffe://A.example/..", "spiffe://*/x"},
		{"spiffe://a.example:1/x?y#z", "spiffe://a.example/x/*/y"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, principal, text string) {
		pattern, err := ParseWorkloadPattern(text)
		if err != nil {
			return
		}
		if pattern.String() != text {
			t.Fatalf("the pattern %q became %q", text, pattern)
		}
		if !pattern.Match(principal) {
			return
		}
		if _, err := agent.ParseWorkload(principal); err != nil || !strings.HasPrefix(principal, strings.TrimSuffix(text, "*")) {
			t.Fatalf("%q matches %q", text, principal)
		}
	})
}
