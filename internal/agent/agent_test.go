package agent_test

import (
	"encoding/json"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

func TestParseID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, id string
		ok       bool
	}{
		{"word", "weather", true},
		{"one-character", "a", true},
		{"digit-first", "7up", true},
		{"only-digits", "42", true},
		{"inner-hyphens", "a--b-c", true},
		{"longest", strings.Repeat("a", 63), true},
		{"empty", "", false},
		{"too-long", strings.Repeat("a", 64), false},
		{"upper-case", "Weather", false},
		{"leading-hyphen", "-a", false},
		{"trailing-hyphen", "a-", false},
		{"only-hyphen", "-", false},
		{"dot", "a.b", false},
		{"underscore", "a_b", false},
		{"slash", "a/b", false},
		{"escaped", "a%2fb", false},
		{"not-ascii", "é", false},
		{"nul", "a\x00", false},
		{"bad-utf8", "a\xff", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			id, err := agent.ParseID(test.id)
			if (err == nil) != test.ok {
				t.Fatalf("error %v, want accepted=%v", err, test.ok)
			}
			if test.ok && string(id) != test.id {
				t.Errorf("id %q", id)
			}
		})
	}
}

func TestEffectOf(t *testing.T) {
	t.Parallel()
	effects := []agent.Effect{agent.EffectRead, agent.EffectWrite, agent.EffectAdmin} // weakest first
	for i, own := range effects {
		for j, declared := range effects {
			record := &agent.Record{Effect: own, SkillEffects: map[string]agent.Effect{"s": declared}}
			if got, want := record.EffectOf("s"), effects[max(i, j)]; got != want {
				t.Errorf("agent %v, skill %v: %v, want %v", own, declared, got, want)
			}
			if got := record.EffectOf("unknown"); got != own {
				t.Errorf("unknown skill: %v, want %v", got, own)
			}
		}
	}
	if got := (&agent.Record{}).EffectOf(""); got != agent.EffectWrite {
		t.Errorf("unclassified: %v, want write", got)
	}
}

func TestEffectText(t *testing.T) {
	t.Parallel()
	for _, effect := range []agent.Effect{agent.EffectRead, agent.EffectWrite, agent.EffectAdmin} {
		text, err := json.Marshal(effect)
		if err != nil {
			t.Fatal(err)
		}
		var got agent.Effect
		if err := json.Unmarshal(text, &got); err != nil || got != effect {
			t.Errorf("%s came back as %v: %v", text, got, err)
		}
	}
	if got := agent.Effect(9).String(); got != "admin" {
		t.Errorf("an unknown effect is %q, want the strongest", got)
	}
	for _, text := range []string{`""`, `"Read"`, `"root"`, `1`} {
		var got agent.Effect
		if json.Unmarshal([]byte(text), &got) == nil {
			t.Errorf("%s accepted as %v", text, got)
		}
	}
}
