package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// installBound is how long an SDK may take to install, once per machine.
const installBound = 5 * time.Minute

// offline matches what pip and npm say where there is no network or no registry.
var offline = regexp.MustCompile(`(?i)from versions: none|name resolution|network is unreachable|connection (refused|reset)|timed out|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH`)

// environment returns a directory with an SDK as the files pin it, which are below tests/conformance. It is installed
// into the user's cache, once for each state of the files, and the test is skipped where that cannot be.
func environment(t *testing.T, tool, source string, files []string, install func(ctx context.Context, dir string) *exec.Cmd) string {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("there is no %s here: %v", tool, err)
	}
	sum := sha256.New()
	content := map[string][]byte{}
	for _, name := range files {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(sum, "%s %d %s", name, len(data), data)
		content[name] = data
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "ringfence", "conformance", filepath.Base(source)+"-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	unlock := lock(t, dir+".lock")
	defer unlock()
	complete := filepath.Join(dir, "complete")
	if _, err := os.Stat(complete); err == nil {
		return dir
	}
	// A run that was interrupted may have left a part.
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	for name, data := range content {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), installBound)
	defer cancel()
	if out, err := install(ctx, dir).CombinedOutput(); err != nil {
		if offline.Match(out) {
			t.Skipf("the SDK cannot be installed without a network: %s", tail(string(out)))
		}
		t.Fatalf("installing the SDK: %v\n%s", err, tail(string(out)))
	}
	if err := os.WriteFile(complete, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lock keeps other test processes from the same directory.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { file.Close() }
}
