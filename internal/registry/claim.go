package registry

import (
	"fmt"

	"ringfence.dev/ringfence/internal/agent"
)

// pendingClaim is a DID in a write that is not yet in the snapshot.
type pendingClaim struct {
	name   agent.ID
	writes int
}

// claim reserves the agent's DIDs until release, so that of two agents written at the same time only one gets
// them. Another replica may still win the race: then the DID is in dispute, and Snapshot gives it to nobody. The
// DIDs are those of the registration, so that a conflict can name the field.
func (r *Registry) claim(name agent.ID, dids []string) (release func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	snapshot := r.Snapshot()
	conflict := &ConflictError{}
	for i, did := range dids {
		_, held := snapshot.claimant(did, name)
		pending := r.claims[did]
		if held || pending != nil && pending.name != name {
			field := agent.FieldError{Path: fmt.Sprintf("dids[%d]", i), Problem: "belongs to another agent"}
			conflict.Fields = append(conflict.Fields, field)
		}
	}
	if len(conflict.Fields) > 0 {
		return nil, conflict
	}
	for _, did := range dids {
		if r.claims[did] == nil {
			r.claims[did] = &pendingClaim{name: name}
		}
		r.claims[did].writes++
	}
	return func() { r.unclaim(dids) }, nil
}

func (r *Registry) unclaim(dids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, did := range dids {
		if r.claims[did].writes--; r.claims[did].writes == 0 {
			delete(r.claims, did)
		}
	}
}
