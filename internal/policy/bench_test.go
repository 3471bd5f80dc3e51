package policy

import (
	"fmt"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// benchCall is a call that the first document of every benchmark's set speaks of.
func benchCall() *Call {
	return &Call{
		Caller: "caller-0", CallerOwner: "ops-0", Ring: agent.User, Trust: 500, Assurance: identity.AssuranceAgent, Origin: "caller-0",
		Descent: "own", Callee: "callee-0", CalleeOwner: "finance-0", Method: a2a.SendMessage, Effect: agent.EffectWrite,
		Skill: "pay-0", Action: "transfer-0", Bytes: 100, At: defaultMoment,
	}
}

// ordinary is what an operator writes about one agent.
func ordinary(i int) *Document {
	return &Document{
		Name: fmt.Sprintf("doc-%d", i), File: "bench.yaml", Line: i + 1, Party: CalleeParty,
		Targets: Targets{Agents: []string{fmt.Sprintf("callee-%d", i)}},
		Rules: []Rule{
			{Kind: Permit},
			{Kind: MinTrust, Trust: 300, Narrow: Targets{Effects: []agent.Effect{agent.EffectWrite, agent.EffectAdmin}}},
			{Kind: MaxBody, Bytes: 64 << 10},
			{Kind: RateLimit, Limit: 10, Per: time.Minute, Burst: 20},
			{Kind: Forbid, Narrow: Targets{Actions: []string{"delete*"}}},
		},
	}
}

// forbidding has one rule and what it selects.
func forbidding(i int, s Subjects, t Targets) *Document {
	return &Document{
		Name: fmt.Sprintf("doc-%d", i), File: "bench.yaml", Line: i + 1, Party: CalleeParty, Subjects: s, Targets: t, Rules: []Rule{{Kind: Forbid}},
	}
}

// adversarial are sets that are hard on an index: many documents that share all but one thing.
var adversarial = []struct {
	name string
	make func(i int) *Document
}{
	{"same-target", func(i int) *Document {
		return forbidding(i, Subjects{Agents: []string{fmt.Sprintf("caller-%d", i+1)}}, Targets{Agents: []string{"callee-0"}})
	}},
	{"same-subject", func(i int) *Document {
		return forbidding(i, Subjects{Agents: []string{"caller-0"}}, Targets{Agents: []string{fmt.Sprintf("callee-%d", i+1)}})
	}},
	{"prefixes", func(i int) *Document {
		return forbidding(i, Subjects{Agents: []string{fmt.Sprintf("caller-%d-*", i)}}, Targets{Agents: []string{"callee-*"}})
	}},
	{"suffixes", func(i int) *Document {
		return forbidding(i, Subjects{Agents: []string{fmt.Sprintf("*-%d", i+1)}}, Targets{})
	}},
	{"nested-prefixes", func(i int) *Document {
		long := "caller-0" + fmt.Sprintf("%055d", i)
		return forbidding(i, Subjects{Agents: []string{long[:1+i%60] + fmt.Sprint(i) + "*"}}, Targets{})
	}},
	{"owners", func(i int) *Document {
		return forbidding(i, Subjects{Owners: []string{fmt.Sprintf("ops-%d", i+1)}}, Targets{Owners: []string{"finance-0"}})
	}},
	{"skills", func(i int) *Document {
		return forbidding(i, Subjects{}, Targets{Agents: []string{"callee-0"}, Skills: []string{fmt.Sprintf("pay-%d", i+1)}})
	}},
	{"action-prefixes", func(i int) *Document {
		return forbidding(i, Subjects{}, Targets{Actions: []string{fmt.Sprintf("transfer-%d.*", i+1)}})
	}},
	{"permits-of-others", func(i int) *Document {
		d := forbidding(i, Subjects{Agents: []string{fmt.Sprintf("caller-%d", i+1)}}, Targets{Agents: []string{"callee-0"}})
		d.Rules[0].Kind = Permit
		return d
	}},
	{"cedar", func(i int) *Document {
		d := forbidding(i, Subjects{}, Targets{})
		d.Rules[0] = Rule{Kind: Cedar, Text: fmt.Sprintf(
			`forbid (principal == Agent::"caller-%d", action, resource == Agent::"callee-0") when { context.hops > 2 };`, i+1)}
		return d
	}},
}

func documents(count int, each func(i int) *Document) []*Document {
	docs := make([]*Document, count)
	for i := range docs {
		docs[i] = each(i)
	}
	return docs
}

func compiled(tb testing.TB, docs []*Document) *Set {
	tb.Helper()
	set, problems := Compile(docs, nil)
	if len(problems) > 0 {
		tb.Fatalf("compiling: %v", problems[0])
	}
	return set
}

func decide(b *testing.B, set *Set) {
	c := benchCall()
	b.ReportAllocs()
	for b.Loop() {
		set.Evaluate(c, AllParties)
	}
}

func BenchmarkDecision(b *testing.B) {
	for _, count := range []int{10, 1_000, 100_000} {
		b.Run(fmt.Sprintf("documents-%d", count), func(b *testing.B) { decide(b, compiled(b, documents(count, ordinary))) })
	}
}

func BenchmarkAdversarial(b *testing.B) {
	for _, a := range adversarial {
		b.Run(a.name, func(b *testing.B) { decide(b, compiled(b, documents(100_000, a.make))) })
	}
}

// BenchmarkMode compares what the same documents cost in force and in shadow mode.
func BenchmarkMode(b *testing.B) {
	for _, mode := range []Mode{Enforce, Shadow} {
		b.Run(mode.String(), func(b *testing.B) {
			decide(b, compiled(b, documents(1_000, func(i int) *Document {
				d := ordinary(i)
				d.Mode = mode
				return d
			})))
		})
	}
}

// BenchmarkCedar decides by ten documents whose conditions Cedar has to evaluate each time.
func BenchmarkCedar(b *testing.B) {
	decide(b, compiled(b, documents(10, func(i int) *Document {
		d := forbidding(i, Subjects{}, Targets{Agents: []string{"c*-*0"}})
		d.Rules[0] = Rule{Kind: Cedar, Text: fmt.Sprintf("forbid (principal, action, resource) when { context.hops > %d && context.unchained };", i)}
		return d
	})))
}

// BenchmarkEverything has Cedar read every attribute of the call.
func BenchmarkEverything(b *testing.B) {
	d := forbidding(0, Subjects{}, Targets{})
	d.Rules[0] = Rule{Kind: Cedar, Text: `forbid (principal, action, resource) when {
		context.caller == "x" || context.owner == "x" || context.ring > 3 || context.trust < 0 || context.assurance < 0 ||
		context.origin == "x" || context.hops > 20 || context.unchained || context.descent == "x" };
	forbid (principal, action, resource) when {
		context.callee == "x" || context.calleeOwner == "x" || context.method == "x" || context.effect == "x" || context.skill == "x" ||
		context.action == "x" || !context.declared || context.bytes > 1000000 || context.now < datetime("2020-01-01") };`}
	decide(b, compiled(b, []*Document{d}))
}

func BenchmarkCompile(b *testing.B) {
	docs := documents(10_000, ordinary)
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			compiled(b, docs)
		}
	})
	b.Run("one-changed", func(b *testing.B) {
		before := compiled(b, docs)
		changed := append([]*Document(nil), docs...)
		changed[0] = forbidding(0, Subjects{}, Targets{Agents: []string{"callee-0"}})
		for b.Loop() {
			if _, problems := Recompile(before, changed, nil); len(problems) > 0 {
				b.Fatal(problems[0])
			}
		}
	})
}
