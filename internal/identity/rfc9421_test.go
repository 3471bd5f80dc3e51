package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/dunglas/httpsfv"
	"github.com/google/go-cmp/cmp"
)

// The keys of RFC 9421 appendix B.1: SubjectPublicKeyInfo, but for the shared secret.
const (
	keyRSAPSS = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+" +
		"Lh1GH45x28Rw3Ry53mm+oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+" +
		"Wokqltd11nqqzi+bJ9cvSKADYdUAAN5WUtzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d+nb4bnNkQVklL" +
		"Q3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI2wIDAQAB"
	keyP256    = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ=="
	keyEd25519 = "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="
	keyShared  = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)

// testRequest is the test-request of appendix B.2.
func testRequest() Message {
	return Message{
		Method: "POST", Authority: "example.com", Path: "/foo", RawQuery: "param=Value&Pet=dog", HasQuery: true, HasBody: true,
		Header: Header{
			{"host", "example.com"},
			{"date", "Tue, 20 Apr 2021 02:07:55 GMT"},
			{"content-type", "application/json"},
			{"content-digest", "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"},
			{"content-length", "18"},
		},
	}
}

// proxied is the request that the proxy of appendix B.3 forwards.
func proxied() Message {
	m := testRequest()
	m.Authority = "service.internal.example"
	m.Header = append(m.Header, Field{"client-cert", ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:"})
	return m
}

// transformed is the request of appendix B.4 before anything transforms it.
func transformed() Message {
	return Message{
		Method: "GET", Authority: "example.org", Path: "/demo", RawQuery: "name1=Value1&Name2=value2", HasQuery: true,
		Header: Header{
			{"host", "example.org"},
			{"date", "Fri, 15 Jul 2022 14:24:55 GMT"},
			{"accept", "application/json"},
			{"accept", "*/*"},
		},
	}
}

// published are the signatures of RFC 9421 whose components the profile can express. Each verifies under its key, so
// the base of the table is the one that was signed.
var published = []struct {
	name, key, input, value string
	message                 func() Message
	base                    []string
}{
	{
		"b-2-1-minimal", keyRSAPSS,
		`();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`,
		"d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==",
		testRequest, nil,
	},
	{
		"b-2-3-full", keyRSAPSS,
		`("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"`,
		"bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==",
		testRequest,
		[]string{
			`"date": Tue, 20 Apr 2021 02:07:55 GMT`, `"@method": POST`, `"@path": /foo`, `"@query": ?param=Value&Pet=dog`,
			`"@authority": example.com`, `"content-type": application/json`,
			`"content-digest": sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:`,
			`"content-length": 18`,
		},
	},
	{
		"b-2-5-shared-secret", keyShared,
		`("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`,
		"pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
		testRequest,
		[]string{`"date": Tue, 20 Apr 2021 02:07:55 GMT`, `"@authority": example.com`, `"content-type": application/json`},
	},
	{
		"b-2-6-ed25519", keyEd25519,
		`("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`,
		"wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
		testRequest,
		[]string{
			`"date": Tue, 20 Apr 2021 02:07:55 GMT`, `"@method": POST`, `"@path": /foo`, `"@authority": example.com`,
			`"content-type": application/json`, `"content-length": 18`,
		},
	},
	{
		"b-3-proxy", keyP256,
		`("@path" "@query" "@method" "@authority" "client-cert");created=1618884473;keyid="test-key-ecc-p256"`,
		"xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==",
		proxied,
		[]string{
			`"@path": /foo`, `"@query": ?param=Value&Pet=dog`, `"@method": POST`, `"@authority": service.internal.example`,
			`"client-cert": ` + proxied().Header[5].Value,
		},
	},
	{
		"b-4-transformed", keyEd25519,
		`("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519"`,
		"ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==",
		transformed,
		[]string{`"@method": GET`, `"@path": /demo`, `"@authority": example.org`, `"accept": application/json, */*`},
	},
}

// read reads a signature whose tag is not the profile's, as RFC 9421 has them, and what its value is.
func read(t *testing.T, input, value string) (s signature, bytes []byte, err error) {
	t.Helper()
	members, ok := parseMembers("sig="+input, 1)
	if !ok || !members[0].canonical() {
		t.Fatalf("the Signature-Input %q was not read", input)
	}
	if err := s.take(members[0].value.(httpsfv.InnerList), members[0].text); err != nil {
		return s, nil, err
	}
	if bytes, err = readValue("sig=:"+value+":", "sig"); err != nil {
		t.Fatal(err)
	}
	s.setValue(bytes)
	return s, bytes, nil
}

func decode(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// signed reports whether the value is a signature of the base under a key of appendix B.1 (RFC 9421 section 3.3).
func signed(t *testing.T, key string, base, value []byte) bool {
	t.Helper()
	if key == keyShared {
		mac := hmac.New(sha256.New, decode(t, keyShared))
		mac.Write(base)
		return hmac.Equal(mac.Sum(nil), value)
	}
	parsed, err := x509.ParsePKIXPublicKey(decode(t, key))
	if err != nil {
		t.Fatal(err)
	}
	switch public := parsed.(type) {
	case *rsa.PublicKey:
		sum := sha512.Sum512(base)
		return rsa.VerifyPSS(public, crypto.SHA512, sum[:], value, &rsa.PSSOptions{SaltLength: 64}) == nil
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(base)
		return ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(value[:32]), new(big.Int).SetBytes(value[32:]))
	case ed25519.PublicKey:
		return ed25519.Verify(public, base, value)
	}
	return false
}

func TestPublishedSignatures(t *testing.T) {
	t.Parallel()
	for _, tt := range published {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, value, err := read(t, tt.input, tt.value)
			if err != nil {
				t.Fatal(err)
			}
			m := tt.message()
			got, err := appendBase(nil, &m, s.components(), s.params)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Join(append(slices.Clone(tt.base), `"@signature-params": `+tt.input), "\n")
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Errorf("signature base (-want +got):\n%s", diff)
			}
			if !signed(t, tt.key, got, value) {
				t.Error("the published signature is not one of the base")
			}
			if tt.key != keyEd25519 {
				wantRefusal(t, s.verify(&m, decode(t, keyEd25519)[12:]), BadSignature)
				return
			}
			if err := s.verify(&m, decode(t, keyEd25519)[12:]); err != nil {
				t.Errorf("verifying the published signature: %v", err)
			}
			m.Path = "/bar"
			wantRefusal(t, s.verify(&m, decode(t, keyEd25519)[12:]), BadSignature)
		})
	}
}

// The transformations are those of appendix B.4: what a proxy may do to a message without breaking its signature, and
// what breaks it.
func TestTransformations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(*Message)
		want string
	}{
		{"query-and-field-added", func(m *Message) {
			m.RawQuery += "&param=added"
			m.Header = append(m.Header, Field{"accept-language", "en-US,en;q=0.5"})
		}, ""},
		{"field-dropped-and-lines-joined", func(m *Message) {
			m.Header = Header{{"host", "example.org"}, {"referer", "https://developer.example.org/demo"}, {"accept", "application/json, */*"}}
		}, ""},
		{"fields-reordered", func(m *Message) {
			m.Header = Header{{"accept", "application/json"}, {"date", "x"}, {"accept", "*/*"}, {"host", "example.org"}}
		}, ""},
		{"authority-in-upper-case", func(m *Message) { m.Authority = "EXAMPLE.ORG" }, ""},
		{"other-method-and-authority", func(m *Message) { m.Method, m.Authority = "POST", "example.com" }, "bad-signature"},
		{"lines-swapped", func(m *Message) { m.Header[2], m.Header[3] = m.Header[3], m.Header[2] }, "bad-signature"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			last := published[len(published)-1]
			s, _, err := read(t, last.input, last.value)
			if err != nil {
				t.Fatal(err)
			}
			m := transformed()
			tt.edit(&m)
			if got := reasonOf(s.verify(&m, decode(t, keyEd25519)[12:])); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What the RFC has and the profile cannot express is refused, never read as something else.
func TestBeyondTheProfile(t *testing.T) {
	t.Parallel()
	for name, input := range map[string]string{
		"b-2-2-query-param":  `("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="k";tag="header-example"`,
		"b-2-4-status":       `("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="k"`,
		"target-uri":         `("@target-uri");keyid="k"`,
		"request-target":     `("@request-target");keyid="k"`,
		"scheme":             `("@scheme");keyid="k"`,
		"signature-params":   `("@signature-params");keyid="k"`,
		"structured-field":   `("content-digest";sf);keyid="k"`,
		"dictionary-key":     `("content-digest";key="sha-512");keyid="k"`,
		"byte-sequence":      `("content-digest";bs);keyid="k"`,
		"trailer":            `("content-digest";tr);keyid="k"`,
		"of-the-request":     `("@method";req);keyid="k"`,
		"unknown-parameter":  `("date";later);keyid="k"`,
		"alg-rsa-pss":        `("date");keyid="k";alg="rsa-pss-sha512"`,
		"alg-rsa":            `("date");keyid="k";alg="rsa-v1_5-sha256"`,
		"alg-hmac":           `("date");keyid="k";alg="hmac-sha256"`,
		"alg-p256":           `("date");keyid="k";alg="ecdsa-p256-sha256"`,
		"alg-p384":           `("date");keyid="k";alg="ecdsa-p384-sha384"`,
		"alg-in-other-case":  `("date");keyid="k";alg="Ed25519"`,
		"alg-of-jose":        `("date");keyid="k";alg="EdDSA"`,
		"alg-none":           `("date");keyid="k";alg="none"`,
		"alg-unknown-so-far": `("date");keyid="k";alg="ml-dsa-44"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := read(t, input, "AAAA")
			wantRefusal(t, err, Unsupported)
		})
	}
}
