package authority

import (
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

func TestOneCapabilityWithin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, inner, outer string
		want               bool
	}{
		{"same", "read:weather", "read:weather", true},
		{"narrower-resource", "read:weather", "read:*", true},
		{"wider-resource", "read:*", "read:weather", false},
		{"narrower-verb", "GetTask:a", "Get*:a", true},
		{"wider-verb", "*:a", "Get*:a", false},
		{"everything", "*:*", "*:*", true},
		{"two-stars", "call:**", "call:*", true},
		{"one-star-in-two", "call:*", "call:**", true},
		{"prefix-in-prefix", "call:weather/*", "call:we*", true},
		{"overlap", "call:a*", "call:*b", false},
		{"both-ends", "call:a*b*c", "call:a*c", true},
		{"both-ends-wrong-way", "call:a*c", "call:a*b*c", false},
		{"star-needs-a-letter", "call:*", "call:*a*", false},
		{"literal-in-the-middle", "call:x*abc*y", "call:*ab*", true},
		{"verbs-are-not-resources", "a:*", "*:a", false},
		{"colon-in-resource", "call:a:b", "call:a:*", true},
		{"grants-nothing", "call", "read:a", true},
		{"outer-grants-nothing", "read:a", "read", false},
	}
	for _, test := range tests {
		if got := ScopeWithin([]agent.Capability{agent.Capability(test.inner)}, []agent.Capability{agent.Capability(test.outer)}); got != test.want {
			t.Errorf("%s: %q within %q: %v, want %v", test.name, test.inner, test.outer, got, test.want)
		}
	}
}

func TestScopeWithin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		inner, outer []agent.Capability
		want         bool
	}{
		{"nothing-in-nothing", nil, nil, true},
		{"nothing-in-something", nil, []agent.Capability{"read:*"}, true},
		{"something-in-nothing", []agent.Capability{"read:a"}, nil, false},
		{"each-in-another", []agent.Capability{"read:a", "write:b"}, []agent.Capability{"write:*", "read:*"}, true},
		{"one-left-over", []agent.Capability{"read:a", "admin:b"}, []agent.Capability{"write:*", "read:*"}, false},
		{"grants-nothing-in-nothing", []agent.Capability{"x"}, nil, true},
	}
	for _, test := range tests {
		if got := ScopeWithin(test.inner, test.outer); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// texts are all strings of at most five letters, one of which no pattern has.
var texts = func() []string {
	all := []string{""}
	for from, length := 0, 0; length < 5; length++ {
		to := len(all)
		for ; from < to; from++ {
			for _, letter := range []string{"a", "b", "z"} {
				all = append(all, all[from]+letter)
			}
		}
	}
	return all
}()

// checkWithin holds an answer against every short text, and against the one that proves it wrong where it is no.
func checkWithin(t *testing.T, inner, outer string) {
	t.Helper()
	p, q := agent.Capability("call:"+inner), agent.Capability("call:"+outer)
	within := ScopeWithin([]agent.Capability{p}, []agent.Capability{q})
	if !within {
		text := strings.ReplaceAll(inner, "*", "z")
		if !p.Grants(text, "call") || q.Grants(text, "call") {
			t.Errorf("%q is within %q, and the answer is no", inner, outer)
		}
		return
	}
	for _, text := range texts {
		if p.Grants(text, "call") && !q.Grants(text, "call") {
			t.Errorf("%q is not within %q, as %q shows, and the answer is yes", inner, outer, text)
		}
	}
}

func TestOneCapabilityWithinAllShortPatterns(t *testing.T) {
	t.Parallel()
	patterns := []string{}
	for _, text := range texts {
		if len(text) > 0 && len(text) <= 4 {
			patterns = append(patterns, strings.ReplaceAll(text, "z", "*"))
		}
	}
	for _, inner := range patterns {
		for _, outer := range patterns {
			checkWithin(t, inner, outer)
		}
	}
}

func FuzzOneCapabilityWithin(f *testing.F) {
	f.Add("a*b", "*")
	f.Add("ab*ba", "a*b*a")
	f.Add("**a", "*a*")
	f.Fuzz(func(t *testing.T, inner, outer string) {
		if len(inner) > 64 || len(outer) > 64 || strings.Trim(inner+outer, "ab*") != "" || inner == "" || outer == "" {
			return
		}
		checkWithin(t, inner, outer)
	})
}
