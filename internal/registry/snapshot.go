package registry

import (
	"cmp"
	"crypto/ed25519"
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/shards"
)

// Snapshot is everything the mesh knows about its agents at one moment. It is immutable: an exchange takes one
// and keeps it to the end. A nil *Snapshot is the empty mesh. Snapshots share what did not change between them.
type Snapshot struct {
	revision uint64
	agents   []*agent.Record
	byName   shards.Table[*entry]
	keys     shards.Table[claim] // by DID without fragment
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

// entry is a record with its keys, parsed once.
type entry struct {
	record *agent.Record
	keys   []agent.Key
}

func newEntry(record *agent.Record) *entry {
	e := &entry{record: record}
	for _, did := range record.DIDs {
		key, err := agent.ParseKeyDID(did)
		if err != nil {
			continue // a did:mesh is known by the did:key it was minted from
		}
		if !slices.ContainsFunc(e.keys, func(k agent.Key) bool { return k.DID == key.DID }) {
			e.keys = append(e.keys, key)
		}
	}
	return e
}

// claim is who holds a DID. A DID with rivals belongs to nobody until one claim is left.
type claim struct {
	holder   Holder
	fragment string
	rivals   []claim
}

// change says that the named agent now has an entry, or none.
type change struct {
	name  agent.ID
	entry *entry
}

// NewSnapshot returns the snapshot of the given records at a revision. Records must have distinct names; a key
// that two records claim belongs to neither, so that a disputed identity authenticates nobody.
func NewSnapshot(revision uint64, records []*agent.Record) *Snapshot {
	changes := make([]change, len(records))
	for i, record := range records {
		changes[i] = change{record.Name, newEntry(record)}
	}
	return (&Snapshot{}).with(revision, changes)
}

// with returns the snapshot after the changes. Its cost is that of the changes and of copying one pointer for each
// agent.
func (s *Snapshot) with(revision uint64, changes []change) *Snapshot {
	changes = lastOfEach(changes)
	names, keys := shards.NewEdit(&s.byName), shards.NewEdit(&s.keys)
	for _, c := range changes {
		if old, ok := names.Table().Get(string(c.name)); ok {
			old.withdraw(keys)
		}
		if c.entry == nil {
			names.Remove(string(c.name))
			continue
		}
		names.Set(string(c.name), c.entry)
		c.entry.claim(keys)
	}
	return &Snapshot{revision: revision, agents: merge(s.agents, changes), byName: *names.Table(), keys: *keys.Table()}
}

// lastOfEach returns the changes sorted by name, the last one of each name alone.
func lastOfEach(changes []change) []change {
	slices.Reverse(changes)
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(a.name, b.name) })
	return slices.CompactFunc(changes, func(a, b change) bool { return a.name == b.name })
}

// merge returns the sorted records after the changes, which are sorted too.
func merge(records []*agent.Record, changes []change) []*agent.Record {
	merged := make([]*agent.Record, 0, len(records)+len(changes))
	for _, c := range changes {
		at, found := slices.BinarySearchFunc(records, c.name, func(r *agent.Record, name agent.ID) int { return cmp.Compare(r.Name, name) })
		merged = append(merged, records[:at]...)
		if c.entry != nil {
			merged = append(merged, c.entry.record)
		}
		if found {
			at++
		}
		records = records[at:]
	}
	return append(merged, records...)
}

func (e *entry) claim(keys *shards.Edit[claim]) {
	for _, key := range e.keys {
		for _, did := range []string{key.DID, key.Mesh} {
			mine := claim{holder: Holder{Agent: e.record, DID: did, Public: key.Public}, fragment: key.Fragment()}
			if first, taken := keys.Table().Get(did); taken {
				if first.holder.Agent.Name != e.record.Name {
					first.rivals = append(slices.Clone(first.rivals), mine)
					keys.Set(did, first)
				}
				continue
			}
			keys.Set(did, mine)
		}
	}
}

func (e *entry) withdraw(keys *shards.Edit[claim]) {
	mine := func(c claim) bool { return c.holder.Agent.Name == e.record.Name }
	for _, key := range e.keys {
		for _, did := range []string{key.DID, key.Mesh} {
			first, ok := keys.Table().Get(did)
			if !ok {
				continue
			}
			rivals := slices.DeleteFunc(slices.Clone(first.rivals), mine)
			if !mine(first) {
				first.rivals = rivals
				keys.Set(did, first)
				continue
			}
			if len(rivals) == 0 {
				keys.Remove(did)
				continue
			}
			heir := rivals[0]
			heir.rivals = rivals[1:]
			keys.Set(did, heir)
		}
	}
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
	e, ok := s.byName.Get(string(name))
	if !ok {
		return nil, false
	}
	return e.record, true
}

// Key returns the holder of the key that a keyid names: a did:key or did:mesh, with or without its fragment.
func (s *Snapshot) Key(keyID string) (Holder, bool) {
	if s == nil {
		return Holder{}, false
	}
	did, fragment, hasFragment := strings.Cut(keyID, "#")
	c, ok := s.keys.Get(did)
	if !ok || len(c.rivals) > 0 || hasFragment && fragment != c.fragment {
		return Holder{}, false
	}
	return c.holder, true
}

// claimant returns the first agent other than the named one that claims the DID, disputed or not.
func (s *Snapshot) claimant(did string, name agent.ID) (agent.ID, bool) {
	first, ok := s.keys.Get(did)
	if !ok {
		return "", false
	}
	for _, c := range append([]claim{first}, first.rivals...) {
		if c.holder.Agent.Name != name {
			return c.holder.Agent.Name, true
		}
	}
	return "", false
}
