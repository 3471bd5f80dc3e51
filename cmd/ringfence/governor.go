package main

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/approval"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/callback"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/internal/delegation"
	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/held"
	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/internal/inspect/ruledir"
	"ringfence.dev/ringfence/internal/limit"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/nonce"
	"ringfence.dev/ringfence/internal/task"
	"ringfence.dev/ringfence/internal/token"
	"ringfence.dev/ringfence/internal/trust"
)

// governorParts are what decisions are made with.
type governorParts struct {
	fx.In

	Config    config.Config
	Trail     *audit.Trail
	Decisions *decisionMetrics
	Tasks     *task.Ledger
	Callbacks *callback.Policy
	Cards     governance.Cards
	Mesh      func() governance.Mesh
	Guard     *nonce.Guard
	Tokens    *token.Issuers
	Documents *did.Documents
	Trust     *trust.Ledger
	Lineage   *lineage.Ledger
	Rules     *ruledir.Rules
	Content   *contentMetrics

	Treatments inspect.Treatments
	Budgets    *budget.Meter
	Approvals  *approval.Ledger
	Shelf      *held.Shelf
	Listeners  *listeners
	Metrics    prometheus.Registerer
}

func newGovernor(p governorParts) (*governance.Governor, error) {
	operator, err := operatorPolicy(p.Config, p.Listeners)
	if err != nil {
		return nil, err
	}
	operator.Treatments = p.Treatments
	c := governance.Config{
		Mesh:    p.Mesh,
		Policy:  operator,
		Replay:  p.Guard,
		Tokens:  p.Tokens,
		Unknown: p.Documents.Miss,
		Links:   delegation.NewVerifier(p.Config.Delegation.Links),
		Lineage: p.Lineage,
		Meter:   limit.NewMeter(time.Now()),
		Budgets: p.Budgets,

		SharedRings: shares(p.Config.Limits.Share, p.Config),

		Approvals: p.Approvals,
		Observe:   func(o trust.Outcome) { p.Trust.Observe(trust.Classify(o)...) },
		Scanner:   p.Rules,
		Callbacks: p.Callbacks,
		Cards:     p.Cards,
		Now:       time.Now,
		NewID:     newDecisionID,
		Record: func(record audit.Record) {
			p.Trail.Record(record)
			p.Decisions.count(record)
			p.Content.count(record)
		},
	}
	if p.Config.Tasks.Mode != "off" {
		c.Tasks, c.Shelf = p.Tasks, p.Shelf
	}
	g := governance.New(c)
	p.Metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ringfence_calls_awaited", Help: "Calls that were let through as a whole, and of which Envoy has still to tell the answer or the end.",
	}, func() float64 { return float64(g.Awaited()) }))
	return g, nil
}

// operatorPolicy returns what the operator sets for the whole mesh.
func operatorPolicy(c config.Config, l *listeners) (governance.Policy, error) {
	limits := a2a.Limits{Bytes: c.Limits.Body, Depth: c.Limits.Depth, Members: c.Limits.Members}
	policy := governance.Policy{
		Domain:        c.Mesh.Domain,
		Limits:        limits,
		Content:       contentModes[c.Content.Mode],
		AnswerContent: contentModes[c.Content.Answers],
		AnswerLimits:  limits,
	}
	policy.AnswerLimits.Bytes, policy.AnswersHeld = c.Limits.Answer, c.Limits.Answers
	if c.Tasks.Unknown == "agent" {
		policy.UnknownTasks = governance.AskAgent
	}
	if c.Tasks.Contexts == "shared" {
		policy.Contexts = governance.SharedContexts
	}
	if c.Delegation.Missing == "lenient" {
		policy.Missing = governance.LenientMissing
	}
	policy.Stale = c.Store.Stale
	policy.Parties, policy.StatusURL = partiesOf(c.Policies), approvalsURL(c, l)
	for ring := agent.Untrusted; ring <= agent.Kernel; ring++ {
		l := c.Rings.Limits(ring)
		policy.RingLimits[ring] = limit.Limits{
			PerSecond: l.Rate, Burst: l.Burst, Concurrent: l.Concurrent, Body: l.Body, Time: l.Time, Depth: l.Depth,
		}
	}
	var err error
	if policy.Carriers, err = carriers(c); err != nil {
		return governance.Policy{}, err
	}
	policy.Required, err = requiredRings(c.Rings)
	return policy, err
}

func requiredRings(c config.Rings) (rings governance.Rings, err error) {
	for _, one := range []struct {
		number int
		ring   *agent.Ring
	}{{c.Read, &rings.Read}, {c.Write, &rings.Write}, {c.Admin, &rings.Admin}} {
		if *one.ring, err = agent.RingFromNumber(one.number); err != nil {
			return governance.Rings{}, fmt.Errorf("reading rings: %w", err)
		}
	}
	return rings, nil
}
