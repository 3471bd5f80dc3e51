package agent_test

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

func ownKey(seed byte) agent.Key {
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+seed)), ed25519.SeedSize)))
	return agent.NewKey(private.Public().(ed25519.PublicKey))
}

// fullRecord is a record in which every field that speaks of evidence is set.
func fullRecord(t *testing.T) *agent.Record {
	t.Helper()
	card, err := agent.ParseCard([]byte(`{"name":"W","version":"1","skills":[],"supportedInterfaces":[{"url":"http://a.example/","protocolBinding":"JSONRPC","protocolVersion":"1.0"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	return &agent.Record{
		Name: "weather", DIDs: []string{ownKey(1).DID, ownKey(1).Mesh, "did:web:agents.example.com"}, Sidecars: []string{ownKey(2).DID},
		Retiring: map[string]time.Time{ownKey(1).DID: at}, Workloads: []string{"spiffe://example.org/weather"},
		Subjects:     []agent.Subject{{Issuer: "https://issuer.example", Name: "weather"}},
		Status:       agent.Quarantined,
		StatusChange: &agent.StatusChange{At: at, Reason: "odd calls"},
		RequiredRing: agent.User, RequiredTrust: 500, Base: 250, Card: card, Created: at, Registered: at.Add(time.Hour), Updated: at,
	}
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	record := fullRecord(t)
	encoded, err := record.Encode()
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := agent.DecodeRecord(encoded, 7)
	if err != nil {
		t.Fatal(err)
	}
	record.Revision = 7
	if diff := cmp.Diff(record, decoded); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}

// TestRecordKnowsItsRegistration holds that a record from before registrations were timed counts as never registered anew.
func TestRecordKnowsItsRegistration(t *testing.T) {
	t.Parallel()
	record := fullRecord(t)
	record.Registered = time.Time{}
	encoded, err := record.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if decoded, err := agent.DecodeRecord(encoded, 1); err != nil || !decoded.Registered.Equal(record.Created) {
		t.Errorf("registered at %v, %v", decoded.Registered, err)
	}
}

func TestDecodeRecordRefusesFields(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*agent.Record)
		want   string
	}{
		{"trust", func(r *agent.Record) { r.Base = 1001 }, "baseTrust: must be 0 to 1000"},
		{"required-trust", func(r *agent.Record) { r.RequiredTrust = -1 }, "requiredTrust: must be 0 to 1000"},
		{"status", func(r *agent.Record) { r.Status = "" }, "status: must be active, quarantined or revoked"},
		{"capability", func(r *agent.Record) { r.Capabilities = []agent.Capability{"x"} }, "capabilities[0]: must be verb:resource, such as read:* or write:ledger"},
		{"did", func(r *agent.Record) { r.DIDs[2] = "did:web:" }, "dids[2]: must have a host in lower case after did:web, with %3A and a number where it has a port"},
		{"sidecar", func(r *agent.Record) { r.Sidecars[0] = ownKey(2).Mesh }, "sidecarDids[0]: must begin with did:key and a colon"},
		{"sidecar-of-both-roles", func(r *agent.Record) { r.Sidecars[0] = ownKey(1).DID }, "sidecarDids[0]: is a key of the agent itself"},
		{"workload", func(r *agent.Record) { r.Workloads[0] = "spiffe://example.org" }, "spiffeIds[0]: must have a path: a trust domain alone is no workload"},
		{"issuer", func(r *agent.Record) { r.Subjects[0].Issuer = "" }, "subjects[0].issuer: must have 1 to 512 bytes and no control characters"},
		{"subject", func(r *agent.Record) { r.Subjects[0].Name = "a\x00b" }, "subjects[0].subject: must have 1 to 512 bytes and no control characters"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			record := fullRecord(t)
			test.change(record)
			encoded, err := record.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := agent.DecodeRecord(encoded, 1); err == nil || err.Error() != "decoding agent record: "+test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestKeyRoleText(t *testing.T) {
	t.Parallel()
	for _, role := range []agent.KeyRole{agent.NoKey, agent.AgentKey, agent.SidecarKey} {
		text, err := json.Marshal(role)
		if err != nil {
			t.Fatal(err)
		}
		back := agent.KeyRole(9)
		if err := json.Unmarshal(text, &back); err != nil || back != role {
			t.Errorf("%s came back as %v: %v", text, back, err)
		}
	}
	if got := agent.KeyRole(9).String(); got != "none" {
		t.Errorf("an unknown role is %q, want that of nobody", got)
	}
	for _, text := range []string{`""`, `"Agent"`, `"root"`, `1`} {
		var got agent.KeyRole
		if json.Unmarshal([]byte(text), &got) == nil {
			t.Errorf("%s accepted as %v", text, got)
		}
	}
}
