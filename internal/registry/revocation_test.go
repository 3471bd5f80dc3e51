package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/store"
)

func TestRevokeKey(t *testing.T) {
	t.Parallel()
	own, second, sidecar := key(1), key(2), key(3)
	for _, did := range []string{own.DID, own.Mesh} {
		r := open(t, newBucket(t))
		g := registration("a", own.DID, second.DID)
		g.Sidecars = []string{sidecar.DID}
		must(t, r, g)
		if err := r.RevokeKey(t.Context(), "a", did, "lost"); err != nil {
			t.Fatal(err)
		}
		for _, id := range append(own.IDs(), own.Mesh+"#"+sidecar.Fragment()) {
			if _, ok := r.Snapshot().Key(id); ok {
				t.Errorf("%s is still accepted", id)
			}
		}
		if _, ok := r.Snapshot().Key(second.Mesh + "#" + sidecar.Fragment()); !ok {
			t.Error("the other keys went with it")
		}
		want := []string{second.DID + " agent active", sidecar.DID + " sidecar active", own.DID + " agent revoked lost by a"}
		if diff := cmp.Diff(want, states(r, "a", now)); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		if revocation, ok := r.Snapshot().Revoked(own.Fragment()); !ok || !revocation.At.Equal(now) {
			t.Errorf("revocation %+v, %v", revocation, ok)
		}
		if err := r.RevokeKey(t.Context(), "a", own.DID, "again"); err != nil {
			t.Errorf("revoking again: %v", err)
		}
		if err := r.RevokeKey(t.Context(), "a", sidecar.DID, ""); err != nil {
			t.Errorf("revoking the sidecar: %v", err)
		}
		if _, ok := r.Snapshot().Key(second.Mesh + "#" + sidecar.Fragment()); ok {
			t.Error("the revoked sidecar is still accepted")
		}
	}
}

func TestRevokeKeyRefuses(t *testing.T) {
	t.Parallel()
	r := open(t, newBucket(t))
	must(t, r, registration("a", key(1).DID, "did:web:a.example"))
	must(t, r, registration("b", key(2).DID))
	if err := r.RevokeKey(t.Context(), "b", key(2).DID, ""); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, agent, did, reason string
		want                     error
	}{
		{"unknown-agent", "nobody", key(1).DID, "", registry.ErrNotFound},
		{"unknown-key", "a", key(9).DID, "", registry.ErrNoKey},
		{"key-of-another", "b", key(1).DID, "", registry.ErrNoKey},
		{"revoked-key-of-another", "a", key(2).DID, "", registry.ErrNoKey},
		{"did-web", "a", "did:web:a.example", "", registry.ErrNoKey},
		{"garbage", "a", "x", "", registry.ErrNoKey},
		{"reason", "a", key(1).DID, "a\x00", agent.FieldError{Path: "reason", Problem: "must have at most 256 bytes and no control characters"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := r.RevokeKey(t.Context(), agent.ID(test.agent), test.did, test.reason); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if _, ok := r.Snapshot().Key(key(1).DID); !ok {
				t.Error("the key is not accepted any more")
			}
		})
	}
}

// TestRevokedForEver holds that nobody gets a revoked key by any way, and that deleting its agent frees nothing.
func TestRevokedForEver(t *testing.T) {
	t.Parallel()
	b, revoked := newBucket(t), newBucket(t)
	r := open(t, b, sharing(revoked))
	lost := key(1)
	must(t, r, registration("a", lost.DID, key(2).DID))
	must(t, r, registration("b", key(3).DID))
	if err := r.RevokeKey(t.Context(), "a", lost.DID, "lost"); err != nil {
		t.Fatal(err)
	}
	tries := func(r *registry.Registry) map[string]error {
		asSidecar := registration("c")
		asSidecar.Sidecars = []string{lost.DID}
		_, add := r.AddKey(t.Context(), "b", registry.AddedKey{DID: lost.DID, Role: agent.AgentKey})
		_, register := r.Register(t.Context(), registration("c", key(4).DID, lost.DID))
		_, sidecar := r.Register(t.Context(), asSidecar)
		_, replace := r.Replace(t.Context(), "b", registration("b", lost.DID), 0)
		return map[string]error{"did": add, "dids[1]": register, "sidecarDids[0]": sidecar, "dids[0]": replace}
	}
	refused := func(when string, r *registry.Registry) {
		t.Helper()
		for field, err := range tries(r) {
			if diff := cmp.Diff([]string{"conflict: " + field + ": is revoked, and never accepted again"}, problems(err)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
	}
	refused("while its agent is there", r)
	if _, err := r.AddKey(t.Context(), "a", registry.AddedKey{DID: lost.DID, Role: agent.AgentKey}); err == nil {
		t.Error("its own agent got it back")
	}
	if err := r.Delete(t.Context(), "a", 0); err != nil {
		t.Fatal(err)
	}
	refused("after its agent was deleted", r)
	refused("after a restart", open(t, b.Bucket, sharing(revoked)))
	if _, err := r.Register(t.Context(), registration("d", key(2).DID)); err != nil {
		t.Errorf("a key that was not revoked is not freed: %v", err)
	}
}

// TestRevocationReachesReplicas holds that a key ends in another process by the revocation alone, even when that
// process cannot follow the agents at the moment.
func TestRevocationReachesReplicas(t *testing.T) {
	t.Parallel()
	b, revoked := newBucket(t), newBucket(t)
	writer, reader := open(t, b.Bucket, sharing(revoked)), open(t, b, sharing(revoked))
	must(t, writer, registration("a", key(1).DID))
	must(t, reader, registration("barrier"))
	if _, ok := reader.Snapshot().Key(key(1).DID); !ok {
		t.Fatal("the reader does not have the key")
	}
	changes := reader.Subscribe(t.Context())
	b.setFail(store.ErrUnavailable)
	b.cutWatch()
	if err := writer.RevokeKey(t.Context(), "a", key(1).DID, "lost"); err != nil {
		t.Fatal(err)
	}
	// Followers of the agent are told that it is no longer what it was.
	if change := <-changes; change.Kind != registry.Replaced || change.Name != "a" {
		t.Errorf("change %+v", change)
	}
	if _, ok := reader.Snapshot().Key(key(1).DID); ok {
		t.Error("the reader accepts the key")
	}
	if record, err := reader.Get("a"); err != nil || len(record.DIDs) != 2 {
		t.Errorf("the reader followed the agents: %+v, %v", record, err)
	}
}

// TestHalfRevokedKey breaks a revocation off between its two writes: the key is accepted no more, and repeating the
// call completes it.
func TestHalfRevokedKey(t *testing.T) {
	t.Parallel()
	b := &stuck{Bucket: newBucket(t)}
	r := open(t, b)
	must(t, r, registration("a", key(1).DID))
	b.fails.Store(true)
	if err := r.RevokeKey(t.Context(), "a", key(1).DID, "lost"); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("error %v", err)
	}
	if _, ok := r.Snapshot().Key(key(1).DID); ok {
		t.Error("the key is still accepted")
	}
	want := []string{key(1).DID + " agent revoked lost by a"}
	if diff := cmp.Diff(want, states(r, "a", now)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	b.fails.Store(false)
	if err := r.RevokeKey(t.Context(), "a", key(1).DID, "lost"); err != nil {
		t.Fatal(err)
	}
	if record, err := r.Get("a"); err != nil || len(record.DIDs) != 0 {
		t.Errorf("the record still lists it: %+v, %v", record, err)
	}
}

// TestUnreadableRevocationRevokes holds that what cannot be read is revoked all the same.
func TestUnreadableRevocationRevokes(t *testing.T) {
	t.Parallel()
	revoked := newBucket(t)
	if _, err := revoked.Put(t.Context(), key(1).Fragment(), []byte("{")); err != nil {
		t.Fatal(err)
	}
	r := open(t, newBucket(t), sharing(revoked))
	if _, err := r.Register(t.Context(), registration("a", key(1).DID)); err == nil {
		t.Error("a key was registered whose revocation cannot be read")
	}
}

// TestRevokedAgentLeavesNothing deletes a revoked agent: nobody gets its name or one of its keys.
func TestRevokedAgentLeavesNothing(t *testing.T) {
	t.Parallel()
	b, revoked := newBucket(t), newBucket(t)
	r := open(t, b, sharing(revoked))
	g := registration("a", key(1).DID)
	g.Sidecars = []string{key(2).DID}
	must(t, r, g)
	if _, err := r.SetStatus(t.Context(), "a", agent.Revoked, "stolen"); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), "a", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get("a"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
	for _, r := range []*registry.Registry{r, open(t, b.Bucket, sharing(revoked))} {
		_, err := r.Register(t.Context(), registration("a"))
		if diff := cmp.Diff([]string{"conflict: name: is that of a revoked agent, and never given again"}, problems(err)); diff != "" {
			t.Errorf("name (-want +got):\n%s", diff)
		}
		for _, did := range []string{key(1).DID, key(2).DID} {
			if _, err := r.Register(t.Context(), registration("b", did)); err == nil {
				t.Errorf("%s was given to another agent", did)
			}
		}
	}
	want := []string{key(1).DID + " agent revoked stolen by a", key(2).DID + " sidecar revoked stolen by a"}
	if got := states(r, "a", now); !cmp.Equal(want, got) && !cmp.Equal([]string{want[1], want[0]}, got) {
		t.Errorf("keys %v, want %v", got, want)
	}
}

// outrun is a bucket in which a revoked agent of the name is deleted by another process right before a new one is
// created.
type outrun struct {
	store.Bucket
	revoked store.Bucket
}

func (o outrun) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	if _, err := o.revoked.Create(ctx, key, []byte(`{"agent":"`+key+`"}`), 0); err != nil {
		return 0, err
	}
	return o.Bucket.Create(ctx, key, value, ttl)
}

func TestRevokedNameIsNotOutrun(t *testing.T) {
	t.Parallel()
	b, revoked := newBucket(t), newBucket(t)
	r := open(t, outrun{b, revoked}, sharing(revoked))
	record, err := r.Register(t.Context(), registration("a", key(1).DID))
	// The news of the revocation may come after the answer; the agent is then hidden when it comes.
	if err == nil && record == nil || err != nil && !strings.Contains(err.Error(), "revoked agent") {
		t.Fatalf("%+v, %v", record, err)
	}
	changes := r.Subscribe(t.Context())
	for _, seen := r.Snapshot().Revoked("a"); !seen; _, seen = r.Snapshot().Revoked("a") {
		<-changes
	}
	if _, err := r.Get("a"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a new agent has the name of a revoked one: %v", err)
	}
	if _, ok := r.Snapshot().Key(key(1).DID); ok {
		t.Error("it has a key")
	}
}

// TestUnreadableAgentStaysRevoked holds that a record which cannot be read loses neither its status nor its keys when
// it is replaced or deleted.
func TestUnreadableAgentStaysRevoked(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	r := open(t, b)
	entry := `{"name":"a","status":"revoked","dids":["` + key(1).DID + `","` + key(1).Mesh + `"],"capabilities":7}`
	if _, err := b.Put(t.Context(), "a", []byte(entry)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Replace(t.Context(), "a", registration("a"), 0); !errors.Is(err, registry.ErrRevoked) {
		t.Errorf("it was replaced: %v", err)
	}
	if _, err := r.SetStatus(t.Context(), "a", agent.Active, "x"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("it has another status: %v", err)
	}
	if err := r.Delete(t.Context(), "a", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Register(t.Context(), registration("b", key(1).DID)); err == nil {
		t.Error("its key was given to another agent")
	}
}
