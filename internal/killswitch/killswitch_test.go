package killswitch_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/killswitch"
	"ringfence.dev/ringfence/internal/store"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 7, time.UTC)

func bucket(t *testing.T) store.Bucket {
	t.Helper()
	s := store.NewMemory(time.Now)
	t.Cleanup(func() { _ = s.Close() })
	b, err := s.Bucket(t.Context(), killswitch.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t *testing.T, b store.Bucket, changed func()) *killswitch.Board {
	t.Helper()
	board, err := killswitch.Open(t.Context(), killswitch.Config{
		Bucket: b, Now: func() time.Time { return noon }, Logger: slog.New(slog.DiscardHandler), Changed: changed,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(board.Close)
	return board
}

// stopped returns the scope of the switch that stops the agent.
func stopped(i *killswitch.Image, name agent.ID, owner agent.Owner) killswitch.Scope {
	s, killed := i.Killed(name, owner)
	if !killed {
		return ""
	}
	return s.Scope
}

func TestPullAndLift(t *testing.T) {
	t.Parallel()
	var changes atomic.Int32
	board := open(t, bucket(t), func() { changes.Add(1) })
	const owner = "Größe & Söhne <ops@example.com>"
	for _, step := range []struct {
		name                   string
		pull                   bool
		scope                  killswitch.Scope
		of                     string
		agent, others, strange killswitch.Scope // what stops one, its owner's others, and everybody else
	}{
		{"agent", true, killswitch.Agent, "one", killswitch.Agent, "", ""},
		{"owner-comes-first", true, killswitch.Owner, owner, killswitch.Owner, killswitch.Owner, ""},
		{"mesh-comes-first", true, killswitch.Mesh, "", killswitch.Mesh, killswitch.Mesh, killswitch.Mesh},
		{"owner-of-the-same-name", true, killswitch.Owner, "one", killswitch.Mesh, killswitch.Mesh, killswitch.Mesh},
		{"lift-agent", false, killswitch.Agent, "one", killswitch.Mesh, killswitch.Mesh, killswitch.Mesh},
		{"lift-mesh", false, killswitch.Mesh, "", killswitch.Owner, killswitch.Owner, ""},
		{"lift-owner", false, killswitch.Owner, owner, "", "", ""},
	} {
		if step.pull {
			got, err := board.Pull(t.Context(), killswitch.Switch{Scope: step.scope, Name: step.of, Reason: "drill", By: "ann"})
			if want := (killswitch.Switch{Scope: step.scope, Name: step.of, Reason: "drill", By: "ann", At: noon.Truncate(time.Second)}); err != nil || got != want {
				t.Fatalf("%s: pulled %+v, %v", step.name, got, err)
			}
		} else if err := board.Lift(t.Context(), step.scope, step.of); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		// Both return when the image has it, so that nothing has to be waited for.
		image := board.Image()
		got := []killswitch.Scope{stopped(image, "one", owner), stopped(image, "two", owner), stopped(image, "three", "else")}
		if diff := cmp.Diff([]killswitch.Scope{step.agent, step.others, step.strange}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if got := stopped(image, "", ""); got == killswitch.Owner || got == killswitch.Agent {
			t.Errorf("%s: nobody in particular is stopped by %s", step.name, got)
		}
	}
	if err := board.Lift(t.Context(), killswitch.Owner, owner); !errors.Is(err, killswitch.ErrNotPulled) {
		t.Errorf("lifting twice: %v", err)
	}
	if got := board.List(); len(got) != 1 || got[0].Name != "one" || got[0].Scope != killswitch.Owner {
		t.Errorf("left are %+v", got)
	}
	if changes.Load() == 0 {
		t.Error("nobody was told of the changes")
	}
}

func TestPullAgainHasTheNewReason(t *testing.T) {
	t.Parallel()
	board := open(t, bucket(t), nil)
	for _, reason := range []string{"first", "second"} {
		if _, err := board.Pull(t.Context(), killswitch.Switch{Scope: killswitch.Agent, Name: "one", Reason: reason}); err != nil {
			t.Fatal(err)
		}
		if s, _ := board.Image().Killed("one", ""); s.Reason != reason {
			t.Errorf("the reason is %q", s.Reason)
		}
	}
}

// TestReplicas holds that a switch which one process pulls stops agents in another, and one that it lifts does not.
func TestReplicas(t *testing.T) {
	t.Parallel()
	b := bucket(t)
	news := make(chan struct{}, 16)
	here, there := open(t, b, nil), open(t, b, func() { news <- struct{}{} })
	if _, err := here.Pull(t.Context(), killswitch.Switch{Scope: killswitch.Agent, Name: "one"}); err != nil {
		t.Fatal(err)
	}
	<-news
	if got := stopped(there.Image(), "one", ""); got != killswitch.Agent {
		t.Errorf("elsewhere the agent is stopped by %q", got)
	}
	if err := here.Lift(t.Context(), killswitch.Agent, "one"); err != nil {
		t.Fatal(err)
	}
	<-news
	if got := stopped(there.Image(), "one", ""); got != "" {
		t.Errorf("elsewhere the agent is stopped by %q", got)
	}
	if err := here.Healthy(); err != nil || here.Behind(time.Now()) != 0 {
		t.Errorf("%v, %s behind", err, here.Behind(time.Now()))
	}
}

func TestInvalidSwitches(t *testing.T) {
	t.Parallel()
	b := bucket(t)
	board := open(t, b, nil)
	for name, s := range map[string]killswitch.Switch{
		"no-scope":          {Name: "one"},
		"other-scope":       {Scope: "ring", Name: "one"},
		"mesh-with-a-name":  {Scope: killswitch.Mesh, Name: "one"},
		"agent-unnamed":     {Scope: killswitch.Agent},
		"agent-not-a-label": {Scope: killswitch.Agent, Name: "One.Two"},
		"owner-unnamed":     {Scope: killswitch.Owner},
		"owner-too-long":    {Scope: killswitch.Owner, Name: strings.Repeat("x", killswitch.MaxOwner+1)},
		"owner-not-utf-8":   {Scope: killswitch.Owner, Name: "\xff"},
		"owner-controls":    {Scope: killswitch.Owner, Name: "a\nb"},
		"reason-too-long":   {Scope: killswitch.Mesh, Reason: strings.Repeat("x", killswitch.MaxText+1)},
		"by-controls":       {Scope: killswitch.Mesh, By: "\x1b[2J"},
	} {
		if _, err := board.Pull(t.Context(), s); !errors.Is(err, killswitch.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if s.Reason == "" && s.By == "" {
			if err := board.Lift(t.Context(), s.Scope, s.Name); !errors.Is(err, killswitch.ErrInvalid) {
				t.Errorf("%s: lifting says %v", name, err)
			}
		}
	}
	if got := board.List(); len(got) != 0 {
		t.Errorf("pulled are %+v", got)
	}
	longest := killswitch.Switch{Scope: killswitch.Owner, Name: strings.Repeat("x", killswitch.MaxOwner), Reason: strings.Repeat("r", killswitch.MaxText)}
	if _, err := board.Pull(t.Context(), longest); err != nil {
		t.Errorf("the longest owner: %v", err)
	}
}

// TestUnreadableEntriesAreSwitches writes what Pull never would, past it.
func TestUnreadableEntriesAreSwitches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, key, value string
		scope            killswitch.Scope
		of               string
	}{
		{"agent-no-json", "agent.one", "{", killswitch.Agent, "one"},
		{"agent-empty", "agent.one", "", killswitch.Agent, "one"},
		{"agent-other-json", "agent.one", `[1]`, killswitch.Agent, "one"},
		{"agent-odd-time", "agent.one", `{"at":"noon"}`, killswitch.Agent, "one"},
		{"agent-control-characters", "agent.one", `{"reason":"\u001b[2J"}`, killswitch.Agent, "one"},
		{"owner-no-json", "owner.b25l", "x", killswitch.Owner, "one"},
		{"mesh-no-json", "mesh", "x", killswitch.Mesh, ""},
		{"owner-no-base64", "owner.====", `{}`, killswitch.Mesh, ""},
		{"owner-spelled-otherwise", "owner.b25m", `{}`, killswitch.Owner, "onf"},
		{"owner-trailing-bits", "owner.b25sb2", `{}`, killswitch.Mesh, ""},
		{"agent-no-label", "agent.One", `{}`, killswitch.Mesh, ""},
		{"agent-below", "agent.one.two", `{}`, killswitch.Mesh, ""},
		{"unknown-scope", "ring.3", `{}`, killswitch.Mesh, ""},
		{"mesh-below", "mesh.x", `{}`, killswitch.Mesh, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bucket(t)
			if _, err := b.Put(t.Context(), c.key, []byte(c.value)); err != nil {
				t.Fatal(err)
			}
			board := open(t, b, nil)
			got := board.List()
			if len(got) != 1 || got[0].Scope != c.scope || got[0].Name != c.of || strings.Contains(got[0].Reason, "\x1b") {
				t.Fatalf("pulled are %+v", got)
			}
			// And an operator can lift it, by the scope that the list shows.
			if err := board.Lift(t.Context(), c.scope, c.of); err != nil {
				t.Fatal(err)
			}
			if got := board.List(); len(got) != 0 {
				t.Errorf("left are %+v", got)
			}
		})
	}
}

func TestMeshAndUnreadableTogether(t *testing.T) {
	t.Parallel()
	b := bucket(t)
	for _, key := range []string{"what", "ever"} {
		if _, err := b.Put(t.Context(), key, nil); err != nil {
			t.Fatal(err)
		}
	}
	board := open(t, b, nil)
	if _, err := board.Pull(t.Context(), killswitch.Switch{Scope: killswitch.Mesh, Reason: "mine"}); err != nil {
		t.Fatal(err)
	}
	if s, _ := board.Image().Killed("one", ""); s.Reason != "mine" {
		t.Errorf("the reason is %q, not the operator's", s.Reason)
	}
	if err := board.Lift(t.Context(), killswitch.Mesh, ""); err != nil {
		t.Fatal(err)
	}
	if got := board.List(); len(got) != 0 {
		t.Errorf("left are %+v", got)
	}
}

func TestListIsInOrder(t *testing.T) {
	t.Parallel()
	var names []string
	for _, s := range killswitch.ImageOf(
		killswitch.Switch{Scope: killswitch.Agent, Name: "b"}, killswitch.Switch{Scope: killswitch.Owner, Name: "z"},
		killswitch.Switch{Scope: killswitch.Agent, Name: "a"}, killswitch.Switch{Scope: killswitch.Mesh}, killswitch.Switch{Scope: killswitch.Owner, Name: "y"},
	).List() {
		names = append(names, string(s.Scope)+" "+s.Name)
	}
	if diff := cmp.Diff([]string{"mesh ", "owner y", "owner z", "agent a", "agent b"}, names); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

// TestNothingKnownStopsEverybody looks at images before anything is known, and at a switch of an unknown kind.
func TestNothingKnownStopsEverybody(t *testing.T) {
	t.Parallel()
	for name, i := range map[string]*killswitch.Image{
		"nil": nil, "zero": {}, "unknown-scope": killswitch.ImageOf(killswitch.Switch{Scope: "ring", Name: "3"}),
	} {
		if got := stopped(i, "one", "owner"); got != killswitch.Mesh {
			t.Errorf("%s: the agent is stopped by %q", name, got)
		}
		if got := i.List(); len(got) != 1 {
			t.Errorf("%s: pulled are %+v", name, got)
		}
	}
	if got := stopped(killswitch.ImageOf(), "one", "owner"); got != "" {
		t.Errorf("with no switch the agent is stopped by %q", got)
	}
}

func TestImagesDoNotChange(t *testing.T) {
	t.Parallel()
	board := open(t, bucket(t), nil)
	before := board.Image()
	if again := board.Image(); again != before {
		t.Error("an image is made anew without a change")
	}
	if _, err := board.Pull(t.Context(), killswitch.Switch{Scope: killswitch.Mesh}); err != nil {
		t.Fatal(err)
	}
	if got := stopped(before, "one", ""); got != "" {
		t.Error("an image changed after it was taken")
	}
}

// failing is a bucket whose calls fail as told.
type failing struct {
	store.Bucket
	put, deletes error
}

func (f failing) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	if f.put != nil {
		return 0, f.put
	}
	return f.Bucket.Put(ctx, key, value)
}

func (f failing) Delete(ctx context.Context, key string, revision uint64) error {
	if f.deletes != nil {
		return f.deletes
	}
	return f.Bucket.Delete(ctx, key, revision)
}

func TestStoreFailures(t *testing.T) {
	t.Parallel()
	board := open(t, failing{bucket(t), store.ErrUnavailable, nil}, nil)
	if _, err := board.Pull(t.Context(), killswitch.Switch{Scope: killswitch.Mesh}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("pulling: %v", err)
	}
	board = open(t, failing{bucket(t), nil, store.ErrConflict}, nil)
	if _, err := board.Pull(t.Context(), killswitch.Switch{Scope: killswitch.Mesh}); err != nil {
		t.Fatal(err)
	}
	if err := board.Lift(t.Context(), killswitch.Mesh, ""); !errors.Is(err, store.ErrConflict) {
		t.Errorf("lifting: %v", err)
	}
	if stopped(board.Image(), "one", "") == "" {
		t.Error("what could not be lifted is lifted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := killswitch.Open(ctx, killswitch.Config{Bucket: bucket(t), Now: time.Now, Logger: slog.New(slog.DiscardHandler)}); err != nil && !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("opening without time: %v", err)
	}
}

// FuzzEntries holds that an entry of any key and value is a switch, and that lifting what the list shows removes it.
func FuzzEntries(f *testing.F) {
	for _, seed := range [][2]string{
		{"mesh", `{"reason":"x","by":"y","at":"2026-07-01T12:00:00Z"}`},
		{"agent.one", `{"at":"2026-07-01T12:00:00Z"}`},
		{"owner.b25l", `{}`},
		{"owner.b25", ``},
		{"agent.-", `null`},
		{"owner.", `{"at":7}`},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		s := store.NewMemory(time.Now)
		defer s.Close()
		b, err := s.Bucket(t.Context(), killswitch.Bucket)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Put(t.Context(), key, value); err != nil {
			t.Skip("the store has no such key")
		}
		board := open(t, b, nil)
		list := board.List()
		if len(list) != 1 {
			t.Fatalf("the entry is %+v", list)
		}
		if got := stopped(board.Image(), agent.ID(list[0].Name), agent.Owner(list[0].Name)); got == "" {
			t.Fatalf("%+v stops nobody", list[0])
		}
		if err := board.Lift(t.Context(), list[0].Scope, list[0].Name); err != nil {
			t.Fatal(err)
		}
		if list := board.List(); len(list) != 0 {
			t.Fatalf("left are %+v", list)
		}
	})
}

func BenchmarkKilled(b *testing.B) {
	s := store.NewMemory(time.Now)
	defer s.Close()
	bucket, err := s.Bucket(b.Context(), killswitch.Bucket)
	if err != nil {
		b.Fatal(err)
	}
	board, err := killswitch.Open(b.Context(), killswitch.Config{Bucket: bucket, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer board.Close()
	if _, err := board.Pull(b.Context(), killswitch.Switch{Scope: killswitch.Owner, Name: "somebody"}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, killed := board.Image().Killed("weather", "team a"); killed {
				b.Error("stopped")
			}
		}
	})
}
