package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/policy"
)

// compiledDocuments is how many documents are read and compiled at once.
const compiledDocuments = 10_000

// judging is how long policies take.
type judging struct {
	// Micros is the time of one decision in each round, by the number of documents.
	Micros map[string][]float64 `json:"micros"`
	// Shadow is that with every document in shadow mode, in turn with Enforced.
	Shadow   []float64 `json:"shadowMicros"`
	Enforced []float64 `json:"enforcedMicros"`
	// Compiled is how long it took, in milliseconds, to read and to compile the documents in each round.
	Compiled []float64 `json:"compiledMillis"`
}

// written returns what an operator writes about one agent.
func written(i int, mode string) string {
	return fmt.Sprintf(`apiVersion: ringfence.dev/v1
kind: Policy
metadata: {name: doc-%d}
spec:
  party: callee
  mode: %s
  targets: {agents: [callee-%d]}
  rules:
    - permit: {}
    - min_trust: {trust: 300, effects: [write, admin]}
    - max_body: 64KiB
    - rate_limit: {requests: 10, per: 1m, burst: 20}
    - forbid: {actions: ["delete*"]}
`, i, mode, i)
}

// documents returns as many of them, read.
func documents(count int, mode string) ([]*policy.Document, error) {
	all := make([]*policy.Document, 0, count)
	for i := range count {
		read, problems := policy.Parse("bench.yaml", []byte(written(i, mode)))
		if len(problems) > 0 {
			return nil, fmt.Errorf("judging policies: %s", problems[0].Reason)
		}
		all = append(all, read...)
	}
	return all, nil
}

func compiled(count int, mode string) (*policy.Set, error) {
	read, err := documents(count, mode)
	if err != nil {
		return nil, err
	}
	set, problems := policy.Compile(read, nil)
	if len(problems) > 0 {
		return nil, fmt.Errorf("judging policies: %s", problems[0].Reason)
	}
	return set, nil
}

// judges times decisions of policies among 10, 1,000 and 100,000 documents, and how long they take to be read. A short run
// leaves out those that take seconds to prepare.
func judges(rounds int, short bool) (judging, error) {
	counts := []int{10, 1_000, 100_000}
	if short {
		counts = counts[:2]
	}
	call := policy.Call{
		Caller: "caller", CallerOwner: "ops", Ring: agent.User, Trust: 500, Assurance: identity.AssuranceAgent, Origin: "caller",
		Descent: "own", Callee: "callee-7", CalleeOwner: "finance", Method: a2a.SendMessage, Effect: agent.EffectWrite,
		Skill: "pay", Action: "transfer", Bytes: 1 << 10, At: time.Now(),
	}
	judged := judging{Micros: map[string][]float64{}}
	for _, count := range counts {
		set, err := compiled(count, "enforce")
		if err != nil {
			return judging{}, err
		}
		if set.Evaluate(&call, policy.AllParties).Decision != policy.Allow {
			return judging{}, fmt.Errorf("judging policies: %d documents refuse the call", count)
		}
		runtime.GC()
		for range rounds {
			took := timePass(func() { set.Evaluate(&call, policy.AllParties) })
			judged.Micros[fmt.Sprint(count)] = append(judged.Micros[fmt.Sprint(count)], took)
		}
	}
	if err := judged.shadows(rounds, &call); err != nil {
		return judging{}, err
	}
	if short {
		return judged, nil
	}
	return judged, judged.compiles(rounds)
}

// shadows times the same documents in force and in shadow mode, in turn.
func (j *judging) shadows(rounds int, call *policy.Call) error {
	enforced, err := compiled(1_000, "enforce")
	if err != nil {
		return err
	}
	shadow, err := compiled(1_000, "shadow")
	if err != nil {
		return err
	}
	for range rounds {
		j.Enforced = append(j.Enforced, timePass(func() { enforced.Evaluate(call, policy.AllParties) }))
		j.Shadow = append(j.Shadow, timePass(func() { shadow.Evaluate(call, policy.AllParties) }))
	}
	return nil
}

// compiles times reading and compiling many documents, in one file as a directory may hold them.
func (j *judging) compiles(rounds int) error {
	var text strings.Builder
	for i := range compiledDocuments {
		text.WriteString("---\n" + written(i, "enforce"))
	}
	for range rounds {
		began := time.Now()
		read, problems := policy.Parse("bench.yaml", []byte(text.String()))
		if len(problems) == 0 {
			_, problems = policy.Compile(read, nil)
		}
		if len(problems) > 0 || len(read) != compiledDocuments {
			return fmt.Errorf("judging policies: %d documents, %v", len(read), problems)
		}
		j.Compiled = append(j.Compiled, float64(time.Since(began).Microseconds())/1e3)
	}
	return nil
}

// judgingFigures are those of policies.
func judgingFigures(j judging) []figure {
	var list []figure
	for _, one := range []struct {
		count string
		most  float64
	}{{"10", mostPolicies10}, {"1000", mostPolicies1000}, {"100000", mostPolicies100000}} {
		if len(j.Micros[one.count]) == 0 {
			continue // in a short run
		}
		list = append(list, newFigure("policies-"+one.count, median(j.Micros[one.count]), "µs").below(one.most))
	}
	list = append(list, newFigure("policies-shadow-ratio", median(pairwise(j.Shadow, j.Enforced, quotient)), "of the same in force").below(mostShadow))
	if len(j.Compiled) == 0 {
		return list
	}
	return append(list, newFigure("policies-10000-loaded", median(j.Compiled), "ms").below(mostCompiled))
}
