package policy

import (
	"bytes"
	"cmp"
	"slices"

	cedar "github.com/cedar-policy/cedar-go"
	public "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"ringfence.dev/ringfence/internal/a2a"
)

// Explanation is why a set says of a call what it does. The same set and call give the same explanation, byte for byte as
// JSON.
type Explanation struct {
	// Epoch is that of the set.
	Epoch string `json:"epoch"`
	// Decision and Refusal are those of Evaluate, Shadowed is what documents in shadow mode would have refused.
	Decision Decision           `json:"decision"`
	Refusal  *RefusalTold       `json:"refusal,omitempty"`
	Shadowed []RefusalTold      `json:"shadowed,omitempty"`
	Parties  []PartyExplanation `json:"parties"`
}

// RefusalTold is a refusal as it is written for people.
type RefusalTold struct {
	Party  Party  `json:"party,omitempty"`
	Policy string `json:"policy,omitempty"`
	// Rule is the rule's place in the document, from 0, and -1 for the document as a whole.
	Rule    int    `json:"rule"`
	Kind    Kind   `json:"kind,omitempty"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// PartyExplanation is what one party says, taken alone.
type PartyExplanation struct {
	Party    Party    `json:"party"`
	Decision Decision `json:"decision"`
	// ClosedBy is the document by which something has to permit the call; empty where the party is open.
	ClosedBy string `json:"closedBy,omitempty"`
	// Documents is how many documents the party has. Rules are those that can speak of the call by what they name; the
	// others name other agents, owners, skills or actions.
	Documents int               `json:"documents"`
	Rules     []RuleExplanation `json:"rules,omitempty"`
}

// RuleExplanation is what a rule says; of a Cedar rule, what one policy in its text does.
type RuleExplanation struct {
	Policy string `json:"policy"`
	Rule   int    `json:"rule"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Kind   Kind   `json:"kind"`
	Mode   Mode   `json:"mode"`
	// Result is matched, unmatched or undecided.
	Result string `json:"result"`
	// Field is the first field that did not match or could not be evaluated, and Condition the Cedar it was compiled to.
	Field     string `json:"field,omitempty"`
	Condition string `json:"condition,omitempty"`
	// Asks is what a call has to meet that the rule speaks of, where that is not decided here.
	Asks string `json:"asks,omitempty"`
}

// The results of rules in explanations.
const (
	resultMatched   = "matched"
	resultUnmatched = "unmatched"
	resultUndecided = "undecided"
)

// Explain says why Evaluate comes to what it does.
func (s *Set) Explain(c *Call, at Parties) Explanation {
	outcome := s.Evaluate(c, at)
	e := Explanation{Epoch: s.Epoch(), Decision: outcome.Decision}
	if outcome.Decision == Deny {
		told := tell(&outcome.Refusal)
		e.Refusal = &told
	}
	for i := range outcome.Shadowed {
		e.Shadowed = append(e.Shadowed, tell(&outcome.Shadowed[i]))
	}
	if s == nil || c == nil {
		return e
	}
	for p := CallerParty; p <= OrganisationParty; p++ {
		if at.Has(p) {
			e.Parties = append(e.Parties, s.explainParty(p, c))
		}
	}
	return e
}

func tell(r *Refusal) RefusalTold {
	return RefusalTold{Party: r.Party, Policy: r.Policy, Rule: r.Rule, Kind: r.Kind, Reason: r.Reason, Message: r.Message}
}

func (s *Set) explainParty(p Party, c *Call) PartyExplanation {
	found := s.parties(c, new([2][16]uint32))
	e := PartyExplanation{Party: p, Decision: s.Evaluate(c, p.set()).Decision}
	if by := s.guards.of(p, c, found); by != nil && c.Method != a2a.GetAgentCard {
		e.ClosedBy = by.Policy
	}
	for _, m := range s.members {
		if m.document.Party == p {
			e.Documents++
		}
	}
	type candidate struct {
		order uint32
		rule  *rule
	}
	var candidates []candidate
	for _, postings := range s.index.find(c, found, nil) {
		for _, posting := range postings {
			for _, r := range posting.rules {
				if r.ref.Party == p && r.does != guarding {
					candidates = append(candidates, candidate{posting.order, r})
				}
			}
		}
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.rule.place, b.rule.place))
	})
	for _, one := range slices.Compact(candidates) {
		e.Rules = append(e.Rules, explainRule(s.members[one.order].document, one.rule, c))
	}
	return e
}

// explainRule tries the conditions of a rule one by one, each on a record of the whole call.
func explainRule(d *Document, r *rule, c *Call) RuleExplanation {
	written := &d.Rules[r.ref.Rule]
	e := RuleExplanation{
		Policy: d.Name, Rule: r.ref.Rule, File: d.File, Line: written.Line, Kind: written.Kind, Mode: d.Mode, Result: resultMatched,
	}
	for _, clause := range clausesOf(d, written) {
		ok, err := holds(clause.node.AsIsNode(), c)
		if ok && err == nil {
			continue
		}
		e.Field, e.Condition, e.Result = clause.field, conditionText(clause.node), resultUnmatched
		if err != nil {
			e.Result = resultUndecided
		}
		return e
	}
	if written.Kind == Cedar {
		answers := make([]answer, 1)
		if (matchers{r.rest}).decide(c, answers); answers[0] != matched {
			e.Field, e.Condition, e.Result = Cedar.String(), policyText(r.rest), resultUnmatched
			if answers[0] == undecided {
				e.Result = resultUndecided
			}
			return e
		}
	}
	e.Asks = obligation(written)
	return e
}

// conditionText returns a condition as Cedar writes it.
func conditionText(n ast.Node) string {
	p := cedar.NewPolicyFromAST((*public.Policy)(ast.Permit().When(n)))
	_, text, _ := bytes.Cut(p.MarshalCedar(), []byte("when {"))
	return string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(text), []byte("};"))))
}

// policyText returns the scope and the conditions of a Cedar policy.
func policyText(m *matcher) string {
	_, text, _ := bytes.Cut(m.policy.MarshalCedar(), []byte("permit"))
	return string(bytes.TrimSpace(bytes.TrimSuffix(text, []byte(";"))))
}
