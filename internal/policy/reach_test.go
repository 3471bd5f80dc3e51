package policy

import (
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

func TestReach(t *testing.T) {
	t.Parallel()
	raw := func(text string) Rule { return Rule{Kind: Cedar, Text: text, TextLine: 50} }
	read, write, admin := agent.EffectRead, agent.EffectWrite, agent.EffectAdmin
	approval := Rule{Kind: RequireApproval, Minimum: 1, Groups: []string{"g"}}
	tests := []struct {
		name     string
		document Document
		line     int // of the rule that is refused, 1 for the first; 0: all are taken
		reason   string
	}{
		{"methods-apart", Document{Targets: Targets{Methods: []a2a.Method{a2a.GetTask}}, Rules: []Rule{{Kind: Forbid, Narrow: Targets{Methods: []a2a.Method{a2a.SendMessage}}}}}, 1, "methods"},
		{"methods-meet", Document{Targets: Targets{Methods: []a2a.Method{a2a.GetTask}}, Rules: []Rule{{Kind: Forbid, Narrow: Targets{Methods: []a2a.Method{a2a.SendMessage, a2a.GetTask}}}}}, 0, ""},
		{"card-named-by-rule", Document{Rules: []Rule{{Kind: Forbid, Narrow: Targets{Methods: []a2a.Method{a2a.GetAgentCard}}}}}, 0, ""},
		{"read-only-of-reads", Document{Targets: Targets{Effects: []agent.Effect{read}}, Rules: []Rule{{Kind: ReadOnly}}}, 1, "effect"},
		{"effects-apart", Document{Targets: Targets{Effects: []agent.Effect{read}}, Rules: []Rule{{Kind: Forbid, Narrow: Targets{Effects: []agent.Effect{write, admin}}}}}, 1, "effect"},
		{"assurance-met", Document{Subjects: Subjects{Assurance: []identity.Assurance{identity.AssuranceAgent}}, Rules: []Rule{{Kind: RequireAssurance, Assurance: identity.AssuranceMesh}}}, 1, "assurance"},
		{"ring-met", Document{Subjects: Subjects{Rings: []agent.Ring{agent.Kernel, agent.Supervisor}}, Rules: []Rule{{Kind: RequireRing, Ring: agent.Supervisor}}}, 1, "rings"},
		{"trust-of-zero", Document{Rules: []Rule{{Kind: MinTrust}}}, 1, "every caller"},
		{"agents-apart", Document{Targets: Targets{Agents: []string{"team-*"}}, Rules: []Rule{{Kind: Forbid, Narrow: Targets{Agents: []string{"ledger", "*-x-te*"}}}}}, 0, ""},
		{"agents-prefix-apart", Document{Targets: Targets{Agents: []string{"team-*"}}, Rules: []Rule{{Kind: Forbid, Narrow: Targets{Agents: []string{"ledger", "tea-*"}}}}}, 1, "agents"},
		{"agents-suffix-apart", Document{Targets: Targets{Agents: []string{"*-a"}}, Rules: []Rule{{Kind: Forbid, Narrow: Targets{Agents: []string{"x*-b"}}}}}, 1, "agents"},
		{"owners-apart", Document{Targets: Targets{Owners: []string{"ops"}}, Rules: []Rule{{Kind: Forbid, Narrow: Targets{Owners: []string{"fin*"}}}}}, 1, "owners"},
		{"skills-apart", Document{Targets: Targets{Skills: []string{"pay"}}, Rules: []Rule{{Kind: Forbid, Narrow: Targets{Skills: []string{"read"}}}}}, 1, "skills"},
		{"skills-apart-but-undeclared", Document{Targets: Targets{Skills: []string{"pay"}, Undeclared: true}, Rules: []Rule{{Kind: Forbid, Narrow: Targets{Skills: []string{"read"}, Undeclared: true}}}}, 0, ""},
		{"actions-apart", Document{Targets: Targets{Actions: []string{"pay.*"}}, Rules: []Rule{{Kind: Forbid, Narrow: Targets{Actions: []string{"read.*"}}}}}, 1, "actions"},

		{"permit-overridden", Document{Rules: []Rule{{Kind: Permit, Narrow: Targets{Agents: []string{"team-a"}}}, {Kind: Forbid, Narrow: Targets{Agents: []string{"team-*"}}}}}, 1, "forbid in line 2 refuses all"},
		{"permit-of-writes-overridden", Document{Rules: []Rule{{Kind: ReadOnly}, {Kind: Permit, Narrow: Targets{Effects: []agent.Effect{write}}}}}, 2, "read_only in line 1"},
		{"permit-of-reads", Document{Rules: []Rule{{Kind: ReadOnly}, {Kind: Permit}}}, 0, ""},
		{"permit-beside-declared", Document{Rules: []Rule{{Kind: Forbid, Narrow: Targets{Skills: []string{"*"}}}, {Kind: Permit}}}, 0, ""},
		{"permit-beside-narrower", Document{Rules: []Rule{{Kind: Forbid, Narrow: Targets{Agents: []string{"team-a"}}}, {Kind: Permit, Narrow: Targets{Agents: []string{"team-*"}}}}}, 0, ""},

		{"duplicate", Document{Rules: []Rule{{Kind: Forbid}, {Kind: Forbid, Message: "other words"}}}, 2, "forbid in line 1 says as much"},
		{"narrower-first", Document{Rules: []Rule{{Kind: Forbid, Narrow: Targets{Agents: []string{"x"}}}, {Kind: Forbid}}}, 0, ""},
		{"stricter-first", Document{Rules: []Rule{{Kind: MaxBody, Bytes: 10}, {Kind: MaxBody, Bytes: 20, Narrow: Targets{Agents: []string{"x"}}}}}, 2, "says as much"},
		{"looser-first", Document{Rules: []Rule{{Kind: MaxBody, Bytes: 20}, {Kind: MaxBody, Bytes: 10}}}, 0, ""},
		{"rate-other-sharers", Document{Rules: []Rule{{Kind: RateLimit, Limit: 1, Per: 1, Burst: 1}, {Kind: RateLimit, Limit: 1, Per: 1, Burst: 1, By: ByTarget}}}, 0, ""},
		{"rate-looser", Document{Rules: []Rule{{Kind: RateLimit, Limit: 1, Per: 1, Burst: 1}, {Kind: RateLimit, Limit: 2, Per: 1, Burst: 1}}}, 2, "says as much"},
		{"rate-of-other-time", Document{Rules: []Rule{{Kind: RateLimit, Limit: 1, Per: 1, Burst: 1}, {Kind: RateLimit, Limit: 2, Per: 2, Burst: 1}}}, 0, ""},
		{"trust-lower", Document{Rules: []Rule{{Kind: MinTrust, Trust: 500}, {Kind: MinTrust, Trust: 400}}}, 2, "says as much"},
		{"approvals-of-others", Document{Rules: []Rule{approval, {Kind: RequireApproval, Minimum: 1, Groups: []string{"h"}}}}, 0, ""},
		{"approvals-of-same", Document{Rules: []Rule{approval, approval}}, 2, "says as much"},
		{"content-wider-first", Document{Rules: []Rule{{Kind: Content, Severity: Low, Requests: true}, {Kind: Content, Severity: High, Classes: []string{"c"}, Requests: true}}}, 2, "says as much"},
		{"content-of-answers", Document{Rules: []Rule{{Kind: Content, Severity: Low, Requests: true}, {Kind: Content, Severity: High, Answers: true}}}, 0, ""},
		{"content-asks-first", Document{Rules: []Rule{{Kind: Content, Severity: Low, Requests: true, Approve: true}, {Kind: Content, Severity: High, Requests: true}}}, 0, ""},
		{"declared-first", Document{Rules: []Rule{{Kind: Forbid, Narrow: Targets{Skills: []string{"pay*"}}}, {Kind: Forbid, Narrow: Targets{Skills: []string{"pay.eu"}}}}}, 2, "says as much"},
		{"undeclared-second", Document{Rules: []Rule{{Kind: Forbid, Narrow: Targets{Skills: []string{"pay*"}}}, {Kind: Forbid, Narrow: Targets{Skills: []string{"pay.eu"}, Undeclared: true}}}}, 0, ""},

		{"cedar-false", Document{Rules: []Rule{raw("forbid (principal, action, resource) when { 1 == 2 };")}}, 50, "unreachable"},
		{"cedar-rings-empty", Document{Rules: []Rule{raw("forbid (principal, action, resource) when { context.ring > 3 };")}}, 50, "unreachable"},
		{"cedar-literal-first-empty", Document{Rules: []Rule{raw("forbid (principal, action, resource) when { 3 < context.ring };")}}, 50, "unreachable"},
		{"cedar-literal-first", Document{Rules: []Rule{raw("forbid (principal, action, resource) when { 3 <= context.ring };")}}, 0, ""},
		{"cedar-at-least", Document{Rules: []Rule{raw("forbid (principal, action, resource) when { context.ring >= 3 };")}}, 0, ""},
		{"cedar-at-most", Document{Rules: []Rule{raw("forbid (principal, action, resource) when { context.trust <= 0 };")}}, 0, ""},
		{"cedar-trust-empty", Document{Rules: []Rule{raw("forbid (principal, action, resource) when { context.trust < 0 };")}}, 50, "unreachable"},
		{"cedar-contradiction", Document{Rules: []Rule{raw("forbid (principal, action, resource) when { context.unchained } unless { context.unchained };")}}, 50, "unreachable"},
		{"cedar-method-apart", Document{Targets: Targets{Methods: []a2a.Method{a2a.GetTask}}, Rules: []Rule{raw(`forbid (principal, action == Action::"SendMessage", resource);`)}}, 50, "unreachable"},
		{"cedar-card-unnamed", Document{Rules: []Rule{raw(`forbid (principal, action == Action::"GetAgentCard", resource);`)}}, 50, "unreachable"},
		{"cedar-card-named", Document{Targets: Targets{Methods: []a2a.Method{a2a.GetAgentCard}}, Rules: []Rule{raw(`forbid (principal, action == Action::"GetAgentCard", resource);`)}}, 0, ""},
		{"cedar-methods-contradict", Document{Rules: []Rule{raw(`forbid (principal, action, resource) when { action == Action::"GetTask" && action == Action::"ListTasks" };`)}}, 50, "unreachable"},
		{"cedar-effects-apart", Document{Targets: Targets{Effects: []agent.Effect{read}}, Rules: []Rule{raw(`forbid (principal, action, resource) when { context.effect == "write" };`)}}, 50, "unreachable"},
		{"cedar-agents-apart", Document{Targets: Targets{Agents: []string{"team-*"}}, Rules: []Rule{raw(`forbid (principal, action, resource == Agent::"ledger");`)}}, 50, "unreachable"},
		{"cedar-second-line", Document{Rules: []Rule{raw("forbid (principal, action, resource) when { context.hops > 1 };\nforbid (principal, action, resource) when { false };")}}, 51, "unreachable"},
		{"cedar-not-proved", Document{Rules: []Rule{raw(`forbid (principal, action, resource) when { context.hops > 1 && context.hops < 1 };`)}}, 0, ""},
		{"cedar-duplicate", Document{Rules: []Rule{raw("forbid (principal, action, resource) when { context.unchained };"), raw("forbid (principal, action, resource) when { context.unchained };")}}, 2, "says as much"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := test.document
			d.Name, d.Party = "d", GatewayParty
			for i := range d.Rules {
				d.Rules[i].Line = i + 1
			}
			_, problems := Compile([]*Document{&d}, nil)
			switch {
			case test.line == 0 && len(problems) > 0:
				t.Errorf("refused: %+v", problems[0])
			case test.line > 0 && (len(problems) != 1 || problems[0].Line != test.line || !strings.Contains(problems[0].Reason, test.reason)):
				t.Errorf("got %+v, want line %d and %q", problems, test.line, test.reason)
			}
		})
	}
}
