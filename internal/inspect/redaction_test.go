package inspect

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

func TestRedacted(t *testing.T) {
	t.Parallel()
	at := func(text, start, end int) Finding {
		return Finding{Class: "secret", Text: text, Start: start, End: end, Last: text, LastEnd: end}
	}
	tests := []struct {
		name     string
		texts    []a2a.Text
		findings []Finding
		want     map[int]string
	}{
		{"one", one("key abc ok"), []Finding{at(0, 4, 7)}, map[int]string{0: "key [redacted:secret] ok"}},
		{"two-in-any-order", one("abc and def"), []Finding{at(0, 8, 11), at(0, 0, 3)}, map[int]string{0: "[redacted:secret] and [redacted:secret]"}},
		{"one-in-the-other", one("xabcdefx"), []Finding{at(0, 2, 4), at(0, 1, 7)}, map[int]string{0: "x[redacted:secret]x"}},
		{"touching", one("abcdef"), []Finding{at(0, 0, 3), at(0, 3, 6)}, map[int]string{0: "[redacted:secret]"}},
		{"inside-a-character", one("é!"), []Finding{at(0, 1, 2)}, map[int]string{0: "[redacted:secret]!"}},
		{
			"over-three-texts",
			[]a2a.Text{{Value: "say ab"}, {Value: "name", Key: true}, {Value: "text/plain"}, {Value: "cd"}, {Value: "ef!"}},
			[]Finding{{Class: "secret", Text: 0, Start: 4, End: 6, Last: 4, LastEnd: 2}},
			map[int]string{0: "say [redacted:secret]", 3: "[redacted:secret]", 4: "[redacted:secret]!"},
		},
		{
			"over-two-messages",
			[]a2a.Text{{Value: "say ab"}, {Value: "m2", Kind: a2a.KindID}, {Value: "https://a.example", Kind: a2a.KindURL}, {Value: "cd!"}},
			[]Finding{{Class: "secret", Text: 0, Start: 4, End: 6, Last: 3, LastEnd: 2}},
			map[int]string{0: "say [redacted:secret]", 3: "[redacted:secret]!"},
		},
		{"a-key", []a2a.Text{{Value: "abc", Key: true}}, []Finding{at(0, 0, 3)}, nil},
		{"no-place", one("abc"), []Finding{{Text: -1, Last: -1}}, nil},
		{"past-the-end", one("abc"), []Finding{at(0, 0, 4)}, nil},
		{"no-such-text", one("abc"), []Finding{at(1, 0, 1)}, nil},
		{"nothing", one("abc"), nil, map[int]string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := Redacted(tt.texts, tt.findings)
			if ok != (tt.want != nil) {
				t.Fatalf("ok is %t", ok)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCleaned(t *testing.T) {
	t.Parallel()
	s, err := Load(layer("r.yaml", `rules:
  - {id: key, class: c, severity: low, action: redact, any: [hunter2], tests: {hits: [hunter2], misses: [hunter]}}
  - {id: stop, class: d, severity: low, action: block, any: ["[redacted:c] go"], tests: {hits: ["[redacted:c] go"], misses: [go]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	clean := func(text string) (string, bool) {
		again := func(left []a2a.Text) ([]Finding, bool) {
			cuts := s.Scan(left, Options{})
			return cuts, !slices.ContainsFunc(cuts, func(f Finding) bool { return f.Action == Block })
		}
		values, ok := Cleaned(one(text), s.Scan(one(text), Options{}), again)
		return values[0], ok
	}
	many := 3 * maxFindings
	if got, ok := clean(strings.Repeat("hunter2 ", many)); !ok || got != strings.Repeat("[redacted:c] ", many) {
		t.Errorf("many: %t, %q", ok, got)
	}
	if got, ok := clean(strings.Repeat("hunter2 ", passes*maxFindings+1)); ok {
		t.Errorf("more than passes take out: %q", got)
	}
	if got, ok := clean("hunter2 go"); ok {
		t.Errorf("what may not pass when it is redacted: %q", got)
	}
}

// What was taken out is found no more, and what stands in its place is nothing to be found.
func TestRedactedTextsAreClean(t *testing.T) {
	t.Parallel()
	s := builtin(t)
	for _, a := range attacks(t) {
		texts := one(a.text)
		findings := s.Scan(texts, Options{Direction: Request})
		if len(findings) == 0 {
			continue
		}
		values, ok := Cleaned(texts, findings, func(left []a2a.Text) ([]Finding, bool) {
			return s.Scan(left, Options{Direction: Request}), true
		})
		if !ok {
			t.Errorf("%q cannot be redacted", a.text)
			continue
		}
		if !utf8.ValidString(values[0]) {
			t.Errorf("%q becomes %q", a.text, values[0])
		}
		for _, f := range s.Scan(one(values[0]), Options{Direction: Request}) {
			t.Errorf("%s holds in %q", f.Rule, values[0])
		}
	}
}

// A label is no context: what was taken out before must not excuse what is left.
func TestLabelsExcuseNothing(t *testing.T) {
	t.Parallel()
	s := builtin(t)
	for _, a := range attacks(t) {
		if _, ok := blocks(s.Scan(one(a.text), Options{Direction: Request})); !ok {
			continue
		}
		for _, class := range []string{"prompt-injection", "secret", "sql-injection"} {
			labelled := "[redacted:" + class + "] " + a.text
			if _, ok := blocks(s.Scan(one(labelled), Options{Direction: Request})); !ok && !strings.HasPrefix(a.class, "sql") {
				t.Errorf("%q is let through", labelled)
			}
		}
	}
}
