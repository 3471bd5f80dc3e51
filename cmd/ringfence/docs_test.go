package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite docs/cli.md")

const manual = "../../docs/cli.md"

// TestManual holds docs/cli.md to what --help says.
func TestManual(t *testing.T) {
	t.Setenv("HOME", "/home/you")
	t.Setenv("XDG_DATA_HOME", "")
	want := manualPage()
	if *update {
		if err := os.WriteFile(manual, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("run `go test ./cmd/ringfence -update` (-want +got)\n%s", diff)
	}
}

func manualPage() string {
	var page strings.Builder
	page.WriteString("# The command line\n\nWhat `--help` says of each command.\n")
	walk(root(), func(c *cobra.Command) {
		var help bytes.Buffer
		c.SetOut(&help)
		_ = c.Help()
		page.WriteString("\n## " + c.CommandPath() + "\n\n```text\n" + strings.TrimSpace(help.String()) + "\n```\n")
	})
	return page.String()
}

func walk(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, child := range c.Commands() {
		if child.Name() != "help" && child.Name() != "completion" {
			walk(child, visit)
		}
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	walk(root(), func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: the short help must be one phrase without a full stop", c.CommandPath())
		}
		if c.Runnable() && c.Example == "" && c.Name() != "version" && c.Name() != "show" {
			t.Errorf("%s: no example", c.CommandPath())
		}
	})
}
