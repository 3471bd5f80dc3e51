package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/did"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/token"
)

// Identity is what proves who calls, beside the keys that agents are registered with.
type Identity struct {
	// Issuers are those whose bearer tokens speak for agents.
	Issuers []Issuer `yaml:"issuers"`
	// KeysStale is for how long an issuer's keys count after they could be fetched last, 10m to 720h.
	KeysStale time.Duration `yaml:"keysStale"`
	// Hops are the SPIFFE IDs, each exact or ending in /*, of proxies that may carry the requests of every agent.
	Hops []string `yaml:"hops"`
	// Web is how did:web identifiers are resolved.
	Web WebDIDs `yaml:"web"`
	// Replay says where the use of a signature is remembered: process, store, which all processes of a mesh share, or auto, which takes store where store.url is set.
	Replay string `yaml:"replay"`
}

// Issuer is who makes bearer tokens that speak for agents.
type Issuer struct {
	// Issuer is the iss of its tokens, byte for byte.
	Issuer string `yaml:"issuer"`
	// Audiences are the values of aud of which a token has to have one.
	Audiences []string `yaml:"audiences"`
	// Keys is the URL of its JWK set, or the path of a file with it.
	Keys string `yaml:"keys"`
	// Algorithms are those that it signs with: EdDSA, ES256, RS256; empty means all three.
	Algorithms []string `yaml:"algorithms"`
	// Claim names the agent's subject; empty means sub.
	Claim string `yaml:"claim"`
	// MaxLifetime is the longest life of a token that counts, up to 24h; 0s means 1h.
	MaxLifetime time.Duration `yaml:"maxLifetime"`
	// Once lets each token be used once, which its jti has to make possible.
	Once bool `yaml:"once"`
}

// WebDIDs is how did:web identifiers are resolved.
type WebDIDs struct {
	// Hosts are those whose documents may be fetched, each a name or *.name; empty resolves no did:web.
	Hosts []string `yaml:"hosts"`
	// AllowedNetworks are the private networks in which such hosts may be, as CIDR prefixes.
	AllowedNetworks []string `yaml:"allowedNetworks"`
	// Refresh is how often documents are fetched again, 10s to 24h.
	Refresh time.Duration `yaml:"refresh"`
	// Stale is for how long a key counts after its document could be fetched last, refresh up to 24h.
	Stale time.Duration `yaml:"stale"`
	// Swap is what becomes of a document that has none of the keys it had: hold lets no key count until a person accepts it, accept takes it; pin holds every document that adds a key too.
	Swap string `yaml:"swap"`
}

// Networks returns the allowed networks; those that Validate refuses are left out.
func (w WebDIDs) Networks() []netip.Prefix { return networks(w.AllowedNetworks) }

// TokenIssuers returns the issuers as the package that verifies their tokens has them.
func (i Identity) TokenIssuers() []token.IssuerConfig {
	issuers := make([]token.IssuerConfig, len(i.Issuers))
	for n, issuer := range i.Issuers {
		issuers[n] = token.IssuerConfig{
			URL: issuer.Issuer, Audiences: issuer.Audiences, Algorithms: issuer.Algorithms, SubjectClaim: issuer.Claim,
			MaxLifetime: issuer.MaxLifetime, Once: issuer.Once, MaxKeyAge: i.KeysStale,
		}
		if len(issuer.Algorithms) == 0 {
			issuers[n].Algorithms = []string{"EdDSA", "ES256", "RS256"}
		}
		if strings.Contains(issuer.Keys, "://") {
			issuers[n].KeySetURL = issuer.Keys
		} else {
			issuers[n].KeySetFile = issuer.Keys
		}
	}
	return issuers
}

func (i Identity) validate(v *validation) {
	known := i.KeysStale >= token.MinKeyAge && i.KeysStale <= token.MaxKeyAge
	v.check(known, "identity.keysStale", "must be 10m to 720h")
	if !known {
		i.KeysStale = 0 // every issuer would report it again
	}
	if _, err := token.Compile(i.TokenIssuers()); err != nil {
		v.problems = append(v.problems, prefixed("identity.", err)...)
	}
	for n, hop := range i.Hops {
		_, err := identity.ParseWorkloadPattern(hop)
		v.wrap(err, "identity.hops["+strconv.Itoa(n)+"]")
	}
	i.Web.validate(v)
	v.check(slices.Contains([]string{"auto", "process", "store"}, i.Replay), "identity.replay", "must be auto, process or store")
}

// prefixed returns the errors that were joined, each behind the prefix.
func prefixed(prefix string, err error) []error {
	parts := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		parts = joined.Unwrap()
	}
	for i, part := range parts {
		parts[i] = fmt.Errorf("%s%w", prefix, part)
	}
	return parts
}

func (w WebDIDs) validate(v *validation) {
	for n, host := range w.Hosts {
		_, err := did.ParseHosts([]string{host})
		v.check(err == nil, "identity.web.hosts["+strconv.Itoa(n)+"]", "must be a host name in lower case or *.name, with or without a port")
	}
	for n, text := range w.AllowedNetworks {
		_, err := netip.ParsePrefix(text)
		v.check(err == nil, "identity.web.allowedNetworks["+strconv.Itoa(n)+"]", "must be a CIDR prefix, such as 10.0.0.0/8")
	}
	v.check(w.Refresh >= 10*time.Second && w.Refresh <= 24*time.Hour, "identity.web.refresh", "must be 10s to 24h")
	v.check(w.Stale >= w.Refresh && w.Stale <= 24*time.Hour, "identity.web.stale", "must be identity.web.refresh up to 24h")
	_, err := did.ParseSwap(w.Swap)
	v.wrap(err, "identity.web.swap")
}
