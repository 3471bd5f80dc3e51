package registry

import (
	"cmp"
	"slices"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/shards"
)

// Snapshot is everything the mesh knows about its agents at one moment. It is immutable: an exchange takes one
// and keeps it to the end. A nil *Snapshot is the empty mesh. Snapshots share what did not change between them.
type Snapshot struct {
	revision   uint64
	agents     []*agent.Record
	byName     shards.Table[*entry]
	principals shards.Table[claim]
	revoked    *revocations
}

// change says that the named agent now has an entry, or none.
type change struct {
	name  agent.ID
	entry *entry
}

// NewSnapshot returns the snapshot of the given records at a revision, in which nothing is accepted that one of the
// revocations names. Records must have distinct names; a principal that two records claim belongs to neither, so
// that a disputed identity authenticates nobody.
func NewSnapshot(revision uint64, records []*agent.Record, revoked ...Revocation) *Snapshot {
	changes := make([]change, len(records))
	for i, record := range records {
		changes[i] = change{record.Name, newEntry(record)}
	}
	return (&Snapshot{revoked: tabulate(revoked)}).with(revision, changes)
}

// with returns the snapshot after the changes. Its cost is that of the changes and of copying one pointer for each
// agent.
func (s *Snapshot) with(revision uint64, changes []change) *Snapshot {
	changes = lastOfEach(changes)
	names, principals := shards.NewEdit(&s.byName), shards.NewEdit(&s.principals)
	for i, c := range changes {
		if _, gone := s.Revoked(string(c.name)); gone {
			changes[i].entry = nil
		}
		if old, ok := names.Table().Get(string(c.name)); ok {
			old.withdraw(principals)
		}
		if changes[i].entry == nil {
			names.Remove(string(c.name))
			continue
		}
		names.Set(string(c.name), c.entry)
		c.entry.claim(principals)
	}
	return &Snapshot{
		revision: revision, agents: merge(s.agents, changes), byName: *names.Table(), principals: *principals.Table(), revoked: s.revoked,
	}
}

// revoking returns the snapshot in which what the table names is revoked. The keys are those in which the table
// differs from the one before.
func (s *Snapshot) revoking(revoked *revocations, keys []string) *Snapshot {
	next := *s
	next.revoked = revoked
	var gone []change
	for _, key := range keys {
		if _, ok := s.byName.Get(key); ok {
			gone = append(gone, change{name: agent.ID(key)})
		}
	}
	if gone == nil {
		return &next
	}
	return next.with(s.revision, gone)
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

// Revoked reports whether the key with the fragment, its multibase form, is revoked, or the name of an agent, and
// by what. A lookup of the snapshot respects it already; who has a key from elsewhere, such as from the document of
// a did:web, asks here.
func (s *Snapshot) Revoked(fragmentOrName string) (Revocation, bool) {
	if s == nil || s.revoked == nil {
		return Revocation{}, false
	}
	v, ok := s.revoked.Get(fragmentOrName)
	return v.Value, ok
}
