// Package approval keeps the calls that wait until people approve them, and what people said. An approval is for one call,
// told by its digest; it is used once, by one process of the mesh; and whatever is not known for certain denies.
package approval

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/policy"
)

// State says how far an approval is. The zero value is none, and approves nothing.
type State string

// The states. Only Pending and Granted change: pending to granted, denied, expired or withdrawn; granted to consumed,
// denied, expired or withdrawn.
const (
	Pending   State = "pending"   // people are asked
	Granted   State = "granted"   // enough people approved, and the call was not repeated yet
	Consumed  State = "consumed"  // the call went on, once
	Denied    State = "denied"    // somebody denied it
	Expired   State = "expired"   // its time ended, or what was asked for is no longer what has to be
	Withdrawn State = "withdrawn" // it was taken back
)

// States are all states, in the order in which they can come.
var States = []State{Pending, Granted, Consumed, Denied, Expired, Withdrawn}

// live reports whether the state can still change.
func (s State) live() bool { return s == Pending || s == Granted }

// Errors that callers branch on.
var (
	// ErrNotFound: there is no approval of this id.
	ErrNotFound = errors.New("no such approval")
	// ErrTooMany: the caller has as many approvals waiting as it may.
	ErrTooMany = errors.New("too many approvals of this caller wait")
	// ErrEnded: the approval is decided, or its time is over.
	ErrEnded = errors.New("the approval has ended")
	// ErrOther: the ballot is for another approval, or for another request.
	ErrOther = errors.New("the ballot is for another request")
	// ErrUnproven: nothing proves who votes.
	ErrUnproven = errors.New("the vote is not proved to be an approver's")
	// ErrNotAsked: the approver is in no group that is asked, or is an agent.
	ErrNotAsked = errors.New("the approver is not among those who are asked")
	// ErrExcluded: the approver answers for an agent that the request comes from.
	ErrExcluded = errors.New("the approver answers for an agent that asks")
)

// Case is what people are asked about.
type Case struct {
	// Digest is that of the call.
	Digest string
	// Caller calls Callee in the name of Holders, from the root to the caller.
	Caller, Callee agent.ID
	Holders        []agent.ID
	Method         a2a.Method
	// Skill and Action are what the caller declares; for people.
	Skill, Action string
	// Excluded are the owners of the caller and of all holders: they do not decide about their own agents.
	Excluded []agent.Owner
	// Requirements have to be met, all of them. Those of documents in shadow mode do not count; without any other the case
	// is refused.
	Requirements []policy.Requirement
	// Epoch is that of the policies, Decision the id of the decision that asks.
	Epoch    string
	Decision string
	// Resumes is the approval under which the call was kept, for one that the mesh repeats; empty for all others. Where that
	// one was used already, nobody is asked anew.
	Resumes string
}

// Approval is a case with what became of it, as it is stored and shown. It is immutable.
type Approval struct {
	ID           string        `json:"id" doc:"Names the approval."`
	State        State         `json:"state" enum:"pending,granted,consumed,denied,expired,withdrawn" doc:"How far it is."`
	Expires      time.Time     `json:"expiresAt" doc:"Until when people can decide, and the call can be repeated once they approved."`
	Asked        time.Time     `json:"askedAt,omitzero" required:"false" doc:"Since when people are asked."`
	Digest       string        `json:"digest,omitempty" required:"false" doc:"SHA-256 over the call: what is approved, and nothing else."`
	Summary      string        `json:"summary,omitempty" required:"false" doc:"The request in one sentence, for people."`
	Caller       agent.ID      `json:"caller,omitempty" required:"false" doc:"The agent that calls."`
	Callee       agent.ID      `json:"callee,omitempty" required:"false" doc:"The agent that is called."`
	Holders      []agent.ID    `json:"chain,omitempty" required:"false" doc:"On whose behalf the caller calls, from the first agent to the caller itself."`
	Method       a2a.Method    `json:"method,omitempty" required:"false" doc:"What is asked of the callee."`
	Skill        string        `json:"skill,omitempty" required:"false" doc:"The skill that the caller declares; it is the caller's claim."`
	Action       string        `json:"action,omitempty" required:"false" doc:"The action that the caller declares; it is the caller's claim."`
	Requirements []Requirement `json:"requirements,omitempty" required:"false" doc:"What policies ask for; all of it has to be met."`
	Excluded     []agent.Owner `json:"excluded,omitempty" required:"false" doc:"The owners who cannot vote, because an agent of theirs asks."`
	Epoch        string        `json:"epoch,omitempty" required:"false" doc:"The state of the policies that ask."`
	Decision     string        `json:"decision,omitempty" required:"false" doc:"The id of the decision that asked first."`
	Votes        []Vote        `json:"votes,omitempty" required:"false" doc:"What people said, in order."`
	History      []Change      `json:"history,omitempty" required:"false" doc:"The states, in order."`

	// Granted reports, of an approval that Ask returns, that this very call may go on. It is true once for an approval,
	// among all processes.
	Granted bool `json:"-"`
}

// Requirement is what one rule of a policy asks for.
type Requirement struct {
	Party    string   `json:"party" doc:"Whose policy asks: caller, gateway, callee or organisation."`
	Policy   string   `json:"policy" doc:"The policy's name."`
	Rule     int      `json:"rule" doc:"The rule's place in the policy, from 0."`
	Minimum  int      `json:"minimum" doc:"How many people have to approve."`
	Groups   []string `json:"groups" doc:"The groups they have to be of."`
	Approved int      `json:"approved" doc:"How many of them have."`
}

// Vote is what one person said.
type Vote struct {
	Approver string    `json:"approver" doc:"Who."`
	Choice   Choice    `json:"decision" enum:"approve,deny" doc:"What."`
	Reason   string    `json:"reason,omitempty" required:"false" doc:"Why."`
	At       time.Time `json:"at" doc:"When."`
	Groups   []string  `json:"groups" doc:"The approver's groups at that moment."`
	Proof    string    `json:"proof" doc:"What proves it: the ballot that the approver signed, or the issuer and the subject of the token."`
}

// Change is one state, from when on and by whom.
type Change struct {
	State State     `json:"state" doc:"The state."`
	At    time.Time `json:"at" doc:"Since when."`
	By    string    `json:"by,omitempty" required:"false" doc:"Who brought it about, where that is a person."`
}

// Bounds of a case.
const (
	// MaxSkew is how far ahead of the clock an approval may have been written. One from later than that is over: the clock
	// was set back, and nobody can tell whether its time has come already.
	MaxSkew = time.Minute

	maxShown  = 256 // bytes of a declared skill or action
	maxReason = 1024
)

// begin returns the approval with which a case begins, without an id, or why the case is none.
func begin(c Case, now time.Time) (Approval, error) {
	if !isDigest(c.Digest) || c.Caller == "" || c.Callee == "" || c.Method == "" || c.Epoch == "" {
		return Approval{}, errNobody
	}
	asked := now.UTC().Truncate(time.Millisecond)
	a := Approval{
		State: Pending, Asked: asked, Digest: c.Digest, Caller: c.Caller, Callee: c.Callee, Holders: slices.Clone(c.Holders), Method: c.Method,
		Skill: shown(c.Skill), Action: shown(c.Action), Epoch: c.Epoch, Decision: c.Decision, History: []Change{{State: Pending, At: asked}},
	}
	timeout := time.Duration(0)
	for _, r := range c.Requirements {
		if r.Mode != policy.Enforce {
			continue
		}
		if r.Minimum < 1 || len(r.Groups) == 0 || r.Timeout <= 0 {
			return Approval{}, errors.New("a rule asks for approval by nobody, or in no time")
		}
		if timeout == 0 || r.Timeout < timeout {
			timeout = r.Timeout
		}
		groups := slices.Compact(slices.Sorted(slices.Values(r.Groups)))
		a.Requirements = append(a.Requirements, Requirement{
			Party: r.Party.String(), Policy: r.Policy, Rule: r.Rule, Minimum: r.Minimum, Groups: groups,
		})
	}
	if len(a.Requirements) == 0 {
		return Approval{}, errors.New("no rule asks for approval")
	}
	for _, owner := range c.Excluded {
		if owner != "" {
			a.Excluded = append(a.Excluded, owner)
		}
	}
	slices.Sort(a.Excluded)
	a.Excluded = slices.Compact(a.Excluded)
	a.Expires = asked.Add(timeout)
	a.Summary = a.summary()
	return a, nil
}

// summary tells the case in one sentence. What the caller chose stands in quotes.
func (a *Approval) summary() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s calls %s of %s", a.Caller, a.Method, a.Callee)
	if a.Skill != "" {
		fmt.Fprintf(&s, " for the skill %q", a.Skill)
	}
	if a.Action != "" {
		fmt.Fprintf(&s, " to do %q", a.Action)
	}
	if len(a.Holders) > 1 {
		fmt.Fprintf(&s, ", on behalf of %s", a.Holders[0])
	}
	return s.String()
}

// shown bounds what people are shown of a caller's text.
func shown(text string) string {
	if len(text) > maxShown {
		text = text[:maxShown] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// isDigest reports whether text has the form of a digest: the base64url of 32 bytes.
func isDigest(text string) bool {
	if len(text) != 43 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// writing spells keys and ids in letters and digits that no shell and no key of a store takes for anything else.
var writing = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

const (
	placeBytes = 10
	nonceBytes = 16
)

// place returns where in the store the latest approval for a digest is. It is shorter than the digest, so that ids can be
// read out; two calls of one place would have to wait for each other, and only their own senders can find such a pair.
func place(digest string) string {
	sum := sha256.Sum256([]byte(digest))
	return writing.EncodeToString(sum[:placeBytes])
}

// placeOf returns the place that an id names.
func placeOf(id string) (string, bool) {
	place, nonce, ok := strings.Cut(id, ".")
	return place, ok && spelled(place, placeBytes) && spelled(nonce, nonceBytes)
}

func spelled(text string, size int) bool {
	data, err := writing.DecodeString(text)
	return err == nil && len(data) == size && writing.EncodeToString(data) == text
}
