package governance

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/meshtest"
)

// TestChainsOfOnesOwnSayNothing has a caller that serves somebody in ring 3 delegate to itself (P14): a chain that begins
// with the caller says of nobody on whose behalf the call is, and so is worth no more than none.
func TestChainsOfOnesOwnSayNothing(t *testing.T) {
	t.Parallel()
	chains := map[string][]link{
		"self":        {{from: "caller", to: "caller"}},
		"self-twice":  {{from: "caller", to: "caller", depth: 1}, {from: "caller", to: "caller"}},
		"by-a-friend": {{from: "caller", to: "weather", depth: 1}, {from: "weather", to: "caller"}},
	}
	for _, missing := range []Missing{StrictMissing, LenientMissing} {
		for _, traced := range []bool{true, false} {
			for name, links := range chains {
				f := newFixture()
				f.Add("stranger", agent.Untrusted)
				f.policy.Missing = missing
				f.lineage = serving(lineage.Served{
					Trace: lineage.TraceID(trace), Holders: []agent.ID{"stranger"}, Authority: f.own("stranger"),
				})
				header, bare := chainOf(t, links...), http.Header{}
				if traced {
					header.Set("Traceparent", trace)
					bare.Set("Traceparent", trace)
				}
				with, without := ask(t, f, header).decide(), ask(t, f, bare).decide()
				if with.Verdict.Decision > without.Verdict.Decision || with.Authority.Ring > without.Authority.Ring {
					t.Errorf("missing %d, traced %v: without a chain ring %s, %s; %s ring %s, %s", missing, traced,
						without.Authority.Ring, without.Verdict.Decision, name, with.Authority.Ring, with.Verdict.Decision)
				}
			}
		}
	}
}

// TestWitnessesNameWhatBounds holds that the evidence of a denied ring or score names what bounds it (P6), also where no
// link does.
func TestWitnessesNameWhatBounds(t *testing.T) {
	t.Parallel()
	f, header := chained(t, "boss")
	f.demanding(demand{agent.Supervisor, 0, agent.EffectRead})
	f.gates = gateOf(t, f, gate.Declaration{ID: "narrow", Operations: []string{"read"}, Ring: agent.User, Until: meshtest.Noon.Add(time.Hour)})
	evidence := func(header http.Header) string {
		return strings.Join(ask(t, f, header).decide().Verdict.Evidence, "; ")
	}
	if got := evidence(header); got != "ring of holder 1 caller" {
		t.Errorf("delegated: %s", got)
	}
	header.Set("Agent-Gate", "narrow")
	if got := evidence(header); got != "ring of caller caller" {
		t.Errorf("gated, bounded by the caller: %s", got)
	}
	f.stands("caller", agent.Kernel, agent.MaxTrust)
	if got := evidence(header); got != "ring of gate narrow" {
		t.Errorf("gated, bounded by the gate: %s", got)
	}
	f.stands("caller", agent.User, agent.TrustUser)
	f.lineage = serving(lineage.Served{Trace: lineage.TraceID(trace), Holders: []agent.ID{"boss"}, Authority: f.own("boss")})
	if got := evidence(http.Header{"Traceparent": {trace}}); got != "ring of caller caller" {
		t.Errorf("linked, bounded by the caller: %s", got)
	}
	f.stands("caller", agent.Kernel, agent.MaxTrust)
	f.stands("boss", agent.Untrusted, 0)
	if got := evidence(http.Header{"Traceparent": {trace}}); got != "ring of served for boss" {
		t.Errorf("linked, bounded by whom it serves: %s", got)
	}
}

// TestApprovalsDoNotEndTheDecision puts parties that want approvals into pipelines (P3, P4, P5, P11): the decision is the
// meet of all factors still, a deny wherever one denies, and else an approval that waits for all groups.
func TestApprovalsDoNotEndTheDecision(t *testing.T) {
	t.Parallel()
	faultSets(t, 7, 200, func(random *rand.Rand, x *trial, faulty []string) {
		steps := x.stages()
		groups := []string{"finance", "owners", "security"}[:1+random.IntN(3)]
		for _, group := range groups {
			party := approving
			party.Quorums = []string{group}
			first := slices.IndexFunc(steps, func(s step) bool { return s.name == "concurrency" })
			steps = slices.Insert(steps, first+random.IntN(len(steps)-first+1), step{"party", onBody, party})
		}
		v := x.through(steps).Verdict
		// What waits for an approval is served by nobody yet.
		faulty = slices.DeleteFunc(slices.Clone(faulty), func(name string) bool { return name == "serving" })
		if len(faulty) > 0 && v.Decision != Deny || len(faulty) == 0 && (v.Decision != Approve || !slices.Equal(v.Quorums, groups)) {
			t.Fatalf("faults %v, approvals of %v: %+v", faulty, groups, v)
		}
	})
}

// TestNilPartsDeny leaves out each part that a Config must have (P7).
func TestNilPartsDeny(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*Config){
		"delegation": func(c *Config) { c.Links = nil }, "replay": func(c *Config) { c.Replay = nil },
		"rate": func(c *Config) { c.Meter = nil }, "content": func(c *Config) { c.Scanner = nil },
	} {
		x := lasting(t, 300, 300, 0, 0)
		config := x.config()
		lose(&config)
		if v := x.by(New(config)).Verdict; v.Decision != Deny || v.Factor != name {
			t.Errorf("%+v", v)
		}
	}
}
