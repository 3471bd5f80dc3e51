package token

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCompile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(*IssuerConfig)
		want string // empty when it compiles
	}{
		{"whole", func(*IssuerConfig) {}, ""},
		{"file", func(c *IssuerConfig) { c.KeySetURL, c.KeySetFile = "", "keys.json" }, ""},
		{"loopback", func(c *IssuerConfig) { c.KeySetURL = "http://127.0.0.1:8080/keys" }, ""},
		{"query", func(c *IssuerConfig) { c.KeySetURL += "?p=1" }, ""},
		{"issuer-that-is-no-url", func(c *IssuerConfig) { c.URL = "acme" }, ""},
		{"day", func(c *IssuerConfig) { c.MaxLifetime = 24 * time.Hour }, ""},
		{"subject", func(c *IssuerConfig) { c.SubjectClaim = "client_id" }, ""},

		{"no-url", func(c *IssuerConfig) { c.URL = "" }, "issuers[0].issuer: must be the iss of the tokens, 1 to 512 bytes without fragment"},
		{"fragment-in-url", func(c *IssuerConfig) { c.URL += "#x" }, "issuers[0].issuer: must be the iss of the tokens, 1 to 512 bytes without fragment"},
		{"no-audience", func(c *IssuerConfig) { c.Audiences = nil }, "issuers[0].audiences: must be 1 to 16, none of them empty"},
		{"empty-audience", func(c *IssuerConfig) { c.Audiences = []string{"a", ""} }, "issuers[0].audiences: must be 1 to 16, none of them empty"},
		{"many-audiences", func(c *IssuerConfig) { c.Audiences = slices.Repeat([]string{"a"}, 17) }, "issuers[0].audiences: must be 1 to 16, none of them empty"},
		{"no-algorithm", func(c *IssuerConfig) { c.Algorithms = nil }, "issuers[0].algorithms: must name at least one"},
		{"symmetric", func(c *IssuerConfig) { c.Algorithms = []string{"EdDSA", "HS256"} }, "issuers[0].algorithms: must be among EdDSA, ES256 and RS256"},
		{"none", func(c *IssuerConfig) { c.Algorithms = []string{"none"} }, "issuers[0].algorithms: must be among EdDSA, ES256 and RS256"},
		{"subject-is-audience", func(c *IssuerConfig) { c.SubjectClaim = "aud" }, "issuers[0].claim: must not be a claim that has another meaning"},
		{"lives-too-long", func(c *IssuerConfig) { c.MaxLifetime = 25 * time.Hour }, "issuers[0].maxLifetime: must be 1s to 24h0m0s"},
		{"negative-life", func(c *IssuerConfig) { c.MaxLifetime = -1 }, "issuers[0].maxLifetime: must be 1s to 24h0m0s"},
		{"no-keys", func(c *IssuerConfig) { c.KeySetURL = "" }, "issuers[0].keys: must be a URL or a file"},
		{"both-keys", func(c *IssuerConfig) { c.KeySetFile = "x" }, "issuers[0].keys: must be a URL or a file"},
		{"plain-http", func(c *IssuerConfig) { c.KeySetURL = "http://acme.example/keys" }, "issuers[0].keys: must be a file, or an https URL without user and fragment; http is for loopback"},
		{"loopback-in-name", func(c *IssuerConfig) { c.KeySetURL = "http://127.0.0.1.evil.example/keys" }, "issuers[0].keys: must be a file, or an https URL without user and fragment; http is for loopback"},
		{"user", func(c *IssuerConfig) { c.KeySetURL = "https://a@acme.example/keys" }, "issuers[0].keys: must be a file, or an https URL without user and fragment; http is for loopback"},
		{"fragment", func(c *IssuerConfig) { c.KeySetURL += "#x" }, "issuers[0].keys: must be a file, or an https URL without user and fragment; http is for loopback"},
		{"path-alone", func(c *IssuerConfig) { c.KeySetURL = "/keys" }, "issuers[0].keys: must be a file, or an https URL without user and fragment; http is for loopback"},
		{"short-key-age", func(c *IssuerConfig) { c.MaxKeyAge = time.Minute }, "issuers[0].keysStale: must be 10m0s to 720h0m0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := acmeConfig()
			tt.edit(&config)
			issuers, err := Compile([]IssuerConfig{config})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if (issuers == nil) != (err != nil) {
				t.Errorf("Compile() = %v, %v", issuers, err)
			}
		})
	}
}

func TestCompileReportsEverything(t *testing.T) {
	t.Parallel()
	_, err := Compile([]IssuerConfig{acmeConfig(), {}, acmeConfig()})
	if err == nil {
		t.Fatal("Compile() = nil")
	}
	for _, want := range []string{"issuers[1].issuer", "issuers[1].audiences", "issuers[1].algorithms", "issuers[1].keys", "issuers[2].issuer: must not be that of another"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
	if _, err := Compile(make([]IssuerConfig, maxIssuers+1)); err == nil || !strings.HasPrefix(err.Error(), "issuers: must be at most 64") {
		t.Errorf("too many issuers: %v", err)
	}
}

// The audiences are those of the moment, whatever the caller does with its slice later.
func TestCompileCopies(t *testing.T) {
	t.Parallel()
	config := acmeConfig()
	issuers, err := Compile([]IssuerConfig{config})
	if err != nil {
		t.Fatal(err)
	}
	config.Audiences[0] = "changed"
	if got := issuers.byURL[acme].Audiences[0]; got == "changed" {
		t.Error("the issuer changed with its configuration")
	}
}
