package rulebook

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/policy"
)

func quoted(text string) string {
	data, _ := json.Marshal(text) // every text can be written
	return string(data)
}

func TestPut(t *testing.T) {
	t.Parallel()
	b := newMesh(t).open("")
	first := b.must(t, "one", text("one", "weather", forbid))
	if e := first.Entry; !first.Created || first.Unchanged || e.Version != 1 || e.By != "Ada" || e.At.IsZero() || !e.Stored || e.State != Live || e.Document == nil {
		t.Errorf("created %+v", first)
	}
	if first.Set.Epoch() != b.Image().Epoch() || b.inForce() != "one" {
		t.Errorf("in force is %q", b.inForce())
	}
	again := b.must(t, "one", text("one", "weather", forbid), func(c *Change) { c.By = "Grace" })
	if !again.Unchanged || again.Entry.Revision != first.Entry.Revision || again.Entry.By != "Ada" {
		t.Errorf("the same again is %+v", again)
	}
	second := b.must(t, "one", text("one", "weather", permit))
	if second.Created || second.Entry.Version != 2 || second.Entry.Tag() == first.Entry.Tag() || second.Entry.State != Live {
		t.Errorf("replaced %+v", second)
	}
	entry, ok := b.Entry("one")
	if diff := cmp.Diff(second.Entry, entry, cmp.AllowUnexported(Entry{})); !ok || diff != "" {
		t.Errorf("entry (-written +read)\n%s", diff)
	}
	if s := b.Stats(); s.Written != 2 || s.Documents != 1 || s.Stale {
		t.Errorf("stats %+v", s)
	}
}

func TestPutRefuses(t *testing.T) {
	t.Parallel()
	b := newMesh(t).open("")
	b.must(t, "one", text("one", "weather", forbid))
	before, written := b.Image(), b.Stats().Written
	failing := text("bad", "weather", forbid) + `tests:
  - name: it lets through
    call: {caller: ledger, callee: weather}
    expect: {decision: allow}
`
	for _, test := range []struct{ name, document, source, want string }{
		{"no-yaml", "bad", "[", "policies/bad:"},
		{"empty", "bad", "", "policies/bad: it holds no document"},
		{"two", "bad", text("bad", "weather", forbid) + "---\n" + text("worse", "weather", forbid), "policies/bad:12: one document"},
		{"other-name", "bad", text("good", "weather", forbid), `policies/bad:1: the document is named "good", not "bad"`},
		{"no-name", "No Name", text("bad", "weather", forbid), "a policy has a name of lower-case letters"},
		{"unknown-agent", "bad", text("bad", "nobody", forbid), "policies/bad:8: "},
		{"failing-test", "bad", failing, `test "it lets through"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.put(t, test.document, test.source)
			var refused *Refused
			if !errors.As(err, &refused) || !strings.Contains(refused.Problems[0].String(), test.want) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
	if b.Image() != before || b.Stats().Written != written || len(b.Entries()) != 1 || len(b.Status().Problems) != 0 {
		t.Errorf("refused writes left %+v and %+v", b.Entries(), b.Status())
	}
	for _, by := range []string{strings.Repeat("x", maxPerson+1), "\xff"} {
		_, err := b.put(t, "two", text("two", "weather", forbid), func(c *Change) { c.By = by })
		if fields := agent.FieldErrors(err); len(fields) != 1 || fields[0].Path != "by" {
			t.Errorf("by %q: %v", by, err)
		}
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	b := newMesh(t).open("")
	one := text("one", "weather", forbid)
	if _, err := b.put(t, "one", one, func(c *Change) { c.Present = true }); !errors.Is(err, ErrChanged) {
		t.Errorf("a document that is not there: %v", err)
	}
	if _, err := b.put(t, "one", one, func(c *Change) { c.Revision = 7 }); !errors.Is(err, ErrChanged) {
		t.Errorf("a revision that is not there: %v", err)
	}
	first := b.must(t, "one", one, func(c *Change) { c.Absent = true })
	if _, err := b.put(t, "one", one, func(c *Change) { c.Absent = true }); !errors.Is(err, ErrChanged) {
		t.Errorf("a document that is there: %v", err)
	}
	second := b.must(t, "one", text("one", "weather", permit), func(c *Change) { c.Revision = first.Entry.Revision })
	if _, err := b.put(t, "one", one, func(c *Change) { c.Revision = first.Entry.Revision }); !errors.Is(err, ErrChanged) {
		t.Errorf("an old revision: %v", err)
	}
	if err := b.Delete(t.Context(), "one", first.Entry.Revision); !errors.Is(err, ErrChanged) {
		t.Errorf("deleting an old revision: %v", err)
	}
	b.must(t, "one", one, func(c *Change) { c.Present = true })
	if err := b.Delete(t.Context(), "one", second.Entry.Revision); !errors.Is(err, ErrChanged) {
		t.Errorf("deleting an old revision: %v", err)
	}
	present, _ := b.Entry("one")
	if err := b.Delete(t.Context(), "one", present.Revision); err != nil || b.inForce() != "" {
		t.Errorf("deleting: %v, in force is %q", err, b.inForce())
	}
	for _, name := range []string{"one", "No Name", ""} {
		if err := b.Delete(t.Context(), name, 0); !errors.Is(err, ErrNotFound) {
			t.Errorf("deleting %q: %v", name, err)
		}
	}
	if n := b.Stats().Conflicts; n != 6 {
		t.Errorf("%d conflicts are counted", n)
	}
}

// TestRacingWrites has two processes replace one version: one of each pair wins.
func TestRacingWrites(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	here, there := m.open(""), m.open("")
	present := here.must(t, "one", text("one", "weather", forbid)).Entry
	for range 20 {
		var both sync.WaitGroup
		errs := make([]error, 2)
		for i, b := range []*fellow{here, there} {
			source := text("one", "weather", forbid) + "# " + present.Tag() + strings.Repeat("!", i)
			both.Go(func() {
				_, errs[i] = b.Put(t.Context(), Change{Name: "one", Source: []byte(source), Revision: present.Revision})
			})
		}
		both.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), ErrChanged) {
			t.Fatalf("%v and %v", errs[0], errs[1])
		}
		winner := here
		if errs[0] != nil {
			winner = there
		}
		present, _ = winner.Entry("one")
	}
	if present.Version != 21 {
		t.Errorf("version %d", present.Version)
	}
}

func TestDryRunLeavesNoTrace(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	b := m.open("")
	b.must(t, "one", text("one", "weather", forbid))
	image, status, written := b.Image(), b.Status(), b.Stats().Written
	dry := func(c *Change) { c.DryRun = true }
	receipt := b.must(t, "two", text("two", "ledger", forbid), dry)
	if !receipt.Created || receipt.Entry.State != Waiting || receipt.Entry.Version != 1 || len(receipt.Set.Documents()) != 2 || receipt.Set.Epoch() == image.Epoch() {
		t.Errorf("receipt %+v", receipt)
	}
	if receipt := b.must(t, "one", text("one", "ledger", forbid), dry); receipt.Created || receipt.Entry.Version != 2 {
		t.Errorf("receipt %+v", receipt)
	}
	if _, err := b.put(t, "two", text("two", "nobody", forbid), dry); !errors.As(err, new(*Refused)) {
		t.Errorf("what would be refused: %v", err)
	}
	b.refresh()
	if diff := cmp.Diff(status, b.Status()); b.Image() != image || b.Stats().Written != written || diff != "" {
		t.Errorf("status (-before +after)\n%s", diff)
	}
	if _, err := m.bucket.Get(t.Context(), "two"); err == nil {
		t.Error("a dry run is stored")
	}
	// What is written then is judged already.
	judged := b.Stats().Judged
	b.must(t, "three", text("three", "ledger", forbid), dry)
	if b.must(t, "three", text("three", "ledger", forbid)); b.Stats().Judged != judged+1 || b.inForce() != "one three" {
		t.Errorf("judged %d times, in force is %q", b.Stats().Judged-judged, b.inForce())
	}
}

func TestDocumentsInFilesAreReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), text("one", "weather", forbid))
	b := newMesh(t).open(dir)
	if _, err := b.put(t, "one", text("one", "weather", permit)); !errors.Is(err, ErrInFile) {
		t.Errorf("writing: %v", err)
	}
	if err := b.Delete(t.Context(), "one", 0); !errors.Is(err, ErrInFile) {
		t.Errorf("deleting: %v", err)
	}
	before, _ := b.Entry("one")
	write(t, filepath.Join(dir, "a.yaml"), text("one", "weather", permit))
	b.looks(t)
	after, _ := b.Entry("one")
	if before.Stored || !strings.HasPrefix(before.Tag(), "file-") || before.Tag() == after.Tag() {
		t.Errorf("tags %s and %s", before.Tag(), after.Tag())
	}
}

// TestWritesWhileOthersAreRefused holds that a good document is stored, and waits, while a file is refused.
func TestWritesWhileOthersAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newMesh(t).open(dir)
	b.must(t, "one", text("one", "weather", forbid))
	write(t, filepath.Join(dir, "a.yaml"), "[")
	b.looks(t)
	receipt := b.must(t, "two", text("two", "ledger", forbid))
	if receipt.Set != nil || len(receipt.Elsewhere) != 1 || receipt.Entry.State != Waiting || b.inForce() != "one" {
		t.Errorf("in force is %q, receipt %+v", b.inForce(), receipt)
	}
	if err := b.Delete(t.Context(), "one", 0); err != nil || b.inForce() != "one" {
		t.Errorf("%v, in force is %q", err, b.inForce())
	}
	states := map[string]State{}
	for _, e := range b.Entries() {
		states[e.Name] = e.State
	}
	if diff := cmp.Diff(map[string]State{"one": Leaving, "two": Waiting}, states); diff != "" {
		t.Errorf("states (-want +got)\n%s", diff)
	}
	write(t, filepath.Join(dir, "a.yaml"), "")
	if b.looks(t); b.inForce() != "two" {
		t.Errorf("in force is %q", b.inForce())
	}
}

func TestTry(t *testing.T) {
	t.Parallel()
	b := newMesh(t).open("")
	b.must(t, "one", text("one", "weather", forbid))
	b.must(t, "two", text("two", "ledger", forbid))
	parse := func(source string) []*policy.Document {
		documents, problems := policy.Parse("new.yaml", []byte(source))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return documents
	}
	set, problems := b.Try(parse(text("one", "weather", permit)+"---\n"+text("three", "weather", permit)), "two", "nothing")
	if diff := cmp.Diff([]string{"one", "three"}, namesOf(set.Documents())); diff != "" || len(problems) > 0 {
		t.Errorf("%v (-want +got)\n%s", problems, diff)
	}
	if set, problems := b.Try(parse(text("four", "nobody", permit))); set != nil || len(problems) != 1 {
		t.Errorf("%v, %v", set, problems)
	}
	b.register("ledger")
	if set, problems := b.Try(parse(text("four", "ledger", permit))); set == nil || len(problems) > 0 {
		t.Errorf("with a warning in force: %v, %v", set, problems)
	}
	if b.inForce() != "one two" {
		t.Errorf("in force is %q", b.inForce())
	}
}
