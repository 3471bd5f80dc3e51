package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"strings"
	"testing"

	"ringfence.dev/ringfence/internal/identity"
)

// attack is a token and why it is refused.
type attack struct {
	raw  string
	want identity.Reason
}

// attacks are tokens that some library somewhere believed, or that this one might, and why they are refused here.
func attacks() map[string]attack {
	all := map[string]attack{}
	for _, group := range []map[string]attack{algorithmAttacks(), headerAttacks(), claimAttacks(), spellingAttacks()} {
		maps.Copy(all, group)
	}
	return all
}

func hs256(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func algorithmAttacks() map[string]attack {
	der := must(x509.MarshalPKIXPublicKey(rsaKey().Public()))
	pemText := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	token := func(alg, kid string, sign func([]byte) []byte) string {
		return draft{header: map[string]any{"alg": alg, "kid": kid}, claims: claims(), sign: sign}.String()
	}
	foreign := once("x").headed("alg", rs256).headed("kid", "rsa")
	foreign.sign = signRSA
	fixed := func(signature ...byte) func([]byte) []byte { return func([]byte) []byte { return signature } }
	asn1 := func(input []byte) []byte {
		sum := sha256.Sum256(input)
		return must(ecdsa.SignASN1(rand.Reader, ecKey(), sum[:]))
	}
	pss := func(input []byte) []byte {
		sum := sha256.Sum256(input)
		return must(rsa.SignPSS(rand.Reader, rsaKey(), crypto.SHA256, sum[:], nil))
	}
	return map[string]attack{
		"none":                     {token("none", "ed", fixed(0)), identity.Unsupported},
		"none-without-signature":   {token("none", "ed", fixed()), identity.Malformed},
		"none-in-other-case":       {token("nOnE", "ed", fixed(0)), identity.Unsupported},
		"alg-empty":                {token("", "ed", signEd(edKey)), identity.Malformed},
		"alg-in-other-case":        {token("eddsa", "ed", signEd(edKey)), identity.Unsupported},
		"hs256-with-public-pem":    {token("HS256", "rsa", hs256(pemText)), identity.Unsupported},
		"hs256-with-public-der":    {token("HS256", "rsa", hs256(der)), identity.Unsupported},
		"hs256-with-ed25519":       {token("HS256", "ed", hs256(edKey.Public().(ed25519.PublicKey))), identity.Unsupported},
		"hs256-named-eddsa":        {token("EdDSA", "ed", hs256(der)), identity.BadSignature},
		"rsa-key-as-es256":         {token(es256, "rsa", signRSA), identity.Unsupported},
		"ec-key-as-rs256":          {token(rs256, "ec", signEC), identity.Unsupported},
		"ed-key-as-es256":          {token(es256, "ed", signEd(edKey)), identity.Unsupported},
		"ec-key-as-eddsa":          {token("EdDSA", "ec", signEC), identity.Unsupported},
		"ps256":                    {token("PS256", "rsa", pss), identity.Unsupported},
		"pss-signature-as-rs256":   {token(rs256, "rsa", pss), identity.BadSignature},
		"rs512":                    {token("RS512", "rsa", signRSA), identity.Unsupported},
		"es384":                    {token("ES384", "ec", signEC), identity.Unsupported},
		"ecdsa-zeros":              {token(es256, "ec", fixed(make([]byte, 64)...)), identity.BadSignature},
		"ecdsa-in-asn1":            {token(es256, "ec", asn1), identity.BadSignature},
		"eddsa-zeros":              {token("EdDSA", "ed", fixed(make([]byte, 64)...)), identity.BadSignature},
		"signature-of-other-key":   {token("EdDSA", "ed", signEd(otherKey)), identity.BadSignature},
		"signature-cut":            {token("EdDSA", "ed", func(in []byte) []byte { return signEd(edKey)(in)[:63] }), identity.BadSignature},
		"kid-of-another-issuer":    {token("EdDSA", "other", signEd(otherKey)), identity.UnknownCaller},
		"kid-of-nobody":            {token("EdDSA", "missing", signEd(edKey)), identity.UnknownCaller},
		"kid-in-other-case":        {token("EdDSA", "ED", signEd(edKey)), identity.UnknownCaller},
		"kid-as-path":              {token("EdDSA", "../ed", signEd(edKey)), identity.UnknownCaller},
		"alg-the-issuer-never-has": {foreign.String(), identity.Unsupported},
	}
}

func headerAttacks() map[string]attack {
	ed := good("EdDSA")
	other := ed
	other.sign = signEd(otherKey)
	var own map[string]any
	if err := json.Unmarshal([]byte(jwk(otherKey.Public(), "ed")), &own); err != nil {
		panic(err)
	}
	text := func(header string) string {
		d := ed
		d.headerText = header
		return d.String()
	}
	return map[string]attack{
		"jwk-of-the-sender":     {other.headed("jwk", own).String(), identity.Unsupported},
		"jku-of-the-sender":     {other.headed("jku", "https://evil.example/keys").String(), identity.Unsupported},
		"x5u-of-the-sender":     {other.headed("x5u", "https://evil.example/cert").String(), identity.Unsupported},
		"x5c-of-the-sender":     {other.headed("x5c", []string{"AAAA"}).String(), identity.Unsupported},
		"critical-extension":    {ed.headed("crit", []string{"exp"}).String(), identity.Unsupported},
		"critical-nothing":      {ed.headed("crit", []string{}).String(), identity.Unsupported},
		"payload-not-encoded":   {ed.headed("b64", false).String(), identity.Unsupported},
		"compressed":            {ed.headed("zip", "DEF").String(), identity.Unsupported},
		"nested":                {ed.headed("cty", "JWT").String(), identity.Unsupported},
		"typ-of-a-logout-token": {ed.headed("typ", "logout+jwt").String(), identity.Malformed},
		"typ-of-a-proof":        {ed.headed("typ", "dpop+jwt").String(), identity.Malformed},
		"typ-not-a-string":      {ed.headed("typ", 1).String(), identity.Malformed},
		"no-kid":                {text(`{"alg":"EdDSA"}`), identity.Malformed},
		"kid-not-a-string":      {text(`{"alg":"EdDSA","kid":1}`), identity.Malformed},
		"kid-empty":             {text(`{"alg":"EdDSA","kid":""}`), identity.Malformed},
		"kid-long":              {text(`{"alg":"EdDSA","kid":"` + strings.Repeat("k", 513) + `"}`), identity.Malformed},
		"no-alg":                {text(`{"kid":"ed"}`), identity.Malformed},
		"alg-twice":             {text(`{"alg":"none","alg":"EdDSA","kid":"ed"}`), identity.Malformed},
		"alg-twice-escaped":     {text(`{"alg":"EdDSA","\u0061lg":"none","kid":"ed"}`), identity.Malformed},
		"alg-in-upper-case-too": {text(`{"alg":"EdDSA","ALG":"none","kid":"ed"}`), identity.Unsupported},
		"alg-a-list":            {text(`{"alg":["EdDSA"],"kid":"ed"}`), identity.Malformed},
		"header-an-array":       {text(`["EdDSA"]`), identity.Malformed},
		"header-two-values":     {text(`{"alg":"EdDSA","kid":"ed"}{}`), identity.Malformed},
		"header-not-utf-8":      {text("{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"typ\":\"\xff\"}"), identity.Malformed},
	}
}

func claimAttacks() map[string]attack {
	ed := good("EdDSA")
	text := func(payload string) string {
		d := ed
		d.claimsText = payload
		return d.String()
	}
	twice := string(must(json.Marshal(claims())))
	twice = strings.Replace(twice, "{", `{"sub":"svc:admin",`, 1)
	return map[string]attack{
		"issuer-with-slash":      {ed.with("iss", acme+"/").String(), identity.UnknownCaller},
		"issuer-in-upper-case":   {ed.with("iss", "https://ACME.example").String(), identity.UnknownCaller},
		"issuer-absent":          {ed.without("iss").String(), identity.UnknownCaller},
		"issuer-a-list":          {ed.with("iss", []string{acme}).String(), identity.UnknownCaller},
		"issuer-of-another":      {ed.with("iss", globex).String(), identity.UnknownCaller},
		"issuer-with-shared-key": {ed.with("iss", globex).headed("kid", "shared").String(), identity.Malformed}, // no client_id
		"audience-other":         {ed.with("aud", "https://other.example").String(), identity.WrongAudience},
		"audience-absent":        {ed.without("aud").String(), identity.WrongAudience},
		"audience-empty":         {ed.with("aud", []string{}).String(), identity.WrongAudience},
		"audience-a-number":      {ed.with("aud", 1).String(), identity.WrongAudience},
		"audience-mixed":         {ed.with("aud", []any{"mesh", 1}).String(), identity.WrongAudience},
		"audience-as-substring":  {ed.with("aud", "mesh.example mesh").String(), identity.WrongAudience},
		"audience-an-object":     {ed.with("aud", map[string]any{"mesh": 1}).String(), identity.WrongAudience},
		"subject-absent":         {ed.without("sub").String(), identity.Malformed},
		"subject-empty":          {ed.with("sub", "").String(), identity.Malformed},
		"subject-a-number":       {ed.with("sub", 7).String(), identity.Malformed},
		"subject-long":           {ed.with("sub", strings.Repeat("s", 513)).String(), identity.Malformed},
		"subject-twice":          {text(twice), identity.Malformed},
		"expiry-absent":          {ed.without("exp").String(), identity.Malformed},
		"expiry-a-string":        {ed.with("exp", "1795000600").String(), identity.Malformed},
		"expiry-a-fraction":      {ed.with("exp", 1795000600.5).String(), identity.Malformed},
		"expiry-null":            {ed.with("exp", nil).String(), identity.Malformed},
		"expiry-huge":            {text(`{"iss":"` + acme + `","sub":"x","aud":"mesh","iat":1795000000,"exp":9223372036854775807}`), identity.Malformed},
		"expiry-beyond-huge":     {text(`{"iss":"` + acme + `","sub":"x","aud":"mesh","iat":1795000000,"exp":1e99}`), identity.Malformed},
		"expiry-negative":        {ed.with("exp", -1).String(), identity.Malformed},
		"expiry-before-issue":    {ed.with("iat", noon.Unix()+5).with("exp", noon.Unix()+4).String(), identity.Malformed},
		"expired":                {ed.with("iat", noon.Unix()-100).with("exp", noon.Unix()-10).String(), identity.Expired},
		"issue-absent":           {ed.without("iat").String(), identity.Malformed},
		"issued-in-the-future":   {ed.with("iat", noon.Unix()+11).String(), identity.NotYetValid},
		"not-before-the-future":  {ed.with("nbf", noon.Unix()+11).String(), identity.NotYetValid},
		"not-before-a-string":    {ed.with("nbf", "0").String(), identity.Malformed},
		"lives-too-long":         {ed.with("exp", noon.Unix()+3601).String(), identity.Malformed},
		"id-a-number":            {ed.with("jti", 1).String(), identity.Malformed},
		"id-empty":               {ed.with("jti", "").String(), identity.Malformed},
		"once-without-id":        {once("x").without("jti").String(), identity.Malformed},
		"once-lives-too-long":    {once("x").with("exp", noon.Unix()+86401).String(), identity.Malformed},
		"claims-an-array":        {text(`[]`), identity.Malformed},
		"claims-a-string":        {text(`"x"`), identity.Malformed},
		"claims-two-values":      {text(`{}{}`), identity.Malformed},
		"claims-not-json":        {text(`x`), identity.Malformed},
	}
}

func spellingAttacks() map[string]attack {
	raw := good("EdDSA").String()
	header, rest, _ := strings.Cut(raw, ".")
	body, signature, _ := strings.Cut(rest, ".")
	last := signature[:len(signature)-1] + string(signature[len(signature)-1]+1)
	return map[string]attack{
		"empty":               {"", identity.Malformed},
		"two-parts":           {header + "." + body, identity.Malformed},
		"four-parts":          {raw + "." + signature, identity.Malformed},
		"encrypted":           {header + ".." + body + "." + signature + ".x", identity.Malformed},
		"detached":            {header + ".." + signature, identity.Malformed},
		"unsigned":            {header + "." + body + ".", identity.Malformed},
		"no-header":           {"." + body + "." + signature, identity.Malformed},
		"padded":              {header + "." + body + "." + signature + "==", identity.Malformed},
		"pad-bits":            {header + "." + body + "." + last, identity.Malformed},
		"line-end":            {header + "." + body + "." + signature + "\n", identity.Malformed},
		"line-end-within":     {header[:4] + "\r\n" + header[4:] + "." + body + "." + signature, identity.Malformed},
		"space-before":        {" " + raw, identity.Malformed},
		"standard-alphabet":   {header + "." + body + "." + strings.NewReplacer("-", "+", "_", "/").Replace("-_"+signature[2:]), identity.Malformed},
		"json-serialization":  {`{"payload":"` + body + `","protected":"` + header + `","signature":"` + signature + `"}`, identity.Malformed},
		"two-tokens":          {raw + "," + raw, identity.Malformed},
		"percent-encoded-dot": {header + "%2e" + body + "%2e" + signature, identity.Malformed},
		"long":                {good("EdDSA").with("x", strings.Repeat("x", maxToken)).String(), identity.Malformed},
	}
}

// Law: no attack is believed, before the true token was seen or after it, and the reason names nothing of the token.
func TestAttacks(t *testing.T) {
	t.Parallel()
	warm := loaded(t, newSource())
	for _, alg := range []string{"EdDSA", es256, rs256} {
		if _, refusal := warm.Verify(good(alg).String(), noon); refusal != nil {
			t.Fatal(refusal)
		}
	}
	for name, attack := range attacks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for state, issuers := range map[string]*Issuers{"cold": loaded(t, newSource()), "warm": warm} {
				claims, refusal := issuers.Verify(attack.raw, noon)
				if refusal == nil || refusal.Reason != attack.want {
					t.Errorf("%s: got %v, want %s", state, refusal, attack.want)
				}
				if claims != (Claims{}) {
					t.Errorf("%s: a refusal came with claims: %+v", state, claims)
				}
			}
		})
	}
}

// Law: flipping any bit of a token denies.
func TestEveryBitIsEvidence(t *testing.T) {
	t.Parallel()
	issuers := loaded(t, newSource())
	for _, alg := range []string{"EdDSA", es256, rs256} {
		raw := []byte(good(alg).String())
		if _, refusal := issuers.Verify(string(raw), noon); refusal != nil {
			t.Fatal(refusal)
		}
		for bit := range len(raw) * 8 {
			raw[bit/8] ^= 1 << (bit % 8)
			if _, refusal := issuers.Verify(string(raw), noon); refusal == nil {
				t.Errorf("%s: with bit %d flipped it still verifies", alg, bit)
			}
			raw[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func FuzzVerify(f *testing.F) {
	issuers := loaded(f, newSource())
	valid := map[string]bool{}
	for _, raw := range []string{good("EdDSA").String(), good(es256).String(), good(rs256).String(), once("x").String()} {
		valid[raw] = true
		f.Add(raw)
	}
	for _, attack := range attacks() {
		f.Add(attack.raw)
	}
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA"}`)) + "..")
	f.Fuzz(func(t *testing.T, raw string) {
		claims, refusal := issuers.Verify(raw, noon)
		if (refusal == nil) != valid[raw] {
			t.Fatalf("Verify(%q) = %+v, %v", raw, claims, refusal)
		}
		if refusal == nil && !issuers.IsFor(raw) {
			t.Fatalf("IsFor(%q) = false, though it verifies", raw)
		}
	})
}
