package ruledir

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

const heron = `rules:
  - id: heron
    class: bird
    severity: low
    action: block
    any: [grey heron]
    tests: {hits: [a grey heron], misses: [a grey sky]}
`

// bare scans by a set.
func bare(s *inspect.Set) (Scanner, error) { return s, nil }

func open(t *testing.T, layer fs.FS, check func(*inspect.Set) error) *Rules {
	t.Helper()
	r, err := Open(Config{Layer: layer, Check: check, Logger: slog.New(slog.DiscardHandler), Scanner: bare})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *Rules) finds(text string) bool {
	return len(r.Scan([]a2a.Text{{Value: text}}, inspect.Options{Direction: inspect.Request})) > 0
}

func TestChangedRulesComeIntoForce(t *testing.T) {
	t.Parallel()
	layer := fstest.MapFS{}
	r := open(t, layer, nil)
	if r.finds("a grey heron") {
		t.Fatal("the shipped rules know of herons")
	}
	layer["birds.yaml"] = &fstest.MapFile{Data: []byte(heron)}
	r.Look()
	if r.finds("a grey heron") {
		t.Fatal("files that have only just changed are in force")
	}
	r.Look()
	if !r.finds("a grey heron") {
		t.Error("a changed file is not in force at the second look")
	}
	before := r.Set().Hash()
	r.Look()
	if got := r.Stats(); got != (Stats{Loads: 2}) {
		t.Errorf("stats are %+v", got)
	}
	delete(layer, "birds.yaml")
	r.Look()
	r.Look()
	if r.finds("a grey heron") || r.Set().Hash() == before {
		t.Error("a removed file is still in force")
	}
}

func TestBrokenRulesLeaveThoseBefore(t *testing.T) {
	t.Parallel()
	layer := fstest.MapFS{"birds.yaml": {Data: []byte(heron)}}
	refuse := false
	r := open(t, layer, func(*inspect.Set) error {
		if refuse {
			return errors.New("not these")
		}
		return nil
	})
	for name, broken := range map[string]func(){
		"no-rule": func() { layer["birds.yaml"] = &fstest.MapFile{Data: []byte("rules: [{id: heron}]")} },
		"refused": func() {
			layer["birds.yaml"], refuse = &fstest.MapFile{Data: []byte(heron + "\n# another\n")}, true
		},
	} {
		broken()
		for range 4 {
			r.Look()
		}
		if !r.finds("a grey heron") || !r.Stats().Stale {
			t.Errorf("%s: the rules before are in force: %t; stats %+v", name, r.finds("a grey heron"), r.Stats())
		}
	}
	if got := r.Stats().Refusals; got != 2 {
		t.Errorf("%d sets were refused, want each once", got)
	}
	refuse = false
	layer["birds.yaml"] = &fstest.MapFile{Data: []byte(heron)}
	for range 2 {
		r.Look()
	}
	if got := r.Stats(); got.Stale || got.Loads != 2 {
		t.Errorf("after the repair stats are %+v", got)
	}
}

func TestUnreadableDirectoryLeavesThoseBefore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "rules")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "birds.yaml"), []byte(heron), 0o600); err != nil {
		t.Fatal(err)
	}
	r := open(t, os.DirFS(dir), nil)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.Look()
	}
	if got := r.Stats(); !r.finds("a grey heron") || !got.Stale || got.Refusals != 1 {
		t.Errorf("without the directory stats are %+v", got)
	}
}

// swapped is a directory whose file is another one each time that it is read.
type swapped struct {
	fstest.MapFS
	reads *int
}

func (s swapped) Open(name string) (fs.File, error) {
	if name != "birds.yaml" {
		return s.MapFS.Open(name)
	}
	*s.reads++
	if *s.reads%2 == 1 {
		return fstest.MapFS{name: {Data: []byte(heron)}}.Open(name)
	}
	return fstest.MapFS{name: {Data: []byte(strings.ReplaceAll(heron, "grey heron", "white stork"))}}.Open(name)
}

func (s swapped) Stat(name string) (fs.FileInfo, error) { return s.MapFS.Stat(name) }

// What is loaded is what was looked at: a file that is replaced between the two would never be loaded again.
func TestFilesAreReadOnce(t *testing.T) {
	t.Parallel()
	reads := 0
	r := open(t, swapped{fstest.MapFS{"birds.yaml": {Data: []byte(heron)}}, &reads}, nil)
	if reads != 1 || !r.finds("a grey heron") || r.finds("a white stork") {
		t.Errorf("the file was read %d times; what is in force finds herons: %t", reads, r.finds("a grey heron"))
	}
}

// A file without end or of any size is not read, and leaves the rules before.
func TestFilesThatAreNone(t *testing.T) {
	t.Parallel()
	for name, lay := range map[string]func(path string) error{
		"pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"device":    func(path string) error { return os.Symlink("/dev/zero", path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"loop":      func(path string) error { return os.Symlink(filepath.Base(path), path) },
		"nowhere":   func(path string) error { return os.Symlink("nothing", path) },
		"huge": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) // with nothing on the disk
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "birds.yaml"), []byte(heron), 0o600); err != nil {
				t.Fatal(err)
			}
			r := open(t, os.DirFS(dir), nil)
			if err := lay(filepath.Join(dir, "more.yaml")); err != nil {
				t.Skip(err)
			}
			for range 3 {
				r.Look()
			}
			if got := r.Stats(); !r.finds("a grey heron") || !got.Stale || got.Refusals != 1 {
				t.Errorf("stats are %+v", got)
			}
		})
	}
}

func TestBrokenRulesDoNotOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"broken":     {Layer: fstest.MapFS{"a.yaml": {Data: []byte("rules: 1")}}, Scanner: bare},
		"unreadable": {Layer: os.DirFS(filepath.Join(t.TempDir(), "none")), Scanner: bare},
		"refused":    {Check: func(*inspect.Set) error { return errors.New("no") }, Scanner: bare},
		"no-scanner": {Scanner: func(*inspect.Set) (Scanner, error) { return nil, errors.New("no") }},
	} {
		if _, err := Open(c); err == nil {
			t.Errorf("%s: rules are in force", name)
		}
	}
	if !new(Rules).finds("anything") {
		t.Error("rules that were never opened let everything through")
	}
}
