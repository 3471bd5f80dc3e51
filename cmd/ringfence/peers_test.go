package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/governance"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/killswitch"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/nonce"
	"ringfence.dev/ringfence/internal/trust"
)

// TestStaleMeshVouchesForNobody lets the mesh miss changes for longer than what it knows may count.
func TestStaleMeshVouchesForNobody(t *testing.T) {
	t.Parallel()
	const stale = time.Minute
	m := meshtest.New()
	for behind, want := range map[time.Duration]bool{0: true, stale: true, stale + 1: false} {
		mesh := func() governance.Mesh {
			return governance.Mesh{Agents: m.Snapshot(), Trust: trust.Silent(trust.DefaultRules()), Switches: killswitch.ImageOf(), Behind: behind}
		}
		now := time.Now()
		guard, err := nonce.Open(t.Context(), nonce.Config{Local: identity.NewReplay(now, 16)}, now.Add(-time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		key := meshtest.Private("caller")
		signer := identity.Signer{
			Key: key, KeyID: meshtest.Public(key).IDs()[0], Random: bytes.NewReader(make([]byte, 64)),
			Now: func() time.Time { return now.Add(2 * time.Second) },
		}
		request := httptest.NewRequest(http.MethodGet, "/v1/agents/weather/trust", nil)
		signed := request.Clone(t.Context())
		signed.URL.Scheme, signed.URL.Host = "http", request.Host
		if err := signer.Sign(signed, nil); err != nil {
			t.Fatal(err)
		}
		request.Header = signed.Header
		if _, err := agentAccess(mesh, stale, guard)(request, nil); (err == nil) != want {
			t.Errorf("behind by %s an agent is admitted: %v", behind, err)
		}
		subject := peerLookup(mesh, stale)(meshtest.Public(meshtest.Private("weather")).DID, now)
		if subject.Record == nil || subject.Record.Name != agent.ID("weather") || subject.Stopped == want {
			t.Errorf("behind by %s: %+v", behind, subject)
		}
	}
}
