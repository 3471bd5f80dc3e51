package approval

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// written returns a JWS with header and claims as they are written, signed with a key.
func written(signer ed25519.PrivateKey, header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode([]byte(claims))
	return signed + "." + encode(ed25519.Sign(signer, []byte(signed)))
}

const (
	anID     = "aaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaa"
	aDigest  = "wed0zMcBoh00S-DIVuKbIvVcYD6zvU_JMuOIw49IGPc"
	otherID  = "baaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaa"
	issuedAt = 1775044800
)

func goodHeader(name string) string {
	return `{"alg":"EdDSA","typ":"ringfence-approval+jwt","kid":"` + keyDID(name) + `"}`
}

var goodClaims = fmt.Sprintf(`{"approval":"%s","digest":"%s","decision":"approve","iat":%d,"exp":%d}`, anID, aDigest, issuedAt, issuedAt+300)

func TestSigned(t *testing.T) {
	t.Parallel()
	a := approvers(t)
	for name, compact := range map[string]string{
		"as-it-is":     written(key("ada"), goodHeader("ada"), goodClaims),
		"rfc-9864":     written(key("ada"), strings.Replace(goodHeader("ada"), "EdDSA", "Ed25519", 1), goodClaims),
		"did-url":      written(key("ada"), strings.Replace(goodHeader("ada"), keyDID("ada"), keyDID("ada")+"#"+strings.TrimPrefix(keyDID("ada"), "did:key:"), 1), goodClaims),
		"with-id":      written(key("ada"), goodHeader("ada"), strings.Replace(goodClaims, `"iat"`, `"jti":"x","iat"`, 1)),
		"white-inside": written(key("ada"), goodHeader("ada"), strings.Replace(goodClaims, `,`, `, `, 1)),
	} {
		b, err := a.Signed(compact, noon)
		want := Statement{Approval: anID, Digest: aDigest, Choice: Approve}
		if err != nil || b.Approver() != "ada" || b.Statement != want || b.proof != compact {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
	s := Statement{Approval: anID, Digest: aDigest, Choice: Deny, Reason: "Größe: \"zu viel\""}
	compact, err := Sign(key("bob"), s, noon)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := a.Signed(compact, noon.Add(4*time.Minute)); err != nil || b.Statement != s || b.Approver() != "bob" {
		t.Errorf("signed here: %+v, %v", b, err)
	}
	for name, s := range map[string]Statement{
		"zero":         {},
		"no-choice":    {Approval: anID, Digest: aDigest},
		"maybe":        {Approval: anID, Digest: aDigest, Choice: "maybe"},
		"no-digest":    {Approval: anID, Choice: Deny},
		"no-approval":  {Digest: aDigest, Choice: Deny},
		"two-lines":    {Approval: anID, Digest: aDigest, Choice: Deny, Reason: "a\nb"},
		"long":         {Approval: anID, Digest: aDigest, Choice: Deny, Reason: strings.Repeat("x", maxReason+1)},
		"not-unicode":  {Approval: anID, Digest: aDigest, Choice: Deny, Reason: "\xff"},
		"place-for-id": {Approval: "aaaaaaaaaaaaaaaa", Digest: aDigest, Choice: Deny},
	} {
		if compact, err := Sign(key("bob"), s, noon); err == nil {
			t.Errorf("%s is signed: %s", name, compact)
		}
	}
	if _, err := Sign(nil, s, noon); err == nil {
		t.Error("signed without a key")
	}
}

// attacks are ballots that count for nobody.
func attacks() map[string]string {
	claims := func(from, to string) string {
		return written(key("ada"), goodHeader("ada"), strings.Replace(goodClaims, from, to, 1))
	}
	header := func(from, to string) string {
		return written(key("ada"), strings.Replace(goodHeader("ada"), from, to, 1), goodClaims)
	}
	good := written(key("ada"), goodHeader("ada"), goodClaims)
	head, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")
	otherBody, _, _ := strings.Cut(strings.SplitN(claims("approve", "deny"), ".", 2)[1], ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"ringfence-approval+jwt","kid":"` + keyDID("ada") + `"}`))
	return map[string]string{
		"empty":             "",
		"dots":              "..",
		"alg-none":          unsigned + "." + body + ".",
		"alg-none-signed":   header("EdDSA", "none"),
		"alg-hs256":         header("EdDSA", "HS256"),
		"alg-missing":       header(`"alg":"EdDSA",`, ""),
		"alg-a-number":      header(`"EdDSA"`, "1"),
		"typ-jwt":           header("ringfence-approval+jwt", "JWT"),
		"typ-of-links":      header("ringfence-approval+jwt", "aat+jwt"),
		"typ-missing":       header(`"typ":"ringfence-approval+jwt",`, ""),
		"crit":              header(`{`, `{"crit":["x"],`),
		"jwk":               header(`{`, `{"jwk":{"kty":"OKP"},`),
		"twice":             header(`{`, `{"alg":"EdDSA",`),
		"kid-missing":       header(`,"kid":"`+keyDID("ada")+`"`, ""),
		"kid-of-a-stranger": header(keyDID("ada"), keyDID("zoe")),
		"kid-of-another":    header(keyDID("ada"), keyDID("bob")),
		"kid-odd-fragment":  header(keyDID("ada"), keyDID("ada")+"#x"),
		"kid-empty":         header(keyDID("ada"), ""),
		"signed-by-another": written(key("bob"), goodHeader("ada"), goodClaims),
		"signed-by-nobody":  head + "." + body + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
		"claims-exchanged":  head + "." + otherBody + "." + signature,
		"expired":           claims(fmt.Sprint(issuedAt, `,"exp"`)[:10], fmt.Sprint(issuedAt-400)),
		"expires-now":       claims(fmt.Sprint(`"iat":`, issuedAt, `,"exp":`, issuedAt+300), fmt.Sprint(`"iat":`, issuedAt-300, `,"exp":`, issuedAt)),
		"long-life":         claims(fmt.Sprint(issuedAt+300), fmt.Sprint(issuedAt+301)),
		"no-life":           claims(fmt.Sprint(issuedAt+300), fmt.Sprint(issuedAt)),
		"from-the-future":   claims(fmt.Sprint(`"iat":`, issuedAt), fmt.Sprint(`"iat":`, issuedAt+11)),
		"no-expiry":         claims(fmt.Sprint(`,"exp":`, issuedAt+300), ""),
		"no-issue":          claims(fmt.Sprint(`"iat":`, issuedAt, `,`), ""),
		"expiry-fraction":   claims(fmt.Sprint(issuedAt+300), fmt.Sprint(issuedAt+300)+".0"),
		"expiry-a-string":   claims(fmt.Sprint(issuedAt+300), fmt.Sprintf("%q", fmt.Sprint(issuedAt+300))),
		"expiry-huge":       claims(fmt.Sprint(issuedAt+300), "9223372036854775807"),
		"issue-negative":    claims(fmt.Sprint(issuedAt), "-1"),
		"decision-missing":  claims(`"decision":"approve",`, ""),
		"decision-other":    claims("approve", "Approve"),
		"decision-twice":    claims(`"decision"`, `"decision":"deny","decision"`),
		"digest-missing":    claims(`"digest":"`+aDigest+`",`, ""),
		"approval-missing":  claims(`"approval":"`+anID+`",`, ""),
		"approval-a-number": claims(`"`+anID+`"`, "1"),
		"more":              claims(`{`, `{"nbf":1,`),
		"claims-array":      written(key("ada"), goodHeader("ada"), `[]`),
		"claims-two":        written(key("ada"), goodHeader("ada"), goodClaims+"{}"),
		"claims-padded":     written(key("ada"), goodHeader("ada"), " "+goodClaims),
		"header-padded":     written(key("ada"), goodHeader("ada")+" ", goodClaims),
		"padded":            good + "==",
		"line-end":          good + "\n",
		"four-parts":        good + "." + signature,
		"two-parts":         head + "." + body,
		"pad-bits":          good[:len(good)-1] + string(good[len(good)-1]+1),
		"long":              written(key("ada"), goodHeader("ada"), strings.Replace(goodClaims, `"iat"`, `"jti":"`+strings.Repeat("x", maxBallot)+`","iat"`, 1)),
	}
}

func TestAttacks(t *testing.T) {
	t.Parallel()
	a := approvers(t)
	for name, compact := range attacks() {
		b, err := a.Signed(compact, noon)
		if !errors.Is(err, ErrUnproven) || b.Approver() != "" || b.Statement != (Statement{}) {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
		if err != nil && (strings.Contains(err.Error(), keyDID("ada")) || strings.Contains(err.Error(), aDigest)) {
			t.Errorf("%s: the error %q repeats the ballot", name, err)
		}
	}
	good := written(key("ada"), goodHeader("ada"), goodClaims)
	if _, err := (*Approvers)(nil).Signed(good, noon); !errors.Is(err, ErrUnproven) {
		t.Errorf("without approvers: %v", err)
	}
	if _, err := a.Signed(good, noon.Add(MaxBallotLife)); !errors.Is(err, ErrUnproven) {
		t.Errorf("when it has expired: %v", err)
	}
}

// TestEveryBitIsEvidence holds that no bit of a ballot can be flipped.
func TestEveryBitIsEvidence(t *testing.T) {
	t.Parallel()
	a := approvers(t)
	good := []byte(written(key("ada"), goodHeader("ada"), goodClaims))
	for bit := range len(good) * 8 {
		good[bit/8] ^= 1 << (bit % 8)
		if _, err := a.Signed(string(good), noon); err == nil {
			t.Errorf("with bit %d flipped it still counts", bit)
		}
		good[bit/8] ^= 1 << (bit % 8)
	}
}

// TestBallotsAreForOneApproval holds that what was signed about one approval counts for no other, and not for the one that
// takes its place.
func TestBallotsAreForOneApproval(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	l := d.open()
	c := payment(t, "a")
	first, other := d.asks(l, c), d.asks(l, payment(t, "b"))
	old := d.ballot("ada", first, Approve)
	for name, b := range map[string]Ballot{
		"another-approval": d.ballot("ada", other, Approve),
		"another-digest":   d.ballot("ada", Approval{ID: first.ID, Digest: other.Digest}, Approve),
		"another-id":       d.ballot("ada", Approval{ID: other.ID, Digest: first.Digest}, Approve),
	} {
		if _, err := l.Decide(t.Context(), first.ID, b, d.now()); !errors.Is(err, ErrOther) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := l.Decide(t.Context(), first.ID, Ballot{Statement: Statement{Approval: first.ID, Digest: first.Digest, Choice: Approve}}, d.now()); !errors.Is(err, ErrUnproven) {
		t.Errorf("a ballot of nobody: %v", err)
	}
	if _, err := l.Withdraw(t.Context(), first.ID, c.Caller, d.now()); err != nil {
		t.Fatal(err)
	}
	second := d.asks(l, c)
	for _, id := range []string{first.ID, second.ID} {
		if _, err := l.Decide(t.Context(), id, old, d.now()); !errors.Is(err, ErrEnded) && !errors.Is(err, ErrOther) {
			t.Errorf("what was signed before: %v", err)
		}
	}
	if a, err := l.Get(t.Context(), second.ID, d.now()); err != nil || len(a.Votes) > 0 {
		t.Errorf("it counts: %+v, %v", a, err)
	}
}

func TestVouched(t *testing.T) {
	t.Parallel()
	a := approvers(t)
	s := Statement{Approval: anID, Digest: aDigest, Choice: Approve}
	dan := agent.Subject{Issuer: "https://login.example", Name: "dan@example"}
	if b, err := a.Vouched(dan, s); err != nil || b.Approver() != "dan" || b.Statement != s || b.proof != "https://login.example dan@example" {
		t.Errorf("dan: %+v, %v", b, err)
	}
	for name, subject := range map[string]agent.Subject{
		"zero":         {},
		"other-issuer": {Issuer: "https://login.example/", Name: "dan@example"},
		"other-name":   {Issuer: "https://login.example", Name: "Dan@example"},
		"no-issuer":    {Name: "dan@example"},
	} {
		if b, err := a.Vouched(subject, s); !errors.Is(err, ErrUnproven) || b.Approver() != "" {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
	if _, err := a.Vouched(dan, Statement{Approval: otherID, Digest: aDigest}); !errors.Is(err, ErrUnproven) {
		t.Errorf("who says nothing: %v", err)
	}
	if _, err := (*Approvers)(nil).Vouched(dan, s); !errors.Is(err, ErrUnproven) {
		t.Errorf("without approvers: %v", err)
	}
}

func FuzzSigned(f *testing.F) {
	a := approvers(f)
	good := written(key("ada"), goodHeader("ada"), goodClaims)
	f.Add(good)
	for _, compact := range attacks() {
		f.Add(compact)
	}
	f.Fuzz(func(t *testing.T, compact string) {
		b, err := a.Signed(compact, noon)
		if (err == nil) != (compact == good) {
			t.Fatalf("Signed(%q) = %+v, %v", compact, b, err)
		}
	})
}
