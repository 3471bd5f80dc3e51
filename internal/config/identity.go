package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"ringfence.dev/ringfence/internal/identity"
)

// Identity is what proves who calls, beside the keys that agents are registered with.
type Identity struct {
	// Issuers are those whose bearer tokens speak for agents.
	Issuers []Issuer `yaml:"issuers"`
	// KeysStale is for how long an issuer's keys count after they could be fetched last, 5m to 720h.
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

func (i Identity) validate(v *validation) {
	for n, issuer := range i.Issuers {
		issuer.validate(v, "identity.issuers["+strconv.Itoa(n)+"].")
		again := slices.ContainsFunc(i.Issuers[:n], func(other Issuer) bool { return other.Issuer == issuer.Issuer })
		v.check(!again, "identity.issuers["+strconv.Itoa(n)+"].issuer", "is listed twice")
	}
	v.check(i.KeysStale >= 5*time.Minute && i.KeysStale <= 720*time.Hour, "identity.keysStale", "must be 5m to 720h")
	for n, hop := range i.Hops {
		_, err := identity.ParseWorkloadPattern(hop)
		v.wrap(err, "identity.hops["+strconv.Itoa(n)+"]")
	}
	i.Web.validate(v)
	v.check(slices.Contains([]string{"auto", "process", "store"}, i.Replay), "identity.replay", "must be auto, process or store")
}

func (i Issuer) validate(v *validation, key string) {
	u, err := url.Parse(i.Issuer)
	v.check(i.Issuer != "" && err == nil && len(i.Issuer) <= 512, key+"issuer", "must be the iss of the tokens")
	v.check(len(i.Audiences) > 0 && !slices.Contains(i.Audiences, ""), key+"audiences", "must name one at least: a token for somebody else is none for the mesh")
	v.check(i.Keys != "", key+"keys", "must be a URL or a file")
	if u, err = url.Parse(i.Keys); err == nil && u.Scheme != "" {
		v.check(u.Scheme == "https" && u.Host != "", key+"keys", "must be an https URL, or a file")
	}
	for n, algorithm := range i.Algorithms {
		known := slices.Contains([]string{"EdDSA", "ES256", "RS256"}, algorithm)
		v.check(known, key+"algorithms["+strconv.Itoa(n)+"]", "must be EdDSA, ES256 or RS256")
	}
	v.check(i.MaxLifetime >= 0 && i.MaxLifetime <= 24*time.Hour, key+"maxLifetime", "must be 0s to 24h")
}

func (w WebDIDs) validate(v *validation) {
	for n, text := range w.AllowedNetworks {
		_, err := netip.ParsePrefix(text)
		v.check(err == nil, "identity.web.allowedNetworks["+strconv.Itoa(n)+"]", "must be a CIDR prefix, such as 10.0.0.0/8")
	}
	v.check(w.Refresh >= 10*time.Second && w.Refresh <= 24*time.Hour, "identity.web.refresh", "must be 10s to 24h")
	v.check(w.Stale >= w.Refresh && w.Stale <= 24*time.Hour, "identity.web.stale", "must be identity.web.refresh up to 24h")
	v.check(slices.Contains([]string{"hold", "pin", "accept"}, w.Swap), "identity.web.swap", "must be hold, pin or accept")
}
