package agent_test

import (
	"net/url"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

func TestValidateWebDID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, did string
		ok        bool
	}{
		{"host", "did:web:agents.example.com", true},
		{"port", "did:web:agents.example.com%3A8443", true},
		{"path", "did:web:agents.example.com:teams:Weather_1", true},
		{"port-and-path", "did:web:agents.example.com%3A8443:a", true},
		{"longest", "did:web:" + strings.Repeat("a", 504), true},
		{"too-long", "did:web:" + strings.Repeat("a", 505), false},
		{"method-alone", "did:web:", false},
		{"no-host", "did:web::a", false},
		{"upper-case-host", "did:web:Agents.example.com", false},
		{"lower-case-escape", "did:web:agents.example.com%3a8443", false},
		{"empty-port", "did:web:agents.example.com%3A", false},
		{"port-of-letters", "did:web:agents.example.com%3Ahttp", false},
		{"other-escape-in-host", "did:web:agents%2Eexample.com", false},
		{"user", "did:web:user@agents.example.com", false},
		{"empty-segment", "did:web:agents.example.com:a::b", false},
		{"trailing-colon", "did:web:agents.example.com:", false},
		{"dots", "did:web:agents.example.com:..:b", false},
		{"slash", "did:web:agents.example.com/a", false},
		{"fragment", "did:web:agents.example.com#key", false},
		{"query", "did:web:agents.example.com?a", false},
		{"nul", "did:web:agents.example.com\x00", false},
		{"not-ascii", "did:web:agénts.example.com", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := agent.ValidateDID(test.did); (err == nil) != test.ok {
				t.Errorf("error %v, want accepted=%v", err, test.ok)
			}
		})
	}
}

// FuzzValidateWebDID holds that the host of a did:web that is accepted is the host of the URL it leads to.
func FuzzValidateWebDID(f *testing.F) {
	f.Add("did:web:agents.example.com%3A8443:a")
	f.Add("did:web:agents.example.com:..:b")
	f.Add("did:web:user@agents.example.com")
	f.Fuzz(func(t *testing.T, did string) {
		if !strings.HasPrefix(did, agent.WebMethod) || agent.ValidateDID(did) != nil {
			return
		}
		host, _, _ := strings.Cut(strings.TrimPrefix(did, agent.WebMethod), ":")
		host = strings.Replace(host, "%3A", ":", 1)
		parsed, err := url.Parse("https://" + host + "/")
		if err != nil || parsed.Host != host || parsed.User != nil || parsed.Path != "/" || parsed.RawQuery != "" || parsed.Fragment != "" {
			t.Errorf("%q leads to %+v (%v)", did, parsed, err)
		}
	})
}
