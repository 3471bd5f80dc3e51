package policy

import (
	"math/big"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

const millisPerDay = 24 * 60 * 60 * 1000

// span is between which numbers the value of an expression lies, both included; times are in milliseconds.
type span struct{ low, high *big.Int }

func spanOf(low, high int64) span { return span{big.NewInt(low), big.NewInt(high)} }

// fits reports whether all of the span are numbers that Cedar can hold.
func (s span) fits() bool { return s.low.IsInt64() && s.high.IsInt64() }

// hull returns the span of all the numbers.
func hull(numbers ...*big.Int) span {
	s := span{numbers[0], numbers[0]}
	for _, n := range numbers[1:] {
		if n.Cmp(s.low) < 0 {
			s.low = n
		}
		if n.Cmp(s.high) > 0 {
			s.high = n
		}
	}
	return s
}

// known are the spans of the attributes that are numbers or times.
var known = map[types.String]span{
	vocabulary[ringAttribute].name:      spanOf(0, 3),
	vocabulary[trustAttribute].name:     spanOf(0, int64(agent.MaxTrust)),
	vocabulary[assuranceAttribute].name: spanOf(0, int64(identity.AssuranceAgent)),
	vocabulary[hopsAttribute].name:      spanOf(0, mostHops),
	vocabulary[bytesAttribute].name:     spanOf(0, mostBytes),
	vocabulary[nowAttribute].name:       spanOf(firstNow, lastNow),
}

// checkArithmetic reports why an expression could overflow, which is an error while a call is decided; empty if it cannot.
func checkArithmetic(n ast.IsNode) string {
	var reason string
	ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
		if reason == "" && calculates(n) {
			if _, ok := rangeOf(n); !ok {
				reason = "its arithmetic could overflow, or its bounds cannot be told; compare attributes with numbers instead"
			}
		}
		return reason == ""
	})
	return reason
}

func calculates(n ast.IsNode) bool {
	switch n := n.(type) {
	case ast.NodeTypeAdd, ast.NodeTypeSub, ast.NodeTypeMult, ast.NodeTypeNegate:
		return true
	case ast.NodeTypeExtensionCall:
		switch n.Name {
		case "offset", "durationSince", "toDate", "toTime":
			return true
		}
	}
	return false
}

// rangeOf returns between which numbers the value of an expression lies; ok says that all of its steps are bounded.
func rangeOf(n ast.IsNode) (s span, ok bool) {
	switch n := n.(type) {
	case ast.NodeValue:
		l, ok := n.Value.(types.Long)
		return spanOf(int64(l), int64(l)), ok
	case ast.NodeTypeAccess:
		s, ok := known[n.Value]
		return s, ok && isContext(n.Arg)
	case ast.NodeTypeAdd:
		return combine(n.Left, n.Right, func(a, b span) span { return hull(sum(a.low, b.low), sum(a.high, b.high)) })
	case ast.NodeTypeSub:
		return combine(n.Left, n.Right, difference)
	case ast.NodeTypeMult:
		return combine(n.Left, n.Right, func(a, b span) span {
			return hull(product(a.low, b.low), product(a.low, b.high), product(a.high, b.low), product(a.high, b.high))
		})
	case ast.NodeTypeNegate:
		return combine(n.Arg, ast.NodeValue{Value: types.Long(0)}, func(a, b span) span { return difference(b, a) })
	case ast.NodeTypeIfThenElse:
		return combine(n.Then, n.Else, func(a, b span) span { return hull(a.low, a.high, b.low, b.high) })
	case ast.NodeTypeExtensionCall:
		return rangeOfCall(n)
	}
	return span{}, false
}

func rangeOfCall(n ast.NodeTypeExtensionCall) (s span, ok bool) {
	if len(n.Args) == 2 {
		switch n.Name {
		case "offset":
			return combine(n.Args[0], n.Args[1], func(a, b span) span { return hull(sum(a.low, b.low), sum(a.high, b.high)) })
		case "durationSince":
			return combine(n.Args[0], n.Args[1], difference)
		}
	}
	if len(n.Args) != 1 {
		return span{}, false
	}
	switch n.Name {
	case "datetime", "duration":
		return rangeOfTime(n)
	case "toTime":
		_, ok := rangeOf(n.Args[0])
		return spanOf(-millisPerDay, millisPerDay), ok
	case "toDate":
		day := ast.NodeValue{Value: types.Long(millisPerDay)}
		return combine(n.Args[0], day, func(a, b span) span { return hull(difference(a, b).low, sum(a.high, b.high)) })
	case "toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays":
		s, ok := rangeOf(n.Args[0])
		if !ok {
			return span{}, false
		}
		return hull(s.low, s.high, big.NewInt(0)), true
	}
	return span{}, false
}

// rangeOfTime returns the span of a literal time, which the schema's check has read before.
func rangeOfTime(n ast.NodeTypeExtensionCall) (s span, ok bool) {
	literal, ok := n.Args[0].(ast.NodeValue)
	if !ok {
		return span{}, false
	}
	text, ok := literal.Value.(types.String)
	if !ok {
		return span{}, false
	}
	if n.Name == "duration" {
		d, err := types.ParseDuration(string(text))
		return spanOf(d.ToMilliseconds(), d.ToMilliseconds()), err == nil
	}
	d, err := types.ParseDatetime(string(text))
	return spanOf(d.Milliseconds(), d.Milliseconds()), err == nil
}

func combine(left, right ast.IsNode, by func(a, b span) span) (s span, ok bool) {
	a, ok := rangeOf(left)
	if !ok {
		return span{}, false
	}
	b, ok := rangeOf(right)
	if !ok {
		return span{}, false
	}
	s = by(a, b)
	return s, s.fits()
}

func sum(a, b *big.Int) *big.Int     { return new(big.Int).Add(a, b) }
func product(a, b *big.Int) *big.Int { return new(big.Int).Mul(a, b) }
func difference(a, b span) span {
	return span{new(big.Int).Sub(a.low, b.high), new(big.Int).Sub(a.high, b.low)}
}
