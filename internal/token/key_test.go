package token

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func TestParseKeySet(t *testing.T) {
	t.Parallel()
	ed := jwk(edKey.Public(), "ed")
	tests := []struct {
		name, set string
		want      []string // the kids, or nil for an error
	}{
		{"all-types", acmeKeys(), []string{"ec", "ed", "rsa"}},
		{"empty", `{"keys":[]}`, []string{}},
		{"other-members", `{"keys":[` + ed + `],"x":1}`, []string{"ed"}},
		{"without-kid", keys(strings.Replace(ed, `"kid"`, `"id"`, 1), jwk(ecKey().Public(), "ec")), []string{"ec"}},
		{"alg-of-the-type", keys(jwk(edKey.Public(), "ed", "alg", `"EdDSA"`)), []string{"ed"}},
		{"alg-of-another-type", keys(jwk(edKey.Public(), "ed", "alg", `"ES256"`)), []string{}},
		{"alg-symmetric", keys(jwk(rsaKey().Public(), "rsa", "alg", `"HS256"`)), []string{}},
		{"alg-pss", keys(jwk(rsaKey().Public(), "rsa", "alg", `"PS256"`)), []string{}},
		{"alg-not-a-string", keys(jwk(edKey.Public(), "ed", "alg", `1`)), []string{}},
		{"for-encryption", keys(jwk(edKey.Public(), "ed", "use", `"enc"`)), []string{}},
		{"for-signing-alone", keys(jwk(edKey.Public(), "ed", "key_ops", `["sign"]`)), []string{}},
		{"for-verifying-too", keys(jwk(edKey.Public(), "ed", "key_ops", `["sign","verify"]`)), []string{"ed"}},
		{"exp-not-a-time", keys(jwk(edKey.Public(), "ed", "exp", `"soon"`)), []string{}},
		{"rsa-too-short", keys(jwk(shortKey().Public(), "short")), []string{}},
		{"other-curve", keys(jwk(p384Key().Public(), "p384")), []string{}},
		{"symmetric", keys(`{"kty":"oct","k":"AAAA","kid":"s"}`), []string{}},
		{"private", keys(string(must(jose.JSONWebKey{Key: edKey, KeyID: "ed"}.MarshalJSON()))), []string{}},
		{"small-order", keys(`{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","kid":"w"}`), []string{}},
		{"point-off-the-curve", keys(`{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","kid":"w"}`), []string{}},
		{"key-of-no-type", keys(`{"kid":"x"}`, `1`, `null`, `"x"`, ed), []string{"ed"}},
		{"disputed-kid", keys(ed, jwk(otherKey.Public(), "ed"), ed, jwk(ecKey().Public(), "ec")), []string{"ec"}},
		{"same-key-twice", keys(ed, ed), []string{"ed"}},

		{"not-json", `keys`, nil},
		{"duplicate-members", `{"keys":[` + ed + `],"keys":[]}`, nil},
		{"an-array", `[` + ed + `]`, nil},
		{"no-keys", `{}`, nil},
		{"keys-an-object", `{"keys":{}}`, nil},
		{"too-many", keys(slices.Repeat([]string{ed}, maxSetKeys+1)...), nil},
		{"too-long", keys(ed) + strings.Repeat(" ", maxSetBytes), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set, err := parseKeySet([]byte(tt.set), noon)
			if tt.want == nil {
				if err == nil {
					t.Errorf("got the keys %v, want an error", slices.Sorted(maps.Keys(set.byID)))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := slices.AppendSeq([]string{}, maps.Keys(set.byID))
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("kids (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseKeySet(f *testing.F) {
	f.Add(acmeKeys())
	f.Add(keys(`{"kty":"oct","k":"AAAA","kid":"s"}`))
	f.Add(`{"keys":[{}]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		set, err := parseKeySet([]byte(raw), noon)
		if err != nil {
			return
		}
		for id, k := range set.byID {
			if id == "" || !slices.Contains(supported[:], k.algorithm) || k.print == [32]byte{} {
				t.Fatalf("the key %q has algorithm %q", id, k.algorithm)
			}
		}
	})
}
