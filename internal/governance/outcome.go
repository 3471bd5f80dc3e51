package governance

import (
	"ringfence.dev/ringfence/internal/audit"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/trust"
)

// outcome is what an exchange, or its answer, says about who took part. Only what nobody else can have brought about
// counts against a caller: a proof that can be used again, or that does not bind the request, could be somebody else's.
func (x *Exchange) outcome(phase string) trust.Outcome {
	o := trust.Outcome{
		At: x.Time, Exchange: x.ID, Phase: phase, Caller: x.Caller.Agent, Assurance: x.Caller.Assurance.String(),
		Verified: x.once(),
		Denied:   x.denied(), Factor: x.Verdict.Factor, Reason: x.Verdict.Reason, Severity: x.Verdict.Severity,
		Forged: x.Verdict.Forged, Culprit: x.Verdict.Culprit, Excused: x.Verdict.Excused, AnswerStatus: x.Reply.Status,
	}
	if x.Callee != nil {
		o.Callee = x.Callee.Name
	}
	return o
}

// once reports whether the proof of the caller is good for this one request alone.
func (x *Exchange) once() bool {
	switch x.Caller.Assurance {
	case identity.AssuranceAgent, identity.AssuranceMesh:
		return x.Once
	case identity.AssuranceWorkload:
		return true
	default:
		return false
	}
}

// observe tells what an exchange came to.
func (g *Governor) observe(x *Exchange, phase string) {
	if g.config.Observe != nil {
		g.config.Observe(x.outcome(phase))
	}
}

// completed tells that an answer came to its end and was let through whole.
func (g *Governor) completed(x *Exchange) {
	if g.config.Observe == nil {
		return
	}
	o := x.outcome(audit.AnswerPhase)
	o.Completed = true
	g.config.Observe(o)
}
