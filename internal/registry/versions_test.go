package registry

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/store"
)

// tagged is a server of one card that always has the same tag.
type tagged struct{ card agent.Card }

func (s tagged) FetchCard(_ context.Context, url string, _ CardVersion) (FetchedCard, error) {
	return FetchedCard{Card: s.card, Version: CardVersion{URL: url, Tag: `"1"`}}, nil
}

func (tagged) FetchKeySet(context.Context, string) ([]byte, error) { return nil, nil }

// TestVersionsAreForgotten shows that agents that come and go leave nothing behind.
func TestVersionsAreForgotten(t *testing.T) {
	t.Parallel()
	memory := store.NewMemory(time.Now)
	t.Cleanup(func() { memory.Close() })
	bucket, err := memory.Bucket(t.Context(), "agents")
	if err != nil {
		t.Fatal(err)
	}
	revoked, err := memory.Bucket(t.Context(), "revoked")
	if err != nil {
		t.Fatal(err)
	}
	card, err := agent.ParseCard([]byte(`{"name":"W","version":"1","skills":[],"supportedInterfaces":[{"url":"http://agent.example/","protocolBinding":"JSONRPC","protocolVersion":"1.0"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(t.Context(), Config{
		Bucket: bucket, Revoked: revoked, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Fetch: tagged{card}, Cards: cards.Policy{Mode: cards.Off},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	for _, name := range []string{"stays", "leaves"} {
		if _, err := r.Register(t.Context(), Registration{Name: name, CardURL: "http://agent.example/card.json"}); err != nil {
			t.Fatal(err)
		}
	}
	r.RefreshCards(t.Context(), 1)
	if len(r.versions.known) != 2 {
		t.Fatalf("versions %v", r.versions.known)
	}
	if err := r.Delete(t.Context(), "leaves", 0); err != nil {
		t.Fatal(err)
	}
	r.RefreshCards(t.Context(), 1)
	if _, ok := r.versions.known["stays"]; !ok || len(r.versions.known) != 1 {
		t.Errorf("versions %v, want that of the agent that stays alone", r.versions.known)
	}
}
