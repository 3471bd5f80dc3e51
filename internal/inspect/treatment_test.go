package inspect

import (
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

func TestTreatments(t *testing.T) {
	t.Parallel()
	own := Treatments{
		{Classes: []string{"secret"}, Directions: []Direction{Request}, Rings: []agent.Ring{agent.Kernel, agent.Supervisor}, Action: Flag},
		{Rules: []string{"odd"}, Action: Redact},
		{Classes: []string{"secret"}, Rules: []string{"even"}, AtLeast: Critical, Action: Redact},
	}
	tests := []struct {
		name      string
		in        Treatments
		finding   Finding
		direction Direction
		ring      agent.Ring
		want      Action
	}{
		{"none", nil, Finding{Class: "secret", Action: Flag}, Request, agent.Kernel, Flag},
		{"zero-blocks", nil, Finding{}, DirectionUnknown, agent.Untrusted, Block},
		{"first-decides", append(own, Treatment{Action: Block}), Finding{Class: "secret", Severity: High}, Request, agent.Kernel, Flag},
		{"other-ring", own, Finding{Class: "secret", Severity: High}, Request, agent.User, Block},
		{"other-direction", own, Finding{Class: "secret", Severity: High}, Response, agent.Kernel, Block},
		{"severe-enough", own, Finding{Class: "secret", Severity: Critical}, Response, agent.Kernel, Redact},
		{"rule-beside-class", own, Finding{Rule: "even", Class: "other", Severity: Critical}, Request, agent.Kernel, Redact},
		{"rule", own, Finding{Rule: "odd", Class: "other", Action: Flag}, Card, agent.Untrusted, Redact},
		{"everything", Treatments{{Action: Flag}}, Finding{}, Card, agent.Untrusted, Flag},
		{"zero-treatment-blocks", Treatments{{}}, Finding{Action: Flag}, Request, agent.Kernel, Block},
		{"shipped-secret", DefaultTreatments(), Finding{Class: "secret", Severity: High}, Response, agent.User, Redact},
		{"shipped-lesser-secret", DefaultTreatments(), Finding{Class: "secret", Severity: Medium, Action: Flag}, Response, agent.User, Flag},
		{"shipped-secret-sent", DefaultTreatments(), Finding{Class: "secret", Severity: High}, Request, agent.User, Block},
		{"shipped-statement", DefaultTreatments(), Finding{Class: "sql-injection", Severity: High}, Response, agent.User, Flag},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.in.Of(tt.finding, tt.direction, tt.ring); got != tt.want {
				t.Errorf("action is %s, want %s", got, tt.want)
			}
			worst := tt.in.Worst([]Finding{tt.finding, {Rule: "odd", Action: Flag}}, tt.direction, tt.ring)
			if worst > tt.want {
				t.Errorf("of two findings the action is %s, one alone has %s", worst, tt.want)
			}
		})
	}
	if got := own.Worst(nil, Request, agent.Kernel); got != Pass {
		t.Errorf("without findings the action is %s", got)
	}
}

func TestNamesOfActions(t *testing.T) {
	t.Parallel()
	for _, a := range []Action{Block, Redact, Flag} {
		if got, ok := ParseAction(a.String()); !ok || got != a {
			t.Errorf("%s is read as %s, %t", a, got, ok)
		}
	}
	for _, name := range []string{"", "allow", "pass", "Block"} {
		if got, ok := ParseAction(name); ok || got != Block {
			t.Errorf("%q is read as %s, %t", name, got, ok)
		}
	}
}
