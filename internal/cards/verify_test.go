package cards_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

const plain = `{"name":"Geo","description":"","version":"1.0","capabilities":{"streaming":false,"extensions":[]},
	"defaultInputModes":[],"defaultOutputModes":["text/plain"],"skills":[{"id":"a","name":"A","description":"d","tags":[],"examples":[]}],
	"supportedInterfaces":[{"url":"https://geo.example/rpc","protocolBinding":"JSONRPC","protocolVersion":"1.0","tenant":""}]}`

func private(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed)
}

// signed returns a card with a signature over the canonical form of covered, which signers leave out things from.
func signed(t testing.TB, card, covered string, key any, alg jose.SignatureAlgorithm, header map[string]any) string {
	t.Helper()
	payload, err := jcs.Transform([]byte(covered))
	if err != nil {
		t.Fatal(err)
	}
	options := (&jose.SignerOptions{}).WithType("JOSE")
	for name, value := range header {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.DetachedCompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	protected, signature, _ := strings.Cut(compact, "..")
	return withSignature(card, fmt.Sprintf(`{"protected":%q,"signature":%q}`, protected, signature))
}

func withSignature(card string, signatures ...string) string {
	return strings.TrimSuffix(strings.TrimSpace(card), "}") + `,"signatures":[` + strings.Join(signatures, ",") + `]}`
}

func byKey(t testing.TB, card string, n byte) string {
	t.Helper()
	return signed(t, card, card, private(n), jose.EdDSA, map[string]any{"kid": fmt.Sprint("k", n)})
}

func jwk(t testing.TB, public any, kid string, more ...string) cards.Key {
	t.Helper()
	raw, err := json.Marshal(jose.JSONWebKey{Key: public, KeyID: kid})
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range more {
		raw = append(append(raw[:len(raw)-1], ','), member+"}"...)
	}
	key, err := cards.ParseKey(raw)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return key
}

func edKey(t testing.TB, n byte, more ...string) cards.Key {
	t.Helper()
	return jwk(t, private(n).Public(), fmt.Sprint("k", n), more...)
}

func verifier(trusted ...cards.Key) *cards.Verifier {
	return cards.NewVerifier(cards.VerifierConfig{
		Trusted: trusted, Algorithms: []string{"EdDSA", "ES256", "RS256"}, KeySets: []string{"https://keys.example/a2a"},
	})
}

func TestVerifyCanonicalForms(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, covered, want string }{
		{"specified", strings.NewReplacer(`,"extensions":[]`, ``, `,"examples":[]`, ``, `,"tenant":""`, ``).Replace(plain), cards.Specified},
		{"stripped", strings.NewReplacer(`"description":"",`, ``, `,"extensions":[]`, ``, `,"tags":[],"examples":[]`, ``, `,"tenant":""`, ``,
			`"defaultInputModes":[],`, ``).Replace(plain), cards.Stripped},
		{"verbatim", plain, cards.Verbatim},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			card := signed(t, plain, test.covered, private(1), jose.EdDSA, map[string]any{"kid": "k1"})
			got := verifier().Verify([]byte(card), cards.Keys{Pinned: []cards.Key{edKey(t, 1)}}, noon)
			want := agent.CardVerification{Status: agent.CardVerified, KeyID: "k1", Algorithm: "EdDSA", Canonicalisation: test.want}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestVerifyAlgorithms signs with each algorithm that counts, and once with the name that RFC 9864 gives to EdDSA.
func TestVerifyAlgorithms(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jcs.Transform([]byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	protected := encode([]byte(`{"alg":"Ed25519","kid":"k1"}`))
	named := withSignature(plain, fmt.Sprintf(`{"protected":%q,"signature":%q}`, protected,
		encode(ed25519.Sign(private(1), []byte(protected+"."+encode(payload))))))
	tests := []struct {
		name, card string
		key        cards.Key
	}{
		{"EdDSA", byKey(t, plain, 1), edKey(t, 1)},
		{"Ed25519", named, edKey(t, 1)},
		{"ES256", signed(t, plain, plain, ec, jose.ES256, map[string]any{"kid": "ec"}), jwk(t, ec.Public(), "ec")},
		{"RS256", signed(t, plain, plain, rs, jose.RS256, map[string]any{"kid": "rs"}), jwk(t, rs.Public(), "rs")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := verifier().Verify([]byte(test.card), cards.Keys{Pinned: []cards.Key{test.key}}, noon)
			if !got.Verified() || got.Algorithm != test.name {
				t.Errorf("%+v", got)
			}
			changed := strings.Replace(test.card, "Geo", "Gea", 1)
			if got := verifier().Verify([]byte(changed), cards.Keys{Pinned: []cards.Key{test.key}}, noon); got.Status != agent.CardInvalid {
				t.Errorf("a changed card: %+v", got)
			}
		})
	}
}

// TestVerifyRefusesForgeries holds that nothing an attacker can do without the key makes a card verified.
func TestVerifyRefusesForgeries(t *testing.T) {
	t.Parallel()
	good := byKey(t, plain, 1)
	public := private(1).Public().(ed25519.PublicKey)
	encode := base64.RawURLEncoding.EncodeToString
	raw := func(protected, signature, more string) string {
		return withSignature(plain, fmt.Sprintf(`{"protected":%q,"signature":%q%s}`, encode([]byte(protected)), signature, more))
	}
	byHand := func(protected string) string {
		payload, err := jcs.Transform([]byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		input := encode([]byte(protected)) + "." + encode(payload)
		return raw(protected, encode(ed25519.Sign(private(1), []byte(input))), "")
	}
	if got := verifier(edKey(t, 1)).Verify([]byte(byHand(`{"alg":"EdDSA","kid":"k1"}`)), cards.Keys{}, noon); !got.Verified() {
		t.Fatalf("what is signed by hand is not verified: %+v", got)
	}
	_, signature, _ := strings.Cut(good, `"signatures":`)
	tests := []struct {
		name, card string
		want       agent.CardStatus
	}{
		{"no-signature", plain, agent.CardUnsigned},
		{"empty-signatures", withSignature(plain), agent.CardUnsigned},
		{"null-signatures", strings.TrimSuffix(plain, "}") + `,"signatures":null}`, agent.CardUnsigned},
		{"signatures-no-array", strings.TrimSuffix(plain, "}") + `,"signatures":{}}`, agent.CardInvalid},
		{"signature-no-object", withSignature(plain, `"x"`), agent.CardInvalid},
		{"too-many", withSignature(plain, strings.Repeat(`{},`, 8)+`{}`), agent.CardInvalid},
		{"wrong-key-same-kid", signed(t, plain, plain, private(2), jose.EdDSA, map[string]any{"kid": "k1"}), agent.CardInvalid},
		{"unknown-kid", signed(t, plain, plain, private(1), jose.EdDSA, map[string]any{"kid": "other"}), agent.CardUnknownKey},
		{"kid-of-another-trusted-key", signed(t, plain, plain, private(1), jose.EdDSA, map[string]any{"kid": "k3"}), agent.CardInvalid},
		{"alg-none", raw(`{"alg":"none","kid":"k1"}`, "AA", ""), agent.CardInvalid},
		{"alg-empty", raw(`{"alg":"","kid":"k1"}`, "AA", ""), agent.CardInvalid},
		{"alg-missing", raw(`{"kid":"k1"}`, "AA", ""), agent.CardInvalid},
		{"kid-missing", raw(`{"alg":"EdDSA"}`, "AA", ""), agent.CardInvalid},
		{"kid-unprotected", raw(`{"alg":"EdDSA"}`, "AA", `,"header":{"kid":"k1"}`), agent.CardInvalid},
		{"hmac-with-the-public-key", signed(t, plain, plain, []byte(public), jose.HS256, map[string]any{"kid": "k1"}), agent.CardInvalid},
		{"alg-of-another-key-type", raw(`{"alg":"ES256","kid":"k1"}`, encode(make([]byte, 64)), ""), agent.CardInvalid},
		{"good-signature-under-another-alg", byHand(`{"alg":"ES256","kid":"k1"}`), agent.CardInvalid},
		{"good-signature-under-no-alg", byHand(`{"alg":"none","kid":"k1"}`), agent.CardInvalid},
		{"good-signature-with-crit", byHand(`{"alg":"EdDSA","kid":"k1","crit":["x"],"x":1}`), agent.CardInvalid},
		{"good-signature-unencoded", byHand(`{"alg":"EdDSA","kid":"k1","b64":false}`), agent.CardInvalid},
		{"changed-member", strings.Replace(good, "https://geo.example", "https://evil.example", 1), agent.CardInvalid},
		{"added-member", strings.Replace(good, `{"name"`, `{"url":"https://evil.example","name"`, 1), agent.CardInvalid},
		{"added-empty-url", strings.Replace(good, `{"name"`, `{"url":"","name"`, 1), agent.CardInvalid},
		{"removed-member", strings.Replace(good, `"tenant":""`, `"tenant":"x"`, 1), agent.CardInvalid},
		{"duplicate-member", strings.Replace(good, `{"name"`, `{"name":"Evil","name"`, 1), agent.CardInvalid},
		{"signature-of-another-card", strings.TrimSuffix(strings.Replace(plain, "Geo", "Other", 1), "}") + `,"signatures":` + signature, agent.CardInvalid},
		{"crit", signed(t, plain, plain, private(1), jose.EdDSA, map[string]any{"kid": "k1", "crit": []string{"exp"}}), agent.CardInvalid},
		{"crit-b64", raw(`{"alg":"EdDSA","kid":"k1","b64":false,"crit":["b64"]}`, "AA", ""), agent.CardInvalid},
		{"crit-unprotected", strings.Replace(good, `"}]}`, `","header":{"crit":["x"]}}]}`, 1), agent.CardInvalid},
		{"protected-twice", strings.Replace(good, `"}]}`, `","header":{"kid":"k1"}}]}`, 1), agent.CardInvalid},
		{"protected-with-duplicates", raw(`{"alg":"EdDSA","kid":"k1","kid":"k1"}`, "AA", ""), agent.CardInvalid},
		{"protected-no-json", raw(`nope`, "AA", ""), agent.CardInvalid},
		{"protected-padded", withSignature(plain, `{"protected":"e30=","signature":"AA"}`), agent.CardInvalid},
		{"signature-padded", raw(`{"alg":"EdDSA","kid":"k1"}`, "AA==", ""), agent.CardInvalid},
		{"signature-empty", raw(`{"alg":"EdDSA","kid":"k1"}`, "", ""), agent.CardInvalid},
		{"no-json", `nope`, agent.CardInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			keys := cards.Keys{Pinned: []cards.Key{edKey(t, 1), edKey(t, 3)}}
			got := verifier().Verify([]byte(test.card), keys, noon)
			if got.Status != test.want || got.Reason == "" || got.Canonicalisation != "" {
				t.Errorf("got %+v, want %s", got, test.want)
			}
		})
	}
}

func TestVerifyTakesOneGoodSignature(t *testing.T) {
	t.Parallel()
	_, second, _ := strings.Cut(byKey(t, plain, 2), `"signatures":[`)
	rotated := strings.TrimSuffix(byKey(t, plain, 1), "]}") + "," + second
	for _, n := range []byte{1, 2} {
		if got := verifier(edKey(t, n)).Verify([]byte(rotated), cards.Keys{}, noon); !got.Verified() || got.KeyID != fmt.Sprint("k", n) {
			t.Errorf("key %d: %+v", n, got)
		}
	}
	if got := verifier(edKey(t, 3)).Verify([]byte(rotated), cards.Keys{}, noon); got.Status != agent.CardUnknownKey {
		t.Errorf("an unknown key: %+v", got)
	}
}

func TestVerifyChoosesKeys(t *testing.T) {
	t.Parallel()
	card := []byte(byKey(t, plain, 1))
	key := agent.NewKey(private(1).Public().(ed25519.PublicKey))
	byDID := []byte(signed(t, plain, plain, private(1), jose.EdDSA, map[string]any{"kid": key.IDs()[0]}))
	byMesh := []byte(signed(t, plain, plain, private(1), jose.EdDSA, map[string]any{"kid": key.Mesh}))
	did, err := cards.DIDKey(key.DID)
	if err != nil {
		t.Fatal(err)
	}
	expired := edKey(t, 1, fmt.Sprintf(`"exp":%d`, noon.Unix()))
	fresh := edKey(t, 1, fmt.Sprintf(`"exp":%d`, noon.Unix()+1))
	tests := []struct {
		name    string
		card    []byte
		trusted []cards.Key
		keys    cards.Keys
		want    agent.CardStatus
	}{
		{"nothing", card, nil, cards.Keys{}, agent.CardUnknownKey},
		{"trusted", card, []cards.Key{edKey(t, 1)}, cards.Keys{}, agent.CardVerified},
		{"own", byDID, nil, cards.Keys{Own: []cards.Key{did}}, agent.CardVerified},
		{"own-mesh-name", byMesh, nil, cards.Keys{Own: []cards.Key{did}}, agent.CardVerified},
		{"pinned-shuts-out-trusted", card, []cards.Key{edKey(t, 1)}, cards.Keys{Pinned: []cards.Key{edKey(t, 2)}}, agent.CardUnknownKey},
		{"pinned-shuts-out-own", byDID, nil, cards.Keys{Pinned: []cards.Key{edKey(t, 2)}, Own: []cards.Key{did}}, agent.CardUnknownKey},
		{"expired", card, nil, cards.Keys{Pinned: []cards.Key{expired}}, agent.CardUnknownKey},
		{"not-yet-expired", card, nil, cards.Keys{Pinned: []cards.Key{fresh}}, agent.CardVerified},
		{"one-of-two-of-a-name-expired", card, nil, cards.Keys{Pinned: []cards.Key{expired, edKey(t, 1)}}, agent.CardVerified},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := verifier(test.trusted...).Verify(test.card, test.keys, noon); got.Status != test.want {
				t.Errorf("got %+v, want %s", got, test.want)
			}
		})
	}
	if got := new(cards.Verifier).Verify(card, cards.Keys{Pinned: []cards.Key{edKey(t, 1)}}, noon); got.Verified() {
		t.Errorf("the zero verifier: %+v", got)
	}
}

func TestVerifyFollowsOnlyBelievedKeySets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, jku string
		believed  bool
	}{
		{"below", "https://keys.example/a2a/set.json", true},
		{"itself", "https://keys.example/a2a", true},
		{"sibling", "https://keys.example/a2a-evil/set.json", false},
		{"other-host", "https://evil.example/a2a/set.json", false},
		{"host-with-the-prefix", "https://keys.example.evil/a2a/set.json", false},
		{"at-in-path", "https://keys.example/a2a@evil.example/", false},
		{"user", "https://keys.example@evil.example/a2a/", false},
		{"dot-segments", "https://keys.example/a2a/../b/set.json", false},
		{"escaped-dots", "https://keys.example/a2a/%2e%2e/set.json", false},
		{"query", "https://keys.example/a2a/set.json?x=1", false},
		{"other-scheme", "http://keys.example/a2a/set.json", false},
		{"file", "file:///etc/passwd", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			card := []byte(signed(t, plain, plain, private(9), jose.EdDSA, map[string]any{"kid": "k9", "jku": test.jku}))
			v := verifier()
			want := []string(nil)
			if test.believed {
				want = []string{test.jku}
			}
			if diff := cmp.Diff(want, v.Wanted(card, cards.Keys{})); diff != "" {
				t.Errorf("wanted (-want +got)\n%s", diff)
			}
			sets := cards.Keys{Sets: map[string][]cards.Key{test.jku: {edKey(t, 9)}}}
			if got := v.Verify(card, sets, noon); got.Verified() != test.believed {
				t.Errorf("%+v", got)
			}
			sets.Pinned = []cards.Key{edKey(t, 1)}
			if got := v.Wanted(card, sets); got != nil {
				t.Errorf("wants %v although keys are pinned", got)
			}
		})
	}
}
