// Package agent holds the leaf values every other package speaks about: what an agent is called, who answers
// for it, what it may be asked to do and where it listens. It decides nothing and knows no protocol.
package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ID is the name of an agent in the mesh: one DNS label (RFC 1123), lower case, 1 to 63 characters.
// It is the agent's host name below the mesh domain and its path segment on the gateway.
type ID string

// ParseID returns s as an ID, or an error that says which rule of RFC 1123 s breaks.
func ParseID(s string) (ID, error) {
	if s == "" {
		return "", errors.New("must not be empty")
	}
	if len(s) > 63 {
		return "", fmt.Errorf("must have at most 63 characters, has %d", len(s))
	}
	for i, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '-' && i > 0 && i < len(s)-1:
		default:
			return "", fmt.Errorf("must be lower-case letters, digits and inner hyphens; character %d is %q", i+1, c)
		}
	}
	return ID(s), nil
}

// Owner is the accountable sponsor of an agent: a person, team or organisation, as the operator names it.
type Owner string

// Status says whether an agent takes part in the mesh. The zero value does not.
type Status string

// The statuses of an agent. Quarantined and revoked agents can neither call nor be called.
const (
	Active      Status = "active"
	Quarantined Status = "quarantined"
	Revoked     Status = "revoked"
)

// StatusChange is the last change of an agent's status by a person.
type StatusChange struct {
	// At is in UTC with second precision.
	At time.Time `json:"at"`
	// Reason is what the person gave.
	Reason string `json:"reason"`
}

// Effect is the strongest thing an operation may do to its callee. The zero value is EffectWrite: an
// operation nobody classified is taken to change something.
type Effect uint8

// The effects, in the order of the privilege they need, except that the zero value is write.
const (
	EffectWrite Effect = iota
	EffectRead
	EffectAdmin
)

var effectNames = []string{EffectWrite: "write", EffectRead: "read", EffectAdmin: "admin"}

// String returns read, write or admin.
func (e Effect) String() string {
	if int(e) < len(effectNames) {
		return effectNames[e]
	}
	return effectNames[EffectAdmin]
}

// MarshalText writes the effect's name.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText accepts read, write and admin.
func (e *Effect) UnmarshalText(text []byte) error {
	i := slices.Index(effectNames, string(text))
	if i < 0 {
		return fmt.Errorf("effect must be read, write or admin, not %q", text)
	}
	*e = Effect(i)
	return nil
}

// Record is one registered agent. Records are immutable once published in a snapshot.
type Record struct {
	// Name identifies the agent in the mesh.
	Name ID `json:"name"`
	// Owner answers for the agent; empty when nobody was named.
	Owner Owner `json:"owner,omitempty"`
	// DIDs are the identifiers under which the agent signs, as registered and as minted.
	DIDs []string `json:"dids,omitempty"`
	// Sidecars are the did:keys of the sidecars that sign for the agent.
	Sidecars []string `json:"sidecarDids,omitempty"`
	// Retiring says until when a key that has a successor is still accepted, by did:key.
	Retiring map[string]time.Time `json:"retiring,omitempty"`
	// Workloads are the SPIFFE IDs under which the agent's connections are authenticated.
	Workloads []string `json:"spiffeIds,omitempty"`
	// Subjects are those of bearer tokens that speak for the agent.
	Subjects []Subject `json:"subjects,omitempty"`
	// Capabilities bound what the agent may ask of others.
	Capabilities []Capability `json:"capabilities"`
	// Ceiling is the most privileged ring the agent may reach.
	Ceiling Ring `json:"ringCeiling"`
	// Base is the trust score without any evidence, 0 to 1000.
	Base Trust `json:"baseTrust"`
	// Status gates everything: only Active agents call or are called.
	Status Status `json:"status"`
	// StatusChange says since when and why the agent has its status; nil while it has the one of its registration.
	StatusChange *StatusChange `json:"statusChange,omitempty"`
	// RequiredRing is the least privileged ring that may call the agent, whatever the operation; ring 3 asks for none.
	RequiredRing Ring `json:"requiredRing"`
	// RequiredTrust is the lowest score that may call the agent, 0 to 1000.
	RequiredTrust Trust `json:"requiredTrust,omitempty"`
	// Effect is what an operation on this agent does unless its skill says otherwise.
	Effect Effect `json:"effect"`
	// SkillEffects overrides Effect by skill id.
	SkillEffects map[string]Effect `json:"skillEffects,omitempty"`
	// CardURL is where the card was fetched; empty when it was given inline.
	CardURL string `json:"cardUrl,omitempty"`
	// Card is the agent's own description of itself, as received.
	Card Card `json:"card"`
	// CardKeys are the keys that may sign the card, each a JWK or a did:key as JSON; where there are any, no other
	// key may.
	CardKeys []json.RawMessage `json:"cardKeys,omitempty"`
	// Verification is what the signatures of the card are worth.
	Verification CardVerification `json:"cardVerification,omitzero"`
	// CardUpdate is the last change of the card; nil when it is the registered one still.
	CardUpdate *CardUpdate `json:"cardUpdate,omitempty"`
	// Pending is a changed card that waits for approval; nil when none does.
	Pending *PendingCard `json:"pendingCard,omitempty"`
	// Rejected is the digest of the changed card that a person rejected last, and that is not asked about again.
	Rejected string `json:"rejectedCard,omitempty"`
	// Created, Registered and Updated are in UTC with second precision.
	Created time.Time `json:"createdAt"`
	// Registered is when a person registered the agent, or gave it a did:web, the last time; it rises with each of that,
	// and with nothing else.
	Registered time.Time `json:"registeredAt,omitzero"`
	Updated    time.Time `json:"updatedAt"`
	// Revision is the store's revision of this record; its ETag derives from it.
	Revision uint64 `json:"-"`
}

// EffectOf returns the effect of a call on the agent that declares skill, which may be empty. A declared
// skill is a claim of the caller: it can raise the requirement above the agent's own effect, never lower it.
func (r *Record) EffectOf(skill string) Effect {
	declared, ok := r.SkillEffects[skill]
	if !ok || declared.weight() < r.Effect.weight() {
		return r.Effect
	}
	return declared
}

func (e Effect) weight() int {
	switch e {
	case EffectRead:
		return 0
	case EffectWrite:
		return 1
	default:
		return 2
	}
}
