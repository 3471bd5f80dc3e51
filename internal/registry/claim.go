package registry

import (
	"fmt"
	"strings"

	"ringfence.dev/ringfence/internal/agent"
)

// pendingClaim is a principal in a write that is not yet in the snapshot.
type pendingClaim struct {
	name   agent.ID
	writes int
}

// wanted is a principal that a write gives an agent, with the field that asks for it.
type wanted struct{ principal, path string }

// principals returns what the registration claims, field by field.
func (g Registration) principals() []wanted {
	var list []wanted
	for i, did := range g.DIDs {
		list = append(list, wanted{did, fmt.Sprintf("dids[%d]", i)})
	}
	for i, did := range g.Sidecars {
		list = append(list, wanted{did, fmt.Sprintf("sidecarDids[%d]", i)})
	}
	for i, id := range g.Workloads {
		list = append(list, wanted{id, fmt.Sprintf("spiffeIds[%d]", i)})
	}
	for i, subject := range g.Subjects {
		list = append(list, wanted{subjectPrincipal(subject.Issuer, subject.Name), fmt.Sprintf("subjects[%d]", i)})
	}
	return list
}

// claim reserves principals for the agent until release, so that of two agents written at the same time only one
// gets them. Another replica may still win the race: then the principal is in dispute, and Snapshot gives it to
// nobody. It returns a *ConflictError about what belongs to another agent or is revoked.
func (r *Registry) claim(name agent.ID, list []wanted) (release func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	snapshot := r.Snapshot()
	conflict := &ConflictError{}
	for _, w := range list {
		pending := r.claims[w.principal]
		_, revoked := snapshot.Revoked(strings.TrimPrefix(w.principal, agent.KeyMethod))
		switch {
		case revoked:
			conflict.add(w.path, "is revoked, and never accepted again")
		case snapshot.claimed(w.principal, name), pending != nil && pending.name != name:
			conflict.add(w.path, "belongs to another agent")
		}
	}
	if len(conflict.Fields) > 0 {
		return nil, conflict
	}
	for _, w := range list {
		if r.claims[w.principal] == nil {
			r.claims[w.principal] = &pendingClaim{name: name}
		}
		r.claims[w.principal].writes++
	}
	return func() { r.unclaim(list) }, nil
}

func (r *Registry) unclaim(list []wanted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range list {
		if r.claims[w.principal].writes--; r.claims[w.principal].writes == 0 {
			delete(r.claims, w.principal)
		}
	}
}
