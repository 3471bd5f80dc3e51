package cards_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
)

func parse(t testing.TB, raw string) agent.Card {
	t.Helper()
	card, err := agent.ParseCard([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return card
}

func TestParseKeyRefuses(t *testing.T) {
	t.Parallel()
	const x = `"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	tests := []struct{ name, key, want string }{
		{"no-kid", `{` + x + `}`, "must have a kid of 1 to 512 bytes: signatures name their key by it"},
		{"private", `{` + x + `,"kid":"a","d":"AA"}`, "must be a public key alone: this JWK has secret members"},
		{"symmetric", `{"kty":"oct","k":"AAAA","kid":"a"}`, "must be a public key alone: this JWK has secret members"},
		{
			"small-order", `{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","kid":"a"}`,
			"is not a public key that can be read",
		},
		{"other-curve", `{"kty":"EC","crv":"P-384","x":"","y":"","kid":"a"}`, "is not a public key that can be read"},
		{"alg-of-another-type", `{` + x + `,"kid":"a","alg":"RS256"}`, "must have the alg of its type, EdDSA, or none"},
		{"for-encryption", `{` + x + `,"kid":"a","use":"enc"}`, "must have the use sig, or none"},
		{"for-wrapping", `{` + x + `,"kid":"a","key_ops":["wrapKey"]}`, "must have verify among its key_ops, or no key_ops"},
		{"fractional-exp", `{` + x + `,"kid":"a","exp":1.5}`, "must have an exp in whole seconds since 1970, or none"},
		{"duplicates", `{` + x + `,"kid":"a","kid":"b"}`, "is not valid JSON"},
		{"number", `7`, "must be a did:key or a JWK"},
		{"other-did", `"did:web:example.com"`, "must begin with did:key and a colon"},
		{"too-long", `{"kid":"` + strings.Repeat("a", 16<<10) + `"}`, "must have at most 16384 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := cards.ParseKey([]byte(test.key)); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestParseKeySet(t *testing.T) {
	t.Parallel()
	const good = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}`
	keys, err := cards.ParseKeySet([]byte(`{"keys":[{"kty":"unheard-of","kid":"b"},` + good + `,"did:key:x"],"more":1}`))
	if err != nil || len(keys) != 1 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	for _, bad := range []string{
		``, `[]`, `{}`, `{"keys":[]}`, `{"keys":{}}`, `{"a":"-----BEGIN PUBLIC KEY-----"}`,
		`{"keys":[` + strings.Repeat(good+",", 64) + good + `]}`,
	} {
		if keys, err := cards.ParseKeySet([]byte(bad)); err == nil {
			t.Errorf("%.40s gives %d keys", bad, len(keys))
		}
	}
}

// TestSignedCardsVerify signs each of the served cards and verifies it as a client does: with the published keys.
func TestSignedCardsVerify(t *testing.T) {
	t.Parallel()
	signer, err := cards.NewSigner(private(1), private(2).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := cards.ParseKeySet(signer.KeySet())
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys are published, %v", len(keys), err)
	}
	inputs, _ := filepath.Glob("../agent/testdata/cards/*.json")
	if len(inputs) == 0 {
		t.Fatal("no cards")
	}
	for _, input := range inputs {
		raw, err := os.ReadFile(input)
		if err != nil {
			t.Fatal(err)
		}
		served, err := parse(t, string(raw)).Served(agent.Base{URL: "https://mesh.example/agents/a"})
		if err != nil {
			t.Fatal(err)
		}
		card, err := signer.Sign(served, "https://mesh.example")
		if err != nil {
			t.Fatal(err)
		}
		got := cards.NewVerifier(cards.VerifierConfig{Trusted: keys, Algorithms: []string{"EdDSA"}}).Verify(card, cards.Keys{}, noon)
		if !got.Verified() || got.Canonicalisation != cards.Specified {
			t.Errorf("%s: %+v\n%s", input, got, card)
		}
		var shape struct {
			Signatures []struct{ Protected string }
		}
		if err := json.Unmarshal(card, &shape); err != nil || len(shape.Signatures) < 1 || len(shape.Signatures) > 2 {
			t.Errorf("%s: %v\n%s", input, err, card)
		}
	}
}

// TestSignNames holds the protected header that clients find the key by.
func TestSignNames(t *testing.T) {
	t.Parallel()
	signer, err := cards.NewSigner(private(1))
	if err != nil {
		t.Fatal(err)
	}
	card, err := signer.Sign([]byte(byKey(t, plain, 7)), "https://mesh.example")
	if err != nil {
		t.Fatal(err)
	}
	var shape struct {
		Signatures []struct{ Protected, Signature string }
	}
	if err := json.Unmarshal(card, &shape); err != nil || len(shape.Signatures) != 2 {
		t.Fatalf("a signature of the agent's is left, or none is there: %s", card)
	}
	jws, err := jose.ParseDetached(shape.Signatures[0].Protected+".."+shape.Signatures[0].Signature, []byte("{}"), []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	header := jws.Signatures[0].Protected
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(signer.KeySet(), &set); err != nil {
		t.Fatal(err)
	}
	want := map[jose.HeaderKey]any{"typ": "JOSE", "jku": "https://mesh.example/.well-known/jwks.json"}
	if diff := cmp.Diff(want, header.ExtraHeaders); diff != "" || header.Algorithm != "EdDSA" || len(set.Key(header.KeyID)) != 1 {
		t.Errorf("%+v does not name a published key (-want +got)\n%s", header, diff)
	}
}

// TestDigestIsOfWhatIsSaid holds that spelling does not count, and that RFC 8785 is followed where it matters: keys
// in the order of UTF-16 units, numbers as ECMAScript writes them, and no escapes that are not needed.
func TestDigestIsOfWhatIsSaid(t *testing.T) {
	t.Parallel()
	same := []string{
		`{"€":1,"\ud83d\ude00":1e2,"\ufb33":"\u00e9/","a":0.5}`,
		` { "a" : 5e-1, "\uFB33" : "é\/" , "😀":100.0,"\u20ac":1.0 } `,
	}
	var digests []string
	for _, card := range same {
		digest, err := cards.Digest([]byte(card))
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("one card has two digests: %v", digests)
	}
	if other, _ := cards.Digest([]byte(`{"a":0.5}`)); other == digests[0] {
		t.Error("two cards have one digest")
	}
	if _, err := cards.Digest([]byte(`{"a":1,"a":2}`)); err == nil {
		t.Error("a card of two meanings has a digest")
	}
	// In UTF-16, the pair d83d de00 of the emoji comes before fb33; in code points it comes after.
	card := strings.Replace(plain, `"name":"Geo"`, `"name":"Geo","😀":1,"`+"\ufb33"+`":2`, 1)
	if got := verifier(edKey(t, 1)).Verify([]byte(byKey(t, card, 1)), cards.Keys{}, noon); !got.Verified() {
		t.Errorf("%+v", got)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(byKey(f, plain, 1)))
	f.Add([]byte(byKey(f, plain, 2)))
	f.Add([]byte(withSignature(plain, `{"protected":"eyJhbGciOiJub25lIn0","signature":"AA","header":{}}`)))
	f.Add([]byte(`{"signatures":[{}]}`))
	original := parse(f, plain)
	v, keys := verifier(), cards.Keys{Pinned: []cards.Key{edKey(f, 1)}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := v.Verify(raw, keys, noon)
		v.Wanted(raw, keys)
		if got.Status == "" || got.Verified() == (got.Reason != "") {
			t.Fatalf("%+v", got)
		}
		if !got.Verified() {
			return
		}
		card, err := agent.ParseCard(raw)
		if err != nil {
			t.Fatalf("verified, but no card: %v", err)
		}
		unchanged := cards.Assessed{Card: original}
		for _, change := range cards.Changes(unchanged, cards.Assessed{Card: card}) {
			if change != agent.KeysChange {
				t.Fatalf("verified, but not what was signed: %s\n%s", change, raw)
			}
		}
	})
}

func FuzzParseKey(f *testing.F) {
	for _, path := range []string{"testdata/signed/python.jwk", "testdata/signed/javascript.jwk"} {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add([]byte(`{"keys":[` + string(raw) + `]}`))
	}
	f.Add([]byte(`"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"`))
	card := []byte(byKey(f, plain, 1))
	f.Fuzz(func(t *testing.T, raw []byte) {
		key, err := cards.ParseKey(raw)
		var members map[string]any
		_ = json.Unmarshal(raw, &members) // a string has no members
		if _, secret := members["d"]; err == nil && secret {
			t.Fatalf("a private key is taken: %s", raw)
		}
		keys, _ := cards.ParseKeySet(raw)
		// No key but the one that signed makes the card verified.
		got := verifier(keys...).Verify(card, cards.Keys{Pinned: []cards.Key{key}}, noon)
		if got.Verified() && !bytes.Contains(raw, []byte(publicX(1))) {
			t.Fatalf("%s verifies what it did not sign", raw)
		}
	})
}

// publicX is how a JWK writes the public key of a number.
func publicX(n byte) string {
	return base64.RawURLEncoding.EncodeToString(private(n).Public().(ed25519.PublicKey))
}
