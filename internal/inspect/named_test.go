package inspect

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/a2a"
)

const namedRules = `rules:
  - {id: paired, class: c, severity: low, action: redact, kinds: [free], any: ["*word*"], regex: '(?i)\w*word\w*: "[a-z ]*opal', pairs: true,
     tests: {hits: [{name: aWord, text: opal}], misses: [{name: aWord, text: onyx}, {name: aTerm, text: a word of opal}]}}
  - {id: grouped, class: c, severity: low, action: redact, kinds: [free], ordered: true, distance: 4, all: [[colour], [teal]], pairs: true,
     tests: {hits: [{name: colour, text: it is teal}], misses: [{name: colour, text: red}]}}
  - {id: alone, class: c, severity: low, action: redact, any: ["*word*"], regex: 'word: "opal', tests: {hits: ["word: \"opal"], misses: [{name: word, text: opal}]}}
`

// members are texts as documents have them: names have a colon behind.
func members(texts ...string) []a2a.Text {
	all := make([]a2a.Text, len(texts))
	for i, t := range texts {
		all[i].Value, all[i].Key = strings.CutSuffix(t, ":")
	}
	return all
}

// A value is read behind the name that came last, and what is found is told of the value alone.
func TestValuesAreReadBehindTheirNames(t *testing.T) {
	t.Parallel()
	s, err := Load(layer("r.yaml", namedRules))
	if err != nil {
		t.Fatal(err)
	}
	at := func(rule string, text, start, end int) Finding {
		return Finding{Rule: rule, Class: "c", Severity: Low, Action: Redact, Text: text, Start: start, End: end, Last: text, LastEnd: end, View: ViewNamed}
	}
	alone := func(rule string, text, end int) Finding {
		f := at(rule, text, 0, end)
		f.View = ViewText
		return f
	}
	long := strings.Repeat("x", maxValue)
	tests := []struct {
		name  string
		texts []a2a.Text
		want  []Finding
	}{
		{"value", members("word:", "opal"), []Finding{at("paired", 1, 0, 4)}},
		{"camel-case", members("aWord:", "an opal ring"), []Finding{at("paired", 1, 0, 7)}},
		{"behind-blanks", members("word:", "\n  opal "), []Finding{at("paired", 1, 3, 7)}},
		{"other-letters", members("ｗｏｒｄ:", "ｏｐａｌ"), []Finding{at("paired", 1, 0, 12)}},
		{"each-of-an-array", members("word:", "onyx", "opal", "opal"), []Finding{at("paired", 2, 0, 4), at("paired", 3, 0, 4)}},
		{"groups", members("colour:", "so teal!"), []Finding{at("grouped", 1, 0, 7)}},
		{"nearest-name", members("word:", "type:", "opal"), nil},
		{"name-without-a-word", members("word:", "onyx", "term:", "opal"), nil},
		{"no-name", members("opal"), nil},
		{"value-first", members("opal", "word:"), nil},
		{"literals-in-the-value", members("aTerm:", `word: "opal`), []Finding{alone("alone", 1, 11), alone("paired", 1, 11)}},
		{"groups-in-the-value", members("colour:", "red", "x:", "colour teal"), []Finding{alone("grouped", 3, 11)}},
		{"too-short", members("colour:", "tea"), nil},
		{"long-name", members(strings.Repeat("a", maxMemberName)+"word:", "opal"), nil},
		{"behind-what-is-read", members("colour:", long+" teal"), nil},
		{"other-kind", []a2a.Text{{Value: "word", Key: true}, {Value: "opal", Kind: a2a.KindText}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, s.Scan(tt.texts, Options{Direction: Response})); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// What goes on behind the part that is read is found to its end.
func TestLongNamedValuesAreFoundToTheirEnd(t *testing.T) {
	t.Parallel()
	value := strings.Repeat("q9Zt4Lw8Xv2Nb6Mc1Kd7", maxValue/20+100)
	texts := members("clientSecret:", value)
	values, ok := Redacted(texts, builtin(t).Scan(texts, Options{Direction: Response}))
	if want := map[int]string{1: "[redacted:secret]"}; !ok || cmp.Diff(want, values) != "" {
		t.Errorf("values = %v, %t", values, ok)
	}
}

// Nothing is left of a secret that a name vouches for, and what stands in its place is none.
func TestNamedSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	s := builtin(t)
	for _, texts := range [][]a2a.Text{
		members("user:", "amy", "apiKey:", "q9Zt4Lw8Xv2Nb6Mc1Kd7"),
		members("headers:", "X-Api-Key:", "ca5b04c16bed33ededc7c11ee911a4ea8a6fc14f"),
		members("Authorization:", "ApiKey q9Zt4Lw8Xv2Nb6Mc1Kd7"),
		members("tokens:", "hol17PY8j1hZgGqqel3cTvqH", "ZwDnIa3BmFr9PpegJCYWF4pe"),
		members("db:", "dbPassword:", "shAlNyb2RND5FefPnIOu49Um"),
	} {
		findings := s.Scan(texts, Options{Direction: Response})
		values, ok := Redacted(texts, findings)
		if !ok || len(findings) == 0 {
			t.Errorf("%v: findings %+v, redacted %t", texts, findings, ok)
			continue
		}
		for i, value := range values {
			if texts[i].Key || !strings.HasSuffix(value, "[redacted:secret]") || !utf8.ValidString(value) {
				t.Errorf("%q becomes %q", texts[i].Value, value)
			}
			texts[i].Value = value
		}
		if again := s.Scan(texts, Options{Direction: Response}); len(again) > 0 {
			t.Errorf("%+v is found in what is left of %v", again, texts)
		}
	}
}

// Large documents in which each name has such a word, and lists under one, are no more work than the bound allows.
func TestManyNamedValuesAreDecided(t *testing.T) {
	t.Parallel()
	list := members("access_token_keys:")
	for range 2000 {
		list = append(list, a2a.Text{Value: "PROJ-1234 of Amy"})
	}
	var records []a2a.Text
	for range 1000 {
		records = append(records, members("author:", "Amy Winter", "issueKey:", "PROJ-1234", "summary:", "the door does not close")...)
	}
	for name, texts := range map[string][]a2a.Text{"list": list, "records": records} {
		if found := builtin(t).Scan(texts, Options{Direction: Response}); len(found) > 0 {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
