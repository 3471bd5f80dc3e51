package did

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
)

const subject = "did:web:agents.example:a"

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// keys are some public keys by a letter.
var keys = map[string]string{
	"A": "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
	"B": "did:key:z6MkjchhfUsD6mmvni8mCdXHw216Xrm9bQe2mBH1P5RDjVJG",
	"C": "did:key:z6MknGc3ocHs3zdPiJbnaaqDi58NGb4pk1Sp9WxWufuXSdxf",
	"M": "did:key:z6MkvqoYXQfDDJRv8L4wKzxYeuKyVZBfi9Qo6Ro8MiLH3kDQ",
}

// listed reads a document such as "k1=A k2=B/s k3=C/b": a is for authentication and the default, s for assertion, b
// for both, and x for authentication until an hour after the start.
func listed(t *testing.T, text string) Document {
	t.Helper()
	document := Document{DID: subject}
	for word := range strings.FieldsSeq(text) {
		name, rest, _ := strings.Cut(word, "=")
		letter, use, _ := strings.Cut(rest, "/")
		parsed, err := agent.ParseKeyDID(keys[letter])
		if err != nil {
			t.Fatal(err)
		}
		key := Key{ID: subject + "#" + name, DID: parsed.DID, Public: parsed.Public, Authentication: use != "s", Assertion: use == "s" || use == "b"}
		if use == "x" {
			key.Until = start.Add(time.Hour)
		}
		document.Keys = append(document.Keys, key)
	}
	return document
}

// counting names the keys of an entry that count, such as "k1=A k2=B/s".
func counting(e *entry) string {
	var words []string
	for _, key := range e.effective() {
		word := strings.TrimPrefix(key.ID, subject+"#")
		for letter, name := range keys {
			if name == key.DID {
				word += "=" + letter
			}
		}
		if key.Assertion && key.Authentication {
			word += "/b"
		} else if key.Assertion {
			word += "/s"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// step is one attempt, an hour after the one before if late is set, and what it has to come to.
type step struct {
	sees    string // a document; or an outcome for none
	claim   uint64
	refuse  string // refused before the attempt
	accept  bool   // what is held is accepted after the attempt
	late    bool
	outcome Outcome
	counts  string
}

func TestContinuity(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		swap  Swap
		steps []step
	}{
		{"first-document-is-taken", SwapHold, []step{{sees: "k1=A", outcome: Fetched, counts: "k1=A"}, {sees: "k1=A", outcome: Unchanged, counts: "k1=A"}}},
		{"rotation-with-overlap", SwapHold, []step{
			{sees: "k1=A", outcome: Fetched, counts: "k1=A"},
			{sees: "k1=A k2=B", outcome: Fetched, counts: "k1=A k2=B"},
			{sees: "k2=B", outcome: Fetched, counts: "k2=B"},
		}},
		{"key-renamed", SwapHold, []step{{sees: "k1=A", outcome: Fetched, counts: "k1=A"}, {sees: "new=A", outcome: Fetched, counts: "new=A"}}},
		{"key-substituted-under-its-name", SwapHold, []step{{sees: "k1=A", outcome: Fetched, counts: "k1=A"}, {sees: "k1=M", outcome: Held}}},
		{"swap-held-and-back", SwapHold, []step{
			{sees: "k1=A", outcome: Fetched, counts: "k1=A"},
			{sees: "k1=M", outcome: Held},
			{sees: "k1=M", outcome: Held},
			{sees: "k1=A", outcome: Unchanged, counts: "k1=A"},
		}},
		{"swap-held-and-accepted", SwapHold, []step{
			{sees: "k1=A", outcome: Fetched, counts: "k1=A"},
			{sees: "k2=B", outcome: Held, accept: true, counts: "k2=B"},
			{sees: "k2=B", outcome: Unchanged, counts: "k2=B"},
			{sees: "k1=A", outcome: Held},
		}},
		{"swap-held-until-registered-anew", SwapHold, []step{
			{sees: "k1=A", claim: 4, outcome: Fetched, counts: "k1=A"},
			{sees: "k2=B", claim: 4, outcome: Held},
			{sees: "k2=B", claim: 3, outcome: Held},
			{sees: "k2=B", claim: 5, outcome: Fetched, counts: "k2=B"},
			{sees: "k3=C", claim: 5, outcome: Held},
		}},
		{"registering-anew-covers-one-document", SwapHold, []step{
			{sees: "k1=A", claim: 4, outcome: Fetched, counts: "k1=A"},
			{sees: "k1=A", claim: 5, outcome: Unchanged, counts: "k1=A"},
			{sees: "k1=M", claim: 5, outcome: Held},
		}},
		{"no-laundering-by-withdrawal", SwapHold, []step{
			{sees: "k1=A", outcome: Fetched, counts: "k1=A"},
			{sees: "withdrawn", outcome: Withdrawn},
			{sees: "k1=M", outcome: Held},
			{sees: "withdrawn", outcome: Withdrawn},
			{sees: "k1=M", outcome: Held},
			{sees: "k1=A", outcome: Unchanged, counts: "k1=A"},
		}},
		{"no-laundering-by-time", SwapHold, []step{
			{sees: "k1=A", outcome: Fetched, counts: "k1=A"},
			{sees: "failed", late: true, outcome: Failed, counts: "k1=A"},
			{sees: "k1=M", late: true, outcome: Held},
		}},
		{"no-laundering-by-two-swaps", SwapHold, []step{
			{sees: "k1=A", outcome: Fetched, counts: "k1=A"},
			{sees: "k1=M", outcome: Held},
			{sees: "k1=M k2=C", outcome: Held},
		}},
		{"failures-keep-what-counts", SwapHold, []step{
			{sees: "k1=A", outcome: Fetched, counts: "k1=A"},
			{sees: "failed", outcome: Failed, counts: "k1=A"},
			{sees: "refused", outcome: Refused, counts: "k1=A"},
		}},
		{"withdrawn-stays-so-when-failing", SwapHold, []step{
			{sees: "k1=A", outcome: Fetched, counts: "k1=A"},
			{sees: "withdrawn", outcome: Withdrawn},
			{sees: "failed", outcome: Failed},
		}},
		{"an-assertion-key-vouches-for-nothing", SwapHold, []step{
			{sees: "k1=A k2=B/s", outcome: Fetched, counts: "k1=A k2=B/s"},
			{sees: "k1=M k2=B/s", outcome: Held, counts: "k2=B/s"},
		}},
		{"a-key-that-only-asserts-now-vouches-for-nothing", SwapHold, []step{
			{sees: "k1=A/b", outcome: Fetched, counts: "k1=A/b"}, {sees: "k1=A/s k2=M", outcome: Held, counts: "k1=A/s"},
		}},
		{"a-process-that-lags-behind-lends-no-claim", SwapHold, []step{
			{sees: "k1=A", claim: 5, outcome: Fetched, counts: "k1=A"},
			{sees: "k1=A k2=B", claim: 4, outcome: Fetched, counts: "k1=A k2=B"},
			{sees: "k9=M", claim: 5, outcome: Held},
		}},
		{"an-assertion-key-turned-to-authentication", SwapHold, []step{
			{sees: "k1=A k2=B/s", outcome: Fetched, counts: "k1=A k2=B/s"}, {sees: "k2=B", outcome: Held},
		}},
		{"a-refused-key-vouches-for-nothing", SwapHold, []step{
			{sees: "k1=A", outcome: Fetched, counts: "k1=A"},
			{sees: "k1=A k2=M", refuse: subject + "#k1", outcome: Held},
		}},
		{"a-key-that-ended-vouches-for-nothing", SwapHold, []step{
			{sees: "k1=A/x", outcome: Fetched, counts: "k1=A"},
			{sees: "k1=A/x k2=M", late: true, outcome: Held, counts: "k1=A"},
		}},
		{"refused-under-another-name", SwapHold, []step{
			{sees: "k1=A k2=B", outcome: Fetched, counts: "k1=A k2=B"},
			{sees: "k9=A k2=B", refuse: subject + "#k1", outcome: Fetched, counts: "k2=B"},
		}},
		{"refused-as-did-key", SwapHold, []step{{sees: "k1=A k2=B", refuse: keys["A"], outcome: Fetched, counts: "k2=B"}}},
		{"refused-as-a-whole", SwapHold, []step{
			{sees: "k1=A", outcome: Fetched, counts: "k1=A"}, {sees: "k1=A k2=B", refuse: subject, outcome: Held},
		}},
		{"unknown-way-holds", "", []step{{sees: "k1=A", outcome: Fetched, counts: "k1=A"}, {sees: "k1=M", outcome: Held}}},
		{"accept-takes-all", SwapAccept, []step{{sees: "k1=A", outcome: Fetched, counts: "k1=A"}, {sees: "k1=M", outcome: Fetched, counts: "k1=M"}}},
		{"pin-holds-what-is-added", SwapPin, []step{
			{sees: "k1=A", outcome: Fetched, counts: "k1=A"},
			{sees: "k1=A k2=M", outcome: Held, counts: "k1=A"},
			{sees: "k1=A/b", outcome: Held, counts: "k1=A"},
			{sees: "k1=A k2=B", outcome: Held, accept: true, counts: "k1=A k2=B"},
			{sees: "k2=B", outcome: Fetched, counts: "k2=B"},
		}},
		{"pin-holds-what-lasts-longer", SwapPin, []step{{sees: "k1=A/x", outcome: Fetched, counts: "k1=A"}, {sees: "k1=A", outcome: Held, counts: "k1=A"}}},
		{"pin-takes-what-is-less", SwapPin, []step{{sees: "k1=A/b", outcome: Fetched, counts: "k1=A/b"}, {sees: "k1=A/x", outcome: Fetched, counts: "k1=A"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e, at := &entry{DID: subject}, start
			for i, s := range test.steps {
				at = at.Add(time.Minute)
				if s.late {
					at = at.Add(2 * time.Hour)
				}
				e = s.run(t, e, test.swap, at)
				if got := counting(e); got != s.counts {
					t.Errorf("after step %d these count: %q, want %q", i, got, s.counts)
				}
			}
		})
	}
}

// run makes one step from an entry to the next and checks what does not depend on the case.
func (s step) run(t *testing.T, before *entry, swap Swap, at time.Time) *entry {
	t.Helper()
	if s.refuse != "" {
		if err := before.refuse(s.refuse); err != nil {
			t.Fatal(err)
		}
	}
	seen := observation{at: at, claim: s.claim}
	switch outcome := Outcome(s.sees); outcome {
	case Withdrawn, Refused, Failed:
		seen.err = &ResolveError{outcome, "it is so"}
	default:
		seen.document = listed(t, s.sees)
	}
	copied := *before
	after, outcome, err := settle(before, seen, swap)
	if err != nil || outcome != s.outcome {
		t.Fatalf("%s came to %s, %v; want %s", s.sees, outcome, err, s.outcome)
	}
	if diff := cmp.Diff(copied, *before, cmp.AllowUnexported(entry{})); diff != "" {
		t.Errorf("the entry before was changed:\n%s", diff)
	}
	if !after.Attempted.Equal(at) || (after.Failures > 0) != (seen.err != nil) || (after.Problem != "") != (seen.err != nil) || (after.Held != nil) != (outcome == Held) && seen.err == nil {
		t.Errorf("%s left %+v", s.sees, after)
	}
	if s.accept {
		if err := after.accept("sha256:other"); err == nil {
			t.Error("another document was accepted")
		}
		if err := after.accept(after.Held.Digest); err != nil {
			t.Error(err)
		}
	}
	return after
}

func TestParseSwap(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"hold", "pin", "accept"} {
		if swap, err := ParseSwap(s); err != nil || string(swap) != s {
			t.Errorf("%s is read as %s, %v", s, swap, err)
		}
	}
	for _, s := range []string{"", "Hold", "none"} {
		if _, err := ParseSwap(s); err == nil {
			t.Errorf("%q is a way to treat documents", s)
		}
	}
}
