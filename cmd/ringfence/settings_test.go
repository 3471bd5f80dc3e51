package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckReadsFiles holds that what would keep the mesh from starting is found before it is started.
func TestCheckReadsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	broken := write("broken", "{")
	for key, setting := range map[string]string{
		"cards.keyFile": "cards: {keyFile: " + broken + "}", "cards.trustedKeys": "cards: {trustedKeys: " + broken + "}",
		"content.rulesDir": "content: {rulesDir: " + filepath.Join(dir, "gone") + "}",
	} {
		_, err := run(t, "check", "--config", write("ringfence.yaml", setting))
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", setting, err)
		}
	}
	if out, err := run(t, "check", "--config", write("ringfence.yaml", "{}")); err != nil || !strings.Contains(out, "valid") {
		t.Errorf("%q, %v", out, err)
	}
}
