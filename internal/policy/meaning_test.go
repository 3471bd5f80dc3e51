package policy

import (
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// meaning is what a Cedar policy of a generated document says.
type meaning struct {
	permit bool
	holds  func(c *Call) bool
}

// cedarMeanings are all texts of Cedar that are generated, with what each of their policies means.
var cedarMeanings = map[string][]meaning{
	`forbid (principal, action, resource) when { context.hops > 2 };`: {{false, func(c *Call) bool { return c.Hops > 2 }}},
	`forbid (principal == Agent::"planner", action, resource == Agent::"ledger");`: {{false, func(c *Call) bool {
		return c.Caller == "planner" && c.Callee == "ledger"
	}}},
	`forbid (principal, action in [Action::"SendMessage", Action::"CancelTask"], resource)
	 when { context.trust < 500 && !(context.owner == "finance") };`: {{false, func(c *Call) bool {
		return (c.Method == a2a.SendMessage || c.Method == a2a.CancelTask) && c.Trust < 500 && c.CallerOwner != "finance"
	}}},
	`forbid (principal, action, resource) unless { context.ring <= 1 || context.effect == "read" };`: {{false, func(c *Call) bool {
		return c.Ring < agent.Supervisor && c.Effect != agent.EffectRead
	}}},
	`forbid (principal, action, resource) when { context.origin like "team-*" && context.origin != context.caller };`: {{false, func(c *Call) bool {
		return strings.HasPrefix(string(c.Origin), "team-") && c.Origin != c.Caller
	}}},
	`forbid (principal, action, resource) when { context.now >= datetime("2026-06-01T00:00:00Z") };`: {{false, func(c *Call) bool {
		return !c.At.Before(worldMoments[1])
	}}},
	`forbid (principal, action, resource) when { context.unchained || context.descent == "low-water" };`: {{false, func(c *Call) bool {
		return c.Unchained || c.Descent == "low-water"
	}}},
	`forbid (principal, action, resource) when { context.bytes > 1000 && context.declared };
	 forbid (principal, action, resource) when { ["pay", "refund"].contains(context.skill) };`: {
		{false, func(c *Call) bool { return c.Bytes > 1000 && (c.Skill != "" || c.Action != "") }},
		{false, func(c *Call) bool { return c.Skill == "pay" || c.Skill == "refund" }},
	},
	`forbid (principal, action, resource) when { if context.assurance < 2 then true else context.trust < 100 };`: {{false, func(c *Call) bool {
		return c.Assurance < identity.AssuranceWorkload || c.Trust < 100
	}}},
	`permit (principal, action, resource) when { context.ring <= 2 };`: {{true, func(c *Call) bool { return c.Ring >= agent.User }}},
	`permit (principal, action == Action::"GetTask", resource) when { context.trust >= 400 || context.owner == "ops" };`: {{true, func(c *Call) bool {
		return c.Method == a2a.GetTask && (c.Trust >= 400 || c.CallerOwner == "ops")
	}}},
	`permit (principal, action, resource) when { context.assurance >= 3 && context.callee like "*ger" };`: {{true, func(c *Call) bool {
		return c.Assurance >= identity.AssuranceMesh && strings.HasSuffix(string(c.Callee), "ger")
	}}},
	`permit (principal, action, resource) when { context.calleeOwner == "finance" };
	 forbid (principal, action, resource) when { context.method == "other" };`: {
		{true, func(c *Call) bool { return c.CalleeOwner == "finance" }},
		{false, func(c *Call) bool { return c.Method == a2a.OtherMethod }},
	},
}

// wildMeanings are texts that are monotone or not, and that are there to be judged.
var wildMeanings = map[string][]meaning{
	`forbid (principal, action, resource) when { context.ring == 2 };`:    {{false, func(c *Call) bool { return c.Ring == agent.User }}},
	`forbid (principal, action, resource) when { context.trust > 500 };`:  {{false, func(c *Call) bool { return c.Trust > 500 }}},
	`permit (principal, action, resource) when { context.trust < 500 };`:  {{true, func(c *Call) bool { return c.Trust < 500 }}},
	`permit (principal, action, resource) unless { context.ring == 0 };`:  {{true, func(c *Call) bool { return c.Ring != agent.Kernel }}},
	`permit (principal, action, resource) when { context.trust >= 500 };`: {{true, func(c *Call) bool { return c.Trust >= 500 }}},
	`forbid (principal, action, resource) when { if context.assurance < 2 then context.method == "SendMessage" else context.trust < 100 };`: {{
		false, func(c *Call) bool {
			if c.Assurance < identity.AssuranceWorkload {
				return c.Method == a2a.SendMessage
			}
			return c.Trust < 100
		},
	}},
	`permit (principal, action, resource) when { context.ring <= 2 && context.hops < 2 };`: {{true, func(c *Call) bool {
		return c.Ring >= agent.User && c.Hops < 2
	}}},
	`forbid (principal, action, resource) unless { context.ring <= 1 || context.trust >= 500 && context.bytes < 100 };`: {{false, func(c *Call) bool {
		return c.Ring < agent.Supervisor && (c.Trust < 500 || c.Bytes >= 100)
	}}},
	`permit (principal, action, resource) when { (context.ring <= 1) == context.unchained };`: {{true, func(c *Call) bool {
		return (c.Ring >= agent.Supervisor) == c.Unchained
	}}},
	`permit (principal, action, resource) when { context.ring <= 1 || context.ring >= 2 && context.unchained };`: {{true, func(c *Call) bool {
		return c.Ring >= agent.Supervisor || c.Unchained
	}}},
	`forbid (principal, action, resource) when { context.trust < 600 && !(context.trust < 100) };`: {{false, func(c *Call) bool {
		return c.Trust < 600 && c.Trust >= 100
	}}},
}

func meanings(text string) []meaning {
	if m, ok := wildMeanings[text]; ok {
		return m
	}
	return cedarMeanings[text]
}

// cedarTexts are those that keep a document of a flavour monotone.
func cedarTexts(f flavour) []string {
	var all []string
	for text, meanings := range cedarMeanings {
		permits := slices.ContainsFunc(meanings, func(m meaning) bool { return m.permit })
		forbids := slices.ContainsFunc(meanings, func(m meaning) bool { return !m.permit })
		if f == mixedFlavour || f == permittingFlavour && !forbids || f == restrictingFlavour && !permits {
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return all
}
