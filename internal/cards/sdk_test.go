package cards_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
)

func files(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("nothing at %s: %v", pattern, err)
	}
	contents := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents[strings.TrimSuffix(path, filepath.Ext(path))] = data
	}
	return contents
}

// TestVerifiesWhatSDKsSign takes cards that a2a-sdk 1.3.0 for Python and @a2a-js/sdk 1.3.0 have signed, as their
// servers send them.
func TestVerifiesWhatSDKsSign(t *testing.T) {
	t.Parallel()
	keys := files(t, "testdata/signed/*.jwk")
	for name, card := range files(t, "testdata/signed/*.json") {
		key, err := cards.ParseKey(keys[name])
		if err != nil {
			t.Fatal(err)
		}
		got := verifier().Verify(card, cards.Keys{Pinned: []cards.Key{key}}, noon)
		if !got.Verified() || got.Canonicalisation != cards.Stripped {
			t.Errorf("%s: %+v", name, got)
		}
		changed := strings.Replace(string(card), "https://geo.example", "https://evil.example", 1)
		if got := verifier().Verify([]byte(changed), cards.Keys{Pinned: []cards.Key{key}}, noon); got.Status != agent.CardInvalid {
			t.Errorf("%s, changed: %+v", name, got)
		}
	}
}

// TestSDKsVerifyWhatIsSigned holds that one of the signatures of each served card covers what canonicalizeAgentCard
// of @a2a-js/sdk 1.3.0 returns for it; the function of a2a-sdk 1.3.0 for Python returns the same.
func TestSDKsVerifyWhatIsSigned(t *testing.T) {
	t.Parallel()
	signer, err := cards.NewSigner(private(1))
	if err != nil {
		t.Fatal(err)
	}
	forms := files(t, "testdata/sdk/*.canonical")
	for name, card := range files(t, "testdata/sdk/*.json") {
		signed, err := signer.Sign(card, "")
		if err != nil {
			t.Fatal(err)
		}
		var shape struct {
			Signatures []struct{ Protected, Signature string }
		}
		if err := json.Unmarshal(signed, &shape); err != nil {
			t.Fatal(err)
		}
		verified := false
		for _, s := range shape.Signatures {
			signature, err := base64.RawURLEncoding.DecodeString(s.Signature)
			if err != nil {
				t.Fatal(err)
			}
			input := s.Protected + "." + base64.RawURLEncoding.EncodeToString(forms[name])
			verified = verified || ed25519.Verify(private(1).Public().(ed25519.PublicKey), []byte(input), signature)
		}
		if !verified {
			t.Errorf("no signature of %s covers %s", name, forms[name])
		}
	}
}

// TestReadersFormIsNotEnough holds that a card is not verified by the signature that is made for readers of 1.0
// alone: it does not cover members that others read.
func TestReadersFormIsNotEnough(t *testing.T) {
	t.Parallel()
	signer, err := cards.NewSigner(private(1))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := cards.ParseKeySet(signer.KeySet())
	if err != nil {
		t.Fatal(err)
	}
	card, err := signer.Sign([]byte(plain), "")
	if err != nil {
		t.Fatal(err)
	}
	evil := strings.Replace(string(card), `"name"`, `"url":"https://evil.example","name"`, 1)
	for _, got := range []string{evil, strings.Replace(evil, `{"protected"`, `{"x":1,"protected"`, 1)} {
		if v := verifier(keys...).Verify([]byte(got), cards.Keys{}, noon); v.Status != agent.CardInvalid {
			t.Errorf("%+v", v)
		}
	}
}
