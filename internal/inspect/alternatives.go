package inspect

import (
	"regexp/syntax"
	"slices"
)

// alternatives are the ways in which a long expression can match, each behind a sieve of its own: one sieve for all would
// have too many states to hold much back, and an expression takes time for all its ways where one is open.
type alternatives []*pattern

// maxAlternatives is how many ways of an expression are told apart.
const maxAlternatives = 64

// newAlternatives returns the alternatives of an expression, which has to be valid.
func newAlternatives(expression string) alternatives {
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return alternatives{newPattern(expression)}
	}
	ways := alternativesOf(tree)
	if len(ways) > maxAlternatives {
		return alternatives{newPattern(expression)}
	}
	var all alternatives
	for _, way := range ways {
		all = append(all, newPattern(way.String()))
	}
	return all
}

// alternativesOf returns expressions of which one matches wherever the expression does: those that it is a choice of at its
// end, but for a border.
func alternativesOf(tree *syntax.Regexp) []*syntax.Regexp {
	switch tree.Op {
	case syntax.OpAlternate:
		var all []*syntax.Regexp
		for _, sub := range tree.Sub {
			all = append(all, alternativesOf(sub)...)
		}
		return all
	case syntax.OpConcat:
		last := len(tree.Sub) - 1
		for last > 0 && borderOp(tree.Sub[last].Op) {
			last--
		}
		var all []*syntax.Regexp
		for _, end := range alternativesOf(tree.Sub[last]) {
			way := *tree
			way.Sub = slices.Concat(tree.Sub[:last], []*syntax.Regexp{end}, tree.Sub[last+1:])
			all = append(all, &way)
		}
		return all
	}
	return []*syntax.Regexp{tree}
}

// Match reports whether the expression matches anywhere in b.
func (a alternatives) Match(b []byte) bool {
	for i := range a {
		if a[i].Match(b) {
			return true
		}
	}
	return false
}

// may reports whether the sieve of any way lets b through.
func (a alternatives) may(b []byte) bool {
	for i := range a {
		if a[i].get().sieve.may(b, -1) {
			return true
		}
	}
	return false
}

// MatchString reports whether the expression matches anywhere in s.
func (a alternatives) MatchString(s string) bool { return a.Match([]byte(s)) }

// borderOp reports whether an operation takes no characters.
func borderOp(op syntax.Op) bool {
	switch op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	return false
}
