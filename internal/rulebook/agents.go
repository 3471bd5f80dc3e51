package rulebook

import (
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/policy"
)

// AnyAgents says of every agent and owner that it exists: with it, what documents name may be registered later.
type AnyAgents struct {
	// Known are those that are registered; nil knows of none.
	Known policy.Agents
}

// Agent returns the owner of the agent, none for one that is not registered.
func (a AnyAgents) Agent(name agent.ID) (agent.Owner, bool) {
	if a.Known == nil {
		return "", true
	}
	owner, _ := a.Known.Agent(name)
	return owner, true
}

// Owner reports true.
func (AnyAgents) Owner(agent.Owner) bool { return true }

// NamedAgents are agents by name, with their owners.
type NamedAgents map[agent.ID]agent.Owner

// Agent reports whether the agent is among them, and with which owner.
func (n NamedAgents) Agent(name agent.ID) (agent.Owner, bool) {
	owner, ok := n[name]
	return owner, ok
}

// Owner reports whether one of them has the owner.
func (n NamedAgents) Owner(name agent.Owner) bool {
	for _, owner := range n {
		if owner == name {
			return true
		}
	}
	return false
}

// inquiry remembers what a compiler wanted to know of the agents, so that it is asked again only when one of the answers
// would be another one.
type inquiry struct {
	agents policy.Agents
	named  map[agent.ID]answer
	owners map[agent.Owner]bool
}

type answer struct {
	owner agent.Owner
	ok    bool
}

func inquiryOf(agents policy.Agents) *inquiry {
	return &inquiry{agents: agents, named: map[agent.ID]answer{}, owners: map[agent.Owner]bool{}}
}

func (q *inquiry) Agent(name agent.ID) (agent.Owner, bool) {
	known, asked := q.named[name]
	if !asked {
		known.owner, known.ok = q.agents.Agent(name)
		q.named[name] = known
	}
	return known.owner, known.ok
}

func (q *inquiry) Owner(name agent.Owner) bool {
	known, asked := q.owners[name]
	if !asked {
		known = q.agents.Owner(name)
		q.owners[name] = known
	}
	return known
}

// holds reports whether the agents as they are now give every answer again.
func (q *inquiry) holds(agents policy.Agents) bool {
	for name, known := range q.named {
		if owner, ok := agents.Agent(name); ok != known.ok || owner != known.owner {
			return false
		}
	}
	for name, known := range q.owners {
		if agents.Owner(name) != known {
			return false
		}
	}
	return true
}
