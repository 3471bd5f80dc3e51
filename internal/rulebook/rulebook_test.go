package rulebook

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/store"
)

func TestEmptySetIsLive(t *testing.T) {
	t.Parallel()
	b := newMesh(t).open("")
	if b.inForce() != "" || b.Problem() != nil || b.Healthy() != nil || b.Behind(time.Now()) != 0 {
		t.Errorf("in force is %q, %v", b.inForce(), b.Problem())
	}
	if s := b.Status(); s.Generation != 1 || s.Tried != 1 || s.Documents != 0 || s.Since.IsZero() || s.Epoch != b.Image().Epoch() {
		t.Errorf("status %+v", s)
	}
	<-b.news
}

// TestRefusedStartDenies holds that a book without a first set has none, says why, and goes on by itself when it is mended.
func TestRefusedStartDenies(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.yaml")
	write(t, path, text("one", "nobody", permit))
	b := newMesh(t).open(filepath.Dir(path))
	if b.Image() != nil || b.Problem() == nil || !strings.Contains(b.Problem().Error(), "every call is denied: "+path+":") {
		t.Fatalf("in force is %q, %v", b.inForce(), b.Problem())
	}
	if strings.Contains(b.Problem().Error(), "in all") {
		t.Errorf("one problem is told as many: %v", b.Problem())
	}
	b.logs.await(t, "policies are refused, and none are in force: every call is denied")
	call := policy.Call{Caller: "weather", Callee: "ledger"}
	if out := b.Image().Evaluate(&call, policy.AllParties); out.Decision != policy.Deny {
		t.Error("a book without a set allows")
	}
	write(t, path, text("one", "weather", permit))
	if b.looks(t); b.inForce() != "one" || b.Healthy() != nil {
		t.Errorf("in force is %q, %v", b.inForce(), b.Problem())
	}
}

// TestRefusedChangeKeepsTheSet goes through the kinds of what is refused, each of which leaves what was in force.
func TestRefusedChangeKeepsTheSet(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, data, want string }{
		{"no-yaml", "apiVersion: [\n", "b.yaml:"},
		{"unknown-field", strings.Replace(text("two", "weather", forbid), "party", "partie", 1), "b.yaml:6: "},
		{"unknown-agent", text("two", "nobody", forbid), "b.yaml:8: "},
		{"same-name", text("one", "weather", permit), "b.yaml:1: a document named \"one\" stands at "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "a.yaml"), text("one", "weather", forbid))
			b := newMesh(t).open(dir)
			before := b.Image()
			write(t, filepath.Join(dir, "b.yaml"), test.data)
			b.looks(t)
			s := b.Status()
			if b.Image() != before || s.Generation != 1 || s.Tried != 2 || !b.Stats().Stale || b.Problem() != nil {
				t.Errorf("in force is %q, status %+v", b.inForce(), s)
			}
			if !strings.Contains(reasons(s.Problems), test.want) {
				t.Errorf("problems %s, want %s", reasons(s.Problems), test.want)
			}
			if err := os.Remove(filepath.Join(dir, "b.yaml")); err != nil {
				t.Fatal(err)
			}
			b.looks(t)
			if s := b.Status(); b.Image() != before || len(s.Problems) > 0 || s.Generation != s.Tried || b.Stats().Stale {
				t.Errorf("after it is gone: in force is %q, status %+v", b.inForce(), s)
			}
		})
	}
}

// TestProblemsAreLoggedOnce holds that what stays refused is told of at its first sight alone.
func TestProblemsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newMesh(t).open(dir)
	write(t, filepath.Join(dir, "a.yaml"), text("one", "nobody", forbid))
	b.looks(t)
	write(t, filepath.Join(dir, "b.yaml"), text("two", "weather", forbid))
	b.looks(t)
	b.looks(t)
	told := 0
	for len(b.logs) > 0 {
		if <-b.logs == "a policy is refused" {
			told++
		}
	}
	if told != 1 || b.Stats().Refused != 1 {
		t.Errorf("told %d times, %+v", told, b.Stats())
	}
}

// TestAgentsComeAndGo holds that what is refused for an agent that is not there is taken when it is, and that what is in
// force stays when it goes, until it is changed.
func TestAgentsComeAndGo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.yaml")
	b := newMesh(t).open(filepath.Dir(path))
	<-b.news
	write(t, path, text("one", "late", forbid))
	if b.looks(t); b.inForce() != "" || len(b.Status().Problems) != 1 {
		t.Fatalf("in force is %q, %+v", b.inForce(), b.Status())
	}
	b.register("late", "weather")
	if <-b.news; b.inForce() != "one" || len(b.Status().Problems) != 0 {
		t.Fatalf("in force is %q, %+v", b.inForce(), b.Status())
	}
	live := b.Image()
	b.register("weather")
	b.logs.await(t, "a policy in force is doubtful")
	b.refresh() // what was logged is in the status once nothing is judged any more
	if s := b.Status(); b.Image() != live || len(s.Warnings) != 1 || len(s.Problems) != 0 || s.Generation != s.Tried {
		t.Errorf("after the agent went: %+v", s)
	}
	other := filepath.Join(filepath.Dir(path), "b.yaml")
	write(t, other, text("two", "weather", forbid))
	if b.looks(t); b.inForce() != "one two" || len(b.Status().Warnings) != 1 {
		t.Errorf("a change of another document: in force is %q, %+v", b.inForce(), b.Status())
	}
	write(t, path, text("one", "late", permit))
	if b.looks(t); len(b.Status().Problems) != 1 || !b.Stats().Stale {
		t.Errorf("a change of the document: %+v", b.Status())
	}
	b.register("late", "weather")
	if <-b.news; len(b.Status().Problems) != 0 || len(b.Status().Warnings) != 0 {
		t.Errorf("after the agent came back: %+v", b.Status())
	}
}

// TestOwnersChange holds that a test which tells of owners by their agents does not undo what was accepted.
func TestOwnersChange(t *testing.T) {
	t.Parallel()
	b := newMesh(t).open("")
	b.must(t, "one", strings.Replace(text("one", "ledger", forbid), "  targets:", "  subjects:\n    owners: [team a]\n  targets:", 1)+`tests:
  - name: team a stays out
    call: {caller: weather, callee: ledger}
    expect: {decision: deny}
`)
	live := b.Image()
	b.agents.Store(&NamedAgents{"weather": "team c", "ledger": "team b", "other": "team a"})
	b.refresh()
	if s := b.Status(); b.Image() != live || len(s.Problems) > 0 || !strings.Contains(reasons(s.Warnings), "team a stays out") {
		t.Errorf("%+v", s)
	}
	b.must(t, "two", text("two", "ledger", forbid))
	if s := b.Status(); b.inForce() != "one two" || len(s.Problems) > 0 || len(s.Warnings) != 1 {
		t.Errorf("after another document: in force is %q, %+v", b.inForce(), s)
	}
}

// TestRecheckAsksOnlyWhatMatters holds that the coming and going of agents that no document names costs no compilation.
func TestRecheckAsksOnlyWhatMatters(t *testing.T) {
	t.Parallel()
	b := newMesh(t).open("")
	b.must(t, "one", text("one", "weather", forbid))
	judged := b.Stats().Judged
	b.agents.Store(&NamedAgents{"weather": "team a", "new": "team c"})
	if b.refresh(); b.Stats().Judged != judged {
		t.Errorf("judged %d times more", b.Stats().Judged-judged)
	}
	b.agents.Store(&NamedAgents{"new": "team c"})
	if b.refresh(); b.Stats().Judged != judged+1 || len(b.Status().Warnings) != 1 {
		t.Errorf("judged %d times more, %+v", b.Stats().Judged-judged, b.Status())
	}
}

func TestUnknownAgentsMayBeAllowed(t *testing.T) {
	t.Parallel()
	b := newMesh(t).open("", func(c *Config) { c.UnknownAgents = true })
	if b.must(t, "one", text("one", "nobody", forbid)); b.inForce() != "one" {
		t.Errorf("in force is %q", b.inForce())
	}
}

// TestRestart holds that a process which starts again has what was in force, although an agent went meanwhile.
func TestRestart(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	first := m.open("")
	first.must(t, "one", text("one", "weather", forbid))
	first.must(t, "two", text("two", "ledger", permit))
	epoch := first.Image().Epoch()
	first.Close()
	if first.inForce() != "one two" {
		t.Error("the last set cannot be read after the end")
	}
	gone := func(c *Config) { c.Agents = func() policy.Agents { return NamedAgents{"ledger": "team b"} } }
	again := m.open("", gone)
	if s := again.Status(); again.inForce() != "one two" || s.Epoch != epoch || len(s.Warnings) != 1 {
		t.Errorf("in force is %q, %+v", again.inForce(), s)
	}
}

// TestReopen holds that documents survive the end of a process on disk, with versions and revisions that go on.
func TestReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var before Entry
	for i := range 3 {
		s, err := store.OpenNATS(t.Context(), store.NATSConfig{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		bucket, err := s.Bucket(t.Context(), BucketName)
		if err != nil {
			t.Fatal(err)
		}
		b := (&mesh{t, bucket}).open("")
		if present, ok := b.Entry("one"); ok != (i > 0) || ok && (present.Version != before.Version || present.Revision != before.Revision || present.State != Live) {
			t.Errorf("start %d: %+v, was %+v", i, present, before)
		}
		source := text("one", "weather", forbid) + strings.Repeat("# <&>\n", i*1000)
		before = b.must(t, "one", source, func(c *Change) { c.Revision = before.Revision }).Entry
		if got := b.Image().Documents()[0].Source; string(got) != source {
			t.Errorf("start %d: %d bytes are kept of %d", i, len(got), len(source))
		}
		b.must(t, "two", text("two", "weather", forbid))
		if err := b.Delete(t.Context(), "two", 0); err != nil || b.inForce() != "one" {
			t.Errorf("start %d: %v, in force is %q", i, err, b.inForce())
		}
		b.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStoredNonsenseIsRefused writes past the book.
func TestStoredNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"no-json": "x", "no-document": `{"source":""}`, "two-documents": `{"source":"---\n---\n"}`,
		"other-name": `{"source":` + quoted(text("other", "weather", permit)) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t)
			b := m.open("")
			b.must(t, "one", text("one", "weather", forbid))
			revision, err := m.bucket.Put(t.Context(), "bad", []byte(value))
			if err != nil {
				t.Fatal(err)
			}
			if err := b.mirror.Await(t.Context(), revision); err != nil {
				t.Fatal(err)
			}
			b.refresh()
			if s := b.Status(); b.inForce() != "one" || len(s.Problems) != 1 || s.Problems[0].Document != "bad" {
				t.Errorf("in force is %q, %+v", b.inForce(), s)
			}
			e, ok := b.Entry("bad")
			if !ok || !e.Stored || e.State != Waiting {
				t.Errorf("entry %+v", e)
			}
			if again := m.open(""); again.Image() != nil {
				t.Error("a start goes without what cannot be read")
			}
			if err := b.Delete(t.Context(), "bad", 0); err != nil || len(b.Status().Problems) != 0 {
				t.Errorf("%v, %+v", err, b.Status())
			}
		})
	}
}

// TestFollowsTheDirectory leaves the looking to the book.
func TestFollowsTheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newMesh(t).open(dir, func(c *Config) { c.Every = 5 * time.Millisecond })
	<-b.news
	write(t, filepath.Join(dir, "a.yaml"), text("one", "weather", forbid))
	if <-b.news; b.inForce() != "one" {
		t.Errorf("in force is %q", b.inForce())
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	b.logs.await(t, "policies are refused; those before stay in force")
	if b.inForce() != "one" {
		t.Errorf("without its directory, in force is %q", b.inForce())
	}
}

func TestTwoBooks(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	here, there := m.open(""), m.open("")
	<-there.news
	here.must(t, "one", text("one", "weather", forbid))
	if <-there.news; there.inForce() != "one" || there.Image().Epoch() != here.Image().Epoch() {
		t.Errorf("elsewhere in force is %q", there.inForce())
	}
	// Elsewhere nobody has heard of the agent yet.
	here.register("weather", "ledger", "late")
	here.must(t, "two", text("two", "late", forbid))
	there.logs.await(t, "a policy is refused")
	if here.inForce() != "one two" || there.inForce() != "one" {
		t.Errorf("in force are %q and %q", here.inForce(), there.inForce())
	}
	there.register("weather", "ledger", "late")
	if <-there.news; there.inForce() != "one two" {
		t.Errorf("elsewhere in force is %q", there.inForce())
	}
	if err := there.Delete(t.Context(), "one", 0); err != nil || there.inForce() != "two" {
		t.Errorf("%v, in force is %q", err, there.inForce())
	}
	for here.inForce() != "two" {
		runtime.Gosched()
		if t.Context().Err() != nil {
			t.Fatal("the removal was not noticed")
		}
	}
}

// TestConflictOfBothSources has a file take the name of a stored document.
func TestConflictOfBothSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newMesh(t).open(dir)
	b.must(t, "one", text("one", "weather", forbid))
	write(t, filepath.Join(dir, "a.yaml"), text("one", "weather", permit))
	b.looks(t)
	if got := reasons(b.Status().Problems); !strings.HasPrefix(got, `a.yaml:1: a document named "one" was written through the API`) {
		t.Errorf("problems %s", got)
	}
	if b.inForce() != "one" || len(b.Entries()) != 2 {
		t.Errorf("in force is %q of %+v", b.inForce(), b.Entries())
	}
	if err := b.Delete(t.Context(), "one", 0); err != nil {
		t.Fatal(err)
	}
	if e, _ := b.Entry("one"); e.Stored || e.State != Live || len(b.Status().Problems) != 0 {
		t.Errorf("entry %+v, status %+v", e, b.Status())
	}
}

func TestLostStore(t *testing.T) {
	t.Parallel()
	memory := store.NewMemory(time.Now)
	bucket, err := memory.Bucket(t.Context(), BucketName)
	if err != nil {
		t.Fatal(err)
	}
	b := (&mesh{t, bucket}).open("")
	b.must(t, "one", text("one", "weather", forbid))
	if err := memory.Close(); err != nil {
		t.Fatal(err)
	}
	b.logs.await(t, "a watch of the store was lost; what was known last stays in force")
	if b.inForce() != "one" || b.Healthy() == nil || b.Problem() != nil || b.Behind(time.Now()) == 0 {
		t.Errorf("in force is %q, %v", b.inForce(), b.Healthy())
	}
	if _, err := b.put(t, "two", text("two", "weather", forbid)); err == nil {
		t.Error("a store that is closed stores")
	}
	if err := b.Delete(t.Context(), "one", 0); err == nil {
		t.Error("a store that is closed deletes")
	}
}

func TestNamedAgents(t *testing.T) {
	t.Parallel()
	agents := NamedAgents{"weather": "team a"}
	for _, a := range []policy.Agents{agents, AnyAgents{Known: agents}, AnyAgents{}} {
		_, any := a.(AnyAgents)
		if owner, ok := a.Agent("weather"); !ok || (owner != "team a") != (a == AnyAgents{}) {
			t.Errorf("%T: weather is of %q", a, owner)
		}
		if _, ok := a.Agent("nobody"); ok != any || a.Owner("nobody") != any || !a.Owner(agent.Owner("team a")) {
			t.Errorf("%T knows nobody", a)
		}
	}
}

// TestDoubtsAreTold holds that what is doubtful about a set is told and keeps it from nothing.
func TestDoubtsAreTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), text("one", "weather", forbid))
	b := newMesh(t).open(dir, func(c *Config) {
		c.Doubts = func(set *policy.Set) []policy.Problem {
			if len(set.Documents()) != 1 {
				return nil
			}
			return []policy.Problem{{File: "a.yaml", Line: 9, Document: "one", Reason: "it is doubtful"}}
		}
	})
	if s := b.Status(); b.inForce() != "one" || reasons(s.Warnings) != reasons([]policy.Problem{{File: "a.yaml", Line: 9, Document: "one", Reason: "it is doubtful"}}) {
		t.Errorf("in force is %q, %+v", b.inForce(), s)
	}
	write(t, filepath.Join(dir, "b.yaml"), text("two", "ledger", forbid))
	if b.looks(t); b.inForce() != "one two" || len(b.Status().Warnings) != 0 {
		t.Errorf("in force is %q, %+v", b.inForce(), b.Status())
	}
}
