package registry

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

// TestCardsAreSignedByAcceptedKeys holds that a key which has retired or is revoked verifies no card of its agent.
func TestCardsAreSignedByAcceptedKeys(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	active, retiring, retired, revoked := testKey(1), testKey(2), testKey(3), testKey(4)
	record := testRecord("a", 1, active, retiring, retired, revoked)
	record.Retiring = map[string]time.Time{retiring.DID: now.Add(1), retired.DID: now}
	r := &Registry{}
	r.snapshot.Store(NewSnapshot(1, []*agent.Record{record}, Revocation{Of: revoked.Fragment()}))
	want := []string{active.DID, active.Mesh, retiring.DID, retiring.Mesh}
	if diff := cmp.Diff(want, r.signing(record, now).DIDs); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if len(record.DIDs) != 8 {
		t.Errorf("the record was changed: %v", record.DIDs)
	}
}
