package policy

import (
	"cmp"
	"slices"

	"ringfence.dev/ringfence/internal/a2a"
)

// hit is a rule that can speak of a call.
type hit struct {
	// at is the rule's place among all rules of the set.
	at    uint64
	rule  *rule
	whole bool
	answer
}

// condition returns what is left to Cedar, nil if nothing is.
func (h *hit) condition() *matcher {
	if h.whole {
		return h.rule.rest
	}
	return h.rule.all
}

// Evaluate says what the documents of the parties come to for a call: that of each party alone, met in their order. A
// party refuses what one of its documents refuses, what it is closed for and none of its permits lets through, and what
// a rule cannot be evaluated for. It depends on nothing but its arguments. A nil set, a nil call, no party, and declarations
// of more than 512 bytes deny.
func (s *Set) Evaluate(c *Call, at Parties) Outcome {
	if s == nil || c == nil || at&AllParties == 0 {
		return Outcome{Refusal: Refusal{Reason: ReasonUndecided, Message: "no policy could be evaluated"}}
	}
	if max(len(c.Skill), len(c.Action)) > maxDeclared {
		return Outcome{Refusal: Refusal{Reason: ReasonUndecided, Message: "the declared skill or action is too long to be judged"}}
	}
	var numbers [2][16]uint32
	found := s.parties(c, &numbers)
	var room [32]hit
	hits := s.hits(c, at, found, room[:0])
	decideHits(c, hits)
	e := evaluation{call: c}
	for i := range hits {
		e.apply(&hits[i])
	}
	for p := CallerParty; p <= OrganisationParty; p++ {
		if at.Has(p) && e.refused[p] == nil && !e.permitted[p] && c.Method != a2a.GetAgentCard {
			e.refused[p] = s.guards.of(p, c, found)
		}
		if why := e.refused[p]; why != nil && e.outcome.Refusal.Reason == "" {
			e.outcome.Refusal = *why
		}
	}
	if e.outcome.Refusal.Reason == "" {
		e.outcome.Decision = Allow
	}
	return e.outcome
}

// maxDeclared bounds what matching a declaration costs, in bytes. A policy can name none that is longer.
const maxDeclared = 512

// parties looks up the caller and the callee. There is room for numbers as long as they are few.
func (s *Set) parties(c *Call, room *[2][16]uint32) parties {
	return parties{
		callers: s.index.callers.find(string(c.Caller), string(c.CallerOwner), room[0][:0]),
		callees: s.index.callees.find(string(c.Callee), string(c.CalleeOwner), room[1][:0]),
	}
}

// hits appends the rules whose names and bounds admit the call, each once, in the order of parties, documents and rules.
func (s *Set) hits(c *Call, at Parties, found parties, to []hit) []hit {
	var room [16][]posting
	call := c.bounds()
	for _, postings := range s.index.find(c, found, room[:0]) {
		for i := range postings {
			p := &postings[i]
			if !at.Has(p.rules[0].ref.Party) {
				continue
			}
			for _, r := range p.rules {
				if r.bounds.admits(&call) {
					to = append(to, hit{at: uint64(p.order)<<32 | uint64(r.place), rule: r, whole: p.whole})
				}
			}
		}
	}
	slices.SortFunc(to, func(a, b hit) int {
		if a.at == b.at && a.whole != b.whole {
			if a.whole {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.at, b.at)
	})
	return slices.CompactFunc(to, func(a, b hit) bool { return a.at == b.at })
}

// decideHits has Cedar answer what is left of the rules, all in one go.
func decideHits(c *Call, hits []hit) {
	var pending matchers
	for i := range hits {
		if m := hits[i].condition(); m != nil {
			if pending == nil {
				pending = make(matchers, 0, len(hits)-i)
			}
			pending = append(pending, m)
		} else {
			hits[i].answer = matched
		}
	}
	if pending == nil {
		return
	}
	answers := make([]answer, len(pending))
	pending.decide(c, answers)
	for i := range hits {
		if hits[i].condition() != nil {
			hits[i].answer, answers = answers[0], answers[1:]
		}
	}
}

// evaluation builds an outcome from rules in their order.
type evaluation struct {
	call    *Call
	outcome Outcome
	// refused is the first refusal of each party, and permitted says of which a permit matched.
	refused   [OrganisationParty + 1]*Refusal
	permitted [OrganisationParty + 1]bool
	// shadowed is the document in shadow mode of which a permit matched last.
	shadowed string
}

func (e *evaluation) apply(h *hit) {
	r, o := h.rule, &e.outcome
	switch h.answer {
	case unmatched:
		return
	case undecided:
		e.refuse(r, newUndecided(r))
		return
	}
	switch r.does {
	case permitting:
		if r.mode == Shadow {
			e.shadowed = r.ref.Policy
			return
		}
		e.permitted[r.ref.Party] = true
		o.Permits = append(o.Permits, r.ref)
	case refusing:
		e.refuse(r, r.refusal)
	case guarding:
		if e.shadowed != r.ref.Policy {
			e.refuse(r, r.refusal)
		}
	case counting:
		b := *r.budget
		b.Key = r.key(e.call)
		o.Budgets = append(o.Budgets, b)
	case asking:
		o.Approvals = append(o.Approvals, *r.requirement)
	case inspecting:
		o.Thresholds = append(o.Thresholds, r.threshold)
	case timing:
		if r.mode == Enforce && (o.TimeLimit == 0 || r.time < o.TimeLimit) {
			o.TimeLimit, o.Timed = r.time, r.ref
		}
	}
}

// refuse notes a refusal. That of a party's first rule stands; of documents in shadow mode all are told.
func (e *evaluation) refuse(r *rule, why *Refusal) {
	if r.mode == Shadow {
		e.outcome.Shadowed = append(e.outcome.Shadowed, *why)
	} else if e.refused[r.ref.Party] == nil {
		e.refused[r.ref.Party] = why
	}
}

// key returns what a limit counts the call under. Names of documents and agents have no slash, and what may hold anything
// stands last, so that two different things never have the same key.
func (r *rule) key(c *Call) string {
	caller, callee := string(c.Caller), string(c.Callee)
	switch r.by {
	case ByOwner:
		if c.CallerOwner != "" {
			return r.prefix + "owner/" + string(c.CallerOwner)
		}
		return r.prefix + "agent/" + caller
	case ByPair:
		return r.prefix + "pair/" + caller + "/" + callee
	case BySkill:
		if c.Offered {
			return r.prefix + "skill/" + callee + "/" + c.Skill
		}
		return r.prefix + "skill/" + callee
	case ByTarget:
		return r.prefix + "target/" + callee
	default:
		return r.prefix + "agent/" + caller
	}
}

// newUndecided returns the refusal of a rule that cannot be evaluated.
func newUndecided(r *rule) *Refusal {
	return &Refusal{Ref: r.ref, Reason: ReasonUndecided, Message: "the policy of the " + r.ref.Party.String() + " could not be evaluated"}
}
