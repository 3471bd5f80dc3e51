// Package policy holds what the parties of a call have written down: documents in YAML, compiled to Cedar. A compiled set
// is immutable, and what it says of a call follows from the call alone.
package policy

import (
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/identity"
)

// Party is whose boundary a document guards.
type Party uint8

// The parties, in the order in which their verdicts are told. There is no zero party.
const (
	CallerParty Party = 1 + iota
	GatewayParty
	CalleeParty
	OrganisationParty
)

// Parties is a set of parties.
type Parties uint8

// PartiesOf returns the set of the parties.
func PartiesOf(parties ...Party) Parties {
	var set Parties
	for _, p := range parties {
		set |= p.set()
	}
	return set
}

// Mode says what comes of a document's outcomes. The zero value enforces.
type Mode uint8

// The modes: Shadow only tells what Enforce would have done.
const (
	Enforce Mode = iota
	Shadow
)

// Kind is the sort of a rule. There is no zero kind.
type Kind uint8

// The kinds of rules.
const (
	// Permit lets calls through. A party of which a document with a Permit guards a call lets nothing through but what
	// one of them permits.
	Permit Kind = 1 + iota
	// Forbid refuses calls, whatever is permitted.
	Forbid
	// ReadOnly refuses calls whose effect is not to read.
	ReadOnly
	// RateLimit bounds how often calls are made.
	RateLimit
	// Concurrency bounds how many calls are under way at a time.
	Concurrency
	// RequireApproval lets calls wait for people.
	RequireApproval
	// MaxBody bounds the bodies of requests.
	MaxBody
	// TimeLimit bounds how long a call takes, its answer included.
	TimeLimit
	// RequireAssurance refuses callers whose identity is proved less well.
	RequireAssurance
	// MinTrust refuses callers with a lower effective score.
	MinTrust
	// RequireRing refuses callers that act in a less privileged ring.
	RequireRing
	// Content says from which severity on findings in content refuse a call, or let it wait for people.
	Content
	// Cedar is the text of Cedar policies.
	Cedar
)

// By says who shares a limit.
type By uint8

// The ways. The zero value gives each calling agent a limit of its own.
const (
	ByAgent By = iota
	// ByOwner: all calling agents of an owner together. An agent without an owner stands alone.
	ByOwner
	// ByPair: each pair of calling and called agent.
	ByPair
	// BySkill: each skill of each called agent, all callers together; calls that declare none, or one that the called agent
	// does not have, share one limit.
	BySkill
	// ByTarget: each called agent, all callers together.
	ByTarget
)

// Document is one policy as it was written. Documents are immutable once parsed.
type Document struct {
	// Name identifies the document in the mesh: as agent.ID.
	Name string
	// Description is for people.
	Description string
	// Party is whose boundary it guards.
	Party Party
	// Mode says what comes of its outcomes.
	Mode Mode
	// Subjects and Targets select the calls that its rules speak of: who calls, and what is called. Empty ones select all.
	Subjects Subjects
	Targets  Targets
	// Rules are in the order in which they were written.
	Rules []Rule
	// Tests are the document's own.
	Tests []Test
	// File is where it was read, and Line where it begins there, from 1; both are for people.
	File string
	Line int
	// Source is the document as it was written.
	Source []byte
}

// Subjects selects callers. Each field that is not empty has to match; a field matches if one of its entries does.
type Subjects struct {
	// Agents and Owners are globs: * stands for any characters, none included. An entry without * names one agent or owner
	// exactly.
	Agents []string
	Owners []string
	// Rings are those in which the caller acts, Assurance how its identity is proved.
	Rings     []agent.Ring
	Assurance []identity.Assurance
}

// Targets selects what is called. Each field that is not empty has to match; a field matches if one of its entries does.
type Targets struct {
	// Agents and Owners are globs, of the called agent and of its owner.
	Agents []string
	Owners []string
	// Methods are canonical. Without any, all methods are meant but GetAgentCard: finding out what there is to ask for is
	// refused only where that is written.
	Methods []a2a.Method
	// Effects are those of the call.
	Effects []agent.Effect
	// Skills and Actions are globs of what callers declare. A call that declares none matches none of them.
	Skills  []string
	Actions []string
	// Undeclared also matches calls that declare neither a skill nor an action, where Skills or Actions are given.
	Undeclared bool
}

// Rule is one rule of a document. Kind says which of the fields below Narrow count.
type Rule struct {
	Kind Kind
	// Line is where the rule begins in the document's file, from 1.
	Line int
	// Narrow selects, of the calls that the document's targets select, those that the rule speaks of.
	Narrow Targets
	// Message is what callers are told in addition when the rule refuses; empty says nothing.
	Message string

	// Limit is how many calls in Per and at once (Burst) a RateLimit lets through, how many under way Concurrency does.
	Limit int
	Per   time.Duration
	Burst int
	// By says who shares the limit.
	By By
	// Minimum is how many people of Groups have to approve, each once, within Timeout.
	Minimum int
	Groups  []string
	Timeout time.Duration
	// Bytes is the longest body that MaxBody lets through.
	Bytes int
	// Time is how long TimeLimit lets a call take.
	Time time.Duration
	// Assurance, Trust and Ring are the least that the Require kinds and MinTrust ask for.
	Assurance identity.Assurance
	Trust     agent.Trust
	Ring      agent.Ring
	// Classes are the classes of findings that Content speaks of, all when empty; Severity is that from which on; Approve
	// lets calls wait for people (Minimum, Groups, Timeout) instead of refusing them; Answers is for what callees say,
	// Requests for what callers do.
	Classes           []string
	Severity          Severity
	Approve           bool
	Requests, Answers bool
	// Text is the Cedar of a Cedar rule, and TextLine where it begins in the file.
	Text     string
	TextLine int
}

// Severity ranks findings, as package inspect does.
type Severity uint8

// The severities.
const (
	Low Severity = 1 + iota
	Medium
	High
	Critical
)

// Test is one of a document's own tests: what the document, alone, has to say of a call.
type Test struct {
	Name string
	Line int
	Call Call
	// Findings are the classes of findings in the request, with their severities.
	Findings map[string]Severity
	// Decision is allow, approve or deny. Rule is the kind of the rule that has to decide, as documents spell it; empty
	// asks for none.
	Decision Decision
	Rule     string
}

// Call is what policies are asked about. All of it is established before: nothing in it is what a caller claims, but
// Skill and Action.
type Call struct {
	Caller      agent.ID
	CallerOwner agent.Owner
	// Ring and Trust are those of the effective authority, Assurance how the caller's identity is proved.
	Ring      agent.Ring
	Trust     agent.Trust
	Assurance identity.Assurance
	// Origin is the agent on whose behalf the caller acts in the end, itself if it acts for itself; Hops is how many agents
	// stand before the caller. Unchained reports that it serves others and that the call tells of none of them.
	Origin    agent.ID
	Hops      int
	Unchained bool
	// Descent is how that became known: own, delegated, linked, low-water or gated.
	Descent     string
	Callee      agent.ID
	CalleeOwner agent.Owner
	Method      a2a.Method
	Effect      agent.Effect
	// Skill and Action are what the caller declares; Offered reports that the callee has the skill.
	Skill, Action string
	Offered       bool
	// Bytes is how long the body is.
	Bytes int
	// At is the moment of the decision.
	At time.Time
}
