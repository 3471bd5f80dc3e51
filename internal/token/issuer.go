// Package token verifies bearer tokens: JWTs (RFC 7519) of the issuers that an operator configured. Such a token proves
// who its sender is, at assurance bearer: it binds neither the request nor its body. Which agent its subject speaks for
// is the registry's to say.
package token

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Bounds and defaults of an issuer.
const (
	// DefaultLifetime is the longest time from iat to exp unless the issuer says otherwise.
	DefaultLifetime = time.Hour
	// MaxLifetime is the longest that any issuer may say.
	MaxLifetime = 24 * time.Hour
	// DefaultKeyAge is for how long keys count that could not be fetched again.
	DefaultKeyAge = 24 * time.Hour
	// MinKeyAge and MaxKeyAge bound that.
	MinKeyAge = 10 * time.Minute
	MaxKeyAge = 30 * 24 * time.Hour
	// Skew is how far the issuer's clock may be off.
	Skew = 10 * time.Second

	maxIssuers   = 64
	maxIssuer    = 512 // bytes, as in the records of agents
	maxURL       = 2048
	maxAudiences = 16
)

// IssuerConfig is one issuer whose tokens are believed.
type IssuerConfig struct {
	// URL is the iss of its tokens, compared byte for byte. It has no fragment.
	URL string
	// Audiences are the aud values that mean this mesh; a token has to name one. There are 1 to 16.
	Audiences []string
	// Algorithms are those that it signs with: EdDSA (or Ed25519, which RFC 9864 calls it), ES256 and RS256.
	Algorithms []string
	// SubjectClaim is the claim that names whom a token is about, at the top level; empty means sub.
	SubjectClaim string
	// MaxLifetime is the longest time from iat to exp, up to 24 hours; 0 means DefaultLifetime.
	MaxLifetime time.Duration
	// Once says that each token counts once. Its tokens need a jti.
	Once bool
	// KeySetURL is where its JWK set is, over https, or over http on loopback; KeySetFile is a file that holds one.
	// Exactly one of them is set.
	KeySetURL, KeySetFile string
	// MaxKeyAge is for how long its keys count when they cannot be fetched again, 10 minutes to 30 days; 0 means
	// DefaultKeyAge.
	MaxKeyAge time.Duration
}

// Issuers verifies the tokens of the issuers it was compiled from. It is safe for concurrent use. The zero value
// believes nobody.
type Issuers struct {
	byURL    map[string]*issuer
	order    []*issuer
	verified *memory
}

type issuer struct {
	IssuerConfig
	algorithms []string // with Ed25519 as EdDSA
	keys       atomic.Pointer[keySet]
	wanted     chan struct{} // holds one wish to fetch the keys again
}

// Compile checks the issuers, with every problem reported at once, by the keys of the configuration. No token is believed before Follow has loaded keys.
func Compile(configs []IssuerConfig) (*Issuers, error) {
	i := &Issuers{byURL: make(map[string]*issuer, len(configs))}
	var problems []error
	if len(configs) > maxIssuers {
		problems = append(problems, fmt.Errorf("issuers: must be at most %d", maxIssuers))
	}
	for n, config := range configs {
		added, errs := newIssuer(config)
		if _, taken := i.byURL[config.URL]; taken {
			errs = append(errs, errors.New("issuer: must not be that of another issuer"))
		}
		for _, err := range errs {
			problems = append(problems, fmt.Errorf("issuers[%d].%w", n, err))
		}
		i.byURL[config.URL] = added
		i.order = append(i.order, added)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	verified, err := newMemory()
	if err != nil {
		return nil, fmt.Errorf("making the memory of verified tokens: %w", err)
	}
	i.verified = verified
	return i, nil
}

func newIssuer(config IssuerConfig) (*issuer, []error) {
	i := &issuer{IssuerConfig: config, wanted: make(chan struct{}, 1)}
	i.Audiences = slices.Clone(config.Audiences)
	if i.SubjectClaim == "" {
		i.SubjectClaim = "sub"
	}
	if i.MaxLifetime == 0 {
		i.MaxLifetime = DefaultLifetime
	}
	if i.MaxKeyAge == 0 {
		i.MaxKeyAge = DefaultKeyAge
	}
	problems := i.checkTokens()
	for _, name := range config.Algorithms {
		name = normal(name)
		if !slices.Contains(supported[:], name) {
			problems = append(problems, errors.New("algorithms: must be among EdDSA, ES256 and RS256"))
			break
		}
		i.algorithms = append(i.algorithms, name)
	}
	if len(config.Algorithms) == 0 {
		problems = append(problems, errors.New("algorithms: must name at least one"))
	}
	return i, append(problems, i.checkKeys()...)
}

func (i *issuer) checkTokens() []error {
	var problems []error
	if i.URL == "" || len(i.URL) > maxIssuer || strings.Contains(i.URL, "#") {
		problems = append(problems, fmt.Errorf("issuer: must be the iss of the tokens, 1 to %d bytes without fragment", maxIssuer))
	}
	if len(i.Audiences) == 0 || len(i.Audiences) > maxAudiences || slices.Contains(i.Audiences, "") {
		problems = append(problems, fmt.Errorf("audiences: must be 1 to %d, none of them empty", maxAudiences))
	}
	if slices.Contains([]string{"iss", "aud", "exp", "nbf", "iat", "jti"}, i.SubjectClaim) {
		problems = append(problems, errors.New("claim: must not be a claim that has another meaning"))
	}
	if i.MaxLifetime < time.Second || i.MaxLifetime > MaxLifetime {
		problems = append(problems, fmt.Errorf("maxLifetime: must be 1s to %s", MaxLifetime))
	}
	return problems
}

func (i *issuer) checkKeys() []error {
	var problems []error
	switch {
	case (i.KeySetURL == "") == (i.KeySetFile == ""):
		problems = append(problems, errors.New("keys: must be a URL or a file"))
	case i.KeySetURL != "" && !fetchable(i.KeySetURL):
		problems = append(problems, errors.New("keys: must be a file, or an https URL without user and fragment; http is for loopback"))
	}
	if i.MaxKeyAge < MinKeyAge || i.MaxKeyAge > MaxKeyAge {
		problems = append(problems, fmt.Errorf("keysStale: must be %s to %s", MinKeyAge, MaxKeyAge))
	}
	return problems
}

// fetchable reports whether what a URL leads to can be believed to be what its owner put there.
func fetchable(place string) bool {
	u, err := url.Parse(place)
	if err != nil || len(place) > maxURL || u.Host == "" || u.User != nil || strings.Contains(place, "#") {
		return false
	}
	host := u.Hostname()
	return u.Scheme == "https" || u.Scheme == "http" && (host == "127.0.0.1" || host == "::1" || host == "localhost")
}
