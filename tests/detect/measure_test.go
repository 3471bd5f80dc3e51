package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/tests/detect/evasion"
)

var update = flag.Bool("update", false, "rewrite golden files")

// plain is a filter whose rules do not change with those that ship.
func plain(t *testing.T) filter {
	t.Helper()
	const rules = `rules:
  - id: orders
    class: prompt-injection
    severity: high
    action: block
    any: [ignore all previous instructions]
    tests: {hits: [ignore all previous instructions], misses: [ignore it]}
  - id: prompts
    class: prompt-leak
    severity: low
    action: flag
    any: [system prompt]
    tests: {hits: [the system prompt], misses: [a prompt]}
  - id: quotes
    class: sql-injection
    severity: high
    action: block
    any: ["' or '"]
    tests: {hits: ["1' or '1"], misses: [or]}
  - id: keys
    class: secret
    severity: high
    action: block
    any: ["akia*"]
    tests: {hits: [AKIAQ], misses: [key]}
  - id: moons
    class: prompt-injection
    severity: high
    action: block
    any: [howl at the moon]
    tests: {hits: [howl at the moon], misses: [moon]}
`
	set, err := inspect.Load(fstest.MapFS{"r.yaml": {Data: []byte(rules)}})
	if err != nil {
		t.Fatal(err)
	}
	return filter{set, inspect.DefaultTreatments()}
}

func small(t *testing.T) []sample {
	t.Helper()
	samples, err := readSets([]string{"testdata/small.jsonl"})
	if err != nil {
		t.Fatal(err)
	}
	return samples
}

// ticking is a clock that goes on by a microsecond whenever it is read.
func ticking() func() time.Time {
	at := time.Unix(0, 0)
	return func() time.Time {
		at = at.Add(time.Microsecond)
		return at
	}
}

// TestReport holds how texts are counted, and what people see of it.
func TestReport(t *testing.T) {
	t.Parallel()
	f, samples := plain(t), small(t)
	m := measure(f, samples, ticking())
	for _, transform := range evasion.Transforms() {
		if transform.Name == "mixed-case" || transform.Name == "tags" || transform.Name == "rot13" {
			m.Evasion = append(m.Evasion, lose(f, samples, f.stopped(samples), transform))
		}
	}
	m.RuleSet = "0123456789abcdef" // which changes with every version of the engine
	var console bytes.Buffer
	if err := m.print(&console); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := m.write(dir); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func() ([]byte, error){
		"report.md":   func() ([]byte, error) { return os.ReadFile(filepath.Join(dir, "report.md")) },
		"report.json": func() ([]byte, error) { return os.ReadFile(filepath.Join(dir, "report.json")) },
		"console.txt": func() ([]byte, error) { return console.Bytes(), nil },
	} {
		got, err := read()
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: run `go test ./tests/detect -update` (-want +got)\n%s", name, diff)
		}
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	sound := measurement{Total: row{Blocked: rate{1000, 3}, Flagged: rate{1000, 10}}, Classes: []row{
		{Name: "sql-injection, request", Found: rate{100, 99}},
		{Name: "sql-injection, response", Found: rate{100, 1}, Noticed: rate{100, 98}, Flags: true},
		{Name: "prompt-injection, request", Found: rate{100, 90}, Noticed: rate{100, 10}},
		{Name: "prose, request", Blocked: rate{10, 10}},
	}, Evasion: []loss{
		{Name: "rot13", Lost: rate{100, 3}, Raised: rate{100, 1}},
		{Name: "tags", Raised: rate{100, 100}, Hides: true},
		{Name: "negated", Lost: rate{100, 95}, Control: true},
	}}
	if got := sound.misses(); len(got) > 0 {
		t.Errorf("missed: %v", got)
	}
	missed := measurement{Total: row{Blocked: rate{1000, 4}, Flagged: rate{1000, 11}}, Classes: []row{
		{Name: "sql-injection, request", Found: rate{1000, 989}, Noticed: rate{1000, 11}},
		{Name: "unheard-of, request", Found: rate{100, 84}},
	}, Evasion: []loss{
		{Name: "rot13", Lost: rate{100, 4}, Raised: rate{100, 2}},
		{Name: "negated", Lost: rate{100, 94}, Control: true},
	}}
	want := []string{
		"0.40 % of the benign texts are blocked; 0.3 % may be",
		"1.10 % of the benign texts are flagged; 1.0 % may be",
		"recall of sql-injection, request is 98.9 %; 99 % are wanted",
		"recall of unheard-of, request is 84.0 %; 85 % are wanted",
		"rot13 hides 4.0 % of the attacks; 3 % may be hidden",
		"rot13 has 2.0 % of the benign texts stopped; 1 % may be",
		"6.0 % of the attacks that negated makes harmless are stopped still; 5 % may be",
	}
	var got []string
	for _, one := range missed.misses() {
		got = append(got, one.sentence)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestCheckedRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := run{paths: []string{"testdata/small.jsonl"}, check: true}
	if err := r.do(&out, ticking()); !errors.Is(err, errMarks) || !strings.Contains(out.String(), "mark: recall of unclassified, request is 0.0 %") {
		t.Errorf("%v\n%s", err, out.String())
	}
	r.check = false
	if err := r.do(&out, ticking()); err != nil {
		t.Error(err)
	}
	if err := (run{paths: []string{"nowhere"}}).do(&out, ticking()); err == nil {
		t.Error("a set that is not there is judged")
	}
}
