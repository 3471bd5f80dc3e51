package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func rulesDirectory(t *testing.T, data string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRulesCommands(t *testing.T) {
	t.Parallel()
	dir := rulesDirectory(t, scanRules)
	out, err := perform(t, rulesCommand(), "list", dir)
	out = columns.ReplaceAllString(out, " ")
	if err != nil || !strings.HasPrefix(out, "RULE CLASS SEVERITY ACTION DIRECTIONS FROM\n") ||
		!strings.Contains(out, "\nzorblax prompt-injection high block all "+dir+"/own.yaml:2\n") || !strings.Contains(out, " ships: ") {
		t.Errorf("list: %v\n%s", err, out)
	}
	out, err = perform(t, rulesCommand(), "list", dir, "-o", "json")
	var l ruleListing
	if err != nil || json.Unmarshal([]byte(out), &l) != nil || len(l.Rules) < 4 || len(l.Hash) != 64 {
		t.Errorf("list as JSON: %v\n%s", err, out)
	}
	out, err = perform(t, rulesCommand(), "test", dir)
	out = columns.ReplaceAllString(out, " ")
	if err != nil || !strings.Contains(out, "\nzorblax 1 1 "+dir+"/own.yaml:2\n") || !strings.HasSuffix(out, " as they should be\n") {
		t.Errorf("test: %v\n%s", err, out)
	}
}

func TestRulesThatFail(t *testing.T) {
	t.Parallel()
	dir := rulesDirectory(t, `rules:
  - id: bad
    class: secret
    severity: dreadful
    action: block
    any: [moonlight]
    tests: {hits: [moonlight], misses: [sun]}
  - id: worse
    class: secret
    severity: low
    action: shrug
    any: [moonlight]
    tests: {hits: [moonlight], misses: [sun]}
`)
	out, err := perform(t, rulesCommand(), "test", dir)
	if err == nil || err.Error() != "the rules are refused: 2 problems" || exitCode(err) != 1 ||
		!strings.Contains(out, "own.yaml:2: rule \"bad\"") || !strings.Contains(out, "own.yaml:8: rule \"worse\"") {
		t.Errorf("%v\n%s", err, out)
	}
	dir = rulesDirectory(t, `rules:
  - id: untrue
    class: secret
    severity: low
    action: flag
    any: [moonlight]
    tests: {hits: [sunlight], misses: [moonlight]}
`)
	out, err = perform(t, rulesCommand(), "test", dir)
	if err == nil || !strings.Contains(out, `own.yaml:7: rule "untrue" misses an example`) || !strings.Contains(out, `own.yaml:7: rule "untrue" hits an example`) {
		t.Errorf("%v\n%s", err, out)
	}
	for _, args := range [][]string{{"test", "nowhere"}, {"list", filepath.Join(dir, "own.yaml")}, {"list", dir}} {
		if _, err := perform(t, rulesCommand(), args...); err == nil {
			t.Errorf("%q passes", args)
		}
	}
}

// TestRulesShow holds that what is printed of a rule is a rule file: it loads, and has that rule.
func TestRulesShow(t *testing.T) {
	t.Parallel()
	dir := rulesDirectory(t, `lists:
  moons: [moonlight, moonbeam]
  suns: [sunlight]
rules:
  - id: other
    class: secret
    severity: low
    action: flag
    any: [$suns]
    tests: {hits: [sunlight], misses: [moonlight]}
  - id: night
    class: secret
    severity: low
    action: flag
    any: [$moons, starlight]
    tests: {hits: [moonbeam], misses: [sunlight]}
`)
	out, err := perform(t, rulesCommand(), "show", "night", dir)
	if err != nil || !strings.Contains(out, "moonbeam") || !strings.Contains(out, "id: night") || strings.Contains(out, "id: other") || strings.Contains(out, "suns") {
		t.Errorf("%v\n%s", err, out)
	}
	if list, err := perform(t, rulesCommand(), "list", rulesDirectory(t, out)); err != nil || !strings.Contains(list, "night") {
		t.Errorf("what is shown does not load: %v\n%s", err, out)
	}
	if _, err := perform(t, rulesCommand(), "show", "day", dir); err == nil {
		t.Error("a rule is shown that there is not")
	}
}
