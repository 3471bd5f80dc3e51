package registry

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

func testKey(n int) agent.Key {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, fmt.Sprintf("seed %d", n))
	return agent.NewKey(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}

func testRecord(name string, revision uint64, keys ...agent.Key) *agent.Record {
	record := &agent.Record{Name: agent.ID(name), Status: agent.Active, Revision: revision}
	for _, key := range keys {
		record.DIDs = append(record.DIDs, key.DID, key.Mesh)
	}
	return record
}

func TestSnapshotKeys(t *testing.T) {
	t.Parallel()
	mine, other, disputed := testKey(1), testKey(2), testKey(3)
	a := testRecord("a", 1, mine, disputed)
	b := testRecord("b", 2, other, disputed)
	snapshot := NewSnapshot(2, []*agent.Record{b, a})
	tests := []struct {
		name, keyID string
		holder      *agent.Record
		did         string
	}{
		{"did-key", mine.DID, a, mine.DID},
		{"did-key-url", mine.DID + "#" + mine.Fragment(), a, mine.DID},
		{"did-mesh", mine.Mesh, a, mine.Mesh},
		{"did-mesh-url", mine.Mesh + "#" + mine.Fragment(), a, mine.Mesh},
		{"second-agent", other.DID, b, other.DID},
		{"wrong-fragment", mine.DID + "#" + other.Fragment(), nil, ""},
		{"empty-fragment", mine.DID + "#", nil, ""},
		{"two-fragments", mine.DID + "#" + mine.Fragment() + "#", nil, ""},
		{"disputed", disputed.DID, nil, ""},
		{"disputed-mesh", disputed.Mesh + "#" + disputed.Fragment(), nil, ""},
		{"unknown", testKey(9).DID, nil, ""},
		{"empty", "", nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			holder, ok := snapshot.Key(test.keyID)
			if ok != (test.holder != nil) || holder.Agent != test.holder || holder.DID != test.did {
				t.Errorf("%+v, %v", holder, ok)
			}
		})
	}
	for _, id := range mine.IDs() {
		if _, ok := snapshot.Key(id); !ok {
			t.Errorf("keyid %s is not found", id)
		}
	}
}

func TestNilSnapshotIsTheEmptyMesh(t *testing.T) {
	t.Parallel()
	var s *Snapshot
	if _, ok := s.Agent("a"); ok || s.Revision() != 0 || len(s.Agents()) != 0 {
		t.Error("a nil snapshot has agents")
	}
	if _, ok := s.Key(testKey(1).DID); ok {
		t.Error("a nil snapshot has keys")
	}
}

// TestChangedSnapshotEqualsRebuiltOne applies random changes, keys in dispute among them, and holds the result of
// each step to a snapshot built from nothing. It also holds that older snapshots never change.
func TestChangedSnapshotEqualsRebuiltOne(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	keys := make([]agent.Key, 6)
	for i := range keys {
		keys[i] = testKey(i)
	}
	records := map[agent.ID]*agent.Record{}
	current := NewSnapshot(0, nil)
	for revision := uint64(1); revision < 1500; revision++ {
		var changes []change
		for range 1 + random.IntN(3) {
			name := agent.ID(fmt.Sprintf("agent-%d", random.IntN(8)))
			if random.IntN(3) == 0 {
				delete(records, name)
				changes = append(changes, change{name: name})
				continue
			}
			record := testRecord(string(name), revision, keys[random.IntN(len(keys))], keys[random.IntN(len(keys))])
			records[name] = record
			changes = append(changes, change{name, newEntry(record)})
		}
		before := describe(current, keys)
		next := current.with(revision, changes)
		if diff := cmp.Diff(before, describe(current, keys)); diff != "" {
			t.Fatalf("revision %d changed an older snapshot:\n%s", revision, diff)
		}
		var list []*agent.Record
		for _, record := range records {
			list = append(list, record)
		}
		if diff := cmp.Diff(describe(NewSnapshot(revision, list), keys), describe(next, keys)); diff != "" {
			t.Fatalf("revision %d (-rebuilt +changed):\n%s", revision, diff)
		}
		current = next
	}
}

func describe(s *Snapshot, keys []agent.Key) []string {
	lines := []string{fmt.Sprintf("revision %d", s.Revision())}
	for _, record := range s.Agents() {
		found, ok := s.Agent(record.Name)
		lines = append(lines, fmt.Sprintf("%s@%d %v", record.Name, record.Revision, ok && found == record))
	}
	for _, key := range keys {
		for _, id := range key.IDs() {
			holder, ok := s.Key(id)
			if ok {
				lines = append(lines, fmt.Sprintf("%s: %s@%d %s", id, holder.Agent.Name, holder.Agent.Revision, holder.DID))
			}
		}
	}
	return lines
}

func BenchmarkSnapshotChange(b *testing.B) {
	records := make([]*agent.Record, 10_000)
	for i := range records {
		records[i] = testRecord(fmt.Sprintf("agent-%d", i), uint64(i), testKey(i))
	}
	snapshot := NewSnapshot(10_000, records)
	key := testKey(-1)
	b.ReportAllocs()
	for b.Loop() {
		snapshot.with(10_001, []change{{"new-agent", newEntry(testRecord("new-agent", 10_001, key))}})
	}
}
