package registry

import (
	"cmp"
	"crypto/ed25519"
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/agent"
)

// Snapshot is everything the mesh knows about its agents at one moment. It is immutable: an exchange takes one
// and keeps it to the end. A nil *Snapshot is the empty mesh.
type Snapshot struct {
	revision uint64
	agents   []*agent.Record
	byName   map[agent.ID]*agent.Record
	keys     map[string]Holder
}

// Holder is an agent's key as a signature names it.
type Holder struct {
	// Agent holds the key.
	Agent *agent.Record
	// DID is the key's DID without fragment, of the method the signature used.
	DID string
	// Public verifies the signature.
	Public ed25519.PublicKey
}

// NewSnapshot returns the snapshot of the given records at a revision. Records must have distinct names; a key
// that two records claim belongs to neither, so that a disputed identity authenticates nobody.
func NewSnapshot(revision uint64, records []*agent.Record) *Snapshot {
	s := &Snapshot{
		revision: revision,
		agents:   slices.SortedFunc(slices.Values(records), func(a, b *agent.Record) int { return cmp.Compare(a.Name, b.Name) }),
		byName:   make(map[agent.ID]*agent.Record, len(records)),
		keys:     make(map[string]Holder, 4*len(records)),
	}
	disputed := map[string]bool{}
	for _, record := range s.agents {
		s.byName[record.Name] = record
		for _, did := range record.DIDs {
			key, err := agent.ParseKeyDID(did)
			if err != nil {
				continue // a did:mesh is known by the did:key it was minted from
			}
			for _, id := range key.IDs() {
				if holder, taken := s.keys[id]; taken && holder.Agent != record {
					disputed[id] = true
				}
				bare, _, _ := strings.Cut(id, "#")
				s.keys[id] = Holder{Agent: record, DID: bare, Public: key.Public}
			}
		}
	}
	for id := range disputed {
		delete(s.keys, id)
	}
	return s
}

// Revision is the store revision the snapshot reflects.
func (s *Snapshot) Revision() uint64 {
	if s == nil {
		return 0
	}
	return s.revision
}

// Agents returns all records, sorted by name. The slice is shared: do not change it.
func (s *Snapshot) Agents() []*agent.Record {
	if s == nil {
		return nil
	}
	return s.agents
}

// Agent returns the record of the named agent.
func (s *Snapshot) Agent(name agent.ID) (*agent.Record, bool) {
	if s == nil {
		return nil, false
	}
	r, ok := s.byName[name]
	return r, ok
}

// Key returns the holder of the key that a keyid names: a did:key or did:mesh, with or without its fragment.
func (s *Snapshot) Key(keyID string) (Holder, bool) {
	if s == nil {
		return Holder{}, false
	}
	h, ok := s.keys[keyID]
	return h, ok
}
