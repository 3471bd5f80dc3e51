package policy

import (
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"ringfence.dev/ringfence/internal/agent"
)

// checkAgents reports the entries of a document without * that name an agent or an owner that there is not: a name that
// is misspelt selects nothing, and nobody would notice. Nil agents are not checked.
func checkAgents(d *Document, agents Agents) []Problem {
	if agents == nil {
		return nil
	}
	c := census{document: d, agents: agents}
	c.check(d.Subjects.Agents, d.Subjects.Owners, "spec", "subjects")
	c.check(d.Targets.Agents, d.Targets.Owners, "spec", "targets")
	for i := range d.Rules {
		rule := &d.Rules[i]
		c.check(rule.Narrow.Agents, rule.Narrow.Owners, "spec", "rules", i, rule.Kind.String())
	}
	return c.problems
}

// census collects what a document names that there is not.
type census struct {
	document *Document
	agents   Agents
	root     *yaml.Node
	problems []Problem
}

func (c *census) check(names, owners []string, path ...any) {
	for i, name := range names {
		if strings.Contains(name, "*") {
			continue
		}
		if _, ok := c.agents.Agent(agent.ID(name)); !ok {
			c.report(append(path, "agents", i), "no agent %q is registered", name)
		}
	}
	for i, name := range owners {
		if !strings.Contains(name, "*") && !c.agents.Owner(agent.Owner(name)) {
			c.report(append(path, "owners", i), "no registered agent has the owner %q", name)
		}
	}
}

func (c *census) report(path []any, reason, name string) {
	c.problems = append(c.problems, Problem{
		File: c.document.File, Line: c.line(path), Document: c.document.Name, Reason: fmt.Sprintf(reason, name),
	})
}

// line finds where an entry stands in the document's source; where there is none, the document's line has to do.
func (c *census) line(path []any) int {
	if c.root == nil {
		if c.root, _ = parseNode(c.document.Source); c.root == nil {
			return c.document.Line
		}
	}
	n := c.root
	for _, step := range path {
		switch step := step.(type) {
		case string:
			n = valueOf(n, step)
		case int:
			if n == nil || step >= len(n.Content) {
				return c.document.Line
			}
			n = n.Content[step]
		}
	}
	if n == nil {
		return c.document.Line
	}
	return c.document.Line + n.Line - c.root.Line
}
