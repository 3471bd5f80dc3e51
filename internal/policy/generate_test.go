package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// registered are the agents of a test and their owners.
type registered map[agent.ID]agent.Owner

func (r registered) Agent(name agent.ID) (agent.Owner, bool) {
	owner, ok := r[name]
	return owner, ok
}

func (r registered) Owner(name agent.Owner) bool {
	for _, owner := range r {
		if owner == name && name != "" {
			return true
		}
	}
	return false
}

// world are the agents of generated documents and calls.
var world = registered{
	"planner": "ops", "ledger": "finance", "team-a": "ops", "team-b": "fin & co", "team-a-x": "finance", "x": "", "payments": "finance",
}

var (
	worldAgents     = []agent.ID{"planner", "ledger", "team-a", "team-b", "team-a-x", "x", "payments"}
	worldOwners     = []agent.Owner{"", "ops", "finance", "fin & co", "x", "planner"}
	worldAgentGlobs = []string{"*", "team-*", "*-x", "t*m-*", "pa*", "planner", "ledger", "team-a", "x", "team-*-*", "*a*"}
	worldOwnerGlobs = []string{"*", "fin*", "*co", "ops", "finance", "fin & co", "f*n*"}
	worldClaimGlobs = []string{"pay", "pay.*", "*", "*.eu", "refund", "p*y"}
	worldClaims     = []string{"", "", "pay", "pay.eu", "refund", "delete", "x.eu"}
	worldTrusts     = []agent.Trust{0, 99, 100, 249, 250, 399, 400, 499, 500, 599, 600, 601, 899, 1000}
	worldLimits     = []int{1, 3, 10}
	worldDurations  = []time.Duration{time.Second, 30 * time.Second, time.Minute, time.Hour}
	worldSizes      = []int{0, 1, 100, 101, 1000, 1001, 65536}
	worldClasses    = []string{"secret", "prompt-injection", "sql-injection"}
	worldGroups     = []string{"finance", "risk", "ops"}
	worldEffects    = []agent.Effect{agent.EffectRead, agent.EffectWrite, agent.EffectAdmin}
	worldMethods    = []a2a.Method{a2a.SendMessage, a2a.SendStreamingMessage, a2a.GetTask, a2a.CancelTask, a2a.GetAgentCard, a2a.OtherMethod}
	worldMoments    = []time.Time{defaultMoment, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
)

// generator draws documents and calls. The same seed draws the same.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator {
	return generator{rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
}

// one in so many.
func (g generator) one(in int) bool { return g.IntN(in) == 0 }

func pick[T any](g generator, from []T) T { return from[g.IntN(len(from))] }

// some draws a few different values, and mostly none if rarely is set.
func some[T any](g generator, from []T, rarely int) []T {
	if !g.one(rarely) {
		return nil
	}
	var all []T
	for _, i := range g.Perm(len(from))[:1+g.IntN(min(3, len(from)))] {
		all = append(all, from[i])
	}
	return all
}

// flavour keeps a document monotone: which subjects it may select depends on what its rules do.
type flavour uint8

const (
	mixedFlavour flavour = iota
	permittingFlavour
	restrictingFlavour
)

func (g generator) document(name string) *Document {
	f := pick(g, []flavour{mixedFlavour, permittingFlavour, restrictingFlavour, restrictingFlavour})
	d := &Document{
		Name: name, File: name + ".yaml", Line: 1, Party: pick(g, []Party{CallerParty, GatewayParty, CalleeParty, OrganisationParty}),
		Subjects: Subjects{Agents: some(g, worldAgentGlobs, 3), Owners: some(g, worldOwnerGlobs, 5)},
	}
	if g.one(4) {
		d.Mode = Shadow
	}
	if g.one(3) && f != mixedFlavour {
		d.Subjects.Rings = upTo(f, []agent.Ring{agent.Untrusted, agent.User, agent.Supervisor, agent.Kernel}, g.IntN(3))
	}
	if g.one(4) && f != mixedFlavour {
		d.Subjects.Assurance = upTo(f, []identity.Assurance{
			identity.AssuranceNone, identity.AssuranceBearer, identity.AssuranceWorkload, identity.AssuranceMesh, identity.AssuranceAgent,
		}, g.IntN(4))
	}
	d.Targets = g.targets(f == restrictingFlavour, 4)
	for range 1 + g.IntN(4) {
		d.Rules = append(d.Rules, g.rule(f, len(d.Rules)+2))
	}
	return d
}

// upTo is the upper part of values that rise in privilege for what permits, the lower part for what restricts.
func upTo[T any](f flavour, values []T, at int) []T {
	if f == permittingFlavour {
		return values[at+1:]
	}
	return values[:at+1]
}

func (g generator) targets(claims bool, rarely int) Targets {
	t := Targets{
		Agents: some(g, worldAgentGlobs, rarely), Owners: some(g, worldOwnerGlobs, 2*rarely), Methods: some(g, worldMethods, rarely),
		Effects: some(g, worldEffects, 2*rarely),
	}
	if claims {
		t.Skills, t.Actions = some(g, worldClaimGlobs, 2*rarely), some(g, worldClaimGlobs, 2*rarely)
		t.Undeclared = len(t.Skills)+len(t.Actions) > 0 && g.one(2)
	}
	return t
}

func (g generator) rule(f flavour, line int) Rule {
	r := Rule{Kind: Kind(1 + g.IntN(int(Cedar))), Line: line}
	switch {
	case f == permittingFlavour:
		r.Kind = pick(g, []Kind{Permit, Permit, Cedar})
	case f == restrictingFlavour && r.Kind == Permit:
		r.Kind = Forbid
	case f == mixedFlavour && g.one(2):
		r.Kind = Permit
	}
	r.Narrow = g.targets(r.Kind != Permit && (r.Kind != Cedar || f == restrictingFlavour), 3)
	g.fill(&r, f)
	return r
}

// fill draws what a rule of its kind says.
func (g generator) fill(r *Rule, f flavour) {
	if r.Kind != Permit && g.one(3) {
		r.Message = "ask the owner"
	}
	switch r.Kind {
	case RateLimit:
		r.Limit, r.Per, r.Burst, r.By = pick(g, worldLimits), pick(g, worldDurations), pick(g, worldLimits), By(g.IntN(int(ByTarget)+1))
	case Concurrency:
		r.Limit, r.By = pick(g, worldLimits), By(g.IntN(int(ByTarget)+1))
	case RequireApproval:
		g.approval(r)
	case MaxBody:
		r.Bytes = pick(g, worldSizes[1:])
	case TimeLimit:
		r.Time = pick(g, worldDurations)
	case RequireAssurance:
		r.Assurance = identity.Assurance(1 + g.IntN(4))
	case MinTrust:
		r.Trust = pick(g, worldTrusts[1:])
	case RequireRing:
		r.Ring = agent.Ring(1 + g.IntN(3))
	case Content:
		r.Classes, r.Severity = some(g, worldClasses, 2), Severity(1+g.IntN(4))
		r.Requests, r.Answers = true, g.one(2)
		if g.one(3) {
			r.Approve, r.Answers = true, false
			g.approval(r)
		}
	case Cedar:
		text := pick(g, cedarTexts(f))
		r.Text, r.TextLine = text, r.Line
	}
}

func (g generator) approval(r *Rule) {
	r.Minimum, r.Groups, r.Timeout = 1+g.IntN(3), some(g, worldGroups, 1), pick(g, worldDurations[2:])
}

func (g generator) call() *Call {
	c := &Call{
		Caller: pick(g, worldAgents), Ring: agent.Ring(g.IntN(4)), Trust: pick(g, worldTrusts), Assurance: identity.Assurance(1 + g.IntN(4)),
		Hops: g.IntN(5), Unchained: g.one(6), Descent: pick(g, descents), Callee: pick(g, worldAgents), Method: pick(g, worldMethods),
		Effect: pick(g, worldEffects), Skill: pick(g, worldClaims), Offered: g.one(2), Action: pick(g, worldClaims), Bytes: pick(g, worldSizes), At: pick(g, worldMoments),
	}
	if g.one(8) {
		c.Caller, c.Assurance = "", identity.AssuranceNone
	}
	c.CallerOwner, c.CalleeOwner = world[c.Caller], world[c.Callee]
	if g.one(6) {
		c.CallerOwner, c.CalleeOwner = pick(g, worldOwners), pick(g, worldOwners)
	}
	c.Origin = c.Caller
	if g.one(3) {
		c.Origin = pick(g, worldAgents)
	}
	return c
}

func (g generator) findings() map[string]Severity {
	found := map[string]Severity{}
	for _, class := range some(g, worldClasses, 2) {
		found[class] = Severity(g.IntN(5))
	}
	return found
}

// wild draws a document whose subjects and Cedar are monotone or not, as it happens.
func (g generator) wild() *Document {
	d := g.document("wild")
	d.Mode = Enforce
	d.Subjects.Rings = some(g, []agent.Ring{agent.Untrusted, agent.User, agent.Supervisor, agent.Kernel}, 3)
	d.Subjects.Assurance = some(g, []identity.Assurance{identity.AssuranceNone, identity.AssuranceBearer, identity.AssuranceMesh, identity.AssuranceAgent}, 4)
	texts := slices.Sorted(maps.Keys(wildMeanings))
	for i := range d.Rules {
		if r := &d.Rules[i]; r.Kind == Cedar {
			r.Text = pick(g, texts)
		}
	}
	return d
}

// accepted draws documents until so many are taken by Compile, each by itself, and tells how many were refused.
func (g generator) accepted(count int) (docs []*Document, refused map[string]int) {
	refused = map[string]int{}
	for tries := 0; len(docs) < count && tries < 20*count; tries++ {
		d := g.document(fmt.Sprintf("doc-%d", len(docs)))
		if _, problems := Compile([]*Document{d}, world); len(problems) > 0 {
			reason, _, _ := strings.Cut(problems[0].Reason, ":")
			refused[reason]++
			continue
		}
		docs = append(docs, d)
	}
	return docs, refused
}
