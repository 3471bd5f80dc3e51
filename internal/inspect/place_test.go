package inspect

import (
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

const placeRules = `rules:
  - {id: everywhere, class: c, severity: low, action: flag, any: [probe], tests: {hits: [probe, {text: probe, kind: id}, {text: probe, key: true}], misses: [x]}}
  - {id: in-names, class: c, severity: low, action: redact, kinds: [name], any: [probe], tests: {hits: [{text: probe, kind: name}], misses: [probe]}}
  - {id: in-keys, class: c, severity: low, action: flag, keys: only, any: [probe],
     tests: {hits: [{text: probe, kind: free, key: true}, [x, {text: probe, key: true}]], misses: [probe]}}
  - {id: in-values, class: c, severity: low, action: flag, keys: without, any: [probe], tests: {hits: [probe], misses: [{text: probe, key: true}]}}
  - {id: no-secrets, class: c, severity: low, action: flag, kinds: [text, free, name, url, callback, bytes, id], directions: [response],
     any: [probe], tests: {hits: [probe], misses: [{text: probe, kind: secret}]}}
`

func TestRulesHoldInTheirPlaces(t *testing.T) {
	t.Parallel()
	s, err := Load(layer("r.yaml", placeRules))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		text      a2a.Text
		direction Direction
		want      string
	}{
		{"text", a2a.Text{Kind: a2a.KindText}, Response, "everywhere in-values no-secrets"},
		{"zero-kind-is-data", a2a.Text{}, Response, "everywhere in-values no-secrets"},
		{"name", a2a.Text{Kind: a2a.KindName}, Request, "everywhere in-names in-values"},
		{"key", a2a.Text{Key: true}, Request, "everywhere in-keys"},
		{"secret", a2a.Text{Kind: a2a.KindSecret}, Response, "everywhere in-values"},
		{"unknown-direction", a2a.Text{Kind: a2a.KindURL}, DirectionUnknown, "everywhere in-values no-secrets"},
		{"id", a2a.Text{Kind: a2a.KindID}, Card, "everywhere in-values"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.text.Value = "a probe"
			if got := rulesOf(s.Scan([]a2a.Text{tt.text}, Options{Direction: tt.direction})); got != tt.want {
				t.Errorf("findings = %q, want %q", got, tt.want)
			}
		})
	}
}
