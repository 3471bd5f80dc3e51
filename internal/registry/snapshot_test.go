package registry

import (
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

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
	_, workload := s.Workload("spiffe://example.org/a")
	_, subject := s.Subject("i", "a")
	_, web := s.Web("did:web:a.example")
	_, revoked := s.Revoked("a")
	_, hosted := s.Hosted(testKey(1).DID, time.Time{})
	if workload || subject || web || revoked || hosted || s.Keys("a", time.Time{}) != nil {
		t.Error("a nil snapshot knows somebody")
	}
}

// TestSnapshotSidecars holds by which names a sidecar's key is found, and with what end.
func TestSnapshotSidecars(t *testing.T) {
	t.Parallel()
	own, second, sidecar, disputed, revoked := testKey(1), testKey(2), testKey(3), testKey(4), testKey(5)
	soon, later := time.Unix(1000, 0).UTC(), time.Unix(2000, 0).UTC()
	a := testRecord("a", 1, own, second)
	a.Sidecars = []string{sidecar.DID, disputed.DID, revoked.DID}
	a.Retiring = map[string]time.Time{second.DID: soon, sidecar.DID: later}
	b := testRecord("b", 2, disputed)
	b.Sidecars = []string{testKey(6).DID}
	s := NewSnapshot(2, []*agent.Record{a, b}, Revocation{Of: revoked.Fragment(), Agent: "a"})
	tests := []struct {
		name, keyID string
		want        Holder
	}{
		{"own-key", own.DID, Holder{Agent: a, DID: own.DID, Public: own.Public, Role: agent.AgentKey}},
		{"retiring", second.Mesh, Holder{Agent: a, DID: second.Mesh, Public: second.Public, Role: agent.AgentKey, Until: soon}},
		{"sidecar", sidecar.DID, Holder{Agent: a, DID: sidecar.DID, Public: sidecar.Public, Role: agent.SidecarKey, Until: later}},
		{"sidecar-url", sidecar.DID + "#" + sidecar.Fragment(), Holder{Agent: a, DID: sidecar.DID, Public: sidecar.Public, Role: agent.SidecarKey, Until: later}},
		{"sidecar-mesh", sidecar.Mesh, Holder{Agent: a, DID: sidecar.Mesh, Public: sidecar.Public, Role: agent.SidecarKey, Until: later}},
		{"agents-mesh", own.Mesh + "#" + sidecar.Fragment(), Holder{Agent: a, DID: own.Mesh, Public: sidecar.Public, Role: agent.SidecarKey, Until: later}},
		{"retiring-mesh", second.Mesh + "#" + sidecar.Fragment(), Holder{Agent: a, DID: second.Mesh, Public: sidecar.Public, Role: agent.SidecarKey, Until: soon}},
		{"agents-did-key", own.DID + "#" + sidecar.Fragment(), Holder{}},
		{"other-key-of-agent", own.Mesh + "#" + second.Fragment(), Holder{}},
		{"agent-key-at-sidecars-mesh", sidecar.Mesh + "#" + own.Fragment(), Holder{}},
		{"sidecar-at-sidecars-mesh", sidecar.Mesh + "#" + disputed.Fragment(), Holder{}},
		{"sidecar-of-another", own.Mesh + "#" + testKey(6).Fragment(), Holder{}},
		{"disputed-across-roles", disputed.DID, Holder{}},
		{"disputed-at-agents-mesh", own.Mesh + "#" + disputed.Fragment(), Holder{}},
		{"revoked", revoked.DID, Holder{}},
		{"revoked-mesh", revoked.Mesh, Holder{}},
		{"revoked-at-agents-mesh", own.Mesh + "#" + revoked.Fragment(), Holder{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			holder, ok := s.Key(test.keyID)
			if ok != (test.want.Agent != nil) || holder.Agent != test.want.Agent || holder.DID != test.want.DID ||
				!holder.Public.Equal(test.want.Public) || holder.Role != test.want.Role || !holder.Until.Equal(test.want.Until) {
				t.Errorf("%+v, %v, want %+v", holder, ok, test.want)
			}
		})
	}
	gone := NewSnapshot(2, []*agent.Record{a}, Revocation{Of: own.Fragment(), Agent: "a"})
	if _, ok := gone.Key(own.Mesh + "#" + sidecar.Fragment()); ok {
		t.Error("the document of a revoked key still speaks for a sidecar")
	}
	if _, ok := gone.Key(second.Mesh + "#" + sidecar.Fragment()); !ok {
		t.Error("revoking one key took the sidecar from the other")
	}
}

// TestSnapshotPrincipals holds that each kind of principal is found by its own lookup alone.
func TestSnapshotPrincipals(t *testing.T) {
	t.Parallel()
	const workload, web = "spiffe://example.org/a", "did:web:a.example"
	a, b := testRecord("a", 1, testKey(1)), testRecord("b", 2)
	a.Workloads, a.DIDs = []string{workload, "spiffe://example.org/both"}, append(a.DIDs, web, "did:web:both.example")
	a.Subjects = []agent.Subject{{Issuer: "https://i.example", Name: "a"}, {Issuer: "https://i.example", Name: "both"}}
	b.Workloads, b.DIDs = []string{"spiffe://example.org/both"}, []string{"did:web:both.example"}
	b.Subjects = []agent.Subject{{Issuer: "https://i.example", Name: "both"}, {Issuer: "https://j.example", Name: "a"}}
	s := NewSnapshot(2, []*agent.Record{a, b})
	byWorkload := func(id string) func() (*agent.Record, bool) {
		return func() (*agent.Record, bool) { return s.Workload(id) }
	}
	byWeb := func(id string) func() (*agent.Record, bool) {
		return func() (*agent.Record, bool) { return s.Web(id) }
	}
	bySubject := func(issuer, name string) func() (*agent.Record, bool) {
		return func() (*agent.Record, bool) { return s.Subject(issuer, name) }
	}
	tests := []struct {
		name string
		find func() (*agent.Record, bool)
		want *agent.Record
	}{
		{"workload", byWorkload(workload), a},
		{"disputed-workload", byWorkload("spiffe://example.org/both"), nil},
		{"unknown-workload", byWorkload("spiffe://example.org/c"), nil},
		{"web-as-workload", byWorkload(web), nil},
		{"key-as-workload", byWorkload(testKey(1).DID), nil},
		{"web", byWeb(web), a},
		{"disputed-web", byWeb("did:web:both.example"), nil},
		{"workload-as-web", byWeb(workload), nil},
		{"key-as-web", byWeb(testKey(1).DID), nil},
		{"subject", bySubject("https://i.example", "a"), a},
		{"other-issuer", bySubject("https://j.example", "a"), b},
		{"disputed-subject", bySubject("https://i.example", "both"), nil},
		{"swapped", bySubject("a", "https://i.example"), nil},
		{"split-elsewhere", bySubject("https://i.example\x00a", ""), nil},
		{"empty", bySubject("", ""), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := test.find(); got != test.want || ok != (test.want != nil) {
				t.Errorf("%+v, %v", got, ok)
			}
		})
	}
	for _, id := range []string{workload, web, "did:key:" + web, subjectPrincipal("https://i.example", "a")} {
		if holder, ok := s.Key(id); ok {
			t.Errorf("%q is the key of %s", id, holder.Agent.Name)
		}
	}
}

func TestHosted(t *testing.T) {
	t.Parallel()
	own, sidecar, retired, revoked := testKey(1), testKey(2), testKey(3), testKey(4)
	now := time.Unix(1000, 0)
	a := testRecord("a", 1, own)
	a.DIDs = append(a.DIDs, "did:web:a.example", "did:web:b.example")
	a.Sidecars = []string{sidecar.DID, retired.DID, revoked.DID}
	a.Retiring = map[string]time.Time{own.DID: now.Add(1), retired.DID: now}
	b := testRecord("b", 1)
	b.DIDs = []string{"did:web:b.example"}
	c := testRecord("c", 1, testKey(7))
	c.Status = agent.Revoked
	s := NewSnapshot(1, []*agent.Record{a, b, c}, Revocation{Of: revoked.Fragment(), Agent: "a"})
	for _, did := range []string{own.DID, own.Mesh} {
		got, ok := s.Hosted(did, now)
		if !ok || got.Key.DID != own.DID || got.Role != agent.AgentKey || len(got.Sidecars) != 1 || got.Sidecars[0].DID != sidecar.DID ||
			len(got.Webs) != 1 || got.Webs[0] != "did:web:a.example" {
			t.Errorf("%s: %+v, %v", did, got, ok)
		}
	}
	if got, ok := s.Hosted(sidecar.Mesh, now); !ok || got.Role != agent.SidecarKey || got.Sidecars != nil || got.Webs != nil {
		t.Errorf("sidecar: %+v, %v", got, ok)
	}
	if _, ok := s.Hosted(own.Mesh, now.Add(1)); ok {
		t.Error("a retired key has a document")
	}
	for _, did := range []string{retired.Mesh, revoked.Mesh, testKey(7).Mesh, testKey(9).Mesh, "did:web:a.example", ""} {
		if _, ok := s.Hosted(did, now); ok {
			t.Errorf("%s has a document", did)
		}
	}
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

// BenchmarkSnapshotKey measures the lookups that every signed request makes, among 10,000 agents.
func BenchmarkSnapshotKey(b *testing.B) {
	records := make([]*agent.Record, 10_000)
	for i := range records {
		records[i] = testRecord(fmt.Sprintf("agent-%d", i), uint64(i), testKey(i))
	}
	sidecar := testKey(-2)
	records[7].Sidecars = []string{sidecar.DID}
	snapshot := NewSnapshot(10_000, records, Revocation{Of: testKey(-3).Fragment()})
	own := testKey(7)
	for name, keyID := range map[string]string{"agent": own.Mesh + "#" + own.Fragment(), "sidecar": own.Mesh + "#" + sidecar.Fragment()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, ok := snapshot.Key(keyID); !ok {
						b.Fail()
					}
				}
			})
		})
	}
}
