package token

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	issuers := loaded(t, newSource())
	want := Claims{Issuer: acme, Subject: "svc:billing", ID: "t-1", Issued: noon, Expires: noon.Add(10 * time.Minute)}
	for alg, kid := range map[string]string{"EdDSA": "ed", "Ed25519": "ed", es256: "ec", rs256: "rsa"} {
		want := want
		want.KeyID = kid
		raw := good(alg).String()
		for range 2 { // the second time from memory
			got, refusal := issuers.Verify(raw, noon)
			if refusal != nil {
				t.Fatalf("%s: %v", alg, refusal)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: claims (-want +got):\n%s", alg, diff)
			}
		}
	}
	got, refusal := issuers.Verify(once("x-1").String(), noon)
	if refusal != nil {
		t.Fatal(refusal)
	}
	want = Claims{Issuer: globex, Subject: "reports", ID: "x-1", Once: true, Issued: noon, Expires: noon.Add(24 * time.Hour), KeyID: "other"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims of globex (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(agent.Subject{Issuer: globex, Name: "reports"}, got.About()); diff != "" {
		t.Errorf("subject (-want +got):\n%s", diff)
	}
}

func TestProof(t *testing.T) {
	t.Parallel()
	c := Claims{Issuer: globex, Subject: "reports", ID: "x-1", Once: true, Issued: noon, Expires: noon.Add(24 * time.Hour), KeyID: "other"}
	want := identity.Proof{
		Caller: identity.Caller{Agent: "reporter", KeyID: globex + "#other", Assurance: identity.AssuranceBearer},
		Key:    "jwt\x00" + globex + "\x00other", Nonce: "x-1", Created: noon, Expires: noon.Add(24*time.Hour + Skew),
	}
	if diff := cmp.Diff(want, c.Proof("reporter")); diff != "" {
		t.Errorf("proof (-want +got):\n%s", diff)
	}
	memory := identity.NewReplay(noon.Add(-time.Hour), 10)
	if err := memory.Use(t.Context(), c.Proof("reporter"), noon.Add(-Skew)); err != nil {
		t.Errorf("the longest-lived token cannot be remembered: %v", err)
	}
	if err := memory.Use(t.Context(), c.Proof("reporter"), noon.Add(24*time.Hour+Skew-1)); err == nil {
		t.Error("the token counted twice")
	}
	c.Once = false
	if nonce := c.Proof("reporter").Nonce; nonce != "" {
		t.Errorf("a token that counts often has the nonce %q", nonce)
	}
}

func TestVerifyAccepts(t *testing.T) {
	t.Parallel()
	ed := good("EdDSA")
	for name, d := range map[string]draft{
		"audience-array":         ed.with("aud", []string{"other", "https://mesh.example"}),
		"no-jti":                 ed.without("jti"),
		"not-before-now":         ed.with("nbf", noon.Unix()),
		"not-before-within-skew": ed.with("nbf", noon.Unix()+10),
		"issued-within-skew":     ed.with("iat", noon.Unix()+10),
		"expired-within-skew":    ed.with("iat", noon.Unix()-3600).with("exp", noon.Unix()-9),
		"longest-life":           ed.with("exp", noon.Unix()+3600),
		"other-claims":           ed.with("scope", "a b").with("cnf", map[string]any{"jkt": "x"}),
		"no-typ":                 {header: map[string]any{"alg": "EdDSA", "kid": "ed"}, claims: claims(), sign: signEd(edKey)},
		"typ-with-prefix":        ed.headed("typ", "application/AT+JWT"),
		"thumbprint":             ed.headed("x5t", "abc"),
		"white-space-in-json":    {headerText: " {\n\"alg\":\"EdDSA\", \"kid\":\"ed\"} ", claims: claims(), sign: signEd(edKey)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, refusal := loaded(t, newSource()).Verify(d.String(), noon); refusal != nil {
				t.Error(refusal)
			}
		})
	}
}

func TestVerifyTimes(t *testing.T) {
	t.Parallel()
	issuers := loaded(t, newSource())
	raw := good("EdDSA").with("nbf", noon.Unix()+60).String()
	steps := []struct {
		after time.Duration
		want  string
	}{
		{0, "not-yet-valid"},
		{50*time.Second - 1, "not-yet-valid"},
		{50 * time.Second, ""},
		{600 * time.Second, ""},
		{610*time.Second - 1, ""},
		{610 * time.Second, "expired"},
		{time.Minute, ""},
		{-11 * time.Second, "not-yet-valid"},
	}
	for _, step := range steps {
		got := ""
		if _, refusal := issuers.Verify(raw, noon.Add(step.after)); refusal != nil {
			got = refusal.Reason.String()
		}
		if got != step.want {
			t.Errorf("after %s: got %q, want %q", step.after, got, step.want)
		}
	}
}

// A key that its issuer took back, or gave to another name, verifies nothing any more, remembered or not.
func TestVerifyFollowsKeys(t *testing.T) {
	t.Parallel()
	steps := []struct {
		name, set, want string
	}{
		{"as-before", keys(jwk(edKey.Public(), "ed")), ""},
		{"another-beside-it", keys(jwk(ecKey().Public(), "ec"), jwk(edKey.Public(), "ed")), ""},
		{"removed", keys(jwk(ecKey().Public(), "ec")), "unknown-caller"},
		{"all-removed", keys(), "unknown-caller"},
		{"exchanged", keys(jwk(otherKey.Public(), "ed")), "bad-signature"},
		{"renamed", keys(jwk(edKey.Public(), "new")), "unknown-caller"},
		{"of-another-type", keys(jwk(ecKey().Public(), "ed")), "unsupported"},
		{"disputed", keys(jwk(otherKey.Public(), "ed"), jwk(edKey.Public(), "ed")), "unknown-caller"},
		{"twice-the-same", keys(jwk(edKey.Public(), "ed"), jwk(edKey.Public(), "ed")), ""},
		{"expired", keys(jwk(edKey.Public(), "ed", "exp", "1795000000")), "unknown-caller"},
		{"not-expired", keys(jwk(edKey.Public(), "ed", "exp", "1795000001")), ""},
	}
	for _, step := range steps {
		for _, remembered := range []bool{false, true} {
			from := newSource()
			issuers := loaded(t, from)
			raw := good("EdDSA").String()
			if _, refusal := issuers.Verify(raw, noon); refusal != nil {
				t.Fatal(refusal)
			}
			if !remembered {
				issuers.verified.forget()
			}
			from.set(acme+"/keys", step.set)
			reload(t, issuers, from)
			got := ""
			if _, refusal := issuers.Verify(raw, noon); refusal != nil {
				got = refusal.Reason.String()
			}
			if got != step.want {
				t.Errorf("%s, remembered %v: got %q, want %q", step.name, remembered, got, step.want)
			}
		}
	}
}

func TestVerifyKeyAge(t *testing.T) {
	t.Parallel()
	issuers := loaded(t, newSource())
	raw := once("x").String()
	for after, want := range map[time.Duration]string{0: "", DefaultKeyAge - time.Minute: "", DefaultKeyAge + 1: "keys-unavailable"} {
		got := ""
		if _, refusal := issuers.Verify(raw, noon.Add(after)); refusal != nil {
			got = refusal.Reason.String()
		}
		if got != want {
			t.Errorf("%s after the keys were loaded: got %q, want %q", after, got, want)
		}
	}
	if err := issuers.Healthy(noon); err != nil {
		t.Errorf("Healthy() = %v with fresh keys", err)
	}
	if err := issuers.Healthy(noon.Add(DefaultKeyAge + 1)); err == nil {
		t.Error("Healthy() = nil with keys that are too old")
	}
	bare, err := Compile([]IssuerConfig{globexConfig()})
	if err != nil {
		t.Fatal(err)
	}
	if _, refusal := bare.Verify(raw, noon); refusal == nil || refusal.Reason != identity.KeysUnavailable {
		t.Errorf("before any keys were loaded: got %v, want keys-unavailable", refusal)
	}
}

func TestNobodyIsBelievedByDefault(t *testing.T) {
	t.Parallel()
	raw := good("EdDSA").String()
	none, err := Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, issuers := range map[string]*Issuers{"nil": nil, "zero": {}, "none": none} {
		if issuers.IsFor(raw) {
			t.Errorf("%s: a token is for it", name)
		}
		if _, refusal := issuers.Verify(raw, noon); refusal == nil || refusal.Reason != identity.UnknownCaller {
			t.Errorf("%s: got %v, want unknown-caller", name, refusal)
		}
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"Bearer a.b.c": "a.b.c", "bearer a.b.c": "a.b.c", "BEARER   a.b.c ": "a.b.c",
		"Bearer": "", "Bearer ": "", "Basic a.b.c": "", "": "", "a.b.c": "", "Bearera.b.c": "", " Bearer a": "",
	} {
		if got, ok := Bearer(field); got != want || ok != (want != "") {
			t.Errorf("Bearer(%q) = %q, %v, want %q", field, got, ok, want)
		}
	}
}

func TestIsFor(t *testing.T) {
	t.Parallel()
	issuers := loaded(t, newSource())
	payload := func(text string) string { return "x." + encode([]byte(text)) + ".y" }
	for raw, want := range map[string]bool{
		good("EdDSA").String(): true,
		good("EdDSA").with("iss", "https://other.example").String(): false,
		payload(`{"iss":"` + acme + `"}`):                           true,
		payload(`{"iss":"` + acme + `"}`)[:20] + ".y":               false,
		payload(`{"sub":{"iss":"x"},"iss":"` + acme + `"}`):         true,
		payload(`{"iss":"x","iss":"` + acme + `"}`):                 true,
		payload(`{"iss":"` + acme + `","iss":"x"}`):                 true,
		payload(`{"\u0069ss":"https:\/\/acme.example"}`):            true,
		payload(`{"iss":"` + acme + `", broken`):                    true,
		payload(`{"iss":"`+acme+`"}`) + ".z":                        false,
		payload(`{"iss":"` + acme + `/"}`):                          false,
		payload(`{"iss":["` + acme + `"]}`):                         false,
		payload(`{"x":{"iss":"` + acme + `"}}`):                     false,
		payload(`["iss","` + acme + `"]`):                           false,
		payload(`{"iss"`):                                           false,
		payload(``):                                                 false,
		"x." + encode([]byte(`{"iss":"`+acme+`"}`)) + "==.y":        true,
		"opaque": false, "": false, "..": false, "a.b.c": false, "x.!.y": false,
	} {
		if got := issuers.IsFor(raw); got != want {
			t.Errorf("IsFor(%q) = %v, want %v", raw, got, want)
		}
	}
}
