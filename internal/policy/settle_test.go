package policy

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMeets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		threshold Threshold
		class     string
		severity  Severity
		want      bool
	}{
		{"at-the-threshold", Threshold{Severity: Medium}, "secret", Medium, true},
		{"above", Threshold{Severity: Medium}, "secret", Critical, true},
		{"below", Threshold{Severity: Medium}, "secret", Low, false},
		{"unrated", Threshold{Severity: Low}, "secret", 0, false},
		{"unrated-of-a-threshold-without-severity", Threshold{}, "secret", 0, false},
		{"its-class", Threshold{Severity: Low, Classes: []string{"a", "secret"}}, "secret", Low, true},
		{"another-class", Threshold{Severity: Low, Classes: []string{"a"}}, "secret", Critical, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.threshold.Meets(tt.class, tt.severity); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestSettle(t *testing.T) {
	t.Parallel()
	ref := func(rule int, k Kind) Ref { return Ref{CalleeParty, "p", rule, k} }
	refuses := &Threshold{Ref: ref(1, Content), Severity: High, Requests: true}
	answers := &Threshold{Ref: ref(2, Content), Severity: Low, Answers: true}
	asks := &Threshold{Ref: ref(3, Content), Severity: Low, Requests: true, Requirement: &Requirement{Ref: ref(3, Content)}}
	shadow := &Threshold{Ref: ref(4, Content), Mode: Shadow, Severity: Low, Requests: true}
	approval := Requirement{Ref: ref(5, RequireApproval)}
	told := Requirement{Ref: ref(6, RequireApproval), Mode: Shadow}
	low, high := map[string]Severity{"secret": Low}, map[string]Severity{"x": 0, "secret": High}
	tests := []struct {
		name     string
		outcome  Outcome
		findings map[string]Severity
		want     Decision
		ref      Ref
	}{
		{"zero-denies", Outcome{}, nil, Deny, Ref{}},
		{"refused", Outcome{Refusal: Refusal{Ref: ref(0, Forbid)}, Approvals: []Requirement{approval}}, high, Deny, ref(0, Forbid)},
		{"no-decision-to-deny-is-none-to-allow", Outcome{Decision: Approve}, nil, Deny, Ref{}},
		{"nobody-spoke", Outcome{Decision: Allow}, high, Allow, Ref{}},
		{"permitted", Outcome{Decision: Allow, Permits: []Ref{ref(7, Permit), ref(8, Permit)}}, nil, Allow, ref(7, Permit)},
		{"refused-by-content", Outcome{Decision: Allow, Thresholds: []*Threshold{answers, asks, refuses}, Approvals: []Requirement{approval}}, high, Deny, ref(1, Content)},
		{"finding-below", Outcome{Decision: Allow, Thresholds: []*Threshold{refuses}}, low, Allow, Ref{}},
		{"answers-alone", Outcome{Decision: Allow, Thresholds: []*Threshold{answers}}, high, Allow, Ref{}},
		{"asks-for-content", Outcome{Decision: Allow, Thresholds: []*Threshold{asks}}, low, Approve, ref(3, Content)},
		{"asks-for-nothing-found", Outcome{Decision: Allow, Thresholds: []*Threshold{asks}}, nil, Allow, Ref{}},
		{"approval-before-content", Outcome{Decision: Allow, Thresholds: []*Threshold{asks}, Approvals: []Requirement{told, approval}}, low, Approve, ref(5, RequireApproval)},
		{"shadow-decides-nothing", Outcome{Decision: Allow, Thresholds: []*Threshold{shadow, nil}, Approvals: []Requirement{told}, Shadowed: []Refusal{{Ref: ref(9, Forbid)}}}, high, Allow, Ref{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, by := tt.outcome.Settle(tt.findings)
			if got != tt.want || by != tt.ref {
				t.Errorf("got %s by %+v, want %s by %+v", got, by, tt.want, tt.ref)
			}
		})
	}
}

// TestNames holds that each name reads as what it was written for, and that nothing else is a name.
func TestNames(t *testing.T) {
	t.Parallel()
	spellings(t, ParseParty, CallerParty, OrganisationParty)
	spellings(t, ParseMode, Enforce, Shadow)
	spellings(t, ParseKind, Permit, Cedar)
	spellings(t, ParseBy, ByAgent, ByTarget)
	spellings(t, ParseDecision, Deny, Allow)
	spellings(t, ParseSeverity, Low, Critical)
	for k := range map[Kind]bool{0: true, Permit: true} {
		text, err := k.MarshalText()
		var back Kind
		if err != nil || back.UnmarshalText(text) != nil || back != k {
			t.Errorf("%d is written as %q and read as %d", k, text, back)
		}
	}
	if s := Decision(9).String(); s != "deny" {
		t.Errorf("what is no decision is told as %q", s)
	}
	if diff := cmp.Diff([]string{"a, b or c", "a", ""}, []string{alternatives([]string{"", "a", "b", "c"}), alternatives([]string{"a"}), alternatives(nil)}); diff != "" {
		t.Error(diff)
	}
}

func spellings[T interface {
	~uint8
	String() string
	MarshalText() ([]byte, error)
}](t *testing.T, parse func(string) (T, error), first, last T,
) {
	t.Helper()
	seen := map[string]bool{}
	for v := first; v <= last; v++ {
		seen[v.String()] = true
		if text, err := v.MarshalText(); err != nil || string(text) != v.String() {
			t.Errorf("%s is written as %q: %v", v, text, err)
		}
		if back, err := parse(v.String()); err != nil || back != v {
			t.Errorf("%s reads as %d: %v", v, back, err)
		}
	}
	if len(seen) != int(last-first)+1 || seen["unknown"] {
		t.Errorf("two values have one name, or one has none: %v", slices.Sorted(maps.Keys(seen)))
	}
	for _, wrong := range []string{"", "unknown", "Deny", "permit "} {
		if v, err := parse(wrong); err == nil {
			t.Errorf("%q reads as %s", wrong, v)
		}
	}
	if s := T(200).String(); s != "unknown" && s != "deny" {
		t.Errorf("what is no value is told as %q", s)
	}
}
