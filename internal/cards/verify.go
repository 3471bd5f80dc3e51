package cards

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/strictjson"
)

// VerifierConfig says which signatures count.
type VerifierConfig struct {
	// Trusted may sign the card of any agent that has no keys pinned.
	Trusted []Key
	// Algorithms are the names of those that count, of EdDSA, ES256 and RS256; empty counts none.
	Algorithms []string
	// KeySets are the URLs below which key sets that signatures name (jku) are believed; empty believes none.
	KeySets []string
}

// Verifier verifies the signatures of cards. It is immutable. The zero value verifies nothing.
type Verifier struct {
	config VerifierConfig
}

// NewVerifier returns a verifier.
func NewVerifier(config VerifierConfig) *Verifier { return &Verifier{config} }

// Verify returns what the signatures of a card are worth at a moment, over the bytes that the agent sent (A2A 1.0
// section 8.4.3): one signature that covers the card is enough. The canonical forms are tried in the order of their
// constants.
func (v *Verifier) Verify(raw []byte, keys Keys, now time.Time) agent.CardVerification {
	document, err := strictjson.Parse(raw)
	if err != nil || document.Kind() != strictjson.Object {
		return agent.CardVerification{Status: agent.CardInvalid, Reason: "the card is not JSON that can be read in one way only"}
	}
	signatures, err := parseSignatures(document)
	if err != nil {
		return agent.CardVerification{Status: agent.CardInvalid, Reason: err.Error()}
	}
	if len(signatures) == 0 {
		return agent.CardVerification{Status: agent.CardUnsigned, Reason: "the card has no signature"}
	}
	payloads, err := newPayloads(document)
	if err != nil {
		return agent.CardVerification{Status: agent.CardInvalid, Reason: "the card has no canonical form"}
	}
	var worst agent.CardVerification
	for _, s := range signatures {
		result := v.verify(s, payloads, keys, now)
		if result.Verified() {
			return result
		}
		if worst.Status == "" || worst.Status == agent.CardUnknownKey && result.Status == agent.CardInvalid {
			worst = result
		}
	}
	return worst
}

// verify returns what one signature is worth.
func (v *Verifier) verify(s signature, payloads []payload, keys Keys, now time.Time) agent.CardVerification {
	result := agent.CardVerification{Status: agent.CardInvalid, KeyID: s.kid, Algorithm: s.alg}
	switch {
	case s.problem != nil:
		result.Reason = s.problem.Error()
		return result
	case !slices.Contains(v.config.Algorithms, string(normal(s.alg))):
		result.Reason = "the algorithm of the signature is not one that counts"
		result.Algorithm = ""
		return result
	}
	candidates := v.candidates(s, keys)
	usable := slices.DeleteFunc(slices.Clone(candidates), func(k Key) bool { return k.expired(now) })
	switch {
	case len(candidates) == 0:
		result.Status, result.Reason = agent.CardUnknownKey, "no key of this kid is pinned or trusted"
		return result
	case len(usable) == 0:
		result.Status, result.Reason = agent.CardUnknownKey, "the key of this kid has expired"
		return result
	}
	result.Reason = "the signature does not cover what the card says"
	for _, key := range usable {
		if key.algorithm != normal(s.alg) {
			result.Reason = "the algorithm of the signature is not that of the key"
			continue
		}
		for _, p := range payloads {
			if key.verifies(s, p) {
				result.Status, result.Canonicalisation, result.Reason = agent.CardVerified, p.form, ""
				return result
			}
		}
	}
	return result
}

// candidates are the keys that the signature's kid may mean.
func (v *Verifier) candidates(s signature, keys Keys) []Key {
	sources := [][]Key{keys.Pinned}
	if len(keys.Pinned) == 0 {
		sources = [][]Key{keys.Own, v.config.Trusted}
		if v.believes(s.jku) {
			sources = append(sources, keys.Sets[s.jku])
		}
	}
	var named []Key
	for _, source := range sources {
		for _, key := range source {
			if key.named(s.kid) {
				named = append(named, key)
			}
		}
	}
	return named
}

// Wanted returns the URLs of key sets, without repetition, that could turn an unknown key of the card into a known
// one. Only those are among them that the configuration believes.
func (v *Verifier) Wanted(raw []byte, keys Keys) []string {
	document, err := strictjson.Parse(raw)
	if err != nil || len(keys.Pinned) > 0 {
		return nil
	}
	signatures, err := parseSignatures(document)
	if err != nil {
		return nil
	}
	var urls []string
	for _, s := range signatures {
		if s.problem == nil && v.believes(s.jku) && len(v.candidates(s, keys)) == 0 && !slices.Contains(urls, s.jku) {
			urls = append(urls, s.jku)
		}
	}
	return urls
}

// believes reports whether the URL is one of the configured ones or below one, compared by whole path segments.
func (v *Verifier) believes(jku string) bool {
	if jku == "" || agent.CheckURL(jku) != nil {
		return false
	}
	return slices.ContainsFunc(v.config.KeySets, func(prefix string) bool {
		rest, ok := strings.CutPrefix(jku, strings.TrimSuffix(prefix, "/"))
		return ok && (rest == "" || rest[0] == '/')
	})
}

// payload is one canonical form of a card.
type payload struct {
	form  string
	bytes []byte
}

func newPayloads(document strictjson.Value) ([]payload, error) {
	bare := unsigned(document)
	var payloads []payload
	for _, form := range forms {
		out, err := canonical(form.shape(bare))
		if err != nil {
			return nil, err
		}
		payloads = append(payloads, payload{form.name, out})
	}
	return payloads, nil
}

// verifies reports whether the key made the signature over the payload. That the algorithm is the key's is known.
func (k Key) verifies(s signature, p payload) bool {
	if public, ok := k.public.(ed25519.PublicKey); ok {
		input := s.protected + "." + base64.RawURLEncoding.EncodeToString(p.bytes)
		return ed25519.Verify(public, []byte(input), s.bytes)
	}
	encoded := base64.RawURLEncoding.EncodeToString(s.bytes)
	parsed, err := jose.ParseDetached(s.protected+".."+encoded, p.bytes, []jose.SignatureAlgorithm{k.algorithm})
	return err == nil && parsed.DetachedVerify(p.bytes, k.public) == nil
}
