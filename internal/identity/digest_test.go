package identity

import "testing"

// The digests are those RFC 9421 appendix B.2 and RFC 9530 section 2 give for this body.
const (
	rfcBody   = `{"hello": "world"}`
	rfcSHA256 = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
	rfcSHA512 = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
)

func TestDigestOf(t *testing.T) {
	t.Parallel()
	if got := DigestOf([]byte(rfcBody)); got != rfcSHA256 {
		t.Errorf("DigestOf = %s, want %s", got, rfcSHA256)
	}
}

func TestCheckDigest(t *testing.T) {
	t.Parallel()
	const (
		wrong256 = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
		unknown  = "unixsum=:AAAA:"
	)
	tests := []struct {
		name, field string
		want        string
	}{
		{"sha-256", rfcSHA256, ""},
		{"sha-512", rfcSHA512, ""},
		{"both", rfcSHA256 + ", " + rfcSHA512, ""},
		{"with-unknown", unknown + "," + rfcSHA256, ""},
		{"unknown-of-another-type", "later=1;a=b, " + rfcSHA256, ""},
		{"mismatch", wrong256, "digest-mismatch"},
		{"one-of-two-mismatches", rfcSHA512 + ", " + wrong256, "digest-mismatch"},
		{"short", "sha-256=:AAAA:", "digest-mismatch"},
		{"empty-digest", "sha-256=::", "digest-mismatch"},
		{"only-unknown", unknown, "unsupported"},
		{"upper-case", "SHA-256=:AAAA:", "malformed"},
		{"twice", rfcSHA256 + ", " + rfcSHA256, "malformed"},
		{"twice-first-wrong", wrong256 + ", " + rfcSHA256, "malformed"},
		{"not-bytes", `sha-256="AAAA"`, "malformed"},
		{"inner-list", `sha-256=(:AAAA:)`, "malformed"},
		{"boolean", `sha-256`, "malformed"},
		{"old-digest-syntax", "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=", "malformed"},
		{"empty", "", "malformed"},
		{"too-many", "a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1," + rfcSHA256, "malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := CheckDigest(tt.field, []byte(rfcBody)); err != nil {
				got = err.(*Refusal).Reason.String()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
