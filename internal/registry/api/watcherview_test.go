package api

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
)

// TestWatcherViewCatchesUp holds that a watcher which missed changes is told exactly the difference, and that
// changes which were queued meanwhile are not told twice.
func TestWatcherViewCatchesUp(t *testing.T) {
	t.Parallel()
	record := func(name string, revision uint64) *agent.Record {
		return &agent.Record{Name: agent.ID(name), Revision: revision}
	}
	before := registry.NewSnapshot(3, []*agent.Record{record("goes", 1), record("changes", 2), record("stays", 3)})
	after := registry.NewSnapshot(9, []*agent.Record{record("changes", 7), record("stays", 3), record("comes", 8)})
	recorder := httptest.NewRecorder()
	out, view := newEventWriter(recorder), watcherView{}
	steps := []func() error{
		func() error { return view.catchUp(before, out) },
		func() error { return view.catchUp(after, out) },
		func() error {
			return view.apply(registry.Change{Kind: registry.Deleted, Name: "goes", Revision: 4}, nil, out)
		},
		func() error {
			return view.apply(registry.Change{Kind: registry.Replaced, Name: "changes", Revision: 5}, nil, out)
		},
		func() error {
			return view.apply(registry.Change{Kind: registry.Deleted, Name: "changes", Revision: 6}, nil, out)
		},
		func() error {
			return view.apply(registry.Change{Kind: registry.Registered, Name: "changes", Revision: 7}, nil, out)
		},
		func() error {
			return view.apply(registry.Change{Kind: registry.Registered, Name: "comes", Revision: 8}, nil, out)
		},
		func() error {
			return view.apply(registry.Change{Kind: registry.Deleted, Name: "comes", Revision: 10}, nil, out)
		},
		out.flush,
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	want := []string{
		`registered {"name":"changes","revision":2}`, `registered {"name":"goes","revision":1}`, `registered {"name":"stays","revision":3}`,
		`synced {"revision":3}`,
		`deleted {"name":"goes","revision":9}`, `replaced {"name":"changes","revision":7}`, `registered {"name":"comes","revision":8}`,
		`synced {"revision":9}`,
		`deleted {"name":"comes","revision":10}`,
	}
	got := strings.NewReplacer("event: ", "", "\ndata: ", " ").Replace(recorder.Body.String())
	if diff := cmp.Diff(want, strings.Split(strings.TrimSuffix(got, "\n\n"), "\n\n")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestWatchersAreToldOfCards holds that the event about an agent says which card of it waits, else what changed last.
func TestWatchersAreToldOfCards(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	waiting := &agent.Record{Name: "a", Revision: 1, Pending: &agent.PendingCard{
		Digest: "sha256:1", Changes: []agent.CardChange{agent.InterfacesChange}, Found: at,
	}}
	changed := &agent.Record{Name: "b", Revision: 2, CardUpdate: &agent.CardUpdate{At: at, Changes: []agent.CardChange{agent.SkillsChange}}}
	recorder := httptest.NewRecorder()
	view, out := watcherView{}, newEventWriter(recorder)
	if err := view.catchUp(registry.NewSnapshot(2, []*agent.Record{waiting, changed}), out); err != nil {
		t.Fatal(err)
	}
	if err := view.apply(registry.Change{Kind: registry.Deleted, Name: "a", Revision: 3}, waiting, out); err != nil {
		t.Fatal(err)
	}
	if err := out.flush(); err != nil {
		t.Fatal(err)
	}
	want := `event: registered
data: {"name":"a","revision":1,"pendingCard":"sha256:1","cardChanges":["interfaces"],"cardChangedAt":"2026-01-02T03:04:05Z"}

event: registered
data: {"name":"b","revision":2,"cardChanges":["skills"],"cardChangedAt":"2026-01-02T03:04:05Z"}

event: synced
data: {"revision":2}

event: deleted
data: {"name":"a","revision":3}

`
	if diff := cmp.Diff(want, recorder.Body.String()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
