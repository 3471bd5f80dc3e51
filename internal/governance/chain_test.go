package governance

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/delegation"
	"ringfence.dev/ringfence/internal/killswitch"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/meshtest"
)

// link is one link of a chain as a test describes it.
type link struct {
	from, to     agent.ID
	capabilities []agent.Capability
	depth        int
	lifetime     time.Duration
}

// chainOf returns the header of a chain of links.
func chainOf(t *testing.T, links ...link) http.Header {
	t.Helper()
	field := ""
	for i, l := range links {
		if l.capabilities == nil {
			l.capabilities = []agent.Capability{"call:*"}
		}
		var err error
		field, err = delegation.Issue(delegation.Order{
			Key: meshtest.Private(l.from), Parent: field, Holder: meshtest.Public(meshtest.Private(l.to)).Public,
			Capabilities: l.capabilities, Depth: l.depth, Lifetime: l.lifetime,
		}, meshtest.Noon, bytes.NewReader(bytes.Repeat([]byte{byte(i + 1)}, 64)))
		if err != nil {
			t.Fatal(err)
		}
	}
	return http.Header{"Agent-Delegation": {field}}
}

func TestChains(t *testing.T) {
	t.Parallel()
	pay := func(h http.Header) meshtest.Call {
		return meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay"), Header: h}
	}
	read := func(h http.Header) meshtest.Call {
		return meshtest.Call{From: "caller", To: "/agents/weather", Body: meshtest.Send("rain?"), Header: h}
	}
	type want struct {
		Decision, Factor, Reason string
		Ring                     agent.Ring
		Witness                  string
	}
	cases := []struct {
		name  string
		setup func(*fixture)
		links []link
		call  func(http.Header) meshtest.Call
		want  want
	}{
		{"delegated-within-rings", nil, []link{{from: "boss", to: "caller"}}, pay, want{"allow", "", "", agent.User, "holder 1 caller"}},
		{
			"root-in-ring-3-cannot-delegate", func(f *fixture) { f.Records["boss"].Ceiling = agent.Untrusted },
			[]link{{from: "boss", to: "caller"}},
			read,
			want{"deny", "delegation", "delegation-too-deep", agent.Untrusted, ""},
		},
		{
			"root-narrows-the-scope", nil,
			[]link{{from: "boss", to: "caller", capabilities: []agent.Capability{"read:*"}}},
			pay,
			want{"deny", "scope", "out-of-scope", agent.User, "holder 1 caller"},
		},
		{
			"holder-without-capability", func(f *fixture) { f.Records["boss"].Capabilities = []agent.Capability{"read:*"} },
			[]link{{from: "boss", to: "caller"}},
			pay,
			want{"deny", "scope", "out-of-scope", agent.User, "holder 1 caller"},
		},
		{"two-links", nil, []link{{from: "boss", to: "weather", depth: 1}, {from: "weather", to: "caller"}}, pay, want{"allow", "", "", agent.User, "holder 1 weather"}},
		{
			"given-to-another", nil,
			[]link{{from: "boss", to: "weather"}},
			pay,
			want{"deny", "delegation", "delegation-wrong-holder", 0, ""},
		},
		{
			"suspended-root", func(f *fixture) { f.Records["boss"].Status = agent.Quarantined },
			[]link{{from: "boss", to: "caller"}},
			pay,
			want{"deny", "delegation", "holder-inactive", 0, ""},
		},
		{
			"killed-root", func(f *fixture) {
				f.switches = []killswitch.Switch{{Scope: killswitch.Agent, Name: "boss"}}
			},
			[]link{{from: "boss", to: "caller"}},
			pay,
			want{"deny", "delegation", "holder-inactive", 0, ""},
		},
		{
			"forgotten-root", func(f *fixture) { delete(f.Records, "boss") },
			[]link{{from: "boss", to: "caller"}},
			pay,
			want{"deny", "delegation", "delegation-unknown-issuer", 0, ""},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.Add("boss", agent.Supervisor)
			if c.setup != nil {
				c.setup(f)
			}
			x := f.decide(t, c.call(chainOf(t, c.links...)), "")
			got := want{x.Verdict.Decision.String(), x.Verdict.Factor, x.Verdict.Reason, x.Authority.Ring, ""}
			if x.Chain.Descent == Delegated && c.want.Reason != "delegation-too-deep" {
				got.Witness = x.Chain.name(x.Chain.Witness.Ring)
			}
			if got.Reason == "holder-inactive" || got.Factor == "delegation" && got.Reason != "delegation-too-deep" {
				got.Ring = 0
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s\nevidence %v", diff, x.Verdict.Evidence)
			}
		})
	}
}

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// TestLinking lets caller serve a call of an agent in ring 3, and then call on.
func TestLinking(t *testing.T) {
	t.Parallel()
	traced := http.Header{"Traceparent": {trace}}
	other := http.Header{"Traceparent": {"00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	type want struct {
		Decision, Reason, Descent string
		Unchained                 bool
		Evidence                  []string
	}
	cases := []struct {
		name    string
		missing Missing
		serves  bool
		header  http.Header
		to      string
		want    want
	}{
		{"nothing-served", StrictMissing, false, traced, "/agents/ledger", want{"allow", "", "own", false, nil}},
		{"traced-narrows", LenientMissing, true, traced, "/agents/ledger", want{"deny", "ring-too-low", "linked", false, []string{"ring of served for stranger"}}},
		{"traced-may-read", LenientMissing, true, traced, "/agents/weather", want{"allow", "", "linked", false, nil}},
		{"untraced-lenient", LenientMissing, true, nil, "/agents/ledger", want{"allow", "", "own", true, nil}},
		{"untraced-strict", StrictMissing, true, nil, "/agents/ledger", want{"deny", "ring-too-low", "low-water", true, []string{"ring of served for stranger"}}},
		{"other-trace-lenient", LenientMissing, true, other, "/agents/ledger", want{"allow", "", "own", true, nil}},
		{"other-trace-strict", StrictMissing, true, other, "/agents/weather", want{"allow", "", "low-water", true, nil}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.Add("stranger", agent.Untrusted)
			f.lineage, f.policy.Missing = lineage.NewLedger(time.Minute), c.missing
			if c.serves {
				f.lineage.Begin("caller", lineage.Served{
					Trace: lineage.TraceID(trace), Holders: []agent.ID{"stranger"}, Authority: f.own("stranger"),
				}, meshtest.Noon)
			}
			x := f.decide(t, meshtest.Call{From: "caller", To: c.to, Body: meshtest.Send("do it"), Header: c.header}, "")
			got := want{x.Verdict.Decision.String(), x.Verdict.Reason, x.Chain.Descent.String(), x.Chain.Unchained, x.Verdict.Evidence}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
