package agent_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestServedGolden shows, for each card, what the mesh read and what it serves.
func TestServedGolden(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/cards/*.json")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no cards: %v", err)
	}
	for _, input := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(input), ".json"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			card, err := agent.ParseCard(raw)
			if err != nil {
				t.Fatal(err)
			}
			served, err := card.Served(agent.Base{URL: "https://mesh.example/agents/geo", GRPC: "geo.mesh.example:443"})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(input, ".json")+".golden", render(t, card, served))
		})
	}
}

func render(t *testing.T, card agent.Card, served []byte) []byte {
	t.Helper()
	read := struct {
		Name, Version string
		Streaming     bool
		Entrances     []agent.Entrance
		Skills        []agent.Skill
	}{card.Name, card.Version, card.Streaming, card.Entrances(), card.Skills}
	out, err := json.MarshalIndent(read, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, "\n-- served --\n"...)
	return append(append(out, served...), '\n')
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestServedHidesTheAgent holds that what is served parses, leads only into the mesh, enters where the mesh
// expects it, and carries no signature.
func TestServedHidesTheAgent(t *testing.T) {
	t.Parallel()
	inputs, _ := filepath.Glob("testdata/cards/*.json")
	for _, input := range inputs {
		raw, err := os.ReadFile(input)
		if err != nil {
			t.Fatal(err)
		}
		checkServed(t, raw)
	}
}

func checkServed(t *testing.T, raw []byte) {
	t.Helper()
	base := agent.Base{URL: "https://mesh.example/agents/x", GRPC: "x.mesh.example:443"}
	card, err := agent.ParseCard(raw)
	if err != nil {
		return
	}
	body, err := card.Served(base)
	if err != nil {
		t.Fatalf("serving %s: %v", raw, err)
	}
	if len(body) > 4*agent.MaxCardBytes+32*1024 {
		t.Fatalf("a card of %d bytes is served as %d", len(raw), len(body))
	}
	var shape map[string]json.RawMessage
	if err := json.Unmarshal(body, &shape); err != nil {
		t.Fatalf("served card is not JSON: %v\n%s", err, body)
	}
	if _, ok := shape["signatures"]; ok {
		t.Fatalf("a stale signature is served:\n%s", body)
	}
	if len(body) > agent.MaxCardBytes {
		return
	}
	served, err := agent.ParseCard(body)
	if err != nil {
		t.Fatalf("the served card does not parse: %v\n%s\nfrom\n%s", err, body, raw)
	}
	for _, iface := range served.Interfaces {
		if iface.Binding == agent.GRPC {
			if iface.URL != base.GRPC {
				t.Fatalf("interface %s leads around the mesh:\n%s", iface.URL, body)
			}
			continue
		}
		below, ok := strings.CutPrefix(iface.URL, base.URL)
		if !ok {
			t.Fatalf("interface %s leads around the mesh:\n%s", iface.URL, body)
		}
		if iface.Binding == agent.HTTPJSON {
			below += "/message:send"
		}
		entrance, _, ok := card.Enter(below)
		if !ok || entrance.Interface.Binding != iface.Binding || entrance.Interface.Version != iface.Version ||
			entrance.Interface.Tenant != iface.Tenant {
			t.Fatalf("served interface %+v enters %+v, %v\n%s", iface, entrance, ok, body)
		}
	}
}

func FuzzParseCard(f *testing.F) {
	inputs, _ := filepath.Glob("testdata/cards/*.json")
	for _, input := range inputs {
		raw, err := os.ReadFile(input)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"name":"a","url":"http://h","URL":"http://evil"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		card, err := agent.ParseCard(raw)
		if err != nil {
			if len(agent.FieldErrors(err)) == 0 {
				t.Fatalf("an error that names no field: %v", err)
			}
			return
		}
		if !bytes.Equal(card.Raw, bytes.Trim(raw, " \t\r\n")) {
			t.Fatalf("raw is %q", card.Raw)
		}
		checkServed(t, raw)
		record := &agent.Record{Name: "a", Card: card, Status: agent.Active, Pending: &agent.PendingCard{Digest: "d", Card: card}}
		encoded, err := record.Encode()
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := agent.DecodeRecord(encoded, 7)
		if err != nil || !bytes.Equal(decoded.Card.Raw, card.Raw) || !bytes.Equal(decoded.Pending.Card.Raw, card.Raw) || decoded.Revision != 7 {
			t.Fatalf("record does not come back: %v\n%s", err, encoded)
		}
	})
}
