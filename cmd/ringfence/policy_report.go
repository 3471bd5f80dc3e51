package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/rulebook"
)

// policyReport says how documents do by themselves.
type policyReport struct {
	OK       bool            `json:"ok" doc:"That every document is accepted and every test passes."`
	Policies int             `json:"policies" doc:"How many documents were read."`
	Tests    []policyTested  `json:"tests" doc:"The documents' own tests."`
	Problems []policyProblem `json:"problems" doc:"What else is wrong."`
}

// policyTested is one test.
type policyTested struct {
	Policy string `json:"policy" doc:"The document."`
	Test   string `json:"test" doc:"The test's name."`
	File   string `json:"file,omitempty" doc:"The file."`
	Line   int    `json:"line" doc:"Where it begins."`
	Result string `json:"result" enum:"pass,fail,skip" doc:"skip: the document is refused, so that it was not run."`
	Reason string `json:"reason,omitempty" doc:"Why it fails."`
}

// reportOn judges documents by themselves. Problems are those that they were read with.
func reportOn(documents []*policy.Document, problems []policy.Problem, agents policy.Agents) policyReport {
	_, judged := rulebook.Judge(documents, agents)
	r := policyReport{Policies: len(documents), Tests: []policyTested{}, OK: len(problems)+len(judged) == 0}
	type test struct{ policy, name string }
	failed, others := map[test]string{}, slices.Clone(problems)
	refused := map[string]bool{}
	for _, p := range judged {
		if p.Test != "" {
			failed[test{p.Document, p.Test}] = p.Reason
			continue
		}
		others, refused[p.Document] = append(others, p), true
	}
	r.Problems = problemsOf(others)
	for _, d := range documents {
		for _, t := range d.Tests {
			tested := policyTested{Policy: d.Name, Test: t.Name, File: d.File, Line: t.Line, Result: "pass"}
			if refused[d.Name] {
				tested.Result = "skip"
			}
			if reason, ok := failed[test{d.Name, t.Name}]; ok {
				tested.Result = "fail"
				tested.Reason = strings.TrimPrefix(reason, fmt.Sprintf("test %q: ", t.Name))
			}
			r.Tests = append(r.Tests, tested)
		}
	}
	return r
}

// print writes each test and each problem in a line, and a summary.
func (r policyReport) print(out io.Writer) error {
	counts := map[string]int{}
	for _, t := range r.Tests {
		counts[t.Result]++
		line := fmt.Sprintf("%s  %s: %s", strings.ToUpper(t.Result), t.Policy, t.Test)
		if t.Reason != "" {
			line += fmt.Sprintf("\n      %s:%d: %s", t.File, t.Line, t.Reason)
		}
		fmt.Fprintln(out, line)
	}
	for _, p := range r.Problems {
		fmt.Fprintln(out, p)
	}
	_, err := fmt.Fprintf(out, "%s, %s: %d passed, %d failed, %d not run; %s\n", counted(r.Policies, "policy", "policies"),
		counted(len(r.Tests), "test", "tests"), counts["pass"], counts["fail"], counts["skip"], counted(len(r.Problems), "other problem", "other problems"))
	return err
}

// counted writes a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
