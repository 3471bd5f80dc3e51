package inspect

import (
	"slices"

	"ringfence.dev/ringfence/internal/a2a"
)

// RuleInfo describes one rule in force to those who look after rules. It decides nothing.
type RuleInfo struct {
	ID, Class string
	Severity  Severity
	Action    Action
	// Directions are those in which the rule applies, in the order of their constants; empty means all.
	Directions []Direction
	// Layer is which of the layers that Load was given the rule is from, File its file there, and Line where it begins.
	Layer int
	File  string
	Line  int
	// Hits and Misses are how many examples the rule was tried on.
	Hits, Misses int
}

// Rules describes the rules in force, sorted by id.
func (s *Set) Rules() []RuleInfo {
	if s == nil {
		return nil
	}
	all := slices.Clone(s.catalogue)
	for i := range all {
		all[i].Directions = slices.Clone(all[i].Directions)
	}
	return all
}

// info describes the rule r that d was compiled to.
func (d *draft) info(r *rule) RuleInfo {
	i := RuleInfo{
		ID: d.id, Class: d.class, Severity: r.severity, Action: r.action,
		Layer: d.layer, File: d.file, Line: d.line, Hits: len(d.hits), Misses: len(d.misses),
	}
	for _, t := range d.directions {
		i.Directions = append(i.Directions, directions[t.text])
	}
	slices.Sort(i.Directions)
	return i
}

// ParseKind returns the kind of text of a name, as rule files use it.
func ParseKind(name string) (a2a.Kind, bool) {
	k, ok := textKinds[name]
	return k, ok
}
