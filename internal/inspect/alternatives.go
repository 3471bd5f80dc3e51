package inspect

import (
	"regexp/syntax"
	"slices"
)

// alternatives are a long expression and the ways in which it can match, each behind a sieve of its own: the sieve for all has
// too many states to hold much back of what looks like it, and the expression takes time for all its ways where one is open.
// Before its sieve, a way is asked for the pairs of letters that it cannot do without, which are counted once for all ways.
type alternatives struct {
	whole *pattern
	ways  []way
}

// way is one way in which an expression can match.
type way struct {
	*pattern
	needs digrams
}

// maxAlternatives is how many ways of an expression are told apart.
const maxAlternatives = 64

// newAlternatives returns the alternatives of an expression, which has to be valid.
func newAlternatives(expression string) alternatives {
	all := alternatives{whole: newPattern(expression)}
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return all
	}
	ways := alternativesOf(tree)
	if len(ways) > maxAlternatives {
		return all
	}
	for _, one := range ways {
		all.ways = append(all.ways, way{newPattern(one.String()), digramsOf(one)})
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
	if len(a.ways) == 0 {
		return a.whole.Match(b)
	}
	return a.any(b, (*pattern).Match)
}

// may reports whether the sieves let b through.
func (a alternatives) may(b []byte) bool {
	if len(a.ways) == 0 {
		return a.whole.get().sieve.may(b, -1)
	}
	return a.any(b, func(p *pattern, b []byte) bool { return p.get().sieve.may(b, -1) })
}

// any reports whether one of the ways that b has the pairs for says yes.
func (a alternatives) any(b []byte, says func(*pattern, []byte) bool) bool {
	has := digramsIn(b)
	for i := range a.ways {
		if a.ways[i].needs.within(&has) && says(a.ways[i].pattern, b) {
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
