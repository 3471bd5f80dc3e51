package policy

import (
	"strconv"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

func TestMonotone(t *testing.T) {
	t.Parallel()
	raw := func(text string) Rule { return Rule{Kind: Cedar, Line: 1, Text: text, TextLine: 1} }
	forbid := func(condition string) Rule {
		return raw("forbid (principal, action, resource) when { " + condition + " };")
	}
	permit := func(condition string) Rule {
		return raw("permit (principal, action, resource) when { " + condition + " };")
	}
	rings := func(numbers ...int) Subjects {
		var s Subjects
		for _, n := range numbers {
			ring, _ := agent.RingFromNumber(n)
			s.Rings = append(s.Rings, ring)
		}
		return s
	}
	proved := func(all ...identity.Assurance) Subjects { return Subjects{Assurance: all} }
	tests := []struct {
		name     string
		subjects Subjects
		rule     Rule
		reason   string // empty: it is taken
	}{
		{"permit-upper-rings", rings(0, 1, 2), Rule{Kind: Permit}, ""},
		{"permit-ring-2-alone", rings(2), Rule{Kind: Permit}, "permit refuses ring 1 what ring 2 may"},
		{"permit-rings-0-and-2", rings(0, 2), Rule{Kind: Permit}, "refuses ring 1 what ring 2 may"},
		{"forbid-lower-rings", rings(3, 2), Rule{Kind: Forbid}, ""},
		{"forbid-ring-2-alone", rings(2), Rule{Kind: Forbid}, "refuses ring 2 what ring 3 may"},
		{"limit-lower-rings", rings(3), Rule{Kind: Concurrency, Limit: 1}, ""},
		{"limit-upper-rings", rings(0), Rule{Kind: Concurrency, Limit: 1}, "asks more of ring 0 than of ring 1"},
		{"approval-upper-rings", rings(1, 0), Rule{Kind: RequireApproval, Minimum: 1, Groups: []string{"g"}}, "asks more of ring 1 than of ring 2"},
		{"permit-better-assurance", proved(identity.AssuranceMesh, identity.AssuranceAgent), Rule{Kind: Permit}, ""},
		{"permit-worse-assurance", proved(identity.AssuranceBearer), Rule{Kind: Permit}, "refuses assurance workload what bearer may"},
		{"forbid-no-assurance", proved(identity.AssuranceNone), Rule{Kind: Forbid}, ""},
		{"ring-needs-assurance", rings(3, 2), Rule{Kind: RequireAssurance, Assurance: identity.AssuranceMesh}, ""},
		{"upper-ring-needs-assurance", rings(0), Rule{Kind: RequireAssurance, Assurance: identity.AssuranceMesh}, "refuses ring 0 what ring 1 may"},
		{"all-rings-need-trust", Subjects{}, Rule{Kind: MinTrust, Trust: 500}, ""},

		{"cedar-forbid-low-trust", Subjects{}, forbid("context.trust < 500"), ""},
		{"cedar-forbid-literal-first", Subjects{}, forbid("500 > context.trust"), ""},
		{"cedar-forbid-high-trust", Subjects{}, forbid("context.trust > 500"), "refuses a score of 501 what one of 500 may"},
		{"cedar-forbid-one-score", Subjects{}, forbid("context.trust == 0"), ""},
		{"cedar-forbid-inner-score", Subjects{}, forbid("context.trust == 400"), "refuses a score of 400 what one of 399 may"},
		{"cedar-forbid-not-one-score", Subjects{}, forbid("context.trust != 1000"), ""},
		{"cedar-permit-high-trust", Subjects{}, permit("context.trust >= 500 && context.ring <= 1"), ""},
		{"cedar-permit-band", Subjects{}, permit("context.trust >= 500 && context.trust < 900"), "refuses a score of 900 what one of 899 may"},
		{"cedar-permit-rings", Subjects{}, permit("[0, 1].contains(context.ring)"), ""},
		{"cedar-permit-set-with-hole", Subjects{}, permit("[0, 2].contains(context.ring)"), "refuses ring 1 what ring 2 may"},
		{"cedar-facts-cancel", Subjects{}, forbid("context.unchained && context.ring > 1 || !context.unchained && context.ring > 2"), ""},
		{"cedar-facts-same", Subjects{}, forbid("context.hops > 2 && context.ring < 2 && !(context.hops > 2)"), "unreachable"},
		{"cedar-facts-negated-comparison", Subjects{}, forbid("context.hops <= 2 && context.ring < 2 && context.hops > 2"), "unreachable"},
		{"cedar-facts-differ", Subjects{}, forbid("context.hops > 2 && context.ring < 2"), "refuses ring 1 what ring 2 may"},
		{"cedar-branches", Subjects{}, forbid("if context.unchained then context.ring > 0 else context.ring > 1"), ""},
		{"cedar-branch-on-ring", Subjects{}, forbid("if context.ring < 2 then context.unchained else false"), "refuses ring 1 what ring 2 may"},
		{"cedar-with-subjects", rings(3, 2), forbid("context.ring == 2"), "refuses ring 2 what ring 3 may"},
		{"cedar-saved-by-subjects", rings(3), forbid("context.ring < 4"), ""},
		{"cedar-unless", Subjects{}, raw("forbid (principal, action, resource) unless { context.ring <= 1 };"), ""},
		{"cedar-unless-low", Subjects{}, raw("forbid (principal, action, resource) unless { context.ring >= 2 };"), "refuses ring 1 what ring 2 may"},
		{"cedar-has", Subjects{}, forbid("context has ring && context.hops > 1"), ""},
		{"cedar-two-attributes", Subjects{}, forbid("context.ring < context.assurance"), "cannot be checked"},
		{"cedar-ring-in-arithmetic", Subjects{}, forbid("context.ring + 1 > 2"), "cannot be checked"},
		{"cedar-truth-compared", Subjects{}, forbid("(context.ring > 2) == true"), "cannot be checked"},
		{"cedar-ring-among-numbers-of-its-own", Subjects{}, forbid("[context.ring, 1].contains(2)"), "cannot be checked"},
		{"cedar-ten-facts", Subjects{}, forbid("context.ring > 2 && (" + facts(10) + ")"), ""},
		{"cedar-eleven-facts", Subjects{}, forbid("context.ring > 2 && (" + facts(11) + ")"), "too complex"},
		{"cedar-many-scores", Subjects{}, forbid("context.ring > 2 && context.assurance < 3 && (" + scores(80) + " || " + facts(8) + ")"), "too complex"},
		{"cedar-many-facts-and-no-standing", Subjects{}, forbid(facts(40)), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.rule.Line = 1
			d := &Document{Name: "d", Party: OrganisationParty, Subjects: test.subjects, Rules: []Rule{test.rule}}
			_, problems := Compile([]*Document{d}, nil)
			switch {
			case test.reason == "" && len(problems) > 0:
				t.Errorf("refused: %s", problems[0].Reason)
			case test.reason != "" && (len(problems) == 0 || !strings.Contains(problems[0].Reason, test.reason)):
				t.Errorf("got %+v, want %q", problems, test.reason)
			}
		})
	}
}

func facts(count int) string {
	all := make([]string, count)
	for i := range all {
		all[i] = `context.origin == "` + strings.Repeat("a", i+1) + `"`
	}
	return strings.Join(all, " || ")
}

func scores(count int) string {
	all := make([]string, count)
	for i := range all {
		all[i] = "context.trust < " + strconv.Itoa(5*i)
	}
	return strings.Join(all, " || ")
}
