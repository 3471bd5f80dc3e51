package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
)

// reference says what documents come to by reading them as decision 0005 is written: no Cedar, no index, nothing shared
// with what it is held against.
func reference(docs []*Document, c *Call, at Parties) Outcome {
	docs = slices.Clone(docs)
	slices.SortFunc(docs, func(a, b *Document) int {
		return cmp.Or(cmp.Compare(a.Party, b.Party), cmp.Compare(a.Name, b.Name))
	})
	o := Outcome{Decision: Allow}
	for p := CallerParty; p <= OrganisationParty; p++ {
		if at&(1<<(p-1)) == 0 {
			continue
		}
		var own []*Document
		for _, d := range docs {
			if d.Party == p {
				own = append(own, d)
			}
		}
		referenceParty(own, c, &o)
	}
	return o
}

// referenceParty adds what one party says.
func referenceParty(docs []*Document, c *Call, o *Outcome) {
	var refusals []Refusal
	closed, permitted := Ref{}, false
	for _, d := range docs {
		refused, permits := referenceDocument(d, c, o)
		unpermitted := Refusal{Ref: Ref{d.Party, d.Name, -1, Permit}, Reason: ReasonUnpermitted}
		isClosed := referenceGuards(d, c) && referencePermits(d) && c.Method != a2a.GetAgentCard
		if d.Mode == Shadow {
			if isClosed && len(permits) == 0 {
				refused = append(refused, unpermitted)
			}
			o.Shadowed = append(o.Shadowed, refused...)
			continue
		}
		refusals = append(refusals, refused...)
		o.Permits = append(o.Permits, permits...)
		permitted = permitted || len(permits) > 0
		if isClosed && closed.Policy == "" {
			closed = unpermitted.Ref
		}
	}
	if closed.Policy != "" && !permitted {
		refusals = append(refusals, Refusal{Ref: closed, Reason: ReasonUnpermitted})
	}
	if len(refusals) > 0 && o.Decision == Allow {
		o.Decision, o.Refusal = Deny, refusals[0]
	}
}

// referenceDocument adds the obligations of a document and returns what it refuses and permits.
func referenceDocument(d *Document, c *Call, o *Outcome) (refused []Refusal, permits []Ref) {
	for i := range d.Rules {
		r := &d.Rules[i]
		ref := Ref{d.Party, d.Name, i, r.Kind}
		refuse := func(holds bool, reason string) {
			if holds {
				refused = append(refused, Refusal{Ref: ref, Reason: reason})
			}
		}
		if !referenceSubjects(&d.Subjects, c) || !referenceTargets(&d.Targets, &r.Narrow, c) {
			continue
		}
		need := &Requirement{ref, d.Mode, r.Minimum, r.Groups, r.Timeout}
		switch r.Kind {
		case Permit:
			permits = append(permits, ref)
		case Forbid:
			refuse(true, ReasonForbidden)
		case ReadOnly:
			refuse(c.Effect != agent.EffectRead, ReasonReadOnly)
		case MaxBody:
			refuse(c.Bytes > r.Bytes, ReasonBody)
		case RequireAssurance:
			refuse(c.Assurance < r.Assurance, ReasonAssurance)
		case MinTrust:
			refuse(c.Trust < r.Trust, ReasonTrust)
		case RequireRing:
			refuse(c.Ring.Number() > r.Ring.Number(), ReasonRing)
		case RateLimit, Concurrency:
			o.Budgets = append(o.Budgets, Budget{ref, d.Mode, referenceKey(d.Name, i, r.By, c), r.Limit, r.Per, r.Burst})
		case RequireApproval:
			o.Approvals = append(o.Approvals, *need)
		case TimeLimit:
			if d.Mode == Enforce && (o.TimeLimit == 0 || r.Time < o.TimeLimit) {
				o.TimeLimit, o.Timed = r.Time, ref
			}
		case Content:
			if !r.Approve {
				need = nil
			}
			o.Thresholds = append(o.Thresholds, &Threshold{ref, d.Mode, r.Classes, r.Severity, r.Requests, r.Answers, need})
		case Cedar:
			for _, m := range meanings(r.Text) {
				if m.permit && m.holds(c) {
					permits = append(permits, ref)
				} else if !m.permit {
					refuse(m.holds(c), ReasonForbidden)
				}
			}
		}
	}
	return refused, permits
}

func referenceKey(policy string, rule int, by By, c *Call) string {
	sharer := []any{c.Caller}
	switch by {
	case ByOwner:
		if sharer = []any{"owner", c.CallerOwner}; c.CallerOwner == "" {
			sharer = []any{"alone", c.Caller}
		}
	case ByPair:
		sharer = []any{c.Caller, c.Callee}
	case BySkill:
		if sharer = []any{c.Callee, "", false}; c.Offered {
			sharer = []any{c.Callee, c.Skill, true}
		}
	case ByTarget:
		sharer = []any{c.Callee}
	}
	return fmt.Sprintf("%s %d %q", policy, rule, sharer)
}

func referencePermits(d *Document) bool {
	for _, r := range d.Rules {
		if r.Kind == Permit {
			return true
		}
		for _, m := range meanings(r.Text) {
			if m.permit {
				return true
			}
		}
	}
	return false
}

func referenceGuards(d *Document, c *Call) bool {
	switch d.Party {
	case CallerParty:
		return referenceGlobs(d.Subjects.Agents, string(c.Caller)) && referenceGlobs(d.Subjects.Owners, string(c.CallerOwner))
	case CalleeParty:
		return referenceGlobs(d.Targets.Agents, string(c.Callee)) && referenceGlobs(d.Targets.Owners, string(c.CalleeOwner))
	}
	return true
}

func referenceSubjects(s *Subjects, c *Call) bool {
	return referenceGlobs(s.Agents, string(c.Caller)) && referenceGlobs(s.Owners, string(c.CallerOwner)) &&
		(len(s.Rings) == 0 || slices.Contains(s.Rings, c.Ring)) &&
		(len(s.Assurance) == 0 || slices.Contains(s.Assurance, c.Assurance))
}

func referenceTargets(document, rule *Targets, c *Call) bool {
	if c.Method == a2a.GetAgentCard && !slices.Contains(document.Methods, c.Method) && !slices.Contains(rule.Methods, c.Method) {
		return false
	}
	for _, t := range []*Targets{document, rule} {
		if !referenceGlobs(t.Agents, string(c.Callee)) || !referenceGlobs(t.Owners, string(c.CalleeOwner)) ||
			len(t.Methods) > 0 && !slices.Contains(t.Methods, c.Method) || len(t.Effects) > 0 && !slices.Contains(t.Effects, c.Effect) {
			return false
		}
		silent := c.Skill == "" && c.Action == ""
		declared := (len(t.Skills) == 0 || c.Skill != "" && referenceGlobs(t.Skills, c.Skill)) &&
			(len(t.Actions) == 0 || c.Action != "" && referenceGlobs(t.Actions, c.Action))
		if !declared && !(silent && t.Undeclared) {
			return false
		}
	}
	return true
}

func referenceGlobs(globs []string, s string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(glob string) bool { return referenceGlob(glob, s) })
}

func referenceGlob(glob, s string) bool {
	head, rest, star := strings.Cut(glob, "*")
	if !star {
		return glob == s
	}
	s, ok := strings.CutPrefix(s, head)
	for i := 0; ok && i <= len(s); i++ {
		if referenceGlob(rest, s[i:]) {
			return true
		}
	}
	return false
}
