package trust

import (
	"sync"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/mirror"
)

// heirs finds what a new agent of an owner takes over from agents that left: who gets rid of a bad name by registering
// another begins with what the old one had against it. Agents that nobody is named to answer for have no owner in common.
type heirs struct {
	agents func(agent.ID) (*agent.Record, bool)
	rules  Rules

	mu    sync.RWMutex
	owned map[agent.Owner]map[agent.ID]struct{} // names with a history, by all owners they were seen with
}

func newHeirs(agents func(agent.ID) (*agent.Record, bool), rules Rules) *heirs {
	return &heirs{agents: agents, rules: rules, owned: make(map[agent.Owner]map[agent.ID]struct{})}
}

// note remembers that the owner has, or had, an agent of the name.
func (h *heirs) note(owner agent.Owner, name agent.ID) {
	if owner == "" {
		return
	}
	h.mu.RLock()
	_, known := h.owned[owner][name]
	h.mu.RUnlock()
	if known {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.owned[owner] == nil {
		h.owned[owner] = make(map[agent.ID]struct{})
	}
	h.owned[owner][name] = struct{}{}
}

// inherits returns the most bad evidence that is left, at the moment, of an agent that left the record's owner, and whose
// it was. Evidence below Rules.Taint, and that of agents which stood no worse than they began, is not handed on.
func (h *heirs) inherits(histories *mirror.Image[*History], record *agent.Record, at int64) (worst Evidence, from agent.ID) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for name := range h.owned[record.Owner] {
		if name == record.Name || !h.left(name, record.Owner) {
			continue
		}
		known, ok := histories.Get(string(name))
		if !ok || known.Value.broken {
			continue
		}
		state := &known.Value.state
		rest := state.sum(max(at, state.At), h.rules)
		if rest.bad < h.rules.Taint || rest.score(h.rules, state.Base) >= state.Base {
			continue
		}
		// Of two that are equal the first by name, so that all replicas come to the same.
		if rest.bad > worst || rest.bad == worst && name < from {
			worst, from = rest.bad, name
		}
	}
	return worst, from
}

// left reports whether the owner no longer has the agent.
func (h *heirs) left(name agent.ID, owner agent.Owner) bool {
	record, ok := h.agents(name)
	return !ok || record.Status == agent.Revoked || record.Owner != owner
}
