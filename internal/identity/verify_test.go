package identity

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	m := sample()
	for _, id := range names(alice).IDs() {
		d := newDraft(m)
		d.params = strings.Replace(d.params, names(alice).IDs()[0], id, 1)
		got, err := Verify(d.apply(m), keyring{}, noon)
		if err != nil {
			t.Fatalf("keyid %s: %v", id, err)
		}
		did, _, _ := strings.Cut(id, "#")
		want := Proof{
			Caller: Caller{
				Agent: "alice", DID: did, KeyID: id, Key: string(public(alice)), Assurance: AssuranceAgent,
				ContentDigest: DigestOf([]byte(sampleBody)),
			},
			Key: string(public(alice)), Nonce: sampleNonce, Created: noon, Expires: noon.Add(time.Minute),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("keyid %s: proof (-want +got):\n%s", id, diff)
		}
	}
}

func TestVerifyAccepts(t *testing.T) {
	t.Parallel()
	get := Message{Method: "GET", Scheme: "http", Authority: "billing.mesh.example", Path: "/card"}
	noNonce := strings.Replace(params(noon, time.Minute), `;nonce="`+sampleNonce+`"`, "", 1)
	tests := []struct {
		name    string
		message Message
		edit    func(*draft)
	}{
		{"get-without-nonce", get, func(d *draft) { d.params = noNonce }},
		{"get-with-nonce", get, func(*draft) {}},
		{"nonce-of-the-other-alphabet", get, func(d *draft) { d.params = strings.Replace(d.params, sampleNonce, "+/"+sampleNonce[2:], 1) }},
		{"padded-nonce", get, func(d *draft) { d.params = strings.Replace(d.params, sampleNonce, sampleNonce+"==", 1) }},
		{"alg-named", get, func(d *draft) { d.params += `;alg="ed25519"` }},
		{"unknown-parameter", get, func(d *draft) { d.params += `;later=1` }},
		{"query-listed-where-none-is", get, func(d *draft) { d.components = append(d.components, "@query") }},
		{"more-than-demanded", sample(), func(d *draft) { d.components = append(d.components, "user-agent") }},
		{"other-order", sample(), func(d *draft) { slices.Reverse(d.components) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDraft(tt.message)
			tt.edit(&d)
			if _, err := Verify(d.apply(tt.message), keyring{}, noon); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVerifyIgnoresSignaturesOfOtherTags(t *testing.T) {
	t.Parallel()
	m := sample()
	signed := newDraft(m).apply(m)
	for i := range signed.Header {
		switch f := &signed.Header[i]; f.Name {
		case "signature-input":
			f.Value = `bot=("@authority");tag="web-bot-auth";keyid="a,b\"c",` + f.Value
		case "signature":
			f.Value += ", bot=:AAAA:"
		}
	}
	if _, err := Verify(signed, keyring{}, noon); err != nil {
		t.Error(err)
	}
}

// refused are drafts of a signature over the sample, and why they are refused.
type refused []struct {
	name string
	edit func(*draft)
	want Reason
}

func (tests refused) run(t *testing.T) {
	t.Parallel()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := sample()
			d := newDraft(m)
			tt.edit(&d)
			proof, err := Verify(d.apply(m), keyring{}, noon)
			wantRefusal(t, err, tt.want)
			if !proof.Caller.Anonymous() {
				t.Error("a refusal came with a caller")
			}
		})
	}
}

func param(old, replacement string) func(*draft) {
	return func(d *draft) { d.params = strings.Replace(d.params, old, replacement, 1) }
}

func without(component string) func(*draft) {
	return func(d *draft) {
		d.components = slices.DeleteFunc(d.components, func(c string) bool { return c == component })
	}
}

func with(component string) func(*draft) {
	return func(d *draft) { d.components = append(d.components, component) }
}

func created(c time.Time, lifetime time.Duration) func(*draft) {
	return func(d *draft) { d.params = params(c, lifetime) }
}

func TestVerifyRefusesKeys(t *testing.T) {
	refused{
		{"other-key", func(d *draft) { d.key = mallory }, BadSignature},
		{"short-signature", func(d *draft) { d.value = "sig=:AAAA:" }, BadSignature},
		{"unknown-keyid", param(names(alice).IDs()[0], names(mallory).IDs()[0]), UnknownCaller},
		{"no-keyid", param(`;keyid="`+names(alice).IDs()[0]+`"`, ""), Malformed},
		{"long-keyid", param(names(alice).DID, strings.Repeat("k", maxKeyID)), Malformed},
		{"keyid-token", param(`"`+names(alice).IDs()[0]+`"`, "alice"), Malformed},
	}.run(t)
}

func TestVerifyRefusesComponents(t *testing.T) {
	refused{
		{"method-uncovered", without("@method"), Uncovered},
		{"authority-uncovered", without("@authority"), Uncovered},
		{"path-uncovered", without("@path"), Uncovered},
		{"query-uncovered", without("@query"), Uncovered},
		{"digest-uncovered", without("content-digest"), Uncovered},
		{"authorization-uncovered", without("authorization"), Uncovered},
		{"a2a-version-uncovered", without("a2a-version"), Uncovered},
		{"a2a-extensions-uncovered", without("a2a-extensions"), Uncovered},
		{"old-extensions-uncovered", without("x-a2a-extensions"), Uncovered},
		{"delegation-uncovered", without("agent-delegation"), Uncovered},
		{"gate-uncovered", without("agent-gate"), Uncovered},
		{"nothing-covered", func(d *draft) { d.components = nil }, Uncovered},

		{"component-twice", with("@method"), Malformed},
		{"component-absent", with("x-absent"), Malformed},
		{"component-upper-case", with("X-Upper"), Malformed},
		{"component-empty", with(""), Malformed},
		{"component-long", with(strings.Repeat("x", maxComponentName+1)), Malformed},
		{"component-target-uri", with("@target-uri"), Unsupported},
		{"component-request-target", with("@request-target"), Unsupported},
		{"component-scheme", with("@scheme"), Unsupported},
		{"component-query-param", with("@query-param"), Unsupported},
		{"component-status", with("@status"), Unsupported},
		{"component-signature-params", with("@signature-params"), Unsupported},
		{"component-unknown-derived", with("@later"), Unsupported},
		{"component-derived-upper-case", with("@Method"), Malformed},
	}.run(t)
}

func TestVerifyRefusesParameters(t *testing.T) {
	const nonce = `;nonce="` + sampleNonce + `"`
	refused{
		{"alg-other", param(`;tag`, `;alg="rsa-v1_5-sha256";tag`), Unsupported},
		{"alg-eddsa", param(`;tag`, `;alg="EdDSA";tag`), Unsupported},
		{"alg-empty", param(`;tag`, `;alg="";tag`), Unsupported},
		{"alg-token", param(`;tag`, `;alg=ed25519;tag`), Malformed},
		{"tag-absent", param(`;tag="a2a-agent"`, ""), Malformed},
		{"tag-other", param(`"a2a-agent"`, `"web-bot-auth"`), Malformed},
		{"tag-token", param(`"a2a-agent"`, `a2a-agent`), Malformed},

		{"nonce-absent", param(nonce, ""), Malformed},
		{"nonce-empty", param(nonce, `;nonce=""`), Malformed},
		{"nonce-short", param(sampleNonce, sampleNonce[1:]), Malformed},
		{"nonce-padded-to-length", param(sampleNonce, sampleNonce[:19]+"==="), Malformed},
		{"nonce-long", param(sampleNonce, strings.Repeat("A", maxNonce+4)), Malformed},
		{"nonce-not-base64", param(sampleNonce, "!*"+sampleNonce), Malformed},
		{"nonce-integer", param(nonce, ";nonce=123456789012345"), Malformed},

		{"created-absent", param(";created=1795000000", ""), Malformed},
		{"expires-absent", param(";expires=1795000060", ""), Malformed},
		{"created-decimal", param("created=1795000000", "created=1795000000.5"), Malformed},
		{"created-date", param("created=1795000000", "created=@1795000000"), Malformed},
		{"created-negative", param("created=1795000000", "created=-1"), Malformed},
		{"created-huge", created(time.Unix(999_999_999_999_000, 0), time.Minute), NotYetValid},
		{"expires-at-created", created(noon, 0), Malformed},
		{"expires-before-created", created(noon, -time.Second), Malformed},
		{"expires-late", created(noon, 61*time.Second), Malformed},
		{"stale", created(noon.Add(-61*time.Second), time.Minute), Expired},
		{"early", created(noon.Add(11*time.Second), time.Minute), NotYetValid},
	}.run(t)
}

// The bounds of the window are inside it.
func TestVerifyWindow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		created  time.Duration // from noon
		lifetime time.Duration
		at       time.Duration // from noon
		want     string
	}{
		{"now", 0, time.Minute, 0, ""},
		{"oldest", -60 * time.Second, time.Minute, 0, ""},
		{"too-old-by-a-nanosecond", -60 * time.Second, time.Minute, 1, "expired"},
		{"latest", 10 * time.Second, time.Minute, 0, ""},
		{"too-early-by-a-nanosecond", 10 * time.Second, time.Minute, -1, "not-yet-valid"},
		{"at-expiry", 0, time.Second, time.Second, ""},
		{"after-expiry", 0, time.Second, time.Second + 1, "expired"},
		{"longest-life", 0, time.Minute, time.Minute, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := sample()
			d := newDraft(m)
			d.params = params(noon.Add(tt.created), tt.lifetime)
			got := ""
			if _, err := Verify(d.apply(m), keyring{}, noon.Add(tt.at)); err != nil {
				got = err.(*Refusal).Reason.String()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestVerifySignatureFields(t *testing.T) {
	t.Parallel()
	m := sample()
	signed := newDraft(m).apply(m)
	input, _ := signed.Header.Get("signature-input")
	value, _ := signed.Header.Get("signature")
	long := strings.Repeat("x", maxSignatureBytes)
	type lines = []string
	tests := []struct {
		name          string
		input, values lines
		want          Reason
	}{
		{"neither", nil, nil, Missing},
		{"input-alone", lines{input}, nil, Malformed},
		{"value-alone", nil, lines{value}, Malformed},
		{"both-empty", lines{""}, lines{""}, Malformed},
		{"input-empty", lines{""}, lines{value}, Malformed},
		{"not-a-dictionary", lines{"("}, lines{value}, Malformed},
		{"item", lines{"sig=1"}, lines{value}, Malformed},
		{"boolean", lines{"sig"}, lines{value}, Malformed},
		{"no-such-label", lines{input}, lines{"other" + value}, Malformed},
		{"value-not-bytes", lines{input}, lines{`sig="AAAA"`}, Malformed},
		{"value-list", lines{input}, lines{`sig=(1)`}, Malformed},
		{"value-with-parameter", lines{input}, lines{value + ";a=1"}, Malformed},
		{"value-pad-bits", lines{input}, lines{padBits(value)}, Malformed},
		{"value-twice", lines{input}, lines{value, value}, Malformed},
		{"input-twice", lines{input, input}, lines{value}, Malformed},
		{"two-of-the-tag", lines{input, "b" + input}, lines{value, "b" + value}, Malformed},
		{"five-inputs", lines{input, "a=()", "b=()", "c=()", "d=()"}, lines{value}, Malformed},
		{"five-values", lines{input}, lines{value, "a=:AA==:", "b=:AA==:", "c=:AA==:", "d=:AA==:"}, Malformed},
		{"trailing-comma", lines{input + ","}, lines{value}, Malformed},
		{"spaces-in-list", lines{strings.Replace(input, "(", "( ", 1)}, lines{value}, Malformed},
		{"parameter-twice", lines{strings.Replace(input, ";created", ";created=1;created", 1)}, lines{value}, Malformed},
		{"number-with-zeros", lines{strings.Replace(input, "created=", "created=0", 1)}, lines{value}, Malformed},
		{"too-long", lines{input}, lines{value, `a="` + long + `"`}, Malformed},
		{"structured-component", lines{strings.Replace(input, `"a2a-version"`, `"a2a-version";sf`, 1)}, lines{value}, Unsupported},
		{"binary-component", lines{strings.Replace(input, `"a2a-version"`, `"a2a-version";bs`, 1)}, lines{value}, Unsupported},
		{"key-component", lines{strings.Replace(input, `"a2a-version"`, `"a2a-version";key="a"`, 1)}, lines{value}, Unsupported},
		{"request-component", lines{strings.Replace(input, `"@method"`, `"@method";req`, 1)}, lines{value}, Unsupported},
		{"trailer-component", lines{strings.Replace(input, `"a2a-version"`, `"a2a-version";tr`, 1)}, lines{value}, Unsupported},
		{"token-component", lines{strings.Replace(input, `"a2a-version"`, `a2a-version`, 1)}, lines{value}, Malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := sample()
			for _, line := range tt.input {
				m.Header = append(m.Header, Field{"signature-input", line})
			}
			for _, line := range tt.values {
				m.Header = append(m.Header, Field{"signature", line})
			}
			_, err := Verify(m, keyring{}, noon)
			wantRefusal(t, err, tt.want)
		})
	}
}

// padBits sets a bit of the base64 that decodes to nothing.
func padBits(value string) string {
	i := strings.Index(value, "==:") - 1
	return value[:i] + string(value[i]+1) + value[i+1:]
}

func TestVerifyBoundsComponents(t *testing.T) {
	t.Parallel()
	m := sample()
	for i := len(covered(&m)); i < maxComponents; i++ {
		m.Header = append(m.Header, Field{fmt.Sprintf("a2a-%d", i), ""})
	}
	if _, err := Verify(newDraft(m).apply(m), keyring{}, noon); err != nil {
		t.Errorf("%d components: %v", maxComponents, err)
	}
	m.Header = append(m.Header, Field{"a2a-more", ""})
	_, err := Verify(newDraft(m).apply(m), keyring{}, noon)
	wantRefusal(t, err, Malformed)
}

// weakKeys holds a key of the wrong size.
type weakKeys struct{}

func (weakKeys) Signatory(string, time.Time) (Signatory, bool) {
	return Signatory{Public: ed25519.PublicKey{1}, Agent: "alice", Role: agent.AgentKey}, true
}

func TestVerifyKeyOfWrongSize(t *testing.T) {
	t.Parallel()
	m := sample()
	_, err := Verify(newDraft(m).apply(m), weakKeys{}, noon)
	wantRefusal(t, err, UnknownCaller)
}

func TestReasonNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for r := Malformed; r <= KeysUnavailable; r++ {
		if r.String() == "" || seen[r.String()] {
			t.Errorf("reason %d has no name of its own: %q", r, r)
		}
		seen[r.String()] = true
	}
	if got := (KeysUnavailable + 1).String(); got != "malformed" {
		t.Errorf("an unknown reason is %q, want malformed", got)
	}
	if (Refusal{}).Reason == Missing {
		t.Error("the zero refusal counts as the absence of a claim")
	}
}
