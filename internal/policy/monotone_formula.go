package policy

import (
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// formula is a condition as what it depends on: how the caller stands, exactly, and facts of which nothing is known.
type formula struct {
	root term
	// atoms are the facts. The same expression is the same fact.
	atoms []ast.IsNode
	// scores are the numbers that trust is compared with; asked are the attributes that the formula compares.
	scores []int64
	asked  attributes
}

// term is part of a formula. Facts has a bit for each atom that is true.
type term interface {
	holds(s standing, facts uint32) bool
}

type (
	constant bool
	fact     int
	negation struct{ of term }
	either   struct{ a, b term }
	both     struct{ a, b term }
	choosing struct{ condition, yes, no term }
	// comparison holds if the attribute is below the number, or below or equal to it.
	comparison struct {
		attribute
		orEqual bool
		number  int64
	}
	// listing holds if the attribute is one of the numbers.
	listing struct {
		attribute
		numbers []int64
	}
)

func (t constant) holds(standing, uint32) bool         { return bool(t) }
func (t fact) holds(_ standing, facts uint32) bool     { return facts&(1<<t) != 0 }
func (t negation) holds(s standing, facts uint32) bool { return !t.of.holds(s, facts) }
func (t either) holds(s standing, facts uint32) bool {
	return t.a.holds(s, facts) || t.b.holds(s, facts)
}

func (t both) holds(s standing, facts uint32) bool { return t.a.holds(s, facts) && t.b.holds(s, facts) }

func (t choosing) holds(s standing, facts uint32) bool {
	if t.condition.holds(s, facts) {
		return t.yes.holds(s, facts)
	}
	return t.no.holds(s, facts)
}

func (t comparison) holds(s standing, _ uint32) bool {
	v, _ := s.of(t.attribute)
	return v < t.number || t.orEqual && v == t.number
}

func (t listing) holds(s standing, _ uint32) bool {
	v, _ := s.of(t.attribute)
	return slices.Contains(t.numbers, v)
}

// newFormula returns the conjunction of conditions, or why it cannot be checked.
func newFormula(conditions []ast.IsNode) (*formula, string) {
	f := &formula{root: constant(true)}
	for _, n := range conditions {
		t, reason := f.term(n)
		if reason != "" {
			return nil, reason
		}
		f.root = both{f.root, t}
	}
	return f, ""
}

func (f *formula) term(n ast.IsNode) (term, string) {
	switch n := n.(type) {
	case ast.NodeValue:
		if b, ok := n.Value.(types.Boolean); ok {
			return constant(b), ""
		}
	case ast.NodeTypeNot:
		t, reason := f.term(n.Arg)
		return negation{t}, reason
	case ast.NodeTypeAnd:
		return f.two(n.Left, n.Right, func(a, b term) term { return both{a, b} })
	case ast.NodeTypeOr:
		return f.two(n.Left, n.Right, func(a, b term) term { return either{a, b} })
	case ast.NodeTypeIfThenElse:
		condition, reason := f.term(n.If)
		if reason != "" {
			return nil, reason
		}
		return f.two(n.Then, n.Else, func(a, b term) term { return choosing{condition, a, b} })
	case ast.NodeTypeHas:
		if s, _ := asks(n); s != 0 {
			return constant(true), ""
		}
	case ast.NodeTypeIs:
		if v, ok := n.Left.(ast.NodeTypeVariable); ok && v.Name != "action" {
			return constant(n.EntityType == agentType), ""
		}
	case ast.NodeTypeNotEquals:
		t, reason := f.term(ast.NodeTypeEquals(n))
		return negation{t}, reason
	case ast.NodeTypeGreaterThan:
		t, reason := f.compare(n.BinaryNode, true)
		return negation{t}, reason
	case ast.NodeTypeGreaterThanOrEqual:
		t, reason := f.compare(n.BinaryNode, false)
		return negation{t}, reason
	case ast.NodeTypeLessThan:
		return f.compare(n.BinaryNode, false)
	case ast.NodeTypeLessThanOrEqual:
		return f.compare(n.BinaryNode, true)
	case ast.NodeTypeEquals:
		return f.equal(n)
	case ast.NodeTypeContains:
		return f.contains(n)
	}
	return f.atom(n)
}

func (f *formula) two(left, right ast.IsNode, join func(a, b term) term) (term, string) {
	a, reason := f.term(left)
	if reason != "" {
		return nil, reason
	}
	b, reason := f.term(right)
	return join(a, b), reason
}

// compare returns left < right, or left <= right.
func (f *formula) compare(n ast.BinaryNode, orEqual bool) (term, string) {
	if a, number, ok := f.compared(n.Left, n.Right); ok {
		return comparison{a, orEqual, number}, ""
	}
	if a, number, ok := f.compared(n.Right, n.Left); ok {
		return negation{comparison{a, !orEqual, number}}, ""
	}
	if orEqual {
		return f.atom(ast.NodeTypeLessThanOrEqual{BinaryNode: n})
	}
	return f.atom(ast.NodeTypeLessThan{BinaryNode: n})
}

func (f *formula) equal(n ast.NodeTypeEquals) (term, string) {
	if a, number, ok := f.compared(n.Left, n.Right); ok {
		return listing{a, []int64{number}}, ""
	}
	if a, number, ok := f.compared(n.Right, n.Left); ok {
		return listing{a, []int64{number}}, ""
	}
	return f.atom(n)
}

// contains returns [n, ...].contains(attribute).
func (f *formula) contains(n ast.NodeTypeContains) (term, string) {
	var numbers []int64
	add := func(v ast.IsNode) bool {
		number, ok := literal(v)
		numbers = append(numbers, number)
		return ok
	}
	allNumbers := true
	switch set := n.Left.(type) {
	case ast.NodeTypeSet:
		for _, v := range set.Elements {
			allNumbers = allNumbers && add(v)
		}
	case ast.NodeValue:
		values, ok := set.Value.(types.Set)
		allNumbers = ok
		for v := range values.All() {
			allNumbers = allNumbers && add(ast.NodeValue{Value: v})
		}
	default:
		allNumbers = false
	}
	if a, ok := standingOf(n.Right); ok && allNumbers {
		for _, number := range numbers {
			f.note(a, number)
		}
		return listing{a, numbers}, ""
	}
	return f.atom(n)
}

// compared returns the attribute of how a caller stands, and the number, that two expressions are.
func (f *formula) compared(left, right ast.IsNode) (a attribute, number int64, ok bool) {
	if a, ok = standingOf(left); !ok {
		return 0, 0, false
	}
	if number, ok = literal(right); ok {
		f.note(a, number)
	}
	return a, number, ok
}

func (f *formula) note(a attribute, number int64) {
	f.asked |= 1 << a
	if a == trustAttribute {
		f.scores = append(f.scores, number)
	}
}

func standingOf(n ast.IsNode) (attribute, bool) {
	access, ok := n.(ast.NodeTypeAccess)
	if !ok || !isContext(access.Arg) {
		return 0, false
	}
	a, ok := attributeNamed(access.Value)
	if ok {
		_, ok = standing{}.of(a)
	}
	return a, ok
}

// atom returns the fact that an expression is, which has to say nothing of how the caller stands.
func (f *formula) atom(n ast.IsNode) (term, string) {
	if s, _ := asks(n); s&standingAttributes != 0 {
		return nil, "compares ring, trust or assurance with something else than a number, and cannot be checked"
	}
	for i, a := range f.atoms {
		if ast.Equal(ast.NewNode(a), ast.NewNode(n)) {
			return fact(i), ""
		}
	}
	if len(f.atoms) == maxAtoms {
		return nil, tooComplex
	}
	f.atoms = append(f.atoms, n)
	return fact(len(f.atoms) - 1), ""
}

// literal returns the number that an expression is.
func literal(n ast.IsNode) (int64, bool) {
	v, ok := n.(ast.NodeValue)
	if !ok {
		return 0, false
	}
	l, ok := v.Value.(types.Long)
	return int64(l), ok
}
