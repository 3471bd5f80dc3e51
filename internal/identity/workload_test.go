package identity

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseWorkload(t *testing.T) {
	t.Parallel()
	const id = "spiffe://mesh.example/ns/prod/sa/billing"
	if got, err := ParseWorkload(id); got != id || err != nil {
		t.Errorf("ParseWorkload() = %q, %v, want the ID itself", got, err)
	}
	for name, principal := range map[string]string{
		"empty":              "",
		"other-scheme":       "https://mesh.example/ns/prod",
		"scheme-case":        "SPIFFE://mesh.example/ns/prod",
		"domain-case":        "spiffe://Mesh.example/ns/prod",
		"no-domain":          "spiffe:///ns/prod",
		"no-path":            "spiffe://mesh.example",
		"only-a-slash":       "spiffe://mesh.example/",
		"trailing-slash":     id + "/",
		"empty-segment":      "spiffe://mesh.example/ns//prod",
		"dot-segment":        "spiffe://mesh.example/ns/./prod",
		"dot-dot-segment":    "spiffe://mesh.example/ns/../prod",
		"query":              id + "?x=1",
		"fragment":           id + "#x",
		"port":               "spiffe://mesh.example:8443/ns/prod",
		"user":               "spiffe://admin@mesh.example/ns/prod",
		"percent-encoding":   "spiffe://mesh.example/ns/pr%6fd",
		"star":               "spiffe://mesh.example/ns/*",
		"space":              id + " ",
		"zero-byte":          id + "\x00",
		"two-in-one":         id + "," + id,
		"not-ascii":          "spiffe://mesh.example/ns/pröd",
		"longer-than-bounds": "spiffe://mesh.example/" + strings.Repeat("x", 2048),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseWorkload(principal)
			wantRefusal(t, err, Malformed)
			if got != "" {
				t.Errorf("a refusal came with the ID %q", got)
			}
		})
	}
}

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

// Law: an ID that is read is the principal, byte for byte, and each pattern that is read matches only IDs that begin
// with it.
func FuzzParseWorkload(f *testing.F) {
	for _, seed := range [][2]string{
		{"spiffe://mesh.example/ns/prod/sa/billing", "spiffe://mesh.example/ns/prod/*"},
		{"spiffe://a/b", "spiffe://a/b"},
		{"spiffe://A.example/..", "spiffe://*/x"},
		{"spiffe://a.example:1/x?y#z", "spiffe://a.example/x/*/y"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, principal, text string) {
		id, err := ParseWorkload(principal)
		if (err == nil) != (id == principal && id != "") {
			t.Fatalf("ParseWorkload(%q) = %q, %v", principal, id, err)
		}
		var refusal *Refusal
		if err != nil && !errors.As(err, &refusal) {
			t.Fatalf("the error is no refusal: %v", err)
		}
		pattern, err := ParseWorkloadPattern(text)
		if err != nil {
			return
		}
		if pattern.String() != text {
			t.Fatalf("the pattern %q became %q", text, pattern)
		}
		if id != "" && pattern.Match(id) && !strings.HasPrefix(id, strings.TrimSuffix(text, "*")) {
			t.Fatalf("%q matches %q", text, id)
		}
	})
}
