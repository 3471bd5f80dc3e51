package config

import (
	"fmt"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
)

// Policies is where policy documents come from, and whose are judged here.
type Policies struct {
	// Dir is a directory of policy documents, *.yaml and *.yml, which is watched; empty has none but those that the API is given.
	Dir string `yaml:"dir"`
	// Parties are those whose documents are judged here: caller, gateway, callee, organisation.
	Parties []string `yaml:"parties"`
	// UnknownAgents is what becomes of documents that name agents or owners which are not registered: refuse or accept.
	UnknownAgents string `yaml:"unknownAgents"`
}

func defaultPolicies() Policies {
	return Policies{Parties: []string{"caller", "gateway", "callee", "organisation"}, UnknownAgents: "refuse"}
}

func (p Policies) validate(v *validation) {
	v.check(len(p.Parties) > 0, "policies.parties", "must name one at least: caller, gateway, callee, organisation")
	for i, party := range p.Parties {
		known := slices.Contains([]string{"caller", "gateway", "callee", "organisation"}, party)
		v.check(known, fmt.Sprintf("policies.parties[%d]", i), "must be caller, gateway, callee or organisation")
	}
	v.check(slices.Contains([]string{"refuse", "accept"}, p.UnknownAgents), "policies.unknownAgents", "must be refuse or accept")
}

// Approvals is who approves what policies want people to decide, and who is told of it.
type Approvals struct {
	// Approvers are the people, or the programs that speak for them.
	Approvers []Approver `yaml:"approvers"`
	// Pending is how many cases of one calling agent may wait at a time, 1 to 10000.
	Pending int `yaml:"pending"`
	// Retention is for how long cases that are over are kept, 1h to 8760h; those on which nobody voted no longer than a day.
	Retention time.Duration `yaml:"retention"`
	// StatusURL is where agents reach the API; with it they are told where to see how their case stands. Empty takes the address the API listens on.
	StatusURL string `yaml:"statusURL"`
	// Webhooks are told what becomes of each case.
	Webhooks []Webhook `yaml:"webhooks"`
}

// Approver is somebody who may approve.
type Approver struct {
	// Name identifies the approver in the record.
	Name string `yaml:"name"`
	// Owner is the owner, as agents have one, to which the approver belongs: what the agents of that owner ask for, the approver cannot approve.
	Owner string `yaml:"owner"`
	// Groups are those that policies name.
	Groups []string `yaml:"groups"`
	// Key is the did:key of the Ed25519 key with which the approver signs.
	Key string `yaml:"key"`
	// Issuer is the issuer, one of identity.issuers, of bearer tokens that speak for the approver.
	Issuer string `yaml:"issuer"`
	// Subject is the subject of such tokens.
	Subject string `yaml:"subject"`
}

// Webhook is told of approvals by CloudEvents.
type Webhook struct {
	// URL takes the events: https, or http on loopback.
	URL string `yaml:"url"`
	// SecretFile holds the secret with which they are signed.
	SecretFile string `yaml:"secretFile"`
}

func defaultApprovals() Approvals {
	return Approvals{Pending: approval.DefaultPending, Retention: approval.DefaultRetention}
}

// People returns the approvers as the package that counts their votes has them.
func (a Approvals) People() []approval.Approver {
	people := make([]approval.Approver, len(a.Approvers))
	for i, one := range a.Approvers {
		people[i] = approval.Approver{
			Name: one.Name, Owner: agent.Owner(one.Owner), Groups: one.Groups, Key: one.Key,
			Token: agent.Subject{Issuer: one.Issuer, Name: one.Subject},
		}
	}
	return people
}

func (a Approvals) validate(v *validation, issuers []Issuer) {
	v.check(a.Pending >= 1 && a.Pending <= 10_000, "approvals.pending", "must be 1 to 10000")
	v.check(a.Retention >= time.Hour && a.Retention <= 365*24*time.Hour, "approvals.retention", "must be 1h to 8760h")
	v.check(a.StatusURL == "" || validURL(a.StatusURL, "http", "https"), "approvals.statusURL", "must be an http or https URL without path, such as https://mesh.example")
	if _, err := approval.Compile(a.People()); err != nil {
		v.problems = append(v.problems, prefixed("approvals.", err)...)
	}
	for i, one := range a.Approvers {
		known := slices.ContainsFunc(issuers, func(issuer Issuer) bool { return issuer.Issuer == one.Issuer && !issuer.Once })
		v.check(one.Issuer == "" || known, fmt.Sprintf("approvals.approvers[%d].issuer", i), "must be one of identity.issuers whose tokens may be used more than once")
	}
	v.check(len(a.Webhooks) <= approval.MaxHooks, "approvals.webhooks", fmt.Sprintf("must be at most %d", approval.MaxHooks))
	for i, hook := range a.Webhooks {
		key := fmt.Sprintf("approvals.webhooks[%d]", i)
		v.wrap(approval.CheckHookURL(hook.URL), key+".url")
		again := slices.ContainsFunc(a.Webhooks[:i], func(other Webhook) bool { return other.URL == hook.URL })
		v.check(!again, key+".url", "must not be that of another webhook")
		v.check(hook.SecretFile != "", key+".secretFile", "must not be empty")
	}
}
