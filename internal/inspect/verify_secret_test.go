package inspect

import (
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/a2a"
)

func TestRandomness(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]likeness{
		"q9Zt4Lw8Xv2Nb6Mc1Kd7":                     likeRandom,
		"fz3k9x0qv7w2m5tj8b1n":                     likeRandom,
		"718f358c-0e46-4eb4-80ad-b469ca99672f":     likeDigest,
		"3f2a9c71d05e4b8896aa17c4e2b07d53":         likeDigest,
		"user_account_service_v2":                  likeNothing,
		"GetResponseFromServerWithTimeout2":        likeNothing,
		"my-app-secret-name-for-prod":              likeNothing,
		"us-east-1-production-cluster":             likeNothing,
		"your_access_token_here_1234":              likeNothing,
		"xxxxxxxxxxxxxxxxxxxxxxxx":                 likeNothing,
		"11111111111111111111":                     likeNothing,
		"00000000-0000-0000-0000-000000000000":     likeNothing,
		"q9Zt4Lw8Xv2Nb6Mc1Kd7...":                  likeNothing,
		"${SERVICE_TOKEN_OF_TEAM_7}":               likeNothing,
		"short1x":                                  likeNothing,
		"31415926535897932384":                     likeNothing,
		"thequickbrownfoxjumpsoverthelazydog":      likeNothing,
		"/usr/share/lib/python3.11/site-packages/": likeNothing,
		"": likeNothing,
	} {
		if got := randomness([]byte(value)); got != want {
			t.Errorf("%q is likeness %d, want %d", value, got, want)
		}
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"Vq7z!Lm2Kx9": true,
		"tR8#vLq2w":   true,
		"mK9xQ2vT7b":  true,
		"P@ssw0rd1":   false,
		"changeme1!":  false,
		"string":      false,
		"required":    false,
		"getpass()":   false,
		"$DB_PASS_1":  false,
		"admin1234":   false,
		"hunter":      false,
		"":            false,
	} {
		if got := password([]byte(value)); got != want {
			t.Errorf("%q is a password: %t, want %t", value, got, want)
		}
	}
}

// What a secret is redacted by has to cover all of it, and nothing of what stands around it.
func TestSecretsAreRedactedWhole(t *testing.T) {
	t.Parallel()
	s := builtin(t)
	key := strings.Repeat("Zk3mQx9Vb4Rz8Lw3Pd6Hs1Jf5Yc0GaUeIoT7nKq2\n", 30)
	for text, want := range map[string]string{
		"clone with gh" + "p_x7Kq2mVn9Rb4Tz8Lw3Pd6Hs1Jf5Yc0GaUeIo now":            "clone with [redacted:secret] now",
		"api_key: q9Zt4Lw8Xv2Nb6Mc1Kd7\nretries: 3":                               "api_key: [redacted:secret]\nretries: 3",
		"{\"token\": \"q9Zt4Lw8Xv2Nb6Mc1Kd7\", \"ttl\": 60}":                      "{\"token\": \"[redacted:secret]\", \"ttl\": 60}",
		"a\n-----BEGIN PRIVATE KEY-----\n" + key + "-----END PRIVATE KEY-----\nb": "a\n[redacted:secret]\nb",
		"use postgres://app:Vq7zLm2Kx9@db.internal:5432/orders":                   "use postgres://[redacted:secret]@db.internal:5432/orders",
		"Authorization: Bearer 7fK2mQx9Vb4Rz8Lw3Pd6Hs1J end":                      "Authorization: Bearer [redacted:secret] end",
	} {
		texts := []a2a.Text{{Value: text, Kind: a2a.KindText}}
		values, ok := Redacted(texts, s.Scan(texts, Options{Direction: Response}))
		if !ok || values[0] != want {
			t.Errorf("%.40q is redacted to %q, want %q", text, values[0], want)
		}
	}
}

// A push token is a secret by purpose: the place where it belongs is none to take it from.
func TestSecretsMayStandWhereTheyBelong(t *testing.T) {
	t.Parallel()
	s := builtin(t)
	token := []a2a.Text{{Value: "gh" + "p_x7Kq2mVn9Rb4Tz8Lw3Pd6Hs1Jf5Yc0GaUeIo", Kind: a2a.KindSecret}}
	for _, f := range s.Scan(token, Options{Direction: Request}) {
		t.Errorf("%s finds the token of a push configuration", f.Rule)
	}
}

// The place of a secret lies in the text and is no empty one, wherever a match is thought to be.
func FuzzWholeSecrets(f *testing.F) {
	for _, seed := range []string{
		"token = \"x", "curl -u ", "-----BEGIN PRIVATE KEY-----\nMIIE", "eyJhbGciOiJFZERTQSJ9.e30.", "https://a:b@c", "basic ZTp4",
		"<secret>{a b c}</secret>", "password is ", "DE89 3704 0044 0532 0130 00",
	} {
		f.Add([]byte(seed), 0, 5)
		f.Add([]byte(seed), 3, len(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte, start, end int) {
		if start < 0 || end <= start || end > len(b) {
			return
		}
		at := span{start, end}
		for name, v := range verifiers {
			if v.whole == nil || !v.holds(b, at) {
				continue
			}
			if got := v.whole(b, at); got.start < 0 || got.end > len(b) || got.start >= got.end {
				t.Errorf("%s finds %v in %q", name, got, b)
			}
		}
	})
}
