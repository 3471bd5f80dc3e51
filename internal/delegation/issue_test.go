package delegation

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/base64url"
)

var update = flag.Bool("update", false, "write golden files")

// TestIssueGolden holds the wire format: what a link says, in the order it is written.
func TestIssueGolden(t *testing.T) {
	t.Parallel()
	field := hop(t, "", "a", "b", func(o *Order) { o.Audience = []agent.ID{"ledger"} })
	field = hop(t, field, "b", "c", nil)
	var out bytes.Buffer
	for _, compact := range strings.Split(field, separator) {
		for _, part := range strings.Split(compact, ".")[:2] {
			data, ok := base64url.Decode(part)
			if !ok || json.Indent(&out, data, "", "  ") != nil {
				t.Fatal(part)
			}
			out.WriteByte('\n')
		}
	}
	const path = "testdata/chain.golden"
	if *update {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, out.Bytes()) {
		t.Errorf("the format has changed; got:\n%s", out.String())
	}
}

func TestIssueDefaults(t *testing.T) {
	t.Parallel()
	plain := func(o *Order) { o.Lifetime = 0 }
	tests := []struct {
		name, field string
		want        time.Duration
	}{
		{"root", hop(t, "", "a", "b", plain), time.Hour},
		{"what-is-left", hop(t, chainOf(t, "a", "b"), "b", "c", plain), 10 * time.Minute},
		{"less-than-what-is-left", hop(t, hop(t, "", "a", "b", func(o *Order) { o.Lifetime = 2 * time.Hour }), "b", "c", plain), time.Hour},
	}
	for _, test := range tests {
		statements, err := Inspect(test.field)
		if err != nil {
			t.Fatal(err)
		}
		if last := statements[len(statements)-1]; last.Expires.Sub(noon) != test.want {
			t.Errorf("%s: lives for %s", test.name, last.Expires.Sub(noon))
		}
	}
}

func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	parent := chainOf(t, "a", "b")
	last := hop(t, "", "a", "b", func(o *Order) { o.Depth = 0 })
	tests := []struct {
		name, says string
		change     func(*Order)
	}{
		{"no-key", "no Ed25519 key", func(o *Order) { o.Key = nil }},
		{"no-holder", "cnf", func(o *Order) { o.Holder = nil }},
		{"holder-anybody-is", "cnf", func(o *Order) { o.Holder = make(ed25519.PublicKey, 32) }},
		{"another-key-than-the-holder's", "another key", func(o *Order) { o.Key = keyOf("eve") }},
		{"more-capabilities", "widened", func(o *Order) { o.Capabilities = []agent.Capability{"write:ledger"} }},
		{"no-capability-at-all", "authorization_details", func(o *Order) { o.Capabilities = []agent.Capability{"write"} }},
		{"longer", "widened", func(o *Order) { o.Lifetime = 11 * time.Minute }},
		{"longer-than-any", "live", func(o *Order) { o.Parent, o.Lifetime = "", 25*time.Hour }},
		{"negative-lifetime", "whole seconds", func(o *Order) { o.Lifetime = -time.Second }},
		{"half-a-second", "whole seconds", func(o *Order) { o.Lifetime = time.Second / 2 }},
		{"deeper", "widened", func(o *Order) { o.Depth = 3 }},
		{"negative-depth", "depth", func(o *Order) { o.Depth = -1 }},
		{"below-the-last", "no link below", func(o *Order) { o.Parent = last }},
		{"parent-of-nonsense", "reading the parent", func(o *Order) { o.Parent = "nonsense" }},
		{"bad-audience", "aud", func(o *Order) { o.Audience = []agent.ID{"Not A Name"} }},
		{"key-id-without-did", "kid", func(o *Order) { o.KeyID = "#key" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := Order{
				Key: keyOf("b"), Parent: parent, Holder: publicOf("c"), Capabilities: []agent.Capability{"read:a"}, Depth: 1,
			}
			test.change(&o)
			random := counting(0)
			if field, err := Issue(o, noon, &random); err == nil || field != "" || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q, %v", field, err)
			}
		})
	}
}

func TestIssueNeedsTimeAndChance(t *testing.T) {
	t.Parallel()
	o := Order{Key: keyOf("b"), Parent: chainOf(t, "a", "b"), Holder: publicOf("c"), Capabilities: []agent.Capability{"read:a"}}
	for name, at := range map[string]time.Time{"expired-parent": noon.Add(10 * time.Minute), "parent-from-the-future": noon.Add(-time.Minute)} {
		random := counting(0)
		if _, err := Issue(o, at, &random); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	random := counting(0)
	field, err := Issue(o, noon.Add(-5*time.Second), &random) // our clock is behind the parent's
	if err != nil {
		t.Fatal(err)
	}
	if _, refusal := NewVerifier(10).Verify(presented(field, "c"), mesh(), noon.Add(-5*time.Second)); refusal != nil {
		t.Errorf("with a clock behind: %v", refusal)
	}
	if _, err := Issue(o, noon, iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("without chance: %v", err)
	}
}
