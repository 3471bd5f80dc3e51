package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var fences = regexp.MustCompile("(?s)```sh\n(.*?)```")

// blocks returns the shell blocks of a page.
func blocks(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, match := range fences.FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	return found
}

// TestReadmeBeginsWithTheTwoCommands wants the commands that everything else relies on, and their targets.
func TestReadmeBeginsWithTheTwoCommands(t *testing.T) {
	t.Parallel()
	if got := blocks(t, "../../README.md")[0]; got != "make demo\nmake test\n" {
		t.Errorf("the first block is %q", got)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"demo", "test", "up"} {
		if !strings.Contains(string(makefile), "\n"+target+":") {
			t.Errorf("the Makefile has no target %s", target)
		}
	}
}

// TestReadmeUse runs the block that shows how to use the mesh, with the addresses of a mesh of its own.
func TestReadmeUse(t *testing.T) {
	t.Parallel()
	m := up(t, "up", "")
	script := blocks(t, "../../README.md")[1]
	for old, replacement := range map[string]string{
		"ringfence up &\n":             "",
		"http://weather.internal:9001": agentURL(t, "weather"),
		"http://127.0.0.1:10000":       m.ready.GatewayURL,
	} {
		if !strings.Contains(script, old) {
			t.Fatalf("the block has no %q", old)
		}
		script = strings.ReplaceAll(script, old, replacement)
	}
	// The route is there a moment after its registration; people type more slowly than this test.
	script = strings.Replace(script, "ringfence call", "for i in $(seq 100); do "+callOnce(script)+" >/dev/null 2>&1 && break; done\nringfence call", 1)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "concierge.json"), []byte(fmt.Sprintf(card, "http://127.0.0.1:1/rpc")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "RINGFENCE_API="+m.ready.API, "RINGFENCE_TOKEN="+m.ready.Token)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "light rain in the afternoon") {
		t.Errorf("%v\n%s\n%s", err, script, out)
	}
}

// callOnce returns the line of the script that calls.
func callOnce(script string) string {
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "ringfence call") {
			return strings.TrimSpace(line)
		}
	}
	return "false"
}
