package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// block is one shell block of a page, with what its output must hold: the text block that follows it, if one does.
type block struct {
	line       int
	code, want string
}

var fence = regexp.MustCompile("(?ms)^```(sh|text)\n(.*?)^```$")

// readPage returns the shell blocks of a Markdown page, in order.
func readPage(t *testing.T, path string) []block {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	for _, at := range fence.FindAllStringSubmatchIndex(string(data), -1) {
		kind, content := string(data[at[2]:at[3]]), string(data[at[4]:at[5]])
		line := strings.Count(string(data[:at[0]]), "\n") + 1
		switch {
		case kind == "sh":
			blocks = append(blocks, block{line: line, code: content})
		case len(blocks) > 0:
			blocks[len(blocks)-1].want += content
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no shell blocks", path)
	}
	return blocks
}

// play runs the blocks as one bash script in dir, the preamble first, and checks the output of each.
func play(t *testing.T, dir, preamble string, blocks []block) {
	t.Helper()
	const mark = "--- block "
	script := "set -eu\n" + preamble
	for i, b := range blocks {
		script += fmt.Sprintf("\necho; echo '%s%d'\n%s", mark, i, b.code)
	}
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	bash := exec.CommandContext(ctx, "bash", "-c", script)
	bash.Dir = dir
	bash.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	bash.Cancel = func() error { return syscall.Kill(-bash.Process.Pid, syscall.SIGKILL) }
	out, err := bash.CombinedOutput()
	parts := strings.Split(string(out), mark)
	if err != nil || len(parts) != len(blocks)+1 {
		t.Fatalf("block at line %d: %v\n%s", blocks[max(0, min(len(parts)-2, len(blocks)-1))].line, err, out)
	}
	for i, b := range blocks {
		if missing := missingLine(b.want, parts[i+1]); missing != "" {
			t.Errorf("block at line %d: no %q in the output\n%s", b.line, missing, parts[i+1])
		}
	}
}

// missingLine returns the first wanted line that no later line of the output holds, or nothing. An ellipsis stands
// for any text.
func missingLine(want, got string) string {
	lines := strings.Split(got, "\n")
	for wanted := range strings.Lines(want) {
		wanted = strings.TrimSpace(wanted)
		for len(lines) > 0 && !holds(lines[0], wanted) {
			lines = lines[1:]
		}
		if len(lines) == 0 && wanted != "" {
			return wanted
		}
	}
	return ""
}

func holds(line, wanted string) bool {
	for part := range strings.SplitSeq(wanted, "…") {
		_, rest, ok := strings.Cut(line, part)
		if !ok {
			return false
		}
		line = rest
	}
	return true
}

func TestMissingLine(t *testing.T) {
	t.Parallel()
	const got = "one two\n  \"did\": \"did:key:z6Mk1\"\nlast\n"
	for _, test := range []struct{ name, want, missing string }{
		{"nothing", "", ""},
		{"all", "one two\n\"did\"\nlast\n", ""},
		{"two-of-one-line", "one\ntwo\n", ""},
		{"ellipsis", "\"did\"…z6Mk…\"\n", ""},
		{"ellipsis-out-of-order", "z6Mk…did:key\n", "z6Mk…did:key"},
		{"out-of-order", "last\none\n", "one"},
		{"absent", "one\nthree\n", "three"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if missing := missingLine(test.want, got); missing != test.missing {
				t.Errorf("got %q, want %q", missing, test.missing)
			}
		})
	}
}
