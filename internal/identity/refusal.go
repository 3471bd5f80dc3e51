package identity

import "fmt"

// Reason says why evidence proves nothing. The zero value is Malformed, so that a refusal nobody filled in is
// never taken for the absence of a claim.
type Reason uint8

// The reasons.
const (
	Malformed       Reason = iota // the evidence cannot be read, or breaks a rule of the profile
	Missing                       // there is no evidence at all: the caller is anonymous
	Unsupported                   // the evidence uses a feature or an algorithm outside the profile
	Uncovered                     // the signature leaves out a component it has to cover
	UnknownCaller                 // no known agent holds the key
	BadSignature                  // the key did not make this signature over this message
	Expired                       // the evidence is older than its window
	NotYetValid                   // the evidence comes from the future
	Replayed                      // the nonce was used before
	BeforeBoot                    // the evidence is older than the replay memory
	Overloaded                    // the replay memory is full
	DigestMismatch                // the body is not the one the digest names
	WrongAudience                 // the evidence is meant for somebody else
	KeysUnavailable               // the keys that could check the evidence are not known yet, or too old
)

var reasonNames = [...]string{
	Malformed:       "malformed",
	Missing:         "missing",
	Unsupported:     "unsupported",
	Uncovered:       "uncovered",
	UnknownCaller:   "unknown-caller",
	BadSignature:    "bad-signature",
	Expired:         "expired",
	NotYetValid:     "not-yet-valid",
	Replayed:        "replayed",
	BeforeBoot:      "before-boot",
	Overloaded:      "overloaded",
	DigestMismatch:  "digest-mismatch",
	WrongAudience:   "wrong-audience",
	KeysUnavailable: "keys-unavailable",
}

// String returns the stable word for the reason, lower case with hyphens.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return reasonNames[Malformed]
}

// Refusal is the error of evidence that does not prove a caller.
type Refusal struct {
	// Reason is what a caller of this package branches on.
	Reason Reason
	// Detail is a sentence the sender may read: it names components, fields and parameters, never values.
	Detail string
}

// Error returns the reason and the detail.
func (r *Refusal) Error() string { return r.Reason.String() + ": " + r.Detail }

func refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
