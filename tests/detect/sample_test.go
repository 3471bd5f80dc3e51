package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	const written = "a {{rand:upper32:16}} b {{rand:digits:4}} c {{rand:hex:8}} d {{rand:base62:12}} e {{rand:base64:9}}"
	filled, err := expand(written)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^a [A-Z2-7]{16} b [0-9]{4} c [0-9a-f]{8} d [0-9A-Za-z]{12} e [A-Za-z0-9+/]{9}$`).MatchString(filled) {
		t.Errorf("filled: %q", filled)
	}
	if again, _ := expand(written); again != filled {
		t.Errorf("again: %q, before: %q", again, filled)
	}
	if other, _ := expand(written + "."); other == filled+"." {
		t.Error("another text has the same random characters")
	}
	if one, _ := expand("{{rand:hex:16}}{{rand:hex:16}}"); one[:16] == one[16:] {
		t.Error("two placeholders of a text are filled alike")
	}
	for _, bad := range []string{"{{rand:klingon:4}}", "{{rand:hex:0}}", "{{rand:hex:9000}}", "{{rand:hex}}", "{{rand:hex:99999999999999999999}}"} {
		if filled, err := expand(bad); err == nil {
			t.Errorf("%s is filled with %q", bad, filled)
		}
	}
}

func TestReadSets(t *testing.T) {
	t.Parallel()
	samples, err := readSets([]string{"testdata/small.jsonl"})
	if err != nil {
		t.Fatal(err)
	}
	type told struct {
		line      int
		attack    bool
		class     string
		direction inspect.Direction
		place     a2a.Kind
		key       bool
	}
	want := []told{
		{1, true, "prompt-injection", inspect.Request, a2a.KindText, false},
		{2, true, "sql-injection", inspect.Request, a2a.KindText, false},
		{3, true, "sql-injection", inspect.Response, a2a.KindText, false},
		{4, true, "secret", inspect.Response, a2a.KindText, false},
		{5, true, "unclassified", inspect.Request, a2a.KindText, false},
		{7, false, "", inspect.Request, a2a.KindText, false},
		{8, false, "prose", inspect.Response, a2a.KindText, false},
		{9, false, "", inspect.Card, a2a.KindName, false},
		{10, false, "", inspect.Request, a2a.KindText, true},
	}
	var got []told
	for _, s := range samples {
		got = append(got, told{s.line, s.attack, s.class, s.direction, s.place, s.key})
		if s.set != "small" || strings.Contains(s.text, "{{") {
			t.Errorf("line %d: set %q, text %q", s.line, s.set, s.text)
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(told{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBrokenSets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lines := []string{
		`{"text":"a","label":"attack"}`, `{"text":"a"}`, `{"label":"benign"}`, `{"text":"a","label":"maybe"}`, `nothing`,
		`{"text":"a","label":"benign","kind":"letter"}`, `{"text":"a","label":"benign","place":"moon"}`, `{"text":"{{rand:x:1}}","label":"attack"}`,
	}
	if err := os.WriteFile(filepath.Join(dir, "broken.jsonl"), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := readSets([]string{dir, filepath.Join(dir, "nowhere"), t.TempDir()})
	if err == nil {
		t.Fatal("all is read")
	}
	for _, want := range []string{
		"broken:2: label", "broken:3: there is no text", "broken:4: label", "broken:5: ", "broken:6: kind", "broken:7: place", "broken:8: the placeholder", "nowhere", "has no *.jsonl",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "broken:1:") {
		t.Errorf("a sound line is refused: %v", err)
	}
}

// FuzzParseSet holds that what is read of a line is what was written, and that nothing of a set is passed over in silence.
func FuzzParseSet(f *testing.F) {
	for _, seed := range []string{
		`{"text":"a","label":"attack","class":"secret","kind":"card","place":"name","key":true}`, `{"text":"{{rand:hex:8}}","label":0}`,
		`{"text":"\ud800","label":"safe"}`, "{}\n\n[]", "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		samples, err := parseSet("set", bytes.NewReader(data))
		lines := 0
		for line := range bytes.Lines(data) {
			if len(bytes.TrimSpace(line)) > 0 {
				lines++
			}
		}
		if err == nil && len(samples) != lines {
			t.Errorf("%d of %d lines are read without an error", len(samples), lines)
		}
		for _, s := range samples {
			if s.line < 1 || s.attack && s.class == "" || strings.Contains(s.text, "{{rand:") {
				t.Errorf("%+v", s)
			}
		}
	})
}
