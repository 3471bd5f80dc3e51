package inspect

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func layer(files ...string) fs.FS {
	m := fstest.MapFS{}
	for i := 0; i+1 < len(files); i += 2 {
		m[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return m
}

const goodRule = `rules:
  - id: probe
    class: test
    severity: low
    action: flag
    any: [probe*]
    tests:
      hits: [a probe, probes]
      misses: [approbe]
`

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	rule := func(body string) string { return "rules:\n  - id: a\n    class: c\n" + body }
	const rest = "    severity: low\n    action: flag\n    tests: {hits: [one two], misses: [x]}\n"
	tests := []struct {
		name, file string
		want       []string
	}{
		{"empty-file", "", []string{"r.yaml:1: the file is empty"}},
		{"not-yaml", "a: [", []string{"r.yaml:1: reading YAML"}},
		{"two-documents", goodRule + "---\n" + goodRule, []string{"more than one document"}},
		{"alias", "rules: [*x]", []string{"r.yaml:1"}},
		{"no-rules", "lists: {a: [bb]}", []string{"there is no rule"}},
		{
			"unknown-field-and-bad-regex-at-once", rule("    any: [one]\n    regexp: x\n    regex: '('\n" + rest),
			[]string{`r.yaml:5: unknown field "regexp"`, `r.yaml:2: rule "a": error parsing regexp`},
		},
		{"repeated-key", rule("    any: [one]\n    class: d\n" + rest), []string{`r.yaml:5: the key "class" is repeated`}},
		{"duplicate-id", goodRule + goodRule[len("rules:\n"):], []string{`rule "probe" is defined already at r.yaml:2`}},
		{"empty-rule", "rules:\n  - {}\n", []string{"id \"\" and class \"\"", "exactly one of any, all and signal", "needs tests"}},
		{"null-rule", "rules:\n  -\n", []string{"r.yaml:2: a mapping is needed here"}},
		{"one-group", rule("    all: [[one]]\n    distance: 3\n" + rest), []string{"all takes 2 to 8 groups"}},
		{"no-distance", rule("    all: [[one], [two]]\n" + rest), []string{"distance must be 1 to 64 words"}},
		{"distance-without-all", rule("    any: [one]\n    distance: 3\n" + rest), []string{"distance and ordered need all"}},
		{"short-literal", rule("    any: [a]\n" + rest), []string{`the literal "a" must have 2 to 64 bytes`}},
		{"unknown-list", rule("    any: [$nope]\n" + rest), []string{`there is no list "nope"`}},
		{
			"unknown-names", rule("    any: [one]\n    verify: v\n    except: [e]\n    directions: [d]\n" + rest),
			[]string{`verifier "v" is none of`, `exception "e" is none of`, `direction "d" is none of`},
		},
		{
			"unknown-places", rule("    any: [one]\n    kinds: [text, k]\n    keys: never\n" + rest),
			[]string{`r.yaml:5: kind "k" is none of bytes, callback, free, id, media, name, secret, text, url`, `keys "never" is none of only, with, without`},
		},
		{
			"unknown-place-of-an-example", rule("    any: [one]\n    severity: low\n    action: flag\n    tests: {hits: [{text: one, kind: k, at: 1}], misses: [{key: true}]}\n"),
			[]string{`kind "k" is none of`, `unknown field "at"`, "an example needs a text"},
		},
		{
			"inspection-of-something-else", "rules:\n  - {id: a, class: inspection, severity: low, action: flag, any: [one], tests: {hits: [one], misses: [x]}}",
			[]string{`the class inspection is for the signal budget`},
		},
		{"pairs-of-a-signal", rule("    signal: budget\n    pairs: true\n" + rest), []string{`rule "a": pairs needs any or all`}},
		{"name-of-a-key", rule("    any: [one]\n    severity: low\n    action: flag\n    tests: {hits: [{name: a, text: one, key: true}], misses: [x]}\n"), []string{"a key has no name"}},
		{"bad-signal", rule("    signal: s\n" + rest), []string{`signal "s" is none of`}},
		{
			"bad-level", "rules:\n  - {id: a, class: c, severity: huge, action: stop, any: [one], tests: {hits: [one], misses: [x]}}",
			[]string{`severity "huge" is none of`, `action "stop" is none of`},
		},
		{"large-expression", rule("    any: [one]\n    regex: '(abc{1,200}){3}'\n" + rest), []string{"more than 480"}},
		{"lead-with-groups", rule("    all: [[one], [two]]\n    distance: 2\n    lead: 3\n    regex: o\n" + rest), []string{"lead must be"}},
		{"no-tests", "rules:\n  - {id: a, class: c, severity: low, action: flag, any: [one]}", []string{"needs tests"}},
		{
			"failing-tests", "rules:\n  - id: a\n    class: c\n    severity: low\n    action: flag\n    any: [one]\n    tests:\n      hits: [two]\n      misses: [one]\n",
			[]string{`r.yaml:8: rule "a" misses an example`, `r.yaml:9: rule "a" hits an example`},
		},
		{"disable-nothing", "rules:\n  - {id: a, disabled: true}", []string{`there is no rule "a" to disable`}},
		{
			"wrong-types", rule("    any: one\n    ordered: maybe\n    distance: far\n    prose: 1\n" + rest),
			[]string{"r.yaml:4: a list is needed", "r.yaml:5: true or false", "r.yaml:6: a whole number", "r.yaml:7: true or false"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set, err := Load(layer("r.yaml", tt.file))
			if err == nil || set != nil {
				t.Fatalf("Load() = %v, nil; want an error", set)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %q:\n%v", want, err)
				}
			}
		})
	}
}

// TestLoadRefusesWhatIsNotThere holds that a directory that cannot be read is not taken for one without rules.
func TestLoadRefusesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	if _, err := Load(layer("probe.yaml", goodRule), os.DirFS(filepath.Join(t.TempDir(), "gone"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestLoadWithoutLayersIsAnError(t *testing.T) {
	t.Parallel()
	if s, err := Load(); err == nil || s != nil {
		t.Errorf("Load() = %v, %v; want an error", s, err)
	}
}

func rulesOf(findings []Finding) string {
	ids := make([]string, len(findings))
	for i, f := range findings {
		ids[i] = f.Rule
	}
	return strings.Join(ids, " ")
}

func TestLaterLayersOverride(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, second, text, want string }{
		{"add", strings.ReplaceAll(goodRule, "probe", "sample"), "probe sample", "probe sample"},
		{"replace", strings.NewReplacer("[probe*]", "[other]", "[a probe, probes]", "[other]").Replace(goodRule), "probe other", "probe"},
		{"disable", strings.ReplaceAll(goodRule, "probe", "sample") + "  - {id: probe, disabled: true}\n", "probe sample", "sample"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Load(layer("a.yaml", goodRule), layer("b.yaml", tt.second))
			if err != nil {
				t.Fatal(err)
			}
			if got := rulesOf(s.Scan(one(tt.text), Options{})); got != tt.want {
				t.Errorf("findings = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHashIdentifiesTheRules(t *testing.T) {
	t.Parallel()
	load := func(files ...string) string {
		s, err := Load(layer(files...))
		if err != nil {
			t.Fatal(err)
		}
		return s.Hash()
	}
	other := strings.ReplaceAll(goodRule, "probe", "sample")
	base := load("a.yaml", goodRule, "b.yaml", other)
	if got := load("x.yaml", "# moved\n"+other, "y.yaml", goodRule); got != base {
		t.Error("the hash depends on where rules stand")
	}
	for _, change := range []struct{ from, to string }{
		{"flag", "block"},
		{"severity: low", "severity: high"},
		{"[probe*]", "[probe*, other]"},
		{"class: test", "class: other"},
		{"any:", "except: [quoted]\n    any:"},
		{"any:", "unless: [foo]\n    any:"},
		{"any:", "directions: [request]\n    any:"},
		{"any:", "regex: 'probe'\n    any:"},
		{"any:", "prose: true\n    any:"},
		{"any:", "joined: false\n    any:"},
		{"any:", "keys: without\n    any:"},
		{"any:", "pairs: true\n    any:"},
		{"any:", "kinds: [text]\n    any:"},
	} {
		if got := load("a.yaml", strings.Replace(goodRule, change.from, change.to, 1), "b.yaml", other); got == base {
			t.Errorf("the hash does not cover %q", change.to)
		}
	}
	if got := (*Set)(nil).Hash(); got != "" {
		t.Errorf("hash of no set = %q", got)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(goodRule)
	files, err := fs.Glob(Builtin(), "*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := fs.ReadFile(Builtin(), file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, file string) {
		s, err := Load(layer("r.yaml", file))
		if (s == nil) == (err == nil) {
			t.Fatalf("Load() = %v, %v", s, err)
		}
		if s != nil {
			s.Scan(one(file), Options{})
		}
	})
}
