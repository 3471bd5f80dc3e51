package governance

import (
	"context"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/delegation"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/trust"
)

// Config is what a Governor decides with. All fields are required but those that say what nil means.
type Config struct {
	// Mesh returns what is known of the mesh now.
	Mesh func() Mesh
	// Policy is the operator's.
	Policy Policy
	// Replay remembers nonces.
	Replay Guard
	// Tokens verifies bearer tokens; nil takes none.
	Tokens Tokens
	// Unknown is told of keyids that name no known key; nil tells nobody. It must not block.
	Unknown func(keyID string)
	// Links verifies delegations.
	Links *delegation.Verifier
	// Lineage knows what agents serve; nil lets each request stand for itself.
	Lineage *lineage.Ledger
	// Meter counts what agents use.
	Meter Meter
	// SharedRings has Budgets count the rates and the calls under way of rings too, in the place of Meter.
	SharedRings bool
	// Budgets counts the limits that policies set; nil refuses calls that have one.
	Budgets Budgets
	// Approvals asks people; nil refuses calls that need their approval.
	Approvals Approvals
	// Shelf keeps messages whose callers wait for people; nil tells those with an error alone.
	Shelf Shelf
	// Observe is told what exchanges came to, for the agents' trust; nil tells nobody. It must not block.
	Observe func(trust.Outcome)
	// Scanner finds forbidden content.
	Scanner Scanner
	// Tasks remembers whose tasks are whose; nil lets agents alone decide who may see a task.
	Tasks Ledger
	// Callbacks judges addresses that agents are to push to; nil refuses them all.
	Callbacks Callbacks
	// Cards rewrites extended cards; nil refuses answers that hold one.
	Cards Cards
	// Now is the clock.
	Now func() time.Time
	// NewID returns a fresh decision id.
	NewID func() string
	// Record takes the record of every finished exchange; it must not block.
	Record func(audit.Record)
}

// Governor decides exchanges. It is safe for concurrent use and holds no state of its own but how much of answers waits, and
// the exchanges that wait for the proxy to tell how their calls go on.
type Governor struct {
	config   Config
	steps    []step
	holdings *holdings
	awaited  awaited
}

// New returns a Governor.
func New(c Config) *Governor {
	return &Governor{config: c, steps: pipeline(c), holdings: newHoldings(c.Policy.AnswersHeld)}
}

// Open begins an exchange with what headers show. When the verdict allows and the exchange is not final, the
// body phase must still decide: hand Passage to it.
func (g *Governor) Open(ctx context.Context, r Request) *Exchange {
	x := &Exchange{
		ID:      g.config.NewID(),
		Time:    g.config.Now(),
		Mesh:    g.config.Mesh(),
		Request: r,
		Verdict: allow(),
	}
	x.Moment = x.Time
	g.run(ctx, x, onHeaders)
	x.Once = x.Proof.Nonce != ""
	x.TimeLimit = g.timeLimit(x)
	// A card has no body to judge, and a complete request brings its own.
	card := x.Operation.Method == a2a.GetAgentCard
	if !x.denied() && (card || r.Complete) {
		if x.carried = r.Told && !card; x.carried {
			x.Replaces = ReplacesAllButVerb // the request may have had a body, if only an empty one
		}
		g.decide(ctx, x)
		x.TimeLimit = g.timeLimit(x)
		x.Final = true
	}
	switch x.Final = x.Final || x.denied(); {
	case x.Final:
		g.finish(x, "")
		g.goOn(x)
	case r.Told:
		x.carried = true
		g.awaited.put(x)
	}
	return x
}

// decide judges a whole request.
func (g *Governor) decide(ctx context.Context, x *Exchange) {
	x.behalf = nil
	g.run(ctx, x, onBody)
	if !x.denied() && x.serving.Shared() {
		x.behalf = nil
		g.run(ctx, x, onServing)
	}
	x.heard = x.denied() // what is denied never reaches the callee
}

// Resume continues the exchange that Open allowed so far and that is not kept, in the body phase. A final exchange stays allowed: a
// denied one leaves no passage. Resume trusts the passage: adapters take it only from where the proxy alone can
// write.
func (g *Governor) Resume(p Passage, r Request) *Exchange {
	r.Form = p.Form
	x := &Exchange{
		ID:      p.ID,
		Time:    p.Time,
		Request: r,
		Binding: p.Binding,
		Below:   p.Below,
		Caller:  p.Caller,
		Once:    p.Once,
		Verdict: allow(),
		Final:   p.Final,
		Next:    p.Next,
		carried: true,
	}
	g.renew(x, p.Callee)
	x.Entrance = entranceAt(x.Callee, p.Entrance)
	return x
}

// renew lets the exchange see the mesh as it is now.
func (g *Governor) renew(x *Exchange, callee agent.ID) {
	x.Moment, x.Mesh = g.config.Now(), g.config.Mesh()
	x.Callee, _ = x.Mesh.Agents.Agent(callee)
	x.CallerRecord, _ = x.Mesh.Agents.Agent(x.Caller.Agent)
}

// entranceAt returns the entrance of the interface with the index; the zero entrance when the card has lost it since.
func entranceAt(callee *agent.Record, index int) agent.Entrance {
	if callee == nil || index >= len(callee.Card.Interfaces) {
		return agent.Entrance{}
	}
	return agent.Entrance{Index: index, Interface: callee.Card.Interfaces[index]}
}

// Close judges the body and ends the exchange. A body may take long: what changed in the mesh meanwhile counts.
func (g *Governor) Close(ctx context.Context, x *Exchange, body []byte) {
	x.Request.Body, x.Request.Complete = body, true
	if x.Callee != nil {
		g.renew(x, x.Callee.Name)
	}
	g.decide(ctx, x)
	x.TimeLimit = g.timeLimit(x)
	x.Final = true
	g.finish(x, "")
}

// Leave ends an exchange that Resume began; it has to be called once, when nothing more of its answer will pass.
func (g *Governor) Leave(x *Exchange) {
	if x.inside {
		x.inside = false
		g.config.Meter.Leave(x.Caller.Agent, x.insideRing)
	}
	if len(x.drawn) > 0 {
		g.config.Budgets.Leave(x.drawn)
		x.drawn = nil
	}
	g.unanswered(x)
	switch {
	case x.serving == nil:
		return
	case x.heard:
		x.serving.End(x.running, g.config.Now())
	default:
		// The callee may go on for a caller that went away, or after a call that was cut off.
		x.serving.Break(g.config.Now())
	}
	x.serving = nil
}

// Review judges an exchange under way by what is known of the mesh now, and returns the verdict. On whose behalf the call is
// was found when it was decided; how those stand is not. It changes nothing.
func (g *Governor) Review(ctx context.Context, x *Exchange) Verdict {
	if x.Callee == nil {
		return deny(Internal, GatewaySide, "undecided", "the call could not be decided anew")
	}
	again := &Exchange{
		ID: x.ID, Time: x.Time, Request: Request{Header: x.Request.Header}, Caller: x.Caller, Once: x.Once, Binding: x.Binding,
		Operation: x.Operation, Effect: x.Effect, TimeLimit: x.TimeLimit, timed: x.timed, bytes: x.bytes, serving: x.serving, behalf: x.behalf, Verdict: allow(),
	}
	g.renew(again, x.Callee.Name)
	g.run(ctx, again, onReview)
	return again.Verdict
}

func (g *Governor) run(ctx context.Context, x *Exchange, when phase) {
	if len(g.steps) == 0 {
		x.Verdict = deny(Internal, GatewaySide, "undecided", "nothing judges requests")
		return
	}
	for _, s := range g.steps {
		if s.when&when == 0 {
			continue
		}
		if ctx.Err() != nil {
			x.Verdict = deny(Internal, GatewaySide, "undecided", "the decision was not reached in time")
			x.Verdict.Factor = s.name
			return
		}
		v := s.stage.Judge(ctx, x)
		v.Factor = s.name
		if v.Decision != Allow && v.Reason == "" {
			v.Reason, v.Message = "undecided", "the request could not be decided"
		}
		if v.Decision != Allow || len(v.Evidence) > 0 { // else there is nothing to take
			evidence := append(x.Verdict.Evidence, v.Evidence...)
			x.Verdict = x.Verdict.Meet(v)
			x.Verdict.Evidence = evidence
		}
		if x.Verdict.Decision == Deny {
			return
		}
	}
}

func (x *Exchange) denied() bool { return x.Verdict.Decision != Allow }

func (g *Governor) finish(x *Exchange, phase string) {
	g.config.Record(x.Record(phase, g.config.Now()))
	g.observe(x, phase)
}
