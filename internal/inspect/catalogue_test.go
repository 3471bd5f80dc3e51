package inspect

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestRules(t *testing.T) {
	t.Parallel()
	const shipped = `rules:
  - id: moon
    class: prompt-injection
    severity: high
    action: block
    any: [howl at the moon]
    tests: {hits: [howl at the moon], misses: [the moon is full, a moon]}
  - id: sun
    class: secret
    severity: low
    action: redact
    directions: [response, request]
    any: [bask in the sun]
    tests: {hits: [bask in the sun], misses: [the sun]}
`
	const own = `
rules:
  - id: moon
    class: prompt-injection
    severity: medium
    action: flag
    any: [bark at the moon]
    tests: {hits: [bark at the moon], misses: [howl at the moon]}
`
	layer := func(file, data string) fstest.MapFS { return fstest.MapFS{file: {Data: []byte(data)}} }
	s, err := Load(layer("sky.yaml", shipped), layer("own.yaml", own))
	if err != nil {
		t.Fatal(err)
	}
	want := []RuleInfo{
		{ID: "moon", Class: "prompt-injection", Severity: Medium, Action: Flag, Layer: 1, File: "own.yaml", Line: 3, Hits: 1, Misses: 1},
		{ID: "sun", Class: "secret", Severity: Low, Action: Redact, Directions: []Direction{Request, Response}, File: "sky.yaml", Line: 8, Hits: 1, Misses: 1},
	}
	if diff := cmp.Diff(want, s.Rules()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	s.Rules()[1].Directions[0] = Card
	if s.Rules()[1].Directions[0] != Request {
		t.Error("a caller can change the description of a rule")
	}
	if (*Set)(nil).Rules() != nil {
		t.Error("no set has rules")
	}
}
