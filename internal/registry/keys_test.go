package registry_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/store"
)

// now is what the registry's clock says, in the form of records.
var now = start.UTC().Truncate(time.Second)

func sharing(revoked store.Bucket) func(*registry.Config) {
	return func(c *registry.Config) { c.Revoked = revoked }
}

func at(moment time.Time) func(*registry.Config) {
	return func(c *registry.Config) { c.Now = func() time.Time { return moment } }
}

func lasting(d time.Duration) *time.Duration { return &d }

// must registers an agent.
func must(t testing.TB, r *registry.Registry, g registry.Registration) *agent.Record {
	t.Helper()
	record, err := r.Register(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// states writes down the keys of an agent.
func states(r *registry.Registry, name agent.ID, moment time.Time) []string {
	var lines []string
	for _, status := range r.Snapshot().Keys(name, moment) {
		line := fmt.Sprintf("%s %v %s", status.Key.DID, status.Role, status.State)
		if !status.Until.IsZero() {
			line += " " + status.Until.Format(time.RFC3339)
		}
		if status.Revocation.Of != "" {
			line += fmt.Sprintf(" %s by %s", status.Revocation.Reason, status.Revocation.Agent)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestAddKey(t *testing.T) {
	t.Parallel()
	own, next, sidecar, foreign := key(1), key(2), key(3), key(4)
	hour := now.Add(time.Hour)
	tests := []struct {
		name  string
		added []registry.AddedKey
		want  []string
		err   string
	}{
		{"beside", []registry.AddedKey{{DID: next.DID, Role: agent.AgentKey}}, []string{
			own.DID + " agent active", next.DID + " agent active", sidecar.DID + " sidecar active",
		}, ""},
		{"rotation", []registry.AddedKey{{DID: next.DID, Role: agent.AgentKey, Overlap: lasting(time.Hour)}}, []string{
			own.DID + " agent retiring " + hour.Format(time.RFC3339), next.DID + " agent active", sidecar.DID + " sidecar active",
		}, ""},
		{"rotation-of-sidecar", []registry.AddedKey{{DID: next.DID, Role: agent.SidecarKey, Overlap: lasting(time.Hour)}}, []string{
			own.DID + " agent active", sidecar.DID + " sidecar retiring " + hour.Format(time.RFC3339), next.DID + " sidecar active",
		}, ""},
		{"at-once", []registry.AddedKey{{DID: next.DID, Role: agent.AgentKey, Overlap: lasting(0)}}, []string{
			own.DID + " agent retired " + now.Format(time.RFC3339), next.DID + " agent active", sidecar.DID + " sidecar active",
		}, ""},
		{"retired-is-dropped-by-the-next-rotation", []registry.AddedKey{
			{DID: next.DID, Role: agent.AgentKey, Overlap: lasting(0)}, {DID: key(5).DID, Role: agent.AgentKey, Overlap: lasting(time.Hour)},
		}, []string{next.DID + " agent retiring " + hour.Format(time.RFC3339), key(5).DID + " agent active", sidecar.DID + " sidecar active"}, ""},
		{"sooner-end-stays", []registry.AddedKey{
			{DID: next.DID, Role: agent.AgentKey, Overlap: lasting(time.Hour)}, {DID: key(5).DID, Role: agent.AgentKey, Overlap: lasting(2 * time.Hour)},
		}, []string{
			own.DID + " agent retiring " + hour.Format(time.RFC3339), next.DID + " agent retiring " + hour.Add(time.Hour).Format(time.RFC3339),
			key(5).DID + " agent active", sidecar.DID + " sidecar active",
		}, ""},
		{"back-again", []registry.AddedKey{
			{DID: next.DID, Role: agent.AgentKey, Overlap: lasting(time.Hour)}, {DID: own.DID, Role: agent.AgentKey},
		}, []string{own.DID + " agent active", next.DID + " agent active", sidecar.DID + " sidecar active"}, ""},
		{"repeated", []registry.AddedKey{
			{DID: next.DID, Role: agent.AgentKey, Overlap: lasting(time.Hour)}, {DID: next.DID, Role: agent.AgentKey, Overlap: lasting(time.Hour)},
		}, []string{
			own.DID + " agent retiring " + hour.Format(time.RFC3339), next.DID + " agent active", sidecar.DID + " sidecar active",
		}, ""},
		{"other-role", []registry.AddedKey{{DID: sidecar.DID, Role: agent.AgentKey}}, nil, "did: is a key of the agent in the other role"},
		{"own-as-sidecar", []registry.AddedKey{{DID: own.DID, Role: agent.SidecarKey}}, nil, "did: is a key of the agent in the other role"},
		{"foreign", []registry.AddedKey{{DID: foreign.DID, Role: agent.SidecarKey}}, nil, "did: belongs to another agent"},
		{"no-role", []registry.AddedKey{{DID: next.DID}}, nil, "role: must be agent or sidecar"},
		{"mesh", []registry.AddedKey{{DID: next.Mesh, Role: agent.AgentKey}}, nil, "did: must begin with did:key and a colon"},
		{"negative-overlap", []registry.AddedKey{{DID: next.DID, Role: agent.AgentKey, Overlap: lasting(-1)}}, nil, "overlap: must be 0 to 2160h0m0s"},
		{"endless-overlap", []registry.AddedKey{{DID: next.DID, Role: agent.AgentKey, Overlap: lasting(registry.MaxOverlap + 1)}}, nil, "overlap: must be 0 to 2160h0m0s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, newBucket(t))
			g := registration("a", own.DID)
			g.Sidecars = []string{sidecar.DID}
			must(t, r, g)
			must(t, r, registration("b", foreign.DID))
			var err error
			for _, added := range test.added {
				if _, err = r.AddKey(t.Context(), "a", added); err != nil {
					break
				}
			}
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Fatalf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, states(r, "a", now)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAddKeyChangesTheRecord(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	g := registration("a", key(1).DID, "did:web:a.example")
	g.Owner = "team"
	first := must(t, open(t, b), g)
	later := open(t, b, at(start.Add(time.Minute)))
	record, err := later.AddKey(t.Context(), "a", registry.AddedKey{DID: key(2).DID, Role: agent.AgentKey, Overlap: lasting(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	want := *first
	want.DIDs = []string{key(1).DID, key(1).Mesh, "did:web:a.example", key(2).DID, key(2).Mesh}
	want.Retiring = map[string]time.Time{key(1).DID: now.Add(time.Hour + time.Minute)}
	want.Updated, want.Revision = now.Add(time.Minute), record.Revision
	if diff := cmp.Diff(&want, record); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again, err := later.AddKey(t.Context(), "a", registry.AddedKey{DID: key(2).DID, Role: agent.AgentKey, Overlap: lasting(time.Hour)})
	if err != nil || again.Revision != record.Revision {
		t.Errorf("adding the key again made revision %d of %d: %v", again.Revision, record.Revision, err)
	}
	holder, ok := later.Snapshot().Key(key(1).Mesh)
	if !ok || !holder.Until.Equal(now.Add(time.Hour+time.Minute)) {
		t.Errorf("the old key is held until %v, %v", holder.Until, ok)
	}
	replaced, err := later.Replace(t.Context(), "a", registration("a", key(1).DID), 0)
	if err != nil || !replaced.Retiring[key(1).DID].Equal(now.Add(time.Hour+time.Minute)) {
		t.Errorf("a new registration lets a retiring key stay: %v, %v", replaced.Retiring, err)
	}
	if replaced, err = later.Replace(t.Context(), "a", registration("a", key(2).DID), 0); err != nil || replaced.Retiring != nil {
		t.Errorf("a key that is gone still retires: %v, %v", replaced.Retiring, err)
	}
}

func TestKeysAreBounded(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	dids := []string{"did:web:a.example"}
	for i := range 31 {
		dids = append(dids, key(i).DID)
	}
	must(t, r, registration("a", dids...))
	_, err := r.AddKey(t.Context(), "a", registry.AddedKey{DID: key(40).DID, Role: agent.AgentKey})
	if want := "did: is one too many for the agent: revoke those that are not used"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, ok := r.Snapshot().Key(key(40).DID); ok {
		t.Error("the key that was one too many is held")
	}
	for i := range 33 {
		_, err = r.AddKey(t.Context(), "a", registry.AddedKey{DID: key(50 + i).DID, Role: agent.SidecarKey})
		if (err == nil) != (i < 32) {
			t.Fatalf("sidecar %d: %v", i, err)
		}
	}
}

// TestReplicasAddKeys lets two replicas add keys to one agent at the same time: none is lost, and both see all.
func TestReplicasAddKeys(t *testing.T) {
	t.Parallel()
	b, revoked := newBucket(t), newBucket(t)
	replicas := []*registry.Registry{open(t, b, sharing(revoked)), open(t, b.Bucket, sharing(revoked))}
	must(t, replicas[0], registration("a", key(0).DID))
	var group sync.WaitGroup
	for i, r := range replicas {
		group.Go(func() {
			for n := range 10 {
				var err error = registry.ErrChanged
				for errors.Is(err, registry.ErrChanged) { // the losers of many races are told to repeat
					_, err = r.AddKey(t.Context(), "a", registry.AddedKey{DID: key(1 + 10*i + n).DID, Role: agent.AgentKey})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for _, r := range replicas {
		if _, err := r.AddKey(t.Context(), "a", registry.AddedKey{DID: key(0).DID, Role: agent.AgentKey}); err != nil {
			t.Fatal(err) // it waits until the replica has the present revision
		}
		if n := len(r.Snapshot().Keys("a", now)); n != 21 {
			t.Errorf("a replica knows %d keys, want 21", n)
		}
	}
}

// stuck is a bucket that does not replace while it is told so.
type stuck struct {
	store.Bucket
	fails atomic.Bool
}

func (s *stuck) CompareAndSet(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if s.fails.Load() {
		return 0, fmt.Errorf("disk: %w", store.ErrUnavailable)
	}
	return s.Bucket.CompareAndSet(ctx, key, value, revision)
}

func TestStatus(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		steps []agent.Status
		want  agent.Status
		err   error
	}{
		{"quarantine", []agent.Status{agent.Quarantined}, agent.Quarantined, nil},
		{"release", []agent.Status{agent.Quarantined, agent.Active}, agent.Active, nil},
		{"revoke", []agent.Status{agent.Revoked}, agent.Revoked, nil},
		{"revoke-quarantined", []agent.Status{agent.Quarantined, agent.Revoked}, agent.Revoked, nil},
		{"revoke-twice", []agent.Status{agent.Revoked, agent.Revoked}, agent.Revoked, nil},
		{"release-revoked", []agent.Status{agent.Revoked, agent.Active}, agent.Revoked, registry.ErrRevoked},
		{"quarantine-revoked", []agent.Status{agent.Revoked, agent.Quarantined}, agent.Revoked, registry.ErrRevoked},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, newBucket(t))
			must(t, r, registration("a", key(1).DID))
			var err error
			for i, status := range test.steps {
				_, err = r.SetStatus(t.Context(), "a", status, fmt.Sprint("step ", i))
			}
			if !errors.Is(err, test.err) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			record, err := r.Get("a")
			if err != nil || record.Status != test.want {
				t.Fatalf("status %+v, %v", record, err)
			}
			first := 0 // revoked stays as it was said first
			if test.want != agent.Revoked || len(test.steps) == 2 && test.steps[0] == agent.Quarantined {
				first = len(test.steps) - 1
			}
			want := &agent.StatusChange{At: now, Reason: fmt.Sprint("step ", first)}
			if diff := cmp.Diff(want, record.StatusChange); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatusProblems(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	must(t, r, registration("a", key(1).DID))
	_, err := r.SetStatus(t.Context(), "a", "asleep", "")
	want := []string{"status: must be active, quarantined or revoked", "reason: is required: the record says why"}
	if diff := cmp.Diff(want, problems(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = r.SetStatus(t.Context(), "a", agent.Quarantined, "a\nb")
	if diff := cmp.Diff([]string{"reason: must have at most 256 bytes and no control characters"}, problems(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := r.SetStatus(t.Context(), "nobody", agent.Active, "x"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

// TestStatusOutlivesRegistrations holds that a new registration takes nobody out of quarantine, and that a revoked
// agent gets no other registration and no other key.
func TestStatusOutlivesRegistrations(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	must(t, r, registration("a", key(1).DID))
	if _, err := r.SetStatus(t.Context(), "a", agent.Quarantined, "odd"); err != nil {
		t.Fatal(err)
	}
	record, err := r.Replace(t.Context(), "a", registration("a", key(1).DID), 0)
	if err != nil || record.Status != agent.Quarantined || record.StatusChange == nil || record.StatusChange.Reason != "odd" {
		t.Fatalf("%+v, %v", record, err)
	}
	if _, err := r.SetStatus(t.Context(), "a", agent.Revoked, "stolen"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Replace(t.Context(), "a", registration("a"), 0); !errors.Is(err, registry.ErrRevoked) {
		t.Errorf("a revoked agent got another registration: %v", err)
	}
	if _, err := r.AddKey(t.Context(), "a", registry.AddedKey{DID: key(2).DID, Role: agent.AgentKey}); !errors.Is(err, registry.ErrRevoked) {
		t.Errorf("a revoked agent got another key: %v", err)
	}
}
