package governance

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/store"
)

const web = "did:web:agents.example:caller"

// host has one document: that of web, with the keys of three agents.
type host struct{}

func (host) Resolve(context.Context, did.Web) (did.Document, error) {
	document := did.Document{DID: web}
	for _, name := range []agent.ID{"first", "second", "third"} {
		key := meshtest.Public(meshtest.Private(name))
		document.Keys = append(document.Keys, did.Key{ID: web + "#" + string(name), DID: key.DID, Public: key.Public, Authentication: true})
	}
	return document, nil
}

// documents returns the image of a process that has fetched what the host has.
func documents(t *testing.T) *did.Image {
	t.Helper()
	memory := store.NewMemory(time.Now)
	t.Cleanup(func() { _ = memory.Close() })
	bucket, err := memory.Bucket(t.Context(), "dids")
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := did.ParseHosts([]string{"agents.example"})
	if err != nil {
		t.Fatal(err)
	}
	known, err := did.Open(t.Context(), did.Config{
		Bucket: bucket, Resolver: host{}, Hosts: hosts, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Wanted: func() []did.Claim { return []did.Claim{{DID: web, Revision: 1}} },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(known.Close)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		known.Follow(ctx)
	}()
	synctest.Wait()
	cancel()
	<-done
	return known.Image()
}

func TestSignatories(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		image, now := documents(t), time.Now()
		key := func(name agent.ID) agent.Key { return meshtest.Public(meshtest.Private(name)) }
		m := meshtest.New()
		caller := m.Records["caller"]
		caller.DIDs = append(caller.DIDs, web)
		caller.Sidecars = []string{key("second").DID}
		caller.Retiring = map[string]time.Time{key("caller").DID: now}
		mesh := Mesh{
			Agents:    registry.NewSnapshot(7, []*agent.Record{caller, m.Records["ledger"]}, registry.Revocation{Of: key("third").Fragment()}),
			Documents: image,
		}
		type want struct {
			Agent agent.ID
			DID   string
			Role  agent.KeyRole
		}
		for _, c := range []struct {
			name, keyID string
			want        want
		}{
			{"registered", key("ledger").DID, want{"ledger", key("ledger").DID, agent.AgentKey}},
			{"retired", key("caller").DID, want{}},
			{"in-the-document", web + "#first", want{"caller", web, agent.AgentKey}},
			{"in-the-document-and-a-sidecar's", web + "#second", want{"caller", web, agent.SidecarKey}},
			{"in-the-document-and-revoked", web + "#third", want{}},
			{"not-in-the-document", web + "#fourth", want{}},
			{"of-a-document-with-several", web, want{}},
			{"of-a-did-that-nobody-has", "did:web:agents.example:other#first", want{}},
			{"empty", "", want{}},
		} {
			signatory, ok := mesh.Signatory(c.keyID, now)
			got := want{signatory.Agent, signatory.DID, signatory.Role}
			if diff := cmp.Diff(c.want, got); diff != "" || ok != (got.Agent != "") {
				t.Errorf("%s (-want +got)\n%s", c.name, diff)
			}
		}
		mesh.Documents = nil
		if _, ok := mesh.Signatory(web+"#first", now); ok {
			t.Error("a key counts of which no document is known")
		}
	})
}
