package agent_test

import (
	"regexp"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

func TestParseCapability(t *testing.T) {
	t.Parallel()
	good := []string{"read:*", "write:ledger", "call:weather/forecast", "*:*", "call:a:b", "call:" + strings.Repeat("a", 251)}
	bad := []string{
		"", "read", ":", "read:", ":ledger", "read: x", "re\tad:x", "read:x\n", "read:\u00a0", "read:\u200b", "read:\x00", "read:\xff",
		"call:" + strings.Repeat("a", 252),
	}
	for _, s := range good {
		if got, err := agent.ParseCapability(s); err != nil || string(got) != s {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	for _, s := range bad {
		if _, err := agent.ParseCapability(s); err == nil {
			t.Errorf("%q accepted", s)
		}
	}
}

func TestGrants(t *testing.T) {
	t.Parallel()
	tests := []struct {
		capability, resource string
		verbs                []string
		want                 bool
	}{
		{"call:*", "weather", []string{"write", "SendMessage", "call"}, true},
		{"read:*", "weather", []string{"read", "GetTask", "call"}, true},
		{"read:*", "weather", []string{"write", "SendMessage", "call"}, false},
		{"*:ledger", "ledger", []string{"admin"}, true},
		{"*:ledger", "ledgers", []string{"admin"}, false},
		{"*:ledger", "ledger/post", []string{"admin"}, false},
		{"call:weather/*", "weather/forecast", []string{"call"}, true},
		{"call:weather/*", "weather", []string{"call"}, false},
		{"call:w*r", "weather", []string{"call"}, true},
		{"Get*:a", "a", []string{"GetTask"}, true},
		{"Get*:a", "a", []string{"get"}, false},
		{"call:a", "a", nil, false},
		{"", "", []string{""}, false},
		{"call", "call", []string{"call"}, false},
	}
	for _, test := range tests {
		if got := agent.Capability(test.capability).Grants(test.resource, test.verbs...); got != test.want {
			t.Errorf("%q grants %v on %q: %v, want %v", test.capability, test.verbs, test.resource, got, test.want)
		}
	}
}

// FuzzGrants holds matching against a regular expression that means the same.
func FuzzGrants(f *testing.F) {
	f.Add("a*b*c", "aXbYc")
	f.Add("*a*", "bab")
	f.Add("**", "")
	f.Add("a*aab", "aaaaab")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 256 || len(s) > 256 || pattern == "" {
			return
		}
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		expression, err := regexp.Compile(`(?s)\A` + strings.Join(parts, `.*`) + `\z`)
		if err != nil {
			return // not UTF-8
		}
		if got, want := agent.Capability("call:"+pattern).Grants(s, "call"), expression.MatchString(s); got != want {
			t.Errorf("%q on %q: %v, want %v", pattern, s, got, want)
		}
	})
}
