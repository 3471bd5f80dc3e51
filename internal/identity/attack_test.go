package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// base returns what the signature of the draft would be over.
func (d draft) base(t *testing.T, m Message) []byte {
	t.Helper()
	base, err := appendBase(nil, &m, d.components, `("`+strings.Join(d.components, `" "`)+`")`+d.params)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func value(signature []byte) string {
	return "sig=:" + base64.StdEncoding.EncodeToString(signature) + ":"
}

// The algorithm is the key's. A message that names another one is refused, and one that names none is held against the
// key's own, so that a public key is never taken for a secret.
func TestAlgorithmConfusion(t *testing.T) {
	t.Parallel()
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	forgeries := map[string]func(base []byte) []byte{
		"hmac-sha256": func(base []byte) []byte {
			mac := hmac.New(sha256.New, public(alice))
			mac.Write(base)
			return mac.Sum(nil)
		},
		"hmac-sha512": func(base []byte) []byte {
			mac := hmac.New(sha512.New, public(alice))
			mac.Write(base)
			return mac.Sum(nil)
		},
		"ecdsa-p256-sha256": func(base []byte) []byte {
			sum := sha256.Sum256(base)
			r, s, err := ecdsa.Sign(rand.Reader, p256, sum[:])
			if err != nil {
				t.Error(err)
			}
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		},
		"rsa-v1_5-sha256": func(base []byte) []byte {
			sum := sha256.Sum256(base)
			signature, err := rsaKey.Sign(rand.Reader, sum[:], crypto.SHA256)
			if err != nil {
				t.Error(err)
			}
			return signature
		},
		"none":    func([]byte) []byte { return nil },
		"zeros":   func([]byte) []byte { return make([]byte, ed25519.SignatureSize) },
		"ed25519": func(base []byte) []byte { return ed25519.Sign(mallory, base) },
	}
	for alg, forge := range forgeries {
		for _, named := range []string{"", alg, algorithm} {
			t.Run(alg+"-named-"+named, func(t *testing.T) {
				t.Parallel()
				m := sample()
				d := newDraft(m)
				want := BadSignature
				if named != "" {
					d.params += `;alg="` + named + `"`
				}
				if named != "" && named != algorithm {
					want = Unsupported
				}
				d.value = value(forge(d.base(t, m)))
				_, err := Verify(d.apply(m), keyring{}, noon)
				wantRefusal(t, err, want)
			})
		}
	}
}

// pair knows the keys of two agents.
type pair struct{}

func (pair) Signatory(keyID string, _ time.Time) (Signatory, bool) {
	for name, key := range map[agent.ID]ed25519.PrivateKey{"alice": alice, "mallory": mallory} {
		if slices.Contains(names(key).IDs(), keyID) {
			return Signatory{Public: public(key), Agent: name, DID: names(key).DID, Role: agent.AgentKey}, true
		}
	}
	return Signatory{}, false
}

// A known agent cannot sign as another one, nor have another's signature count as its own.
func TestKeySubstitution(t *testing.T) {
	t.Parallel()
	aliceID, malloryID := names(alice).IDs()[0], names(mallory).IDs()[0]
	substitute := func(text string) string { return strings.Replace(text, aliceID, malloryID, 1) }
	tests := []struct {
		name string
		make func(Message) Message
		want string
	}{
		{"own", func(m Message) Message {
			d := newDraft(m)
			d.key, d.params = mallory, substitute(d.params)
			return d.apply(m)
		}, ""},
		{"own-key-under-her-name", func(m Message) Message {
			d := newDraft(m)
			d.key = mallory
			return d.apply(m)
		}, "bad-signature"},
		{"her-key-under-own-name", func(m Message) Message {
			d := newDraft(m)
			d.params = substitute(d.params)
			return d.apply(m)
		}, "bad-signature"},
		{"keyid-exchanged-afterwards", func(m Message) Message {
			m = newDraft(m).apply(m)
			for i := range m.Header {
				m.Header[i].Value = substitute(m.Header[i].Value)
			}
			return m
		}, "bad-signature"},
		{"keyid-of-two-methods", func(m Message) Message {
			d := newDraft(m)
			d.params = strings.Replace(d.params, aliceID, names(alice).DID+"#"+names(mallory).Fragment(), 1)
			return d.apply(m)
		}, "unknown-caller"},
		{"keyid-in-upper-case", func(m Message) Message {
			d := newDraft(m)
			d.params = strings.Replace(d.params, aliceID, strings.ToUpper(aliceID), 1)
			return d.apply(m)
		}, "unknown-caller"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			proof, err := Verify(tt.make(sample()), pair{}, noon)
			if got := reasonOf(err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if err == nil && proof.Caller.Agent != "mallory" {
				t.Errorf("the caller is %s", proof.Caller.Agent)
			}
		})
	}
}

// partial answers with a signatory that lacks something.
type partial struct{ signatory Signatory }

func (p partial) Signatory(string, time.Time) (Signatory, bool) { return p.signatory, true }

func TestKeysThatProveNothing(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Signatory{
		"zero":         {},
		"no-role":      {Public: public(alice), Agent: "alice"},
		"unknown-role": {Public: public(alice), Agent: "alice", Role: agent.SidecarKey + 1},
		"no-key":       {Agent: "alice", Role: agent.AgentKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := sample()
			_, err := Verify(newDraft(m).apply(m), partial{s}, noon)
			wantRefusal(t, err, UnknownCaller)
		})
	}
}

func TestSidecarKeyProvesTheMesh(t *testing.T) {
	t.Parallel()
	m := sample()
	sidecar := partial{Signatory{Public: public(alice), Agent: "alice", Role: agent.SidecarKey}}
	proof, err := Verify(newDraft(m).apply(m), sidecar, noon)
	if err != nil || proof.Caller.Assurance != AssuranceMesh {
		t.Errorf("got assurance %s, %v, want mesh", proof.Caller.Assurance, err)
	}
}

// Law: a message from which any one covered field, or any one parameter of its signature, was taken away is refused.
func TestStripping(t *testing.T) {
	t.Parallel()
	m := sample()
	signed := newDraft(m).apply(m)
	for i, field := range signed.Header {
		if field.Name == "user-agent" {
			continue
		}
		stripped := signed
		stripped.Header = slices.Delete(slices.Clone(signed.Header), i, i+1)
		if _, err := Verify(stripped, keyring{}, noon); reasonOf(err) == "" || reasonOf(err) == "missing" {
			t.Errorf("without %s: got %v, want a refusal of a claim", field.Name, err)
		}
	}
	parameter := regexp.MustCompile(`;[a-z]+=("[^"]*"|[0-9]+)`)
	input, _ := signed.Header.Get("signature-input")
	parameters := parameter.FindAllString(input, -1)
	if len(parameters) != 5 {
		t.Fatalf("the signature has the parameters %q", parameters)
	}
	for _, p := range parameters {
		stripped := signed
		stripped.Header = slices.Clone(signed.Header)
		i := slices.IndexFunc(stripped.Header, func(f Field) bool { return f.Name == "signature-input" })
		stripped.Header[i].Value = strings.Replace(input, p, "", 1)
		if _, err := Verify(stripped, keyring{}, noon); reasonOf(err) == "" || reasonOf(err) == "missing" {
			t.Errorf("without the parameter %q: got %v, want a refusal of a claim", p, err)
		}
	}
	for i := range newDraft(m).components {
		d := newDraft(m)
		d.components = slices.Delete(d.components, i, i+1)
		_, err := Verify(d.apply(m), keyring{}, noon)
		if got := reasonOf(err); got != "uncovered" && newDraft(m).components[i] != "content-type" {
			t.Errorf("not covering %s: got %q, want uncovered", newDraft(m).components[i], got)
		}
	}
}

// Spellings that other readers take for the same are not: whoever changes one changes evidence.
func TestCaseAndLineTricks(t *testing.T) {
	t.Parallel()
	edit := func(name, old, replacement string) func(*Message) {
		return func(m *Message) {
			i := slices.IndexFunc(m.Header, func(f Field) bool { return f.Name == name })
			m.Header[i].Value = strings.Replace(m.Header[i].Value, old, replacement, 1)
		}
	}
	tests := []struct {
		name string
		edit func(*Message)
		want string
	}{
		{"as-signed", func(*Message) {}, ""},
		{"method", func(m *Message) { m.Method = "post" }, "bad-signature"},
		{"path", func(m *Message) { m.Path = strings.ToUpper(m.Path) }, "bad-signature"},
		{"path-decoded", func(m *Message) { m.Path = "/a2a/v1 x" }, "bad-signature"},
		{"path-with-dots", func(m *Message) { m.Path = "/./a2a/v1%20x" }, "bad-signature"},
		{"query-moved-into-path", func(m *Message) {
			m.Path, m.RawQuery, m.HasQuery = m.Path+"?"+m.RawQuery, "", false
		}, "bad-signature"},
		{"component-name", edit("signature-input", `"authorization"`, `"Authorization"`), "malformed"},
		{"parameter-name", edit("signature-input", ";created=", ";Created="), "malformed"},
		{"tag", edit("signature-input", `"a2a-agent"`, `"A2A-Agent"`), "malformed"},
		{"label-of-input", edit("signature-input", "sig=", "Sig="), "malformed"},
		{"label-of-signature", edit("signature", "sig=", "sIg="), "malformed"},
		{"label-exchanged", edit("signature", "sig=", "agent="), "malformed"},
		{"authorization", edit("authorization", "Bearer", "bearer"), "bad-signature"},
		{"input-folded", edit("signature-input", ";created", "\r\n ;created"), "malformed"},
		{"input-with-tab", edit("signature-input", `" "`, "\"\t\""), "malformed"},
		{"input-with-line-end", edit("signature-input", ";created", "\n;created"), "malformed"},
		{"signature-folded", edit("signature", "=:", "=:\r\n "), "malformed"},
		{"signature-with-line-end", edit("signature", "=:", "=:\n"), "malformed"},
		{"signature-in-url-alphabet", edit("signature", ":", ":_-"), "malformed"},
		{"string-escaped", edit("signature-input", `"a2a-agent"`, `"a2a\-agent"`), "malformed"},
		{"covered-field-folded", edit("authorization", " ", "\r\n "), ""}, // what RFC 9421 section 2.1 undoes
		{"covered-field-broken", edit("authorization", " ", "\r\n"), "malformed"},
		{"white-space-around", edit("a2a-version", "1.0", "\t1.0 "), ""},
		{"lines-joined", func(m *Message) {
			m.Header = slices.DeleteFunc(m.Header, func(f Field) bool { return f.Name == "a2a-extensions" })
			m.Header = append(m.Header, Field{"a2a-extensions", "https://one.example, https://two.example"})
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := sample()
			m = newDraft(m).apply(m)
			tt.edit(&m)
			_, err := Verify(m, keyring{}, noon)
			if got := reasonOf(err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A second signature does not stand in for the first, wherever it stands.
func TestSecondSignatures(t *testing.T) {
	t.Parallel()
	m := sample()
	signed := newDraft(m).apply(m)
	input, _ := signed.Header.Get("signature-input")
	good, _ := signed.Header.Get("signature")
	forged := value(ed25519.Sign(mallory, newDraft(m).base(t, m)))
	other := func(s string) string { return "x" + s }
	tests := []struct {
		name, input, value, want string
	}{
		{"other-tag-before", `bot=();tag="web-bot-auth", ` + input, "bot=:AAAA:, " + good, ""},
		{"other-tag-after", input + `, bot=();tag="web-bot-auth"`, good + ", bot=:AAAA:", ""},
		{"other-tag-alone-is-good", strings.Replace(input, Tag, "web-bot-auth", 1), good, "malformed"},
		{"forged-under-the-label", input + `, x=();tag="web-bot-auth"`, forged + ", " + other(good), "bad-signature"},
		{"values-exchanged", input + `, x=();tag="web-bot-auth"`, other(good) + ", " + forged, "bad-signature"},
		{"same-label-twice", input + ", " + input, good, "malformed"},
		{"same-label-twice-in-values", input, forged + ", " + good, "malformed"},
		{"two-of-the-tag", input + ", " + other(input), good + ", " + other(forged), "malformed"},
		{"value-without-input", input, good + ", " + other(forged), ""},
		{"tag-twice", strings.Replace(input, ";tag", `;tag="x";tag`, 1), good, "malformed"},
		{"keyid-twice", strings.Replace(input, ";keyid", `;keyid="x";keyid`, 1), good, "malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := sample()
			m.Header = append(m.Header, Field{"signature-input", tt.input}, Field{"signature", tt.value})
			_, err := Verify(m, keyring{}, noon)
			if got := reasonOf(err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
