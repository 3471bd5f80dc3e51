package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/registry/api"
	"ringfence.dev/ringfence/internal/store"
)

// keyed is when keys are added and revoked.
var keyed = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)

// registryAPI serves the API of an empty registry.
func registryAPI(t *testing.T) (flags []string, r *registry.Registry) {
	t.Helper()
	memory := store.NewMemory(time.Now)
	t.Cleanup(func() { memory.Close() })
	bucket := func(name string) store.Bucket {
		b, err := memory.Bucket(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	now, logger := func() time.Time { return keyed }, slog.New(slog.DiscardHandler)
	r, err := registry.Open(t.Context(), registry.Config{
		Bucket: bucket(agentsBucket), Revoked: bucket(revokedBucket), Now: now, Logger: logger, Cards: cards.Policy{Mode: cards.Off},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	const token = "token-token-token-token-token-token"
	s, err := api.New(api.Config{Registry: r, Token: token, PublicURL: func() string { return "http://mesh.test" }, Now: now, Logger: logger, Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return []string{"--api", server.URL, "--token", token}, r
}

// perform runs one command, whether or not it is among those of the program.
func perform(t *testing.T, cmd *cobra.Command, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// keyFile writes a key and returns its file and its names.
func keyFile(t *testing.T, seed byte) (string, agent.Key) {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := identity.SaveKey(path, private); err != nil {
		t.Fatal(err)
	}
	return path, agent.NewKey(private.Public().(ed25519.PublicKey))
}

// registerWeather registers an agent by the command.
func registerWeather(t *testing.T, flags []string, args ...string) error {
	t.Helper()
	card := filepath.Join(t.TempDir(), "card.json")
	const content = `{"name":"Weather","version":"1","skills":[],"supportedInterfaces":[{"url":"http://127.0.0.1:9001/","protocolBinding":"JSONRPC","protocolVersion":"1.0"}]}`
	if err := os.WriteFile(card, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := perform(t, registerCommand(), append(append([]string{"weather", "--card", card}, args...), flags...)...)
	return err
}

func TestRegisterEvidence(t *testing.T) {
	t.Parallel()
	flags, r := registryAPI(t)
	ownFile, own := keyFile(t, 1)
	sidecarFile, sidecar := keyFile(t, 2)
	_, second := keyFile(t, 3)
	err := registerWeather(t, flags, "--key", ownFile, "--did", "did:web:a.example", "--sidecar", sidecarFile, "--sidecar", second.DID,
		"--spiffe-id", "spiffe://example.org/weather", "--subject", "https://issuer.example#we#ather", "--required-ring", "0", "--required-trust", "900")
	if err != nil {
		t.Fatal(err)
	}
	record, err := r.Get("weather")
	if err != nil {
		t.Fatal(err)
	}
	want := &agent.Record{
		DIDs: []string{own.DID, own.Mesh, "did:web:a.example"}, Sidecars: []string{sidecar.DID, second.DID},
		Workloads: []string{"spiffe://example.org/weather"}, Subjects: []agent.Subject{{Issuer: "https://issuer.example", Name: "we#ather"}},
		RequiredRing: agent.Kernel, RequiredTrust: 900,
	}
	got := &agent.Record{
		DIDs: record.DIDs, Sidecars: record.Sidecars, Workloads: record.Workloads, Subjects: record.Subjects,
		RequiredRing: record.RequiredRing, RequiredTrust: record.RequiredTrust,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := registerWeather(t, flags, "--subject", "weather"); err == nil || !strings.Contains(err.Error(), "must be issuer#subject") {
		t.Errorf("a subject without issuer: %v", err)
	}
	if err := registerWeather(t, flags, "--replace", "--sidecar", own.DID, "--did", own.DID); err == nil || !strings.Contains(err.Error(), "body.sidecarDids[0]: is a key of the agent itself") {
		t.Errorf("a sidecar with the agent's key: %v", err)
	}
}

func TestKeysCommands(t *testing.T) {
	t.Parallel()
	flags, r := registryAPI(t)
	ownFile, own := keyFile(t, 1)
	nextFile, next := keyFile(t, 2)
	_, sidecar := keyFile(t, 3)
	if err := registerWeather(t, flags, "--key", ownFile); err != nil {
		t.Fatal(err)
	}
	keys := func(args ...string) (string, error) {
		return perform(t, keysCommand(), append(args, flags...)...)
	}
	lines := func(out string) [][]string {
		var rows [][]string
		for line := range strings.Lines(out) {
			rows = append(rows, strings.Fields(line))
		}
		return rows
	}
	header := []string{"KEY", "ROLE", "STATE", "SINCE", "OR", "UNTIL", "REASON"}
	steps := []struct {
		args []string
		want [][]string
	}{
		{[]string{"list", "weather"}, [][]string{header, {own.DID, "agent", "active", "-", "-"}}},
		{
			[]string{"add", "weather", sidecar.DID, "--role", "sidecar"},
			[][]string{header, {own.DID, "agent", "active", "-", "-"}, {sidecar.DID, "sidecar", "active", "-", "-"}},
		},
		{
			[]string{"rotate", "weather", nextFile, "--overlap", "90m"},
			[][]string{
				header,
				{own.DID, "agent", "retiring", "2026-04-01T13:30:00Z", "-"},
				{next.DID, "agent", "active", "-", "-"},
				{sidecar.DID, "sidecar", "active", "-", "-"},
			},
		},
		{[]string{"revoke", "weather", own.DID, "--reason", "lost & found"}, nil},
		{[]string{"list", "weather"}, [][]string{
			header,
			{next.DID, "agent", "active", "-", "-"},
			{sidecar.DID, "sidecar", "active", "-", "-"},
			{own.DID, "agent", "revoked", "2026-04-01T12:00:00Z", "lost", "&", "found"},
		}},
	}
	for _, step := range steps {
		out, err := keys(step.args...)
		if err != nil {
			t.Fatalf("%q: %v", step.args, err)
		}
		if diff := cmp.Diff(step.want, lines(out)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", step.args, diff)
		}
	}
	if _, ok := r.Snapshot().Key(own.DID); ok {
		t.Error("the revoked key is still accepted")
	}
	for want, args := range map[string][]string{
		"409: another agent, or a revocation, is in the way": {"add", "weather", ownFile},
		"404: no agent of this name":                         {"list", "wether"},
		"404: the agent has no such key":                     {"revoke", "weather", "did:key:x"},
		"no such file":                                       {"add", "weather", "nowhere.pem"},
		"body.overlap: must be 0 to 2160h0m0s":               {"rotate", "weather", next.DID, "--overlap", "10000h"},
	} {
		if _, err := keys(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
}

// TestReleaseOfOneHeldByEvidence holds that nobody takes an agent for released that its evidence still holds.
func TestReleaseOfOneHeldByEvidence(t *testing.T) {
	t.Parallel()
	for held, want := range map[bool]string{true: "until `ringfence trust clear weather`", false: ""} {
		mux := http.NewServeMux()
		mux.HandleFunc("PUT /v1/agents/weather/status", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"status": "active", "statusChange": {"reason": "a mistake"}}`) //nolint:errcheck // the test fails by itself
		})
		mux.HandleFunc("GET /v1/agents/weather/trust", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"quarantined": %t}`, held)
		})
		api := httptest.NewServer(mux)
		t.Cleanup(api.Close)
		cmd := statusCommands()[1]
		var warned bytes.Buffer
		cmd.SetErr(&warned)
		out, err := perform(t, cmd, "weather", "--reason", "a mistake", "--api", api.URL, "--token", "t")
		if err != nil || out != "weather is active: a mistake\n" || !strings.Contains(warned.String(), want) || (want == "") != (warned.Len() == 0) {
			t.Errorf("held %t: %q, %q, %v", held, out, &warned, err)
		}
	}
}

func TestStatusCommands(t *testing.T) {
	t.Parallel()
	flags, r := registryAPI(t)
	if err := registerWeather(t, flags); err != nil {
		t.Fatal(err)
	}
	status := func(name string, args ...string) (string, error) {
		for _, cmd := range statusCommands() {
			if cmd.Name() == name {
				return perform(t, cmd, append(args, flags...)...)
			}
		}
		t.Fatalf("there is no command %s", name)
		return "", nil
	}
	for _, step := range []struct {
		command string
		want    agent.Status
	}{{"quarantine", agent.Quarantined}, {"release", agent.Active}, {"revoke", agent.Revoked}} {
		out, err := status(step.command, "weather", "--reason", "because of "+step.command)
		if want := "weather is " + string(step.want) + ": because of " + step.command + "\n"; err != nil || out != want {
			t.Errorf("%s: %q, %v", step.command, out, err)
		}
		if record, err := r.Get("weather"); err != nil || record.Status != step.want {
			t.Errorf("%s: %+v, %v", step.command, record, err)
		}
	}
	if _, err := status("release", "weather", "--reason", "a mistake"); err == nil || !strings.Contains(err.Error(), "409: the agent is revoked for ever") {
		t.Errorf("release of a revoked agent: %v", err)
	}
	if _, err := status("quarantine", "weather"); err == nil || !strings.Contains(err.Error(), `"reason" not set`) {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := status("quarantine", "wether", "--reason", "x"); err == nil || !strings.Contains(err.Error(), "404: no agent") {
		t.Errorf("nobody: %v", err)
	}
}
