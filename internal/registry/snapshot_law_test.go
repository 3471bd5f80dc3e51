package registry

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

// world is what a naive reader knows: the records and what is revoked, and nothing made from them.
type world struct {
	records map[agent.ID]*agent.Record
	revoked map[string]Revocation
	keys    []agent.Key
}

var (
	workloads = []string{"spiffe://example.org/a", "spiffe://example.org/b", "spiffe://example.org/c"}
	webs      = []string{"did:web:a.example", "did:web:b.example"}
	subjects  = []agent.Subject{{Issuer: "i", Name: "a"}, {Issuer: "i", Name: "b"}, {Issuer: "j", Name: "a"}}
)

// randomRecord gives an agent some of the few principals there are, so that disputes are common.
func (w world) randomRecord(random *rand.Rand, name string, revision uint64) *agent.Record {
	first, second, third := w.keys[random.IntN(len(w.keys))], w.keys[random.IntN(len(w.keys))], w.keys[random.IntN(len(w.keys))]
	record := testRecord(name, revision, first, second)
	if third.DID != first.DID && third.DID != second.DID {
		record.Sidecars = []string{third.DID}
	}
	if random.IntN(2) == 0 {
		record.Retiring = map[string]time.Time{w.keys[random.IntN(len(w.keys))].DID: time.Unix(int64(revision), 0)}
	}
	if random.IntN(2) == 0 {
		record.Workloads = workloads[random.IntN(len(workloads)):]
	}
	if random.IntN(2) == 0 {
		record.DIDs = append(record.DIDs, webs[random.IntN(len(webs))])
	}
	if random.IntN(2) == 0 {
		record.Subjects = subjects[random.IntN(len(subjects)):]
	}
	return record
}

// present are the records of agents whose name is not revoked.
func (w world) present() []*agent.Record {
	var list []*agent.Record
	for _, name := range slices.Sorted(maps.Keys(w.records)) {
		if _, gone := w.revoked[string(name)]; !gone {
			list = append(list, w.records[name])
		}
	}
	return list
}

// owner is the only present agent that has what is asked for.
func (w world) owner(has func(*agent.Record) bool) *agent.Record {
	list := slices.DeleteFunc(w.present(), func(r *agent.Record) bool { return !has(r) })
	if len(list) != 1 {
		return nil
	}
	return list[0]
}

// key says whose a key is and in which role.
func (w world) key(key agent.Key) (*agent.Record, agent.KeyRole) {
	if _, revoked := w.revoked[key.Fragment()]; revoked {
		return nil, agent.NoKey
	}
	owner := w.owner(func(r *agent.Record) bool {
		return slices.Contains(r.DIDs, key.DID) || slices.Contains(r.Sidecars, key.DID)
	})
	switch {
	case owner == nil:
		return nil, agent.NoKey
	case slices.Contains(owner.Sidecars, key.DID):
		return owner, agent.SidecarKey
	default:
		return owner, agent.AgentKey
	}
}

// describe writes down everything that a snapshot of the world has to say.
func (w world) describe(revision uint64) []string {
	lines := []string{fmt.Sprintf("revision %d", revision)}
	for _, record := range w.present() {
		lines = append(lines, fmt.Sprintf("%s@%d", record.Name, record.Revision))
	}
	for _, key := range w.keys {
		owner, role := w.key(key)
		if owner == nil {
			continue
		}
		for _, id := range key.IDs() {
			did, _, _ := strings.Cut(id, "#")
			lines = append(lines, holderLine(id, Holder{owner, did, key.Public, role, owner.Retiring[key.DID]}))
		}
		for _, sidecar := range w.keys {
			if by, sidecarRole := w.key(sidecar); by == owner && role == agent.AgentKey && sidecarRole == agent.SidecarKey {
				until := owner.Retiring[sidecar.DID]
				if own := owner.Retiring[key.DID]; until.IsZero() || !own.IsZero() && own.Before(until) {
					until = own
				}
				lines = append(lines, holderLine(key.Mesh+"#"+sidecar.Fragment(), Holder{owner, key.Mesh, sidecar.Public, sidecarRole, until}))
			}
		}
	}
	others := map[string]*agent.Record{}
	for _, id := range workloads {
		others[id] = w.owner(func(r *agent.Record) bool { return slices.Contains(r.Workloads, id) })
	}
	for _, did := range webs {
		others[did] = w.owner(func(r *agent.Record) bool { return slices.Contains(r.DIDs, did) })
	}
	for _, subject := range subjects {
		others[subject.Issuer+" "+subject.Name] = w.owner(func(r *agent.Record) bool { return slices.Contains(r.Subjects, subject) })
	}
	for principal, owner := range others {
		if owner != nil {
			lines = append(lines, fmt.Sprintf("%s: %s@%d", principal, owner.Name, owner.Revision))
		}
	}
	slices.Sort(lines)
	return lines
}

func holderLine(id string, h Holder) string {
	return fmt.Sprintf("%s: %s@%d %s %x %v %d", id, h.Agent.Name, h.Agent.Revision, h.DID, h.Public[:4], h.Role, h.Until.Unix())
}

// describe asks a snapshot the same.
func describe(s *Snapshot, keys []agent.Key) []string {
	lines := []string{fmt.Sprintf("revision %d", s.Revision())}
	for _, record := range s.Agents() {
		lines = append(lines, fmt.Sprintf("%s@%d", record.Name, record.Revision))
		if found, ok := s.Agent(record.Name); !ok || found != record {
			lines = append(lines, "not found: "+string(record.Name))
		}
	}
	for _, key := range keys {
		ids := key.IDs()
		for _, other := range keys {
			if other.DID != key.DID {
				ids = append(ids, key.Mesh+"#"+other.Fragment(), key.DID+"#"+other.Fragment())
			}
		}
		for _, id := range ids {
			if holder, ok := s.Key(id); ok {
				lines = append(lines, holderLine(id, holder))
			}
		}
	}
	found := func(principal string, record *agent.Record, ok bool) {
		if ok {
			lines = append(lines, fmt.Sprintf("%s: %s@%d", principal, record.Name, record.Revision))
		}
	}
	for _, id := range workloads {
		record, ok := s.Workload(id)
		found(id, record, ok)
	}
	for _, did := range webs {
		record, ok := s.Web(did)
		found(did, record, ok)
	}
	for _, subject := range subjects {
		record, ok := s.Subject(subject.Issuer, subject.Name)
		found(subject.Issuer+" "+subject.Name, record, ok)
	}
	slices.Sort(lines)
	return lines
}

// TestSnapshotLaw applies random changes of records and random revocations, and holds each snapshot to what a naive
// reader finds and to a snapshot built from nothing. It also holds that older snapshots never change.
func TestSnapshotLaw(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	var w world
	var current *Snapshot
	for revision := uint64(1); revision < 1500; revision++ {
		if revision%100 == 1 { // revocations never end, so that a world wears out
			w = world{records: map[agent.ID]*agent.Record{}, revoked: map[string]Revocation{}}
			for i := range 8 {
				w.keys = append(w.keys, testKey(int(revision)+i))
			}
			current = NewSnapshot(revision, nil)
		}
		before := describe(current, w.keys)
		next := w.step(random, current, revision)
		if diff := cmp.Diff(before, describe(current, w.keys)); diff != "" {
			t.Fatalf("revision %d changed an older snapshot:\n%s", revision, diff)
		}
		got := describe(next, w.keys)
		if diff := cmp.Diff(w.describe(next.Revision()), got); diff != "" {
			t.Fatalf("revision %d (-naive +changed):\n%s", revision, diff)
		}
		all := slices.Collect(maps.Values(w.records))
		rebuilt := NewSnapshot(next.Revision(), all, slices.Collect(maps.Values(w.revoked))...)
		if diff := cmp.Diff(describe(rebuilt, w.keys), got); diff != "" {
			t.Fatalf("revision %d (-rebuilt +changed):\n%s", revision, diff)
		}
		current = next
	}
}

// step changes the world, and returns what becomes of its snapshot.
func (w world) step(random *rand.Rand, current *Snapshot, revision uint64) *Snapshot {
	if random.IntN(20) == 0 {
		of := w.keys[random.IntN(len(w.keys))].Fragment()
		if random.IntN(3) == 0 {
			of = fmt.Sprintf("agent-%d", random.IntN(8))
		}
		w.revoked[of] = Revocation{Of: of}
		return current.revoking(tabulate(slices.Collect(maps.Values(w.revoked))), []string{of})
	}
	var changes []change
	for range 1 + random.IntN(3) {
		name := agent.ID(fmt.Sprintf("agent-%d", random.IntN(8)))
		if random.IntN(3) == 0 {
			delete(w.records, name)
			changes = append(changes, change{name: name})
			continue
		}
		record := w.randomRecord(random, string(name), revision)
		w.records[name] = record
		changes = append(changes, change{name, newEntry(record)})
	}
	return current.with(revision, changes)
}
