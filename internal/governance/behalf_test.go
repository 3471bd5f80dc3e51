package governance

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/killswitch"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/meshtest"
)

// TestReviewOfWhatIsServedLater holds a call under way to those for whom it was made: neither does one that its caller comes
// to serve later end it, nor does one that its caller no longer serves cease to bound it.
func TestReviewOfWhatIsServedLater(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		missing Missing
		traced  bool
		before  bool // the stranger's call is served when the call is made, and over when it is reviewed
		killed  bool // the stranger is, before the review
		want    string
	}{
		{"served-later", StrictMissing, false, false, false, ""},
		{"served-later-of-the-trace", StrictMissing, true, false, false, ""},
		{"served-later-of-the-trace-lenient", LenientMissing, true, false, false, ""},
		{"served-before", StrictMissing, false, true, false, ""},
		{"served-before-of-the-trace", StrictMissing, true, true, false, ""},
		{"served-before-lenient", LenientMissing, false, true, false, ""},
		{"killed-after-it-was-served", StrictMissing, false, true, true, "authority-over"},
		{"killed-after-it-was-served-of-the-trace", LenientMissing, true, true, true, "authority-over"},
		{"killed-and-not-acted-for", LenientMissing, false, true, true, ""},
		{"killed-and-served-later", StrictMissing, true, false, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, shared := range []bool{false, true} {
				f := newFixture()
				f.Add("stranger", agent.Untrusted)
				f.policy.Missing = c.missing
				f.lineage = lineage.NewLedger(time.Minute)
				theirs := f.lineage
				if shared {
					f.lineage, theirs = paired(t)
				}
				serve := func() *lineage.Call {
					served, err := theirs.Serve(t.Context(), "caller", lineage.Served{
						Trace: lineage.TraceID(trace), Holders: []agent.ID{"stranger"}, Authority: f.own("stranger"),
					}, time.Minute, meshtest.Noon)
					if err != nil {
						t.Fatal(err)
					}
					return served
				}
				call := meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("do it")}
				if c.traced {
					call.Header = http.Header{"Traceparent": {trace}}
				}
				var served *lineage.Call
				if c.before {
					call.To, served = "/agents/weather", serve()
				}
				x := f.decide(t, call, "")
				if x.Verdict.Decision != Allow {
					t.Fatalf("shared %v: the call is denied: %+v", shared, x.Verdict)
				}
				if c.before {
					served.End(nil, meshtest.Noon)
				} else {
					serve()
				}
				if c.killed {
					f.switches = []killswitch.Switch{{Scope: killswitch.Agent, Name: "stranger"}}
				}
				if v := f.governor().Review(t.Context(), x); v.Reason != c.want {
					t.Errorf("shared %v: the review says %+v, want %q", shared, v, c.want)
				}
			}
		})
	}
}

// TestOwnChainsLeaveNothingOut has an agent delegate to itself while it serves an agent in ring 3: what it says of itself
// tells nothing about whom it acts for.
func TestOwnChainsLeaveNothingOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		links []link
		want  string
	}{
		{"to-itself", []link{{from: "caller", to: "caller"}}, "ring-too-low"},
		{"there-and-back", []link{{from: "caller", to: "weather", depth: 1}, {from: "weather", to: "caller"}}, "ring-too-low"},
		{"for-another", []link{{from: "boss", to: "caller"}}, ""},
	} {
		for name, parent := range map[string]string{"traced": trace, "untraced": ""} {
			t.Run(c.name+"-"+name, func(t *testing.T) {
				t.Parallel()
				f := newFixture()
				f.Add("boss", agent.Supervisor)
				f.Add("stranger", agent.Untrusted)
				f.lineage = serving(lineage.Served{
					Trace: lineage.TraceID(trace), Holders: []agent.ID{"stranger"}, Authority: f.own("stranger"),
				})
				header := chainOf(t, c.links...)
				header.Set("Traceparent", parent)
				x := f.decide(t, meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay"), Header: header}, "")
				if x.Verdict.Reason != c.want {
					t.Errorf("%+v with %+v", x.Verdict, x.Chain)
				}
			})
		}
	}
}

// TestGatesBeginAnewForWhatComesAfter has the caller act for another, by a chain or by what it serves, and call through a
// gate of its own: what the callee does then is on behalf of the caller alone.
func TestGatesBeginAnewForWhatComesAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		delegated bool
		gated     bool
		want      []agent.ID
	}{
		{"delegated", true, false, []agent.ID{"boss", "caller"}},
		{"delegated-through-a-gate", true, true, []agent.ID{"caller"}},
		{"linked", false, false, []agent.ID{"boss", "caller"}},
		{"linked-through-a-gate", false, true, []agent.ID{"caller"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, header := chained(t, "boss")
			f.lineage = lineage.NewLedger(time.Minute)
			if !c.delegated {
				header = http.Header{"Traceparent": {trace}}
				f.lineage = serving(lineage.Served{
					Trace: lineage.TraceID(trace), Holders: []agent.ID{"boss"}, Authority: f.own("boss"),
				})
			}
			if c.gated {
				f.gates = gateOf(t, f, gate.Declaration{ID: "pay", Operations: []string{"SendMessage"}, Ring: agent.User, Until: meshtest.Noon.Add(time.Hour)})
				header.Set("Agent-Gate", "pay")
			}
			x := f.decide(t, meshtest.Call{From: "caller", To: "/agents/ledger", Body: meshtest.Send("pay"), Header: header}, "")
			if x.Verdict.Decision != Allow || (x.Chain.Descent == Gated) != c.gated || len(x.Chain.Holders) != 2 {
				t.Fatalf("%+v with %+v", x.Verdict, x.Chain)
			}
			all := f.lineage.All("ledger", meshtest.Noon, nil)
			if len(all) != 1 {
				t.Fatalf("%d calls are served", len(all))
			}
			if diff := cmp.Diff(c.want, all[0].Holders); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
