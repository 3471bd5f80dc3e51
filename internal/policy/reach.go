package policy

import (
	"fmt"
	"slices"

	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// checkReach reports the rules that can never do anything: whose conditions hold for no call, that another rule of the
// document always overrides, or that an earlier one makes pointless. It reports only what is proved.
func checkReach(d *Document, raws [][]*ast.Policy) []Problem {
	var problems []Problem
	dead := make([]bool, len(d.Rules))
	for i := range d.Rules {
		r := &d.Rules[i]
		reason := unreachable(d, r)
		if reason == "" && r.Kind == Cedar {
			problems = append(problems, unreachableRaw(d, r, raws[i])...)
		}
		if reason != "" {
			dead[i] = true
			problems = append(problems, d.problem(r.Line, "%s is unreachable: %s", r.Kind, reason))
		}
	}
	for i := range d.Rules {
		if reason := redundant(d, i, dead); !dead[i] && reason != "" {
			problems = append(problems, d.problem(d.Rules[i].Line, "%s is unreachable: %s", d.Rules[i].Kind, reason))
		}
	}
	return problems
}

// unreachable says why a rule speaks of no call; empty if nothing proves that it does not.
func unreachable(d *Document, r *Rule) string {
	t, n := &d.Targets, &r.Narrow
	m := maskOf(d, r)
	switch {
	case m&methodBits == 0:
		return "its methods are not among those of targets"
	case m&effectBits == 0:
		return "no effect is left of its own and those of targets"
	case m&ringBits == 0:
		return "all rings of subjects meet what it asks for"
	case m&assuranceBits == 0:
		return "every assurance of subjects meets what it asks for"
	case r.Kind == MinTrust && r.Trust <= 0:
		return "every caller has that score"
	case !listsMeet(t.Agents, n.Agents):
		return "its agents are not among those of targets"
	case !listsMeet(t.Owners, n.Owners):
		return "its owners are not among those of targets"
	case t.Undeclared && n.Undeclared:
		return ""
	case !listsMeet(t.Skills, n.Skills):
		return "its skills are not among those of targets"
	case !listsMeet(t.Actions, n.Actions):
		return "its actions are not among those of targets"
	}
	return ""
}

// redundant says which rule of the document always decides before the one at i, or instead of it.
func redundant(d *Document, i int, dead []bool) string {
	r := &d.Rules[i]
	for j := range d.Rules {
		other := &d.Rules[j]
		if j == i || dead[j] || !covers(d, other, r) {
			continue
		}
		switch {
		case r.Kind == Permit && overrides(other.Kind):
			return fmt.Sprintf("%s in line %d refuses all that it permits", other.Kind, other.Line)
		case j < i && other.Kind == r.Kind && asStrict(other, r):
			return fmt.Sprintf("%s in line %d says as much already", other.Kind, other.Line)
		}
	}
	return ""
}

// overrides reports whether a rule of the kind refuses all calls that its selectors and its mask admit.
func overrides(k Kind) bool {
	return k == Forbid || k == ReadOnly || k == RequireRing || k == RequireAssurance
}

// covers reports whether one rule of the document is proved to speak of all calls of which the other one does, as far as
// selectors and masks say.
func covers(d *Document, outer, inner *Rule) bool {
	o, i := &outer.Narrow, &inner.Narrow
	return maskOf(d, inner)&^maskOf(d, outer) == 0 &&
		(listCovers(o.Agents, i.Agents) || listCovers(o.Agents, d.Targets.Agents)) &&
		(listCovers(o.Owners, i.Owners) || listCovers(o.Owners, d.Targets.Owners)) &&
		declarationCovers(o, i)
}

// declarationCovers reports whether what one rule asks of declarations follows from what the other one does.
func declarationCovers(outer, inner *Targets) bool {
	if len(outer.Skills)+len(outer.Actions) == 0 {
		return true
	}
	follows := func(outer, inner []string) bool {
		return len(outer) == 0 || len(inner) > 0 && listCovers(outer, inner)
	}
	return follows(outer.Skills, inner.Skills) && follows(outer.Actions, inner.Actions) && (outer.Undeclared || !inner.Undeclared)
}

// asStrict reports whether a rule leaves a later one of its kind, which speaks of the same calls or of fewer, nothing to
// do. A limit does if the same calls share both and it never has room where the later one has none.
func asStrict(r, later *Rule) bool {
	switch r.Kind {
	case Permit, Forbid, ReadOnly:
		return true
	case RateLimit:
		return r.By == later.By && r.Per == later.Per && r.Limit <= later.Limit && r.Burst <= later.Burst
	case Concurrency:
		return r.By == later.By && r.Limit <= later.Limit
	case RequireApproval:
		return sameApproval(r, later)
	case MaxBody:
		return r.Bytes <= later.Bytes
	case TimeLimit:
		return r.Time <= later.Time
	case RequireAssurance:
		return r.Assurance >= later.Assurance
	case MinTrust:
		return r.Trust >= later.Trust
	case RequireRing:
		return r.Ring >= later.Ring
	case Content:
		return r.Severity <= later.Severity && (len(r.Classes) == 0 || len(later.Classes) > 0 && subset(later.Classes, r.Classes)) &&
			(r.Requests || !later.Requests) && (r.Answers || !later.Answers) &&
			(!r.Approve || later.Approve && sameApproval(r, later))
	case Cedar:
		return r.Text == later.Text
	}
	return false
}

// sameApproval reports whether two rules ask the same people. Other approvals are asked for one by one.
func sameApproval(a, b *Rule) bool {
	return a.Minimum == b.Minimum && a.Timeout == b.Timeout && subset(a.Groups, b.Groups) && subset(b.Groups, a.Groups)
}

func subset(of, all []string) bool {
	return !slices.ContainsFunc(of, func(s string) bool { return !slices.Contains(all, s) })
}
