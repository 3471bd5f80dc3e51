package governance

import (
	"context"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/internal/limit"
	"ringfence.dev/ringfence/internal/policy"
)

// Stage judges one factor of an exchange. It may fill in fields of the exchange that later stages read, and
// must return a deny for everything it cannot judge.
type Stage interface {
	Judge(ctx context.Context, x *Exchange) Verdict
}

// phase says when a stage can judge: once headers are known, once the body is, for each part of the answer that is
// judged at once, for the words of an agent that stand in header fields of its answer, again while the answer is under
// way, whenever something in the mesh has changed, and once more when a call begins to be served, by what other processes
// have known to be served until then.
type phase uint8

const (
	onHeaders phase = 1 << iota
	onBody
	onAnswer
	onFields
	onReview
	onServing
)

type step struct {
	name  string
	when  phase
	stage Stage
}

// pipeline is the order in which factors are judged. The first deny ends it: later stages rely on what
// earlier ones established.
func pipeline(c Config) []step {
	p := c.Policy
	return []step{
		{"callee", onHeaders, calleeStage{domain: p.Domain}},
		{"fields", onHeaders, fieldsStage{}},
		{"identity", onHeaders, identityStage{tokens: c.Tokens, unknown: c.Unknown}},
		{"hop", onHeaders, hopStage{carriers: p.Carriers}},
		{"replay", onHeaders, replayStage{guard: c.Replay}},
		{"freshness", onHeaders | onBody | onReview, freshnessStage{bound: p.Stale}},
		{"standing", onHeaders | onBody | onReview, standingStage{}},
		{"delegation", onHeaders | onBody | onReview | onServing, chainStage{links: c.Links, lineage: c.Lineage, missing: p.Missing, depths: depths(p.RingLimits)}},
		{"expiry", onHeaders | onBody | onReview | onServing, expiryStage{}},
		{"duration", onReview, durationStage{}},
		{"rate", onHeaders, rateStage{meter: c.Meter, shared: c.ringBudgets(), limits: p.RingLimits}},
		{"concurrency", onBody, concurrencyStage{meter: c.Meter, shared: c.ringBudgets(), limits: p.RingLimits}},
		{"size", onHeaders | onBody | onServing, sizeStage{limits: p.RingLimits}},
		{"digest", onBody, digestStage{}},
		{"operation", onBody, operationStage{limits: p.Limits}},
		{"tenant", onBody, tenantStage{}},
		{"held", onBody, heldStage{shelf: c.Shelf, approvals: c.Approvals, limits: p.RingLimits, statusURL: p.StatusURL}},
		{"ring", onHeaders | onBody | onReview | onServing, ringStage{required: p.Required}},
		{"trust", onHeaders | onBody | onReview | onServing, trustStage{}},
		{"scope", onBody | onReview | onServing, scopeStage{}},
		{"policy", onBody | onReview | onServing, policyStage{at: p.Parties}},
		{"task", onBody, taskStage{ledger: c.Tasks, unknown: p.UnknownTasks, contexts: p.Contexts}},
		{"callback", onBody, callbackStage{callbacks: c.Callbacks}},
		{"content", onBody, contentStage{inspection: c.inspection(), mode: p.Content, answers: p.AnswerContent}},
		{"budget", onBody, budgetStage{budgets: c.Budgets}},
		{"approval", onBody, approvalStage{approvals: c.Approvals, shelf: c.Shelf, statusURL: p.StatusURL}},
		{"serving", onBody, servingStage{lineage: c.Lineage, limits: p.RingLimits}},

		{"answer", onAnswer, answerStage{limits: p.AnswerLimits}},
		{"answered-tasks", onAnswer, answeredTasksStage{ledger: c.Tasks, lineage: c.Lineage, unknown: p.UnknownTasks, contexts: p.Contexts}},
		{"extended-card", onAnswer, extendedCardStage{cards: c.Cards}},
		{"answered-held", onAnswer, answeredHeldStage{shelf: c.Shelf}},
		{"answered-content", onAnswer | onFields, answeredContentStage{inspection: c.inspection(), mode: p.AnswerContent, echo: p.Content, limits: p.AnswerLimits}},
	}
}

// inspection is what texts are held against.
func (c Config) inspection() inspection {
	return inspection{scanner: c.Scanner, treatments: c.Policy.Treatments}
}

// ringBudgets are what counts for rings; nil leaves that to the meter.
func (c Config) ringBudgets() Budgets {
	if !c.SharedRings {
		return nil
	}
	return c.Budgets
}

// Policy is what an operator sets for the whole mesh. The zero value accepts no body; all fields but Domain have to
// be set.
type Policy struct {
	// Domain is the mesh domain below which agents have host names; empty turns host names off.
	Domain string
	// Limits bound the bodies that are read.
	Limits a2a.Limits
	// Required is the ring each effect needs.
	Required Rings
	// Content says what findings in requests do, AnswerContent what findings in answers do.
	Content, AnswerContent ContentMode
	// Treatments say what becomes of messages for what is found in them; without one, the rule does.
	Treatments inspect.Treatments
	// AnswerLimits bound the answers that are read: whole ones, and each event or message of a stream.
	AnswerLimits a2a.Limits
	// AnswersHeld bounds, in bytes, what is held of all answers together until it can be judged. One caller may have a
	// quarter of it held.
	AnswersHeld int
	// UnknownTasks says what becomes of requests about tasks whose owner is not known.
	UnknownTasks UnknownTasks
	// Contexts says who may use a context that an agent gave to one caller.
	Contexts Contexts
	// RingLimits are what agents may use, by the ring in which they act.
	RingLimits limit.Table
	// Missing says what becomes of requests that do not tell on whose behalf they are.
	Missing Missing
	// Carriers are the proxies that may carry the requests of every agent.
	Carriers []identity.WorkloadPattern
	// Parties are those whose policies are judged here.
	Parties policy.Parties
	// StatusURL is where callers can see how a case stands that people are asked about, the case's id left out; empty tells
	// them of none.
	StatusURL string
	// Stale is for how long what was known last may count while changes cannot be followed.
	Stale time.Duration
}

// depths returns how deep each ring may delegate.
func depths(limits limit.Table) authority.Depths {
	var d authority.Depths
	for ring := agent.Untrusted; ring <= agent.Kernel; ring++ {
		d[ring.Number()] = limits.Of(ring).Depth
	}
	return d
}

// Rings is the least privileged ring that may cause each effect. An unset field is ring 3, so every field has to be
// set: the configuration has a default for each.
type Rings struct {
	Read, Write, Admin agent.Ring
}

// DefaultRings lets ring 3 read, ring 2 write and ring 1 administer.
func DefaultRings() Rings {
	return Rings{Read: agent.Untrusted, Write: agent.User, Admin: agent.Supervisor}
}

func (r Rings) forEffect(e agent.Effect) agent.Ring {
	switch e {
	case agent.EffectRead:
		return r.Read
	case agent.EffectWrite:
		return r.Write
	default:
		return r.Admin
	}
}
