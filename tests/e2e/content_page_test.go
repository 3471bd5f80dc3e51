package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var yamlFence = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestInspectionPage plays the commands of the page, tries its rule, and reads its configuration.
func TestInspectionPage(t *testing.T) {
	t.Parallel()
	const page = "../../docs/inspection.md"
	dir := t.TempDir()
	play(t, dir, "export PATH="+bin+":$PATH", readPage(t, page))
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	files := yamlFence.FindAllStringSubmatch(string(text), -1)
	if len(files) != 2 {
		t.Fatalf("the page has %d YAML blocks, want a rule file and a configuration", len(files))
	}
	if err := os.Mkdir(filepath.Join(dir, "rules"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"rules/own.yaml": files[0][1], "ringfence.yaml": files[1][1]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	play(t, dir, "export PATH="+bin+":$PATH", []block{
		{code: "ringfence rules test rules\n", want: "unreleased-product"},
		{code: "ringfence check --config ringfence.yaml\n"},
		{code: "echo 'The Falcon launch date is 14 May.' | ringfence scan --rules rules --kind response --redacted\n", want: "[redacted:confidential]"},
	})
}
