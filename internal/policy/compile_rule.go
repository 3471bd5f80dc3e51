package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// deed is what comes of a call that a rule speaks of. There is no zero deed.
type deed uint8

const (
	permitting deed = 1 + iota
	refusing
	counting
	asking
	inspecting
	timing
	// guarding is no rule of a document but what a document in shadow mode adds that permits: it refuses what none of its
	// permits lets through.
	guarding
)

// rule is a compiled one. A Cedar rule has one for each policy in its text.
type rule struct {
	ref  Ref
	mode Mode
	does deed
	// place is the rule's among those of its document: a Cedar rule has one for each policy in its text.
	place uint32
	// caller and callee are agents that the scope of a Cedar policy names; empty for any.
	caller, callee string
	// bounds decide the clauses on rings, assurance, methods, effects and numbers.
	bounds bounds
	// rest is left to Cedar where the index decides by names that the document and the rule speak of the call; all where it
	// does not. Nil holds.
	rest, all *matcher

	refusal     *Refusal
	budget      *Budget
	by          By
	prefix      string // of the keys of the limit
	requirement *Requirement
	threshold   *Threshold
	time        time.Duration
}

// newRule compiles a rule of a document, or a policy in the text of a Cedar rule.
func newRule(d *Document, i, part int, p *ast.Policy) *rule {
	written := &d.Rules[i]
	r := &rule{
		ref:  Ref{Party: d.Party, Policy: d.Name, Rule: i, Kind: written.Kind},
		mode: d.Mode, does: deedOf(written, p), place: uint32(i)<<16 | uint32(part), bounds: boundsOf(d, written),
	}
	if p != nil {
		r.bounds.mask &= methodsInScope(p.Action) | ^methodBits
		r.caller, r.callee = agentInScope(p.Principal), agentInScope(p.Resource)
	}
	r.conditions(d, written, p)
	switch r.does {
	case refusing:
		refusal := newRefusal(d, i, reasons[written.Kind])
		r.refusal = &refusal
	case counting:
		r.budget = &Budget{Ref: r.ref, Mode: d.Mode, Limit: written.Limit, Per: written.Per, Burst: written.Burst}
		r.by, r.prefix = written.By, d.Name+"/"+strconv.Itoa(i)+"/"
	case asking:
		r.requirement = newRequirement(r, written)
	case inspecting:
		r.threshold = &Threshold{
			Ref: r.ref, Mode: d.Mode, Classes: written.Classes, Severity: written.Severity,
			Requests: written.Requests, Answers: written.Answers,
		}
		if written.Approve {
			r.threshold.Requirement = newRequirement(r, written)
		}
	case timing:
		r.time = written.Time
	}
	return r
}

// conditions compiles what is left to Cedar: of clauses, what neither bounds nor the names of the index decide.
func (r *rule) conditions(d *Document, written *Rule, p *ast.Policy) {
	var rest, all []ast.IsNode
	named := false
	for _, c := range clausesOf(d, written) {
		switch c.by {
		case byCedar:
			rest = append(rest, c.node.AsIsNode())
			all = append(all, c.node.AsIsNode())
		case byNames:
			named = true
			all = append(all, c.node.AsIsNode())
		}
	}
	id := d.Name + "/" + strconv.Itoa(int(r.place))
	r.rest = newMatcher(id, p, rest)
	r.all = r.rest
	if named {
		r.all = newMatcher(id, p, all)
	}
}

func deedOf(r *Rule, p *ast.Policy) deed {
	switch r.Kind {
	case Permit:
		return permitting
	case RateLimit, Concurrency:
		return counting
	case RequireApproval:
		return asking
	case Content:
		return inspecting
	case TimeLimit:
		return timing
	}
	if p != nil && p.Effect == ast.EffectPermit {
		return permitting
	}
	return refusing
}

func newRequirement(r *rule, written *Rule) *Requirement {
	return &Requirement{Ref: r.ref, Mode: r.mode, Minimum: written.Minimum, Groups: written.Groups, Timeout: written.Timeout}
}

// mask holds a bit for each method, effect, ring and assurance: of a rule those that it speaks of, of a call the four that
// it has.
type mask uint32

const (
	methodBits     mask = 1<<14 - 1
	otherMethod         = 13 // of methods that have no bit of their own
	effectShift         = 14
	effectBits     mask = 0b111 << effectShift
	ringShift           = 17
	ringBits       mask = 0b1111 << ringShift
	assuranceShift      = 21
	assuranceBits  mask = 0b11111 << assuranceShift
)

func methodBit(m a2a.Method) mask {
	for i, name := range methods {
		if name == string(m) {
			return 1 << i
		}
	}
	return 1 << otherMethod
}

func effectBit(e agent.Effect) mask {
	return 1 << (effectShift + min(e, agent.EffectAdmin))
}

func ringBit(r agent.Ring) mask { return 1 << (ringShift + r.Number()) }

func assuranceBit(a identity.Assurance) mask { return 1 << (assuranceShift + rank(a)) }

// bounds are what a rule says of what can be counted: it speaks of calls with bits of the mask, bodies that are longer
// than a number of bytes, and scores below a number.
type bounds struct {
	mask  mask
	bytes int
	trust agent.Trust
}

// unbounded admits all calls.
var unbounded = bounds{mask: methodBits | effectBits | ringBits | assuranceBits, bytes: -1, trust: agent.MaxTrust + 1}

// boundsOf returns the bounds of a rule of the document.
func boundsOf(d *Document, r *Rule) bounds {
	b := unbounded
	b.mask = maskOf(d, r)
	switch r.Kind {
	case MaxBody:
		b.bytes = r.Bytes
	case MinTrust:
		b.trust = r.Trust
	}
	return b
}

// bounds returns what the call is held against the bounds of rules with: its four bits, and its numbers.
func (c *Call) bounds() bounds {
	return bounds{
		mask:  methodBit(c.Method) | effectBit(c.Effect) | ringBit(c.Ring) | assuranceBit(c.Assurance),
		bytes: max(c.Bytes, 0), trust: min(c.Trust, agent.MaxTrust),
	}
}

// admits reports whether a call is one of those that a rule with the bounds speaks of.
func (b *bounds) admits(call *bounds) bool {
	return b.mask&call.mask == call.mask && call.bytes > b.bytes && call.trust < b.trust
}

// empty reports whether the mask admits no call.
func (m mask) empty() bool {
	return m&methodBits == 0 || m&effectBits == 0 || m&ringBits == 0 || m&assuranceBits == 0
}

// maskOf returns the bits of the calls that a rule of the document speaks of.
func maskOf(d *Document, r *Rule) mask {
	m := methodsOf(&d.Targets, &r.Narrow)
	m |= bitsOf(d.Targets.Effects, effectBits, effectBit) & bitsOf(r.Narrow.Effects, effectBits, effectBit)
	m |= bitsOf(d.Subjects.Rings, ringBits, ringBit)
	m |= bitsOf(d.Subjects.Assurance, assuranceBits, assuranceBit)
	switch r.Kind {
	case ReadOnly:
		m &^= effectBit(agent.EffectRead)
	case RequireRing:
		for ring := r.Ring; ring <= agent.Kernel; ring++ {
			m &^= ringBit(ring)
		}
	case RequireAssurance:
		for a := r.Assurance; a <= identity.AssuranceAgent; a++ {
			m &^= assuranceBit(a)
		}
	}
	return m
}

// methodsOf returns the bits of the methods that targets and a rule's narrow ones select together: all but GetAgentCard
// where neither names any.
func methodsOf(targets, narrow *Targets) mask {
	if len(targets.Methods) == 0 && len(narrow.Methods) == 0 {
		return methodBits &^ methodBit(a2a.GetAgentCard)
	}
	return bitsOf(targets.Methods, methodBits, methodBit) & bitsOf(narrow.Methods, methodBits, methodBit)
}

// methodsInScope returns the bits of the methods that the scope of a Cedar policy names.
func methodsInScope(scope ast.IsActionScopeNode) mask {
	var entities []types.EntityUID
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		entities = []types.EntityUID{s.Entity}
	case ast.ScopeTypeIn:
		entities = []types.EntityUID{s.Entity}
	case ast.ScopeTypeInSet:
		entities = s.Entities
	default:
		return methodBits
	}
	var m mask
	for _, e := range entities {
		m |= methodBit(a2a.Method(e.ID))
	}
	return m
}

// agentInScope returns the agent that the scope of a Cedar policy names.
func agentInScope(scope ast.IsScopeNode) string {
	if eq, ok := scope.(ast.ScopeTypeEq); ok {
		return string(eq.Entity.ID)
	}
	return ""
}

// newGuard returns what a document adds in shadow mode that permits. Reading public cards is never closed.
func newGuard(d *Document, unpermitted *Refusal) *rule {
	r := &rule{
		ref: unpermitted.Ref, mode: d.Mode, does: guarding, place: 1 << 31, refusal: unpermitted, bounds: unbounded,
	}
	r.bounds.mask &^= methodBit(a2a.GetAgentCard)
	var named []ast.IsNode
	for _, c := range clausesOf(d, &Rule{}) {
		if side, _, _ := strings.Cut(c.field, "."); c.by == byNames && side == guardingSide[d.Party] {
			named = append(named, c.node.AsIsNode())
		}
	}
	r.all = newMatcher(d.Name, nil, named)
	return r
}

// guardingSide is the field by which documents of a party say whose calls they guard.
var guardingSide = map[Party]string{CallerParty: "subjects", CalleeParty: "targets"}

// bitsOf returns the bits of the values, and all where there are none.
func bitsOf[T any](values []T, all mask, bit func(T) mask) mask {
	if len(values) == 0 {
		return all
	}
	var m mask
	for _, v := range values {
		m |= bit(v)
	}
	return m
}

// reasons are those for which rules refuse.
var reasons = map[Kind]string{
	Forbid: ReasonForbidden, Cedar: ReasonForbidden, ReadOnly: ReasonReadOnly, MaxBody: ReasonBody,
	RequireAssurance: ReasonAssurance, MinTrust: ReasonTrust, RequireRing: ReasonRing,
}

// newRefusal returns why a rule of the document refuses calls, or the document as a whole for -1. The sentence names the
// party alone: which rule it is stays in the party's records.
func newRefusal(d *Document, i int, reason string) Refusal {
	refusal := Refusal{Ref: Ref{Party: d.Party, Policy: d.Name, Rule: i, Kind: Permit}, Reason: reason}
	var r Rule
	if i >= 0 {
		r = d.Rules[i]
		refusal.Kind = r.Kind
	}
	whose := "the policy of the " + d.Party.String()
	switch reason {
	case ReasonUnpermitted:
		refusal.Message = whose + " does not permit this call"
	case ReasonReadOnly:
		refusal.Message = whose + " lets this caller read only"
	case ReasonBody:
		refusal.Message = fmt.Sprintf("%s lets bodies have %d bytes", whose, r.Bytes)
	case ReasonAssurance:
		refusal.Message = fmt.Sprintf("%s asks for an identity that is proved at least by assurance %s", whose, r.Assurance)
	case ReasonTrust:
		refusal.Message = fmt.Sprintf("%s asks for a trust score of at least %d", whose, r.Trust)
	case ReasonRing:
		refusal.Message = fmt.Sprintf("%s asks for ring %s or a more privileged one", whose, r.Ring)
	default:
		refusal.Message = whose + " forbids this call"
	}
	if r.Message != "" {
		refusal.Message += ": " + r.Message
	}
	return refusal
}
