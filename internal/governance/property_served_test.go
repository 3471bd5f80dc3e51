package governance

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/lineage"
	"ringfence.dev/ringfence/internal/meshtest"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/task"
)

// gateOf returns the image of the gates from caller to ledger that are declared so, all of them open.
func gateOf(t *testing.T, f *fixture, gates ...gate.Declaration) gate.Image {
	t.Helper()
	memory := store.NewMemory(f.clock)
	t.Cleanup(func() { memory.Close() })
	bucket, err := memory.Bucket(t.Context(), gate.BucketName)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := gate.Open(t.Context(), gate.Config{
		Bucket: bucket, Now: f.clock, Logger: slog.New(slog.DiscardHandler),
		Agent: func(id agent.ID) (*agent.Record, bool) { record, ok := f.Records[id]; return record, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ledger.Close)
	for _, d := range gates {
		d.From, d.To = "caller", "ledger"
		declared, err := ledger.Declare(t.Context(), d, "Ada")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Accept(t.Context(), d.ID, declared.Digest(), "Grace"); err != nil {
			t.Fatal(err)
		}
	}
	return ledger.Image()
}

// gates are one for each ring, for two operations.
func gates() []gate.Declaration {
	var all []gate.Declaration
	for _, ring := range rings {
		for verb, operation := range map[string]string{"read": "read", "send": "SendMessage"} {
			all = append(all, gate.Declaration{
				ID: agent.ID(verb + "-" + ring.String()), Operations: []string{operation}, Ring: ring, Until: meshtest.Noon.Add(time.Hour),
			})
		}
	}
	return all
}

// TestGatesStayWithinTheirOwners goes through gates of every ring, every score of the caller that owns them, with and
// without somebody in ring 3 that it acts for, and all that a callee can ask for (P10): what passes is within the caller's
// own authority and within the gate, and a gate that is taken away lets nothing through that was denied.
func TestGatesStayWithinTheirOwners(t *testing.T) {
	t.Parallel()
	f, header := chained(t, "boss")
	f.stands("caller", agent.Kernel, agent.MaxTrust)
	open := gateOf(t, f, gates()...)
	own := ask(t, f, nil)
	for _, g := range gates() {
		header := header.Clone()
		header.Set("Agent-Gate", string(g.ID))
		through := ask(t, f, header)
		f.stands("boss", agent.User, agent.TrustUser)
		for _, d := range demands() {
			f.demanding(d)
			for _, score := range trusts {
				f.stands("caller", agent.Kernel, score)
				f.gates = open
				x, alone := through.decide(), own.decide()
				covered := g.Operations[0] != "read" || d.effect == agent.EffectRead
				want := alone.Verdict.Decision == Allow && covered && d.met(min(g.Ring, score.Ring()), score)
				if (x.Verdict.Decision == Allow) != want || x.Chain.Descent != Gated || x.Chain.Gate != string(g.ID) {
					t.Fatalf("gate %s, score %d, demand %+v: %+v, alone %+v", g.ID, score, d, x.Verdict, alone.Verdict)
				}
				if x.Authority.Ring > min(g.Ring, alone.Authority.Ring) || x.Authority.Trust > alone.Authority.Trust ||
					x.Authority.Until.After(g.Until) || x.Authority.Depth > alone.Authority.Depth {
					t.Fatalf("gate %s, score %d: %+v, alone %+v", g.ID, score, x.Authority, alone.Authority)
				}
				if f.gates = (gate.Image{}); score == agent.MaxTrust && through.decide().Verdict.Decision != Deny {
					t.Fatalf("without the gate %s its calls are let through", g.ID)
				}
			}
		}
	}
}

// drawnServing has caller serve drawn calls, with or without a trace, and returns them.
func drawnServing(random *rand.Rand, f *fixture) []lineage.Served {
	var calls []lineage.Served
	for range random.IntN(4) {
		holder := []agent.ID{"boss", "clerk", "weather"}[random.IntN(3)]
		a := f.own(holder)
		a.Ring, a.Trust = min(a.Ring, rings[random.IntN(len(rings))]), trusts[random.IntN(len(trusts))]
		a.Scope = append(a.Scope, scopes[random.IntN(len(scopes))])
		if random.IntN(8) == 0 {
			a.Until = meshtest.Noon
		}
		served := lineage.Served{Holders: []agent.ID{holder}, Authority: a}
		if random.IntN(3) == 0 {
			served.Trace = lineage.TraceID(trace)
		}
		calls = append(calls, served)
	}
	return calls
}

func serving(calls ...lineage.Served) *lineage.Ledger {
	ledger := lineage.NewLedger(time.Hour)
	for _, c := range calls {
		ledger.Begin("caller", c, meshtest.Noon)
	}
	return ledger
}

// TestUnchainedCallsStayBelowTheLowWaterMark draws what a caller serves (P14). In strict mode a call that says for nobody
// it is made is let through if and only if it would be for each that the caller serves; with the trace of some of them,
// for each of those. Its authority exceeds none of theirs.
func TestUnchainedCallsStayBelowTheLowWaterMark(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(31, 32))
	seen := map[Descent]int{}
	for range 300 {
		f := newFixture()
		for _, name := range []agent.ID{"boss", "clerk", "weather", "caller"} {
			f.Add(name, agent.Kernel)
			f.stands(name, agent.Kernel, trusts[random.IntN(len(trusts))])
		}
		f.demanding(demands()[random.IntN(len(demands()))])
		calls := drawnServing(random, f)
		header, counted := http.Header{}, calls
		if random.IntN(2) == 0 {
			header.Set("Traceparent", trace)
			if traced := slices.DeleteFunc(slices.Clone(calls), func(c lineage.Served) bool { return c.Trace == "" }); len(traced) > 0 {
				counted = traced
			}
		}
		decide := func(calls ...lineage.Served) *Exchange {
			f.lineage = serving(calls...)
			return ask(t, f, header).decide()
		}
		x, want := decide(calls...), decide().Verdict.Decision
		for _, c := range counted {
			want = min(want, decide(c).Verdict.Decision)
			if x.Authority.Ring > c.Authority.Ring || x.Authority.Trust > c.Authority.Trust || x.Authority.Until.After(c.Authority.Until) || x.Authority.Depth > c.Authority.Depth {
				t.Fatalf("serving %+v the caller has %+v", c, x.Authority)
			}
		}
		if x.Verdict.Decision != want {
			t.Fatalf("serving %+v: %+v, want %s", calls, x.Verdict, want)
		}
		if x.Verdict.Decision == Allow {
			seen[x.Chain.Descent]++
		}
	}
	if seen[Own] < 10 || seen[Linked] < 5 || seen[LowWater] < 5 {
		t.Errorf("the test says little: %v", seen)
	}
}

// TestDelegatesReachTheTasksOfTheirRoots pins the one thing that a chain adds (beside P2): with it, a caller may ask for the
// tasks of those who delegated to it, within the chain's authority. Neither a trace nor a gate adds it.
func TestDelegatesReachTheTasksOfTheirRoots(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		delegated, served, gated bool
		want                     Decision
	}{
		"by-itself": {false, false, false, Deny}, "delegated": {true, false, false, Allow},
		"linked": {false, true, false, Deny}, "gated": {true, false, true, Deny},
	} {
		f, header := chained(t, "boss")
		f.tasks = knowing()
		f.tasks.owners[task.Ref{Callee: "ledger", Task: "boss's"}] = task.Owner{Agent: "boss", Created: meshtest.Noon}
		if !c.delegated {
			header = http.Header{}
		}
		if c.gated {
			f.gates = gateOf(t, f, gate.Declaration{ID: "tasks", Operations: []string{"GetTask"}, Ring: agent.User, Until: meshtest.Noon.Add(time.Hour)})
			header.Set("Agent-Gate", "tasks")
		}
		if c.served {
			f.lineage = serving(lineage.Served{Trace: lineage.TraceID(trace), Holders: []agent.ID{"boss"}, Authority: f.own("boss")})
			header.Set("Traceparent", trace)
		}
		x := f.signed(t, &draft{call: meshtest.Call{From: "caller", To: "/agents/ledger", Header: header}, raw: call("GetTask", `{"id":"boss's"}`)})
		if v := x.by(f.governor()).Verdict; v.Decision != c.want || v.Decision == Deny && v.Reason != "task-not-found" {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
