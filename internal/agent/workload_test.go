package agent_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

func TestParseWorkload(t *testing.T) {
	t.Parallel()
	long := "spiffe://example.org/" + strings.Repeat("a", 2048-len("spiffe://example.org/"))
	tests := []struct {
		name, id string
		ok       bool
	}{
		{"plain", "spiffe://example.org/weather", true},
		{"istio", "spiffe://cluster.local/ns/prod/sa/weather", true},
		{"every-character", "spiffe://a-b_c.0/Z_z-0.9/...", true},
		{"longest", long, true},
		{"longest-domain", "spiffe://" + strings.Repeat("a", 255) + "/w", true},
		{"empty", "", false},
		{"too-long", long + "a", false},
		{"domain-too-long", "spiffe://" + strings.Repeat("a", 256) + "/w", false},
		{"other-scheme", "https://example.org/weather", false},
		{"upper-case-scheme", "SPIFFE://example.org/weather", false},
		{"upper-case-domain", "spiffe://Example.org/weather", false},
		{"no-domain", "spiffe:///weather", false},
		{"domain-alone", "spiffe://example.org", false},
		{"root-path", "spiffe://example.org/", false},
		{"trailing-slash", "spiffe://example.org/weather/", false},
		{"empty-segment", "spiffe://example.org/a//b", false},
		{"dot-segment", "spiffe://example.org/a/./b", false},
		{"dot-dot-segment", "spiffe://example.org/a/..", false},
		{"port", "spiffe://example.org:8443/weather", false},
		{"user", "spiffe://user@example.org/weather", false},
		{"query", "spiffe://example.org/weather?x=1", false},
		{"empty-query", "spiffe://example.org/weather?", false},
		{"fragment", "spiffe://example.org/weather#x", false},
		{"escaped", "spiffe://example.org/we%61ther", false},
		{"escaped-domain", "spiffe://ex%61mple.org/weather", false},
		{"pattern", "spiffe://example.org/*", false},
		{"space", "spiffe://example.org/weather ", false},
		{"nul", "spiffe://example.org/weather\x00", false},
		{"not-ascii", "spiffe://example.org/wéather", false},
		{"not-utf8", "spiffe://example.org/\xff", false},
		{"list", "spiffe://example.org/a,spiffe://example.org/b", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := agent.ParseWorkload(test.id)
			if (err == nil) != test.ok {
				t.Fatalf("error %v, want accepted=%v", err, test.ok)
			}
			if test.ok && got != test.id || !test.ok && got != "" {
				t.Errorf("workload %q", got)
			}
		})
	}
}

// FuzzParseWorkload holds that what is accepted means the same to a reader of URIs that knows nothing of SPIFFE.
func FuzzParseWorkload(f *testing.F) {
	f.Add("spiffe://cluster.local/ns/prod/sa/weather")
	f.Add("spiffe://example.org:1/..")
	f.Add("spiffe://a/b?c#d")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := agent.ParseWorkload(s)
		if err != nil {
			return
		}
		parsed, err := url.Parse(s)
		if err != nil || got != s || parsed.String() != s || parsed.Scheme != "spiffe" || parsed.Host != parsed.Hostname() ||
			parsed.Host != strings.ToLower(parsed.Host) || parsed.User != nil || path.Clean(parsed.Path) != parsed.Path || len(parsed.Path) < 2 {
			t.Errorf("%q was accepted; as a URI it is %+v (%v)", s, parsed, err)
		}
	})
}
