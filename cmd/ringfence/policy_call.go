package main

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/policy"
)

// askedCall describes a call as policies are asked about it.
type askedCall struct {
	Caller      agent.ID    `json:"caller,omitempty" doc:"The agent that calls; left out for a caller of which nothing is proved."`
	CallerOwner agent.Owner `json:"callerOwner,omitempty" doc:"Its owner; the one it is registered with if left out."`
	Ring        *agent.Ring `json:"ring,omitempty" doc:"The ring in which it acts; 3 if left out."`
	Trust       *int        `json:"trust,omitempty" minimum:"0" maximum:"1000" doc:"The score with which it acts; that of a new agent if left out."`
	Assurance   string      `json:"assurance,omitempty" enum:"none,bearer,workload,mesh,agent" doc:"How its identity is proved; agent if left out, and none without a caller."`
	Origin      agent.ID    `json:"origin,omitempty" doc:"The agent on whose behalf it acts in the end; itself if left out."`
	Hops        int         `json:"hops,omitempty" minimum:"0" doc:"How many agents stand before the caller."`
	Unchained   bool        `json:"unchained,omitempty" doc:"That it serves others, and that the call tells of none of them."`
	Descent     string      `json:"descent,omitempty" enum:"own,delegated,linked,low-water,gated" doc:"How it became known for whom it acts; own if left out."`
	Callee      agent.ID    `json:"callee" doc:"The agent that is called."`
	CalleeOwner agent.Owner `json:"calleeOwner,omitempty" doc:"Its owner; the one it is registered with if left out."`
	Method      a2a.Method  `json:"method,omitempty" doc:"The canonical method; SendMessage if left out."`
	Effect      string      `json:"effect,omitempty" enum:"read,write,admin" doc:"What the call does; if left out, read for methods that only read, else write."`
	Skill       string      `json:"skill,omitempty" doc:"The skill that the caller declares."`
	Action      string      `json:"action,omitempty" doc:"The action that the caller declares."`
	Bytes       int         `json:"bytes,omitempty" minimum:"0" doc:"How long the body is."`
	At          time.Time   `json:"at,omitzero" doc:"The moment of the decision; now if left out."`
}

// call returns the call that is described. What is left out is what an agent has of which nothing is known.
func (p askedCall) call(agents policy.Agents, now time.Time) (policy.Call, error) {
	c := policy.Call{
		Caller: p.Caller, CallerOwner: p.CallerOwner, Ring: agent.Untrusted, Trust: agent.TrustUnknown, Origin: p.Origin, Hops: p.Hops,
		Unchained: p.Unchained, Descent: first(p.Descent, "own"), Callee: p.Callee, CalleeOwner: p.CalleeOwner,
		Method: a2a.Method(first(string(p.Method), string(a2a.SendMessage))), Skill: p.Skill, Action: p.Action, Bytes: p.Bytes, At: p.At,
	}
	fallback := identity.AssuranceAgent
	if p.Caller == "" {
		fallback = identity.AssuranceNone
	}
	var known bool
	if c.Assurance, known = identity.AssuranceNamed(first(p.Assurance, fallback.String())); !known {
		return policy.Call{}, &huma.ErrorDetail{Location: "body.assurance", Message: "must be none, bearer, workload, mesh or agent"}
	}
	effect := p.Effect
	if effect == "" && c.Method.ReadOnly() {
		effect = agent.EffectRead.String()
	}
	if err := c.Effect.UnmarshalText([]byte(first(effect, agent.EffectWrite.String()))); err != nil {
		return policy.Call{}, &huma.ErrorDetail{Location: "body.effect", Message: "must be read, write or admin"}
	}
	if p.Ring != nil {
		c.Ring = *p.Ring
	}
	if p.Trust != nil {
		c.Trust = agent.Trust(*p.Trust)
	}
	if c.Origin == "" {
		c.Origin = c.Caller
	}
	if c.At.IsZero() {
		c.At = now
	}
	if c.CallerOwner == "" {
		c.CallerOwner, _ = agents.Agent(c.Caller)
	}
	if c.CalleeOwner == "" {
		c.CalleeOwner, _ = agents.Agent(c.Callee)
	}
	return c, nil
}

// describeCall is the other way round.
func describeCall(c policy.Call) askedCall {
	trust := int(c.Trust)
	return askedCall{
		Caller: c.Caller, CallerOwner: c.CallerOwner, Ring: &c.Ring, Trust: &trust, Assurance: c.Assurance.String(), Origin: c.Origin,
		Hops: c.Hops, Unchained: c.Unchained, Descent: c.Descent, Callee: c.Callee, CalleeOwner: c.CalleeOwner, Method: c.Method,
		Effect: c.Effect.String(), Skill: c.Skill, Action: c.Action, Bytes: c.Bytes, At: c.At,
	}
}
