package governance

import (
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/killswitch"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/trust"
)

// Mesh is what is known of the mesh at one moment. Its parts are immutable; an exchange takes one Mesh for each of its
// phases and keeps it to the phase's end. The zero value knows no agent and lets nobody take part.
type Mesh struct {
	// Agents are the registered ones.
	Agents *registry.Snapshot
	// Trust is what evidence says of them; nil quarantines everybody.
	Trust *trust.Image
	// Switches are the kill switches that are pulled; nil stops everybody.
	Switches *killswitch.Image
	// Gates are those through which chains may begin anew.
	Gates gate.Image
	// Policies are what parties have written; nil refuses everything.
	Policies *policy.Set
	// Documents are those of the agents' did:webs; nil has none.
	Documents *did.Image
	// Behind is for how long one of these may have missed changes; 0 while all are followed.
	Behind time.Duration
}

// Signatory returns whose key a keyid names at a moment: a registered key of an agent or of its sidecar, or one in the
// document of an agent's did:web.
func (m Mesh) Signatory(keyID string, now time.Time) (identity.Signatory, bool) {
	if holder, ok := m.Agents.Key(keyID); ok {
		if !holder.Until.IsZero() && !now.Before(holder.Until) {
			return identity.Signatory{}, false
		}
		return identity.Signatory{Public: holder.Public, Agent: holder.Agent.Name, DID: holder.DID, Role: holder.Role}, true
	}
	return m.web(keyID, now)
}

// web returns whose key of a did:web a keyid names. A key that was revoked as one of an agent's counts nowhere, and one
// that is registered as a sidecar's is the sidecar's here too.
func (m Mesh) web(keyID string, now time.Time) (identity.Signatory, bool) {
	name, _, _ := strings.Cut(keyID, "#")
	record, ok := m.Agents.Web(name)
	if !ok {
		return identity.Signatory{}, false
	}
	key, ok := m.Documents.Key(keyID, now)
	if !ok {
		return identity.Signatory{}, false
	}
	if _, revoked := m.Agents.Revoked(strings.TrimPrefix(key.DID, "did:key:")); revoked {
		return identity.Signatory{}, false
	}
	role := agent.AgentKey
	if slices.Contains(record.Sidecars, key.DID) {
		role = agent.SidecarKey
	}
	return identity.Signatory{Public: key.Public, Agent: record.Name, DID: name, Role: role}, true
}

// Standing returns what an agent holds by itself at a moment; of one that is not active, absence says why. A nil record
// is not.
func (m Mesh) Standing(record *agent.Record, now time.Time) (holding authority.Holding, absence string) {
	if record == nil {
		return authority.Holding{}, "not registered"
	}
	earned := m.Trust.Standing(record, now)
	holding = authority.Holding{Agent: record.Name, Ring: earned.Ring, Trust: earned.Score, Capabilities: record.Capabilities}
	if s, killed := m.Switches.Killed(record.Name, record.Owner); killed {
		return holding, strings.TrimSpace("kill switch of " + string(s.Scope) + " " + s.Name)
	}
	switch {
	case record.Status != agent.Active:
		return holding, "status " + string(record.Status)
	case earned.Latched:
		return holding, "quarantined by evidence"
	}
	holding.Active = true
	return holding, ""
}

// holder returns what the named agent holds by itself at a moment; nothing when it takes no part.
func (m Mesh) holder(name agent.ID, now time.Time) authority.Holding {
	record, _ := m.Agents.Agent(name)
	holding, _ := m.Standing(record, now)
	holding.Agent = name
	return holding
}
