package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/store"
)

// execute runs one command by itself.
func execute(t *testing.T, cmd *cobra.Command, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// gated serves the API about gates between the agents broker and ledger.
func gated(t *testing.T) (flags []string, gates *gate.Ledger, memory *store.Memory) {
	t.Helper()
	memory = store.NewMemory(time.Now)
	t.Cleanup(func() { memory.Close() })
	bucket, err := memory.Bucket(t.Context(), gate.BucketName)
	if err != nil {
		t.Fatal(err)
	}
	gates, err = gate.Open(t.Context(), gate.Config{
		Bucket: bucket, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Agent: func(id agent.ID) (*agent.Record, bool) {
			record := &agent.Record{Name: id, Status: agent.Active, Ceiling: agent.Supervisor}
			return record, id == "broker" || id == "ledger"
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gates.Close)
	mux := http.NewServeMux()
	gateReview{gates: gates, now: time.Now, logger: slog.New(slog.DiscardHandler)}.register(bareAPI(mux))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return []string{"--api", server.URL, "--token", "t"}, gates, memory
}

func TestGateCommands(t *testing.T) {
	t.Parallel()
	flags, gates, memory := gated(t)
	command := func(args ...string) (string, error) {
		return execute(t, gateCommand(), append(args, flags...)...)
	}
	declare := []string{"declare", "metrics", "--from", "broker", "--to", "ledger", "--operation", "read", "--ring", "2", "--by", "Ada"}
	out, err := command(declare...)
	if err != nil || !strings.Contains(out, "declared") || !strings.Contains(out, "Ada") {
		t.Fatalf("declare: %q, %v", out, err)
	}
	g, _ := gates.Image().Get("metrics")
	if _, err := command("accept", "metrics", "--digest", "other", "--by", "Grace"); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("accepting what was not declared: %v", err)
	}
	out, err = command("accept", "metrics", "--digest", g.Digest(), "--by", "Grace")
	if err != nil || !strings.Contains(out, "open") || !strings.Contains(out, "Grace") {
		t.Errorf("accept: %q, %v", out, err)
	}
	out, err = command("list")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); err != nil || len(lines) != 2 || !strings.HasPrefix(lines[1], "metrics  open") {
		t.Errorf("list: %q, %v", out, err)
	}
	if out, err := command(append(declare, "--operation", "*")...); err != nil || !strings.Contains(out, "declared") {
		t.Errorf("declaring it otherwise: %q, %v", out, err)
	}
	if out, err := command("delete", "metrics"); err != nil || out != "" {
		t.Errorf("delete: %q, %v", out, err)
	}
	if out, err := command("list"); err != nil || out != "no gate is declared\n" {
		t.Errorf("list without gates: %q, %v", out, err)
	}
	if _, err := command("delete", "metrics"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("deleting it again: %v", err)
	}
	if err := memory.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := command(declare...); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("without a store: %v", err)
	}
}

func TestGateAPIRefuses(t *testing.T) {
	t.Parallel()
	flags, _, _ := gated(t)
	tests := []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{"unknown-agents", http.MethodPut, "/v1/gates/g", `{"from":"x","to":"y","operations":["read"],"ring":2,"until":"2999-01-01T00:00:00Z","by":"Ada"}`, 422, "body.from"},
		{"bad-name", http.MethodPut, "/v1/gates/No_Name", `{"from":"broker","to":"ledger","operations":["read"],"ring":2,"until":"2999-01-01T00:00:00Z","by":"Ada"}`, 422, "path.id"},
		{"too-long", http.MethodPut, "/v1/gates/g", `{"from":"broker","to":"ledger","operations":["read"],"ring":2,"until":"2999-01-01T00:00:00Z","by":"Ada"}`, 422, "body.until"},
		{"above-the-ceiling", http.MethodPut, "/v1/gates/g", `{"from":"broker","to":"ledger","operations":["read"],"ring":0,"until":"2999-01-01T00:00:00Z","by":"Ada"}`, 422, "body.ring"},
		{"no-ring", http.MethodPut, "/v1/gates/g", `{"from":"broker","to":"ledger","operations":["read"],"ring":4,"until":"2999-01-01T00:00:00Z","by":"Ada"}`, 422, "body.ring"},
		{"unknown-field", http.MethodPut, "/v1/gates/g", `{"from":"broker","to":"ledger","operations":["read"],"ring":2,"until":"2999-01-01T00:00:00Z","by":"Ada","accepted":true}`, 422, "accepted"},
		{"nobody", http.MethodPost, "/v1/gates/g/accept", `{"digest":"x","by":""}`, 422, "body.by"},
		{"none", http.MethodGet, "/v1/gates/g", "", 404, "no gate"},
		{"none-to-accept", http.MethodPost, "/v1/gates/g/accept", `{"digest":"x","by":"Grace"}`, 404, "no gate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			request, err := http.NewRequestWithContext(t.Context(), test.method, flags[1]+test.path, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var body strings.Builder
			if err := response.Write(&body); err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.status || !strings.Contains(body.String(), test.says) {
				t.Errorf("%d, want %d with %q: %s", response.StatusCode, test.status, test.says, body.String())
			}
		})
	}
}
