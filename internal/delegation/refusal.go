package delegation

import (
	"fmt"

	"ringfence.dev/ringfence/internal/agent"
)

// Reason says why a chain of links passes nothing on. The zero value is Malformed.
type Reason uint8

// The reasons.
const (
	Malformed     Reason = iota // a link cannot be read, or breaks a rule of its form
	TooLong                     // the chain has too many links or bytes
	UnknownIssuer               // a link is signed by a key that is no registered agent's at present
	BadSignature                // the key did not make this signature over this link
	BrokenHash                  // a link does not name the one before it: one was dropped, added or exchanged
	Spliced                     // a link is signed by somebody who does not hold the one before it
	Widened                     // a link passes on more than the one before it
	TooDeep                     // a link stands deeper than those before it allow, or elsewhere than it says
	Expired                     // a link has ended
	NotYetValid                 // a link comes from the future
	WrongHolder                 // the last link was given to another key than the one that signs the request
	WrongAudience               // a link is not meant for this callee
)

var reasonNames = [...]string{
	Malformed:     "malformed",
	TooLong:       "too-long",
	UnknownIssuer: "unknown-issuer",
	BadSignature:  "bad-signature",
	BrokenHash:    "broken-hash",
	Spliced:       "spliced",
	Widened:       "widened",
	TooDeep:       "too-deep",
	Expired:       "expired",
	NotYetValid:   "not-yet-valid",
	WrongHolder:   "wrong-holder",
	WrongAudience: "wrong-audience",
}

// String returns the stable word for the reason, lower case with hyphens.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return reasonNames[Malformed]
}

// Refusal is the error of a chain that passes nothing on.
type Refusal struct {
	// Reason is what a caller of this package branches on.
	Reason Reason
	// Link is the place of the link that was refused, 0 for the root; the first one that has a fault.
	Link int
	// Detail is a sentence the sender may read: it names claims, never their values.
	Detail string
	// Culprit is the agent whose valid signature is under a link that nobody who keeps the rules would make: one that
	// is spliced, widened or too deep. It is empty where the fault proves nothing about anybody, so that nobody can be
	// framed with a link that others put together.
	Culprit agent.ID
	// Own reports that the culprit made the link with the very key that signs the request.
	Own bool
}

// Error returns the reason, the place of the link and the detail.
func (r *Refusal) Error() string { return fmt.Sprintf("%s: link %d %s", r.Reason, r.Link, r.Detail) }

func refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
