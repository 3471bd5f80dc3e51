package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/task"
)

// assigned is when tasks are assigned.
var assigned = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)

// reviewed serves the API about the tasks of a ledger, whose store is returned too.
func reviewed(t *testing.T, log *strings.Builder) (flags []string, ledger *task.Ledger, memory *store.Memory) {
	t.Helper()
	memory = store.NewMemory(time.Now)
	t.Cleanup(func() { memory.Close() })
	bucket, err := memory.Bucket(t.Context(), tasksBucket)
	if err != nil {
		t.Fatal(err)
	}
	ledger = task.Open(t.Context(), task.Config{
		Bucket: bucket, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Memory: 1000, Retention: time.Hour, Finished: time.Hour, WaitForStore: true,
	})
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		ledger.Close(ended) //nolint:errcheck // the store may be closed
	})
	mux := http.NewServeMux()
	mesh := registry.NewSnapshot(1, []*agent.Record{{Name: "weather"}, {Name: "concierge"}, {Name: "butler"}})
	taskReview{
		tasks: ledger, agents: func() *registry.Snapshot { return mesh }, now: func() time.Time { return assigned },
		logger: slog.New(slog.NewTextHandler(log, nil)),
	}.register(bareAPI(mux))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return []string{"--api", server.URL, "--token", "t"}, ledger, memory
}

func TestTasksCommands(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	flags, ledger, memory := reviewed(t, &log)
	tasks := func(args ...string) (string, error) {
		return run(t, append(append([]string{"tasks"}, args...), flags...)...)
	}
	const id = "odd id/of ours"
	started := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if _, err := ledger.Learn(t.Context(), task.Ref{Callee: "weather", Task: id}, task.Owner{Agent: "concierge", Created: started}, task.Running); err != nil {
		t.Fatal(err)
	}
	if out, err := tasks("owner", "weather", id); err != nil || out != "concierge, since 2026-03-01T12:00:00Z\n" {
		t.Errorf("owner: %q, %v", out, err)
	}
	for range 2 {
		if out, err := tasks("assign", "weather", id, "butler"); err != nil || out != "" {
			t.Errorf("assign: %q, %v", out, err)
		}
	}
	if out, err := tasks("owner", "weather", id); err != nil || out != "butler, since 2026-04-01T12:00:00Z\n" {
		t.Errorf("owner of an assigned task: %q, %v", out, err)
	}
	for want, args := range map[string][]string{
		"422": {"assign", "weather", id, "nobody"}, "404: no agent": {"assign", "wether", id, "butler"},
		"404: no agent of this name": {"owner", "wether", id},
	} {
		if _, err := tasks(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
	for range 2 { // what is forgotten already stays so
		if out, err := tasks("forget", "weather", id); err != nil || out != "" {
			t.Errorf("forget: %q, %v", out, err)
		}
	}
	if _, err := tasks("owner", "weather", id); err == nil || !strings.Contains(err.Error(), "404: nobody is known to own the task") {
		t.Errorf("owner of a forgotten task: %v", err)
	}
	if err := memory.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tasks("forget", "weather", id); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("forget without a store: %v", err)
	}
	if !strings.Contains(log.String(), "forgetting a task: ") {
		t.Errorf("the log does not say why: %s", log.String())
	}
}
