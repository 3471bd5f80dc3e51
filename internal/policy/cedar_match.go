package policy

import (
	"iter"

	cedar "github.com/cedar-policy/cedar-go"
	public "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// matcher is a condition that Cedar decides. It is compiled as a permit, whatever follows from it: Cedar then tells of
// each condition by itself whether it holds or cannot be evaluated. Its own combination of permits and forbids is not
// asked, as it passes over a forbid that cannot be evaluated.
type matcher struct {
	id     cedar.PolicyID
	policy *cedar.Policy
	asks   attributes
}

// newMatcher compiles the scope and the conditions of a policy, and further conditions before them. It is nil where
// there is nothing to decide.
func newMatcher(id string, p *ast.Policy, before []ast.IsNode) *matcher {
	compiled := ast.Permit()
	if p != nil {
		compiled.Principal, compiled.Action, compiled.Resource = p.Principal, p.Action, p.Resource
	}
	m := &matcher{id: cedar.PolicyID(id)}
	for _, n := range before {
		compiled.When(ast.NewNode(n))
		s, _ := asks(n)
		m.asks |= s
	}
	if p != nil {
		compiled.Conditions = append(compiled.Conditions, p.Conditions...)
		for _, c := range p.Conditions {
			s, _ := asks(c.Body)
			m.asks |= s
		}
	} else if len(before) == 0 {
		return nil
	}
	m.policy = cedar.NewPolicyFromAST((*public.Policy)(compiled))
	return m
}

// answer is what became of a condition. The zero value is an error.
type answer uint8

const (
	undecided answer = iota
	unmatched
	matched
)

// matchers are conditions that Cedar decides together.
type matchers []*matcher

// All implements cedar.PolicyIterator.
func (m matchers) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, one := range m {
			if !yield(one.id, one.policy) {
				return
			}
		}
	}
}

// decide answers each condition for the call. The identifiers of the conditions have to differ. A condition of which
// Cedar says nothing does not hold; what Cedar says of no condition that it was asked leaves all undecided.
func (m matchers) decide(c *Call, answers []answer) {
	var needed attributes
	for _, one := range m {
		needed |= one.asks
	}
	request := cedar.Request{
		Principal: types.NewEntityUID(agentType, types.String(c.Caller)),
		Action:    types.NewEntityUID(actionType, types.String(c.Method)),
		Resource:  types.NewEntityUID(agentType, types.String(c.Callee)),
	}
	if needed != 0 {
		request.Context = needed.record(c)
	}
	_, told := cedar.Authorize(m, nil, request)
	reasons, errors := told.Reasons, told.Errors
	for i, one := range m {
		switch {
		case len(errors) > 0 && errors[0].PolicyID == one.id:
			answers[i], errors = undecided, errors[1:]
		case len(reasons) > 0 && reasons[0].PolicyID == one.id:
			answers[i], reasons = matched, reasons[1:]
		default:
			answers[i] = unmatched
		}
	}
	if len(reasons) > 0 || len(errors) > 0 {
		clear(answers[:len(m)])
	}
}
