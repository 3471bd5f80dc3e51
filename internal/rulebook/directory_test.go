package rulebook

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/store"
)

func namesOf(documents []*policy.Document) (names []string) {
	for _, d := range documents {
		names = append(names, d.Name)
	}
	return names
}

func TestReadTakesPolicyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, data := range map[string]string{
		"b.yml": text("two", "ledger", forbid), "a.yaml": text("one", "weather", forbid) + "---\n" + text("three", "weather", permit),
		".hidden.yaml": "no policy", "notes.txt": "no policy", "c.yaml~": "no policy", "empty.yaml": "# nothing\n",
	} {
		write(t, filepath.Join(dir, name), data)
	}
	if err := os.MkdirAll(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "below", "d.yaml"), text("four", "weather", permit))
	documents, problems := Read(time.Now(), dir, filepath.Join(dir, ".", "b.yml"), filepath.Join(dir, "below", "d.yaml"))
	if diff := cmp.Diff([]string{"one", "three", "two", "four"}, namesOf(documents)); diff != "" || len(problems) > 0 {
		t.Errorf("%v (-want +got)\n%s", problems, diff)
	}
}

func TestReadSaysWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bad.yaml"), "kind: Policy\nspec: [\n")
	if err := os.Mkdir(filepath.Join(dir, "dir.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "gone.yaml")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ path, want string }{
		{filepath.Join(dir, "bad.yaml"), "bad.yaml:"},
		{filepath.Join(dir, "dir.yaml", "x.yaml"), "x.yaml: the file cannot be read: no such file or directory"},
		{filepath.Join(dir, "gone.yaml"), "gone.yaml: the file cannot be read: no such file or directory"},
		{dir, "dir.yaml: it has the name of a policy file, and is none: only regular files are read"},
	} {
		_, problems := Read(time.Now(), test.path)
		if got := reasons(problems); !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.path, got, test.want)
		}
	}
}

func TestLookWithoutADirectory(t *testing.T) {
	t.Parallel()
	d := directory{path: filepath.Join(t.TempDir(), "none"), now: time.Now, patience: patience}
	if !d.look(t.Context()) || len(d.pages) != 1 || !strings.Contains(reasons(d.pages[0].problems), "none: the directory cannot be read: no such file") {
		t.Errorf("%+v", d.pages)
	}
	if d.look(t.Context()) {
		t.Error("nothing has changed")
	}
	if err := os.Mkdir(d.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if !d.look(t.Context()) || len(d.pages) != 0 {
		t.Errorf("%+v", d.pages)
	}
}

// TestLookNoticesWhatLooksTheSame writes other bytes of the same number at the same time of the file system's clock.
func TestLookNoticesWhatLooksTheSame(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.yaml")
	d := directory{path: filepath.Dir(path), now: time.Now, patience: patience}
	at := time.Now()
	rewrite := func(data string) {
		write(t, path, data)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	rewrite(text("one", "weather", forbid))
	d.look(t.Context())
	rewrite(text("two", "weather", permit))
	if !d.look(t.Context()) || d.pages[0].documents[0].Name != "two" {
		t.Errorf("the file still holds %s", d.pages[0].documents[0].Name)
	}
	if d.look(t.Context()) {
		t.Error("nothing has changed")
	}
}

// TestLookReadsOnce holds that files are left alone that cannot have changed.
func TestLookReadsOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"a.yaml", "b.yaml"} {
		path := filepath.Join(dir, name)
		write(t, path, text(name[:1], "weather", forbid))
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	d := directory{path: dir, now: time.Now, patience: patience}
	d.look(t.Context())
	a := d.pages[0].documents[0]
	write(t, filepath.Join(dir, "b.yaml"), text("c", "weather", forbid))
	if !d.look(t.Context()) || d.pages[0].documents[0] != a || d.pages[1].documents[0].Name != "c" {
		t.Errorf("a was read again, or b was not: %+v", d.pages)
	}
}

// TestLookFollowsMountedDirectories swaps what a ConfigMap mounts: links in the directory lead through ..data to the
// directory of a version.
func TestLookFollowsMountedDirectories(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := time.Unix(1, 0) // as in images that are built reproducibly
	version := func(name, document string) {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name, "a.yaml")
		write(t, file, text(document, "weather", forbid))
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
		next := filepath.Join(dir, "..data_tmp")
		if err := os.Symlink(name, next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version("..first", "one")
	if err := os.Symlink(filepath.Join("..data", "a.yaml"), filepath.Join(dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	d := directory{path: dir, now: time.Now, patience: patience}
	if d.look(t.Context()); len(d.pages) != 1 || d.pages[0].documents[0].Name != "one" {
		t.Fatalf("%+v", d.pages)
	}
	version("..second", "two")
	if !d.look(t.Context()) || d.pages[0].documents[0].Name != "two" {
		t.Errorf("after the swap: %v", namesOf(d.pages[0].documents))
	}
	if err := os.RemoveAll(filepath.Join(dir, "..first")); err != nil {
		t.Fatal(err)
	}
	if d.look(t.Context()) {
		t.Error("nothing has changed")
	}
}

// TestHalfWrittenFiles holds that what a writer has not finished yet is refused, and read again when it is whole.
func TestHalfWrittenFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.yaml")
	write(t, path, text("one", "weather", forbid))
	d := directory{path: filepath.Dir(path), now: time.Now, patience: patience}
	d.look(t.Context())
	half := text("one", "weather", permit)
	write(t, path, half[:len(half)/2])
	if !d.look(t.Context()) || len(d.pages[0].problems) == 0 {
		t.Errorf("half a file is %+v", d.pages)
	}
	write(t, path, half)
	if !d.look(t.Context()) || len(d.pages[0].problems) != 0 {
		t.Errorf("the whole file is %+v", d.pages)
	}
}

func TestUnreadableFiles(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("nothing is unreadable for root")
	}
	path := filepath.Join(t.TempDir(), "a.yaml")
	write(t, path, text("one", "weather", forbid))
	d := directory{path: filepath.Dir(path), now: time.Now, patience: patience}
	for _, step := range []struct {
		mode os.FileMode
		want string
	}{{0, "a.yaml: the file cannot be read: permission denied"}, {0o600, ""}} {
		if err := os.Chmod(path, step.mode); err != nil {
			t.Fatal(err)
		}
		if d.look(t.Context()); reasons(d.pages[0].problems) != step.want {
			t.Errorf("mode %o: %+v", step.mode, d.pages[0].problems)
		}
	}
}

// TestRestlessDirectory has a look end although the directory never stays as it is.
func TestRestlessDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), text("one", "ledger", forbid))
	d := directory{path: dir, now: time.Now, patience: 3 * settle}
	d.look(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var restless sync.WaitGroup
	restless.Go(func() {
		for n := 0; store.Pause(ctx, time.Millisecond); n++ {
			if err := os.WriteFile(filepath.Join(dir, "b.yaml"), []byte(strings.Repeat("#\n", n%100)), 0o600); err != nil {
				t.Error(err)
			}
		}
	})
	write(t, filepath.Join(dir, "a.yaml"), text("two", "ledger", forbid))
	if changed := d.look(ctx); !changed || ctx.Err() != nil {
		t.Errorf("changed %v, %v", changed, ctx.Err())
	}
	cancel()
	restless.Wait()
}
