package registry

import (
	"cmp"
	"slices"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// KeyState says whether signatures by a key of an agent are accepted. The zero value is none.
type KeyState string

// The states of a key. Active and retiring keys are accepted.
const (
	KeyActive   KeyState = "active"
	KeyRetiring KeyState = "retiring"
	KeyRetired  KeyState = "retired"
	KeyDisputed KeyState = "disputed" // another agent claims it too
	KeyRevoked  KeyState = "revoked"
)

// KeyStatus is a key that an agent has or had, and what has become of it.
type KeyStatus struct {
	Key   agent.Key
	Role  agent.KeyRole
	State KeyState
	// Until is when the key retires or has retired; zero when it does not.
	Until time.Time
	// Revocation says why the key is revoked; zero when it is not.
	Revocation Revocation
}

// Keys returns the keys of the named agent at the moment now: those it lists in their order, then those that were
// revoked, oldest first. The keys of a did:web are in its own document.
func (s *Snapshot) Keys(name agent.ID, now time.Time) []KeyStatus {
	if s == nil {
		return nil
	}
	var list []KeyStatus
	if e, ok := s.byName.Get(string(name)); ok {
		for i := range e.keys {
			if _, revoked := s.Revoked(e.keys[i].fragment); !revoked {
				list = append(list, s.keyStatus(&e.keys[i], now))
			}
		}
		slices.SortStableFunc(list, func(a, b KeyStatus) int { return cmp.Compare(a.Role, b.Role) })
	}
	return append(list, s.revokedKeys(name)...)
}

func (s *Snapshot) keyStatus(key *held, now time.Time) KeyStatus {
	status := KeyStatus{Key: key.Key, Role: key.role, State: KeyActive, Until: key.until}
	_, mine := s.key(key.DID)
	switch {
	case !mine:
		status.State = KeyDisputed
	case key.retired(now):
		status.State = KeyRetired
	case !key.until.IsZero():
		status.State = KeyRetiring
	}
	return status
}

func (s *Snapshot) revokedKeys(name agent.ID) []KeyStatus {
	var list []KeyStatus
	if s.revoked == nil {
		return nil
	}
	for of, value := range s.revoked.All() {
		key, err := agent.ParseKeyDID(agent.KeyMethod + of)
		if err != nil || value.Value.Agent != name {
			continue
		}
		list = append(list, KeyStatus{Key: key, Role: value.Value.Role, State: KeyRevoked, Revocation: value.Value})
	}
	slices.SortFunc(list, func(a, b KeyStatus) int {
		return cmp.Or(a.Revocation.At.Compare(b.Revocation.At), cmp.Compare(a.Key.DID, b.Key.DID))
	})
	return list
}
