package delegation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
)

// verifiers are one that remembers nothing and one that remembers everything.
func verifiers() map[string]*Verifier {
	return map[string]*Verifier{"forgetful": {}, "remembering": NewVerifier(1000)}
}

func TestChainVerifies(t *testing.T) {
	t.Parallel()
	field := chainOf(t, "a", "b", "c", "d")
	for name, v := range verifiers() {
		for range 2 {
			chain, refusal := v.Verify(presented(field, "d"), mesh(), noon)
			if refusal != nil {
				t.Fatalf("%s: %v", name, refusal)
			}
			if diff := cmp.Diff([]agent.ID{"a", "b", "c", "d"}, chain.Holders); diff != "" {
				t.Errorf("%s: holders (-want +got):\n%s", name, diff)
			}
			for i, link := range chain.Links {
				if link.Agent != chain.Holders[i] || link.Role != agent.AgentKey || link.Position != i || link.Depth() != 3-i {
					t.Errorf("%s: link %d is %+v", name, i, link)
				}
			}
			want := authority.Grant{Capabilities: []agent.Capability{"read:*", "call:ledger"}, Until: noon.Add(10 * time.Minute), Depth: 1}
			if diff := cmp.Diff(want, chain.AppendGrants(nil)[2]); diff != "" {
				t.Errorf("%s: last grant (-want +got):\n%s", name, diff)
			}
		}
	}
}

// TestLoopsAreAllowed has an agent act for itself by way of another: composing makes it no more than it was.
func TestLoopsAreAllowed(t *testing.T) {
	t.Parallel()
	chain, refusal := NewVerifier(10).Verify(presented(chainOf(t, "a", "b", "a", "b", "a"), "a"), mesh(), noon)
	if refusal != nil || len(chain.Holders) != 5 || len(chain.Links) != MaxLinks {
		t.Errorf("%+v, %v", chain, refusal)
	}
}

func TestSidecarsDelegate(t *testing.T) {
	t.Parallel()
	keys := mesh()
	for id, s := range keys {
		if s.Agent == "b" {
			s.Role = agent.SidecarKey
			keys[id] = s
		}
	}
	chain, refusal := NewVerifier(10).Verify(presented(chainOf(t, "a", "b", "c"), "c"), keys, noon)
	if refusal != nil || chain.Links[1].Role != agent.SidecarKey {
		t.Fatalf("%+v, %v", chain, refusal)
	}
	for id, s := range keys {
		s.Role = agent.NoKey
		keys[id] = s
	}
	if _, refusal := NewVerifier(10).Verify(presented(chainOf(t, "a", "b", "c"), "c"), keys, noon); refusal == nil || refusal.Reason != UnknownIssuer {
		t.Errorf("keys that prove nothing: %v", refusal)
	}
}

// TestTimes goes over both ends of a link's life, and a life of one second less or more than a parent's.
func TestTimes(t *testing.T) {
	t.Parallel()
	field := chainOf(t, "a", "b", "c")
	tests := []struct {
		name   string
		at     time.Duration
		reason string
	}{
		{"at-once", 0, ""},
		{"last-moment", 10*time.Minute - 1, ""},
		{"expired", 10 * time.Minute, "expired"},
		{"long-expired", 24 * time.Hour, "expired"},
		{"clock-behind", -10 * time.Second, ""},
		{"from-the-future", -10*time.Second - 1, "not-yet-valid"},
	}
	for name, v := range verifiers() {
		for _, test := range tests {
			_, refusal := v.Verify(presented(field, "c"), mesh(), noon.Add(test.at))
			if got := reasonOf(refusal); got != test.reason {
				t.Errorf("%s, %s: %q, want %q", name, test.name, got, test.reason)
			}
			if refusal != nil && refusal.Culprit != "" {
				t.Errorf("%s, %s: %s is blamed", name, test.name, refusal.Culprit)
			}
		}
	}
}

func reasonOf(r *Refusal) string {
	if r == nil {
		return ""
	}
	return r.Reason.String()
}

func TestAudience(t *testing.T) {
	t.Parallel()
	first := hop(t, "", "a", "b", func(o *Order) { o.Audience = []agent.ID{"ledger", "weather"} })
	second := hop(t, first, "b", "c", func(o *Order) { o.Audience = []agent.ID{"ledger", "stock"} })
	tests := []struct {
		callee, by, field string
		link              int
		reason            string
	}{
		{"ledger", "c", second, 0, ""},
		{"weather", "b", first, 0, ""},
		{"weather", "c", second, 1, "wrong-audience"},
		{"stock", "c", second, 0, "wrong-audience"}, // what b allows, a does not
		{"stock", "b", first, 0, "wrong-audience"},
		{"", "b", first, 0, "wrong-audience"},
	}
	for _, test := range tests {
		p := presented(test.field, test.by)
		p.Callee = agent.ID(test.callee)
		_, refusal := NewVerifier(10).Verify(p, mesh(), noon)
		if reasonOf(refusal) != test.reason || refusal != nil && refusal.Link != test.link {
			t.Errorf("%s by %s: %v, want %q", test.callee, test.by, refusal, test.reason)
		}
	}
}

// TestRevokedKeyIsNoLongerAnIssuer revokes each issuer after its signature was remembered (P12).
func TestRevokedKeyIsNoLongerAnIssuer(t *testing.T) {
	t.Parallel()
	field := chainOf(t, "a", "b", "c", "d")
	for i, name := range []string{"a", "b", "c"} {
		v, keys := NewVerifier(100), mesh()
		if _, refusal := v.Verify(presented(field, "d"), keys, noon); refusal != nil {
			t.Fatal(refusal)
		}
		keys.revoke(name)
		for range 2 {
			_, refusal := v.Verify(presented(field, "d"), keys, noon)
			if reasonOf(refusal) != "unknown-issuer" || refusal.Link != i || refusal.Culprit != "" {
				t.Errorf("after %s was revoked: %v", name, refusal)
			}
		}
	}
}

// TestKeyThatChangesHands gives the key id of a remembered link to another key: the memory must not speak for it.
func TestKeyThatChangesHands(t *testing.T) {
	t.Parallel()
	field, v, keys := chainOf(t, "a", "b"), NewVerifier(100), mesh()
	if _, refusal := v.Verify(presented(field, "b"), keys, noon); refusal != nil {
		t.Fatal(refusal)
	}
	other := keys[agent.NewKey(publicOf("eve")).DID]
	for id, s := range keys {
		if s.Agent == "a" {
			keys[id] = other
		}
	}
	if _, refusal := v.Verify(presented(field, "b"), keys, noon); reasonOf(refusal) != "bad-signature" {
		t.Errorf("%v", refusal)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	v := NewVerifier(32)
	for i := range 80 {
		field := hop(t, "", "a", "b", func(o *Order) { o.Lifetime = time.Duration(i+1) * time.Second })
		if _, refusal := v.Verify(presented(field, "b"), mesh(), noon); refusal != nil {
			t.Fatal(refusal)
		}
	}
	total := 0
	for _, shard := range v.known.shards {
		total += shard.Len()
	}
	if total == 0 || total > 32 {
		t.Errorf("%d links are remembered", total)
	}
	for range 5 {
		v.Verify(presented(strings.Replace(chainOf(t, "a", "b"), "A", "B", 1), "b"), mesh(), noon)
		v.Verify(presented(rawLink("", "a", "b").field(t, "eve"), "b"), mesh(), noon)
	}
	after := 0
	for _, shard := range v.known.shards {
		after += shard.Len()
	}
	if after > total {
		t.Errorf("links that nobody signed are remembered: %d after %d", after, total)
	}
}

// TestMemoryKeepsNoLargeLinks has an agent sign links as large as they may be, of which many would fill the memory of the
// process: they count, and are verified each time.
func TestMemoryKeepsNoLargeLinks(t *testing.T) {
	t.Parallel()
	v := NewVerifier(32)
	field := hop(t, "", "a", "b", func(o *Order) {
		o.Capabilities = nil
		for i := range maxGrants {
			o.Capabilities = append(o.Capabilities, agent.Capability(fmt.Sprintf("read:%040d", i)))
		}
	})
	for range 2 {
		if _, refusal := v.Verify(presented(field, "b"), mesh(), noon); refusal != nil {
			t.Fatal(refusal)
		}
	}
	if _, ok := v.known.get(field); ok || len(field) <= maxKept {
		t.Errorf("a link of %d bytes is remembered", len(field))
	}
}

// TestNobodyPresents has the last holder's key without an agent, and an agent without a key.
func TestNobodyPresents(t *testing.T) {
	t.Parallel()
	field := chainOf(t, "a", "b")
	for _, p := range []Presentation{{}, {Field: field}, {Field: field, Agent: "b"}, {Field: field, Key: publicOf("b")}} {
		if _, refusal := NewVerifier(10).Verify(p, mesh(), noon); refusal == nil {
			t.Errorf("%+v is accepted", p)
		}
	}
}
