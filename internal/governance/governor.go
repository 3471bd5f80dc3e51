package governance

import (
	"context"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/authority"
	"ringfence.dev/ringfence/internal/registry"
)

// Config is what a Governor decides with. All fields are required but those that say what nil means.
type Config struct {
	// Snapshot returns the mesh as it is now.
	Snapshot func() *registry.Snapshot
	// Policy is the operator's.
	Policy Policy
	// Replay remembers nonces.
	Replay Guard
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

// Governor decides exchanges. It is safe for concurrent use and holds no state of its own but how much of answers waits.
type Governor struct {
	config   Config
	steps    []step
	holdings *holdings
}

// New returns a Governor.
func New(c Config) *Governor {
	return &Governor{config: c, steps: pipeline(c), holdings: newHoldings(c.Policy.AnswersHeld)}
}

// Open begins an exchange with what headers show. When the verdict allows and the exchange is not final, the
// body phase must still decide: hand Passage to it.
func (g *Governor) Open(ctx context.Context, r Request) *Exchange {
	x := &Exchange{
		ID:       g.config.NewID(),
		Time:     g.config.Now(),
		Snapshot: g.config.Snapshot(),
		Request:  r,
		Verdict:  allow(),
	}
	g.run(ctx, x, onHeaders)
	// A card has no body to judge, and a complete request brings its own.
	if !x.denied() && (x.Operation.Method == a2a.GetAgentCard || r.Complete) {
		g.run(ctx, x, onBody)
		x.Final = true
	}
	if x.Final = x.Final || x.denied(); x.Final {
		g.finish(x, "")
	}
	return x
}

// Resume continues the exchange that Open allowed so far, in the body phase. A final exchange stays allowed: a
// denied one leaves no passage. Resume trusts the passage: adapters take it only from where the proxy alone can
// write.
func (g *Governor) Resume(p Passage, r Request) *Exchange {
	r.Form = p.Form
	x := &Exchange{
		ID:       p.ID,
		Time:     p.Time,
		Snapshot: g.config.Snapshot(),
		Request:  r,
		Binding:  p.Binding,
		Below:    p.Below,
		Caller:   p.Caller,
		Verdict:  allow(),
		Final:    p.Final,
	}
	x.Callee, _ = x.Snapshot.Agent(p.Callee)
	x.Entrance = entranceAt(x.Callee, p.Entrance)
	x.CallerRecord, _ = x.Snapshot.Agent(p.Caller.Agent)
	x.Authority = authority.Of(x.CallerRecord)
	return x
}

// entranceAt returns the entrance of the interface with the index; the zero entrance when the card has lost it since.
func entranceAt(callee *agent.Record, index int) agent.Entrance {
	if callee == nil || index >= len(callee.Card.Interfaces) {
		return agent.Entrance{}
	}
	return agent.Entrance{Index: index, Interface: callee.Card.Interfaces[index]}
}

// Close judges the body and ends the exchange.
func (g *Governor) Close(ctx context.Context, x *Exchange, body []byte) {
	x.Request.Body, x.Request.Complete = body, true
	g.run(ctx, x, onBody)
	x.Final = true
	g.finish(x, "")
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
		evidence := append(x.Verdict.Evidence, v.Evidence...)
		x.Verdict = x.Verdict.Meet(v)
		x.Verdict.Evidence = evidence
		if x.denied() {
			return
		}
	}
}

func (x *Exchange) denied() bool { return x.Verdict.Decision != Allow }

func (g *Governor) finish(x *Exchange, phase string) {
	record := audit.Record{
		ID:        x.ID,
		Phase:     phase,
		Time:      x.Time,
		Took:      g.config.Now().Sub(x.Time),
		Revision:  x.Snapshot.Revision(),
		Caller:    x.Caller.Agent,
		DID:       x.Caller.DID,
		Assurance: x.Caller.Assurance.String(),
		Ring:      x.Authority.Ring,
		Trust:     x.Authority.Trust,
		Method:    string(x.Operation.Method),
		Binding:   x.Binding.String(),
		Effect:    x.Effect.String(),
		Skill:     x.Operation.Skill,
		Decision:  x.Verdict.Decision.String(),
		Factor:    x.Verdict.Factor,
		Party:     string(x.Verdict.Party),
		Reason:    x.Verdict.Reason,
		Evidence:  x.Verdict.Evidence,
	}
	if x.Callee != nil {
		record.Callee = x.Callee.Name
	}
	g.config.Record(record)
}
