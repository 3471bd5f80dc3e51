// Package envoytest runs a real Envoy for tests: on free ports, ready when Start returns, gone when the test ends,
// silent unless the test fails.
//
// Tests that use it are skipped with -short, since the first run on a machine downloads Envoy.
package envoytest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ringfence.dev/ringfence/envoy"
)

// downloadTimeout bounds the search for a binary, which may have to be downloaded.
const downloadTimeout = 5 * time.Minute

var findBinary = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), downloadTimeout)
	defer cancel()
	return envoy.Find(ctx, envoy.Finder{})
})

var fetchOldest = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), downloadTimeout)
	defer cancel()
	return envoy.Fetch(ctx, envoy.Finder{}, envoy.OldestRelease)
})

// Binary returns the path of the Envoy that tests run, as [envoy.Find] finds it. It skips the test with -short.
func Binary(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a real Envoy, which -short leaves out")
	}
	binary, err := findBinary()
	if err != nil {
		t.Fatalf("finding Envoy: %v", err)
	}
	return binary
}

// OldestBinary returns the path of [envoy.OldestRelease], on which every configuration must load. It skips the test
// with -short, and where that release cannot be had.
func OldestBinary(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a real Envoy, which -short leaves out")
	}
	binary, err := fetchOldest()
	if err != nil {
		t.Skipf("Envoy %s is not to be had here: %v", envoy.OldestRelease, err)
	}
	return binary
}

// Validate fails the test unless binary accepts the configuration, JSON or YAML. It opens no listener and contacts
// nobody.
func Validate(t testing.TB, binary string, config []byte) {
	t.Helper()
	if output, err := validate(binary, t.TempDir(), config); err != nil {
		t.Errorf("%s refuses the configuration: %v\n%s", binary, err, output)
	}
}

func validate(binary, dir string, config []byte) ([]byte, error) {
	path := filepath.Join(dir, "envoy.yaml")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "--mode", "validate", "--disable-hot-restart", "--concurrency", "1",
		"--log-level", "warning", "--config-path", path)
	return cmd.CombinedOutput()
}
