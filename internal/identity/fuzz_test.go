package identity

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seeds are Signature-Input and Signature fields: the examples of RFC 9421 sections 4.1, 4.2 and appendix B.2,
// and the profile's own.
var seeds = [][2]string{
	{
		`sig1=("@method" "@target-uri" "@authority" "content-digest" "cache-control");created=1618884475;keyid="test-key-rsa-pss"`,
		`sig1=:P0wLUszWQjoi54udOtydf9IWTfNhy+r53jGFj9XZuP4uKwxyJo1RSHi+oEF1FuX6O29d+lbxwwBao1BAgadijW+7O/PyezlTnqAOVPWx9GlyntiCiHzC87qmSQjvu1CFyFuWSjdGa3qLYYlNm7pVaJFalQiKWnUaqfT4LyttaXyoyZW84jS8gyarxAiWI97mPXU+OVM64+HVBHmnEsS+lTeIsEQo36T3NFf2CujWARPQg53r58RmpZ+J9eKR2CD6IJQvacn5A4Ix5BUAVGqlyp8JYm+S/CWJi31PNUjRRCusCVRj05NrxABNFv3r5S9IXf2fYJK+eyW4AiGVMvMcOg==:`,
	},
	{
		`sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`,
		`sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:`,
	},
	{`sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`, `sig-b21=:AA==:`},
	{`a=("signature";key="sig1" "@query-param";name="Pet" "x";sf "y";bs "z";tr "w";req);tag="a2a-agent"`, `a=:AA==:`},
	{`a="\"", b=%"f%c3%bc", c=?1;d=@1;e=1.5;f=*t`, `a`},
	{``, ``},
}

// Law: whatever the signature fields hold, nothing panics and nothing verifies without the key. The keyring
// holds alice's key, and only mallory signs.
func FuzzVerify(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed[0], seed[1], "1.0")
	}
	m := sample()
	d := newDraft(m)
	d.key = mallory
	forged := d.apply(m)
	input, _ := forged.Header.Get("signature-input")
	value, _ := forged.Header.Get("signature")
	f.Add(input, value, "1.0")
	f.Add(input+", b=()", "b=:AA==:, "+value, "1.0\r\n fold")
	f.Fuzz(func(t *testing.T, input, value, version string) {
		m := sample()
		m.Header = append(m.Header, Field{"signature-input", input}, Field{"signature", value}, Field{"a2a-version", version})
		proof, err := Verify(m, keyring{}, noon)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Reason == Missing {
			t.Fatalf("got %v, %v, want a refusal of a claim", proof, err)
		}
		for i := range len(refusal.Detail) {
			if c := refusal.Detail[i]; c < ' ' || c > '~' || len(refusal.Detail) > 200 {
				t.Fatalf("the detail %q cannot be shown", refusal.Detail)
			}
		}
	})
}

func FuzzCheckDigest(f *testing.F) {
	body := []byte(sampleBody)
	for _, seed := range []string{
		DigestOf(body),
		"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
		"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:, md5=:AA==:", "sha-256=1", "", ",", `a="`,
		DigestOf(body) + " ", DigestOf(body)[:len(DigestOf(body))-2] + "\n:",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		if CheckDigest(field, body) == nil && CheckDigest(field, []byte("other")) == nil {
			t.Fatalf("%q names two bodies", field)
		}
		if (CheckDigest(field, body) == nil) != (checkDigests(field, body) == nil) {
			t.Fatalf("%q is read in two ways", field)
		}
	})
}

// Law: what readPlain reads, the reader of everything reads the same.
func FuzzReadPlain(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed[0], seed[1])
	}
	m := sample()
	signed := newDraft(m).apply(m)
	input, _ := signed.Header.Get("signature-input")
	value, _ := signed.Header.Get("signature")
	f.Add(input, value)
	for _, edit := range [][2]string{
		{";created=", ";created=0"},
		{`"1.0"`, `"\"1.0"`},
		{"sig=", "*-.9="},
		{`("`, `( "`},
		{`")`, `" )`},
		{";tag", ";alg=\"ed25519\";tag"},
		{";tag", ";later=1;tag"},
		{";tag", "; tag"},
		{";expires=1", ";expires=-1"},
		{";expires=1", ";expires=1.0;x=1"},
		{";expires=1", ";expires=999999999999999;x=1"},
		{`"@method"`, `"@method" "@method"`},
		{`;nonce="`, `;nonce="\\`},
		{";keyid=", ";keyid=\"\";keyid="},
		{`"@method"`, `"@method";req`},
		{"sig=", " sig="},
		{"sig=", "sig=,sig="},
	} {
		f.Add(strings.Replace(input, edit[0], edit[1], 1), value)
	}
	f.Add(input, strings.Replace(value, "=:", "=:\n", 1))
	f.Add(input, value+" ")
	f.Fuzz(func(t *testing.T, input, value string) {
		h := Header{{"signature-input", input}, {"signature", value}}
		inputs, _ := h.combined("signature-input")
		values, _ := h.combined("signature")
		var plain, want signature
		if !plain.readPlain(inputs, values) {
			return
		}
		label, err := want.readInput(inputs)
		if err != nil {
			t.Fatalf("only readPlain reads %q: %v", input, err)
		}
		read, err := readValue(values, label)
		if err != nil || !want.setValue(read) {
			t.Fatalf("only readPlain reads %q: %v", value, err)
		}
		if diff := cmp.Diff(want, plain, cmp.AllowUnexported(signature{})); diff != "" {
			t.Fatalf("readPlain reads %q differently (-want +got):\n%s", input, diff)
		}
	})
}
