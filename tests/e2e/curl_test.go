package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCurlPage runs the calls of examples/curl.md against a mesh that was started as `make up` does. It runs them
// twice, because the page leaves the mesh as it found it.
func TestCurlPage(t *testing.T) {
	t.Parallel()
	blocks := readPage(t, "../../examples/curl.md")
	dir := t.TempDir()
	if err := os.Symlink(bin, filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	makeUp(t, dir)
	for range 2 {
		play(t, dir, "", blocks)
	}
}

// makeUp runs what `make up` runs, in dir, and waits until the sample agents are registered.
func makeUp(t *testing.T, dir string) {
	t.Helper()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(makefile), "\tbin/demo --stay --data .data\n") {
		t.Error("the page is run on a mesh that `make up` does not start")
	}
	data := filepath.Join(dir, ".data")
	p := start(t, "demo", "--stay", "--bin", bin, "--data", data)
	m := &mesh{process: p}
	eventually(t, "the agents are registered", func() error {
		select {
		case <-p.exited:
			t.Fatalf("demo ended: %s", p.output.String())
		default:
		}
		ready, err := os.ReadFile(filepath.Join(data, "ready.json"))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(ready, &m.ready); err != nil {
			return err
		}
		// The demo registers it last.
		status, answer, err := m.tryAPI(http.MethodGet, "/v1/agents/concierge", "")
		if err == nil && status != http.StatusOK {
			err = errors.New(answer)
		}
		return err
	})
}
