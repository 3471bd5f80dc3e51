package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/vouch"
)

// vouched serves the API about what agents require of each other, for one agent.
func vouched(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	peerReview{now: time.Now, lookup: func(did string, _ time.Time) vouch.Subject {
		if did != "did:key:z6MkConcierge" {
			return vouch.Subject{}
		}
		return vouch.Subject{
			Record: &agent.Record{Name: "concierge", Status: agent.Active, Capabilities: []agent.Capability{"call:*"}}, Score: 620, Ring: agent.User,
		}
	}}.register(bareAPI(mux))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestVerifyCommand(t *testing.T) {
	t.Parallel()
	flags := []string{"--api", vouched(t), "--token", "t"}
	verify := func(args ...string) (string, error) { return execute(t, verifyCommand(), append(args, flags...)...) }
	out, err := verify("did:key:z6MkConcierge", "--score", "620", "--ring", "2", "--can", "call:weather")
	if err != nil || out != "concierge: active, score 620, ring 2\n" {
		t.Errorf("%q, %v", out, err)
	}
	out, err = verify("did:key:z6MkConcierge", "--score", "900", "--ring", "0", "--can", "admin:*")
	if !errors.Is(err, errNotVerified) || strings.Count(out, "\n") != 5 || !strings.Contains(out, "admin:*") {
		t.Errorf("%q, %v", out, err)
	}
	out, err = verify("did:key:z6MkNobody")
	if !errors.Is(err, errNotVerified) || !strings.Contains(out, "registered") {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := verify("did:key:z6MkConcierge", "--ring", "7"); err == nil || !strings.Contains(err.Error(), "422") {
		t.Errorf("a ring that there is not: %v", err)
	}
	if _, err := verify("did:key:z6MkConcierge", "--can", "read"); err == nil || !strings.Contains(err.Error(), "requiredCapabilities[0]") {
		t.Errorf("a capability that is none: %v", err)
	}
}
