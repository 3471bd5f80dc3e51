package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/inspect"
)

// scanRules are few and do not change with those that ship.
const scanRules = `rules:
  - id: zorblax
    class: prompt-injection
    severity: high
    action: block
    prose: true
    all: [[howl], [zorblax]]
    distance: 6
    tests: {hits: [howl at the zorblax], misses: [zorblax]}
  - id: wibble
    class: secret
    severity: critical
    action: block
    kinds: [text, free, name, url, callback, bytes, id]
    any: ["wibblekey*"]
    tests: {hits: [wibblekey7], misses: [wibble]}
  - id: murmur
    class: prompt-leak
    severity: low
    action: flag
    any: [murmur softly]
    tests: {hits: [murmur softly], misses: [murmur]}
`

var loadScanRules = sync.OnceValues(func() (*inspect.Set, error) {
	return inspect.Load(fstest.MapFS{"r.yaml": {Data: []byte(scanRules)}})
})

func scanningJudge(t *testing.T) scanJudge {
	t.Helper()
	rules, err := loadScanRules()
	if err != nil {
		t.Fatal(err)
	}
	return scanJudge{rules, inspect.DefaultTreatments()}
}

// scanned answers lines as --jsonl does.
func scanned(t *testing.T, in io.Reader, redacted bool) (string, scanTally) {
	t.Helper()
	var out strings.Builder
	s := lineScan{judge: scanningJudge(t), side: scanSide{direction: inspect.Request}, redacted: redacted}
	if err := s.run(in, &out); err != nil {
		t.Fatal(err)
	}
	return out.String(), s.tally
}

func TestScanLines(t *testing.T) {
	t.Parallel()
	const block = `{"rule":"zorblax","class":"prompt-injection","severity":"high","action":"block","span":[3,22],"view":"canonical"}`
	for _, c := range []struct{ name, line, want string }{
		{"allowed", `{"text":"hello"}`, `{"verdict":"allow","findings":[]}`},
		{"empty-text", `{"text":""}`, `{"verdict":"allow","findings":[]}`},
		{"blocked", `{"text":"é howl at the zorblax"}`, `{"verdict":"block","findings":[` + block + `]}`},
		{"flagged", `{"text":"murmur softly"}`, `{"verdict":"flag","findings":[{"rule":"murmur","class":"prompt-leak","severity":"low","action":"flag","span":[0,13],"view":"text"}]}`},
		{"secret-sent", `{"text":"wibblekey7"}`, `{"verdict":"block","findings":[{"rule":"wibble","class":"secret","severity":"critical","action":"block","span":[0,10],"view":"text"}]}`},
		{"secret-answered", `{"text":"wibblekey7","kind":"response"}`, `{"verdict":"redact","findings":[{"rule":"wibble","class":"secret","severity":"critical","action":"redact","span":[0,10],"view":"text"}]}`},
		{"secret-of-a-callback", `{"text":"wibblekey7","place":"secret"}`, `{"verdict":"allow","findings":[]}`},
		{"id-repeated", `{"id": {"a": 1}, "text":"hello", "label":"attack"}`, `{"id":{"a":1},"verdict":"allow","findings":[]}`},
		{"ring", `{"text":"hello","ring":0,"kind":"card","key":true}`, `{"verdict":"allow","findings":[]}`},
		{"nulls", `{"text":"hello","ring":null,"kind":null,"id":null}`, `{"id":null,"verdict":"allow","findings":[]}`},
		{"half-a-character", `{"text":"\ud800 murmur softly"}`, `{"verdict":"flag","findings":[{"rule":"murmur","class":"prompt-leak","severity":"low","action":"flag","span":[4,17],"view":"canonical"}]}`},
		{"carriage-return", "{\"text\":\"hello\"}\r", `{"verdict":"allow","findings":[]}`},
		{"no-json", `hello`, `{"error":"no JSON: `},
		{"no-object", `["hello"]`, `{"error":"a line must be a JSON object`},
		{"no-text", `{"id":7,"prompt":"hello"}`, `{"id":7,"error":"a line must be a JSON object`},
		{"text-is-no-string", `{"text":7}`, `{"error":"a line must be a JSON object`},
		{"text-twice", `{"text":"hello","text":"howl at the zorblax"}`, `{"error":"no JSON: `},
		{"two-objects", `{"text":"hello"}{"text":"hello"}`, `{"error":"no JSON: `},
		{"unknown-kind", `{"id":"x","text":"hello","kind":"prompt"}`, `{"id":"x","error":"kind must be`},
		{"unknown-ring", `{"text":"hello","ring":4}`, `{"error":"ring must be`},
		{"unknown-place", `{"text":"hello","place":"moon"}`, `{"error":"place must be`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, tally := scanned(t, strings.NewReader(c.line), false)
			if !strings.HasPrefix(got, c.want) || strings.HasSuffix(c.want, "}") && got != c.want+"\n" {
				t.Errorf("got  %swant %s", got, c.want)
			}
			if refused := strings.Contains(c.want, "error"); (tally.refused == 1) != refused || (tally.texts == 1) == refused {
				t.Errorf("counted: %+v", tally)
			}
		})
	}
}

func TestScanLinesInOrder(t *testing.T) {
	t.Parallel()
	in := "\ufeff" + `{"id":1,"text":"hello"}` + "\n\n  \n" + `nothing` + "\n" + `{"id":2,"text":"wibblekey7 is it","kind":"response"}` + "\n" +
		`{"id":3,"text":"` + strings.Repeat("a", maxLine) + `"}` + "\n" + `{"id":4,"text":"` + strings.Repeat("hello ", 180_000) + `howl at the zorblax"}`
	got, tally := scanned(t, strings.NewReader(in), true)
	want := []string{
		`{"id":1,"verdict":"allow"`, `{"error":"no JSON`, `{"id":2,"verdict":"redact"`, `{"error":"the line is longer`, `{"id":4,"verdict":"block"`, "",
	}
	lines := strings.Split(got, "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d: %.400q", len(lines), len(want), got)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d: %.200s, want %s", i+1, line, want[i])
		}
	}
	if out, _ := scanned(t, strings.NewReader(`{"kind":"response","text":"`+strings.Repeat("wibblekey7 ", 20)+`"}`), true); !strings.HasSuffix(out, `"redacted":"`+strings.Repeat("[redacted:secret] ", 20)+"\"}\n") {
		t.Errorf("redacted to the last: %s", out)
	}
	if !strings.HasSuffix(lines[2], `"redacted":"[redacted:secret] is it"}`) {
		t.Errorf("redacted: %s", lines[2])
	}
	if diff := cmp.Diff(scanTally{texts: 3, refused: 2, verdicts: [4]int{1, 1, 0, 1}}, tally, cmp.AllowUnexported(scanTally{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for action, n := range map[inspect.Action]int{inspect.Block: 1, inspect.Redact: 2, inspect.Flag: 2} {
		if tally.orWorse(action) != n {
			t.Errorf("%d are %s or worse, want %d", tally.orWorse(action), action, n)
		}
	}
}

// TestScanAnswersAtOnce holds that a program can ask line by line and wait for each answer.
func TestScanAnswersAtOnce(t *testing.T) {
	t.Parallel()
	in, ask := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan error, 1)
	s := lineScan{judge: scanningJudge(t)}
	go func() {
		err := s.run(in, out)
		out.CloseWithError(err)
		done <- err
	}()
	for i := range 3 {
		fmt.Fprintf(ask, `{"id":%d,"text":"hello"}`+"\n", i)
		answer := make([]byte, len(`{"id":0,"verdict":"allow","findings":[]}`)+1)
		if _, err := io.ReadFull(answers, answer); err != nil || !bytes.HasPrefix(answer, fmt.Appendf(nil, `{"id":%d,`, i)) {
			t.Fatalf("%q, %v", answer, err)
		}
	}
	ask.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	broken := errors.New("the pipe broke")
	in, ask = io.Pipe()
	ask.CloseWithError(broken)
	if err := s.run(in, io.Discard); !errors.Is(err, broken) {
		t.Errorf("input that breaks off: %v", err)
	}
}

func FuzzScanLine(f *testing.F) {
	for _, seed := range []string{`{"text":"hello"}`, `{"id":[1,{}],"text":"\ud800howl at the zorblax","kind":"card","ring":2}`, `{"text":"wibblekey7","kind":"response"}`, `{`, "\xff"} {
		f.Add([]byte(seed))
	}
	rules, err := loadScanRules()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var out bytes.Buffer
		s := lineScan{judge: scanJudge{rules, inspect.DefaultTreatments()}, redacted: true}
		if err := s.run(bytes.NewReader(bytes.ReplaceAll(line, []byte("\n"), nil)), &out); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(out.Bytes(), []byte("\n")); n > 1 || n != s.tally.texts+s.tally.refused {
			t.Errorf("%q is answered by %q", line, out.Bytes())
		}
	})
}

// TestScanCommand holds what the whole command prints, and how it ends.
func TestScanCommand(t *testing.T) {
	t.Parallel()
	rules := t.TempDir()
	if err := os.WriteFile(filepath.Join(rules, "own.yaml"), []byte(scanRules), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, in string
		args     []string
		want     string
		code     int
	}{
		{"text", "now howl at the zorblax", nil, `RULE     CLASS             SEVERITY  ACTION  VIEW  AT
zorblax  prompt-injection  high      block   text  4-23

verdict: block
`, 0},
		{"text-that-is-allowed", "hello", []string{"--fail-on", "flag"}, "verdict: allow\n", 0},
		{"text-as-json", "murmur softly", []string{"-o", "json"}, `{
  "verdict": "flag",
  "findings": [
    {
      "rule": "murmur",
      "class": "prompt-leak",
      "severity": "low",
      "action": "flag",
      "span": [
        0,
        13
      ],
      "view": "text"
    }
  ]
}
`, 0},
		{"fail-on-block", "murmur softly", []string{"--fail-on", "block", "--redacted"}, "murmur softly", 0},
		{"fail-on-flag", "murmur softly", []string{"--fail-on", "flag", "--redacted"}, "murmur softly", 1},
		{"redacted", "it is wibblekey7.\n", []string{"--redacted", "--kind", "response"}, "it is [redacted:secret].\n", 0},
		{"redacted-to-the-last", strings.Repeat("it is wibblekey7. ", 20), []string{"--redacted", "--kind", "response"}, strings.Repeat("it is [redacted:secret]. ", 20), 0},
		{"redacted-to-the-last-string", `["` + strings.Repeat("wibblekey7 ", 20) + `"]`, []string{"--redacted", "--json", "--kind", "response"}, `["` + strings.Repeat("[redacted:secret] ", 20) + `"]`, 0},
		{"blocked-is-not-printed", "it is wibblekey7.\n", []string{"--redacted"}, "", 1},
		{"lines", "{\"text\":\"hello\"}\nnothing\n", []string{"--jsonl"}, "{\"verdict\":\"allow\",\"findings\":[]}\n{\"error\":\"no JSON: invalid character 'o' in literal null (expecting 'u')\"}\n", 2},
		{"lines-that-fail", `{"text":"wibblekey7"}`, []string{"--jsonl", "--fail-on", "block", "--kind", "card"}, `{"verdict":"block","findings":[{"rule":"wibble","class":"secret","severity":"critical","action":"block","span":[0,10],"view":"text"}]}` + "\n", 1},
		{"document-of-two-meanings", `{"a":1,"a":2}`, []string{"--json"}, "", 2},
		{"unknown-kind", "", []string{"--kind", "letter"}, "", 2},
		{"unknown-ring", "", []string{"--ring", "4"}, "", 2},
		{"unknown-action", "", []string{"--fail-on", "allow"}, "", 2},
		{"unknown-output", "", []string{"-o", "xml"}, "", 2},
		{"two-forms", "", []string{"--json", "--jsonl"}, "", 2},
		{"no-file", "", []string{"nowhere.txt"}, "", 1},
		{"no-rules", "", []string{"--rules", "nowhere"}, "", 1},
		{"no-configuration", "", []string{"--config", "nowhere.yaml"}, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := scanCommand()
			cmd.SetIn(strings.NewReader(c.in))
			out, err := perform(t, cmd, append([]string{"--rules", rules}, c.args...)...)
			if code := 0; err != nil {
				if code = exitCode(err); code != c.code {
					t.Errorf("ends with %d: %v", code, err)
				}
			} else if c.code != 0 {
				t.Errorf("ends without an error, want %d", c.code)
			}
			if diff := cmp.Diff(c.want, out); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
