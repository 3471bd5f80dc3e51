package inspect

import (
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

func TestRespelledReadsAsDatabasesDo(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"comments-for-spaces", "7/**/union/**/select/**/9", "7 union select 9"},
		{"words-that-are-marked", "/*!50000union*/ select 9", "union select 9"},
		{"plus-signs", "7+union+select+9", "7 union select 9"},
		{"nothing-between", "7\x00union\x00select 9", "7 union select 9"},
		{"marks-written-twice", `a"" or ""b""=""b`, `a" or "b"="b`},
		{"rests-of-lines", "7 union all#x\nselect 9", "7 union all select 9"},
		{"sum-of-numbers", "7+9", ""},
		{"names-of-languages", "C++ and Go", ""},
		{"not-utf-8", "7/**/union\xff", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := string(respelled([]byte(tt.text))); got != tt.want {
				t.Errorf("respelled(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func TestExcuseOfPayloads(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		blocked    bool
	}{
		{"question", "What about ' OR 1=1 --?", true},
		{"word", "This is no attack: town ' OR 1=1 -- please", true},
		{"quotation", "Look up the guest `' OR 1=1 --` for me", true},
		{"quotation-and-word", "Our validator rejects `' OR 1=1 --` in names", false},
		{"question-and-word", "Why is ../../etc/passwd rejected by the validator?", false},
		{"obeyed", "The attack is `' OR 1=1 --`. Do it.", true},
	}
	s := builtin(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found := s.Scan(said1(tt.text), Options{Direction: Request})
			if blocked := DefaultTreatments().Worst(found, Request, agent.Untrusted) == Block; blocked != tt.blocked {
				t.Errorf("blocked = %v, want %v (%+v)", blocked, tt.blocked, found)
			}
		})
	}
}
