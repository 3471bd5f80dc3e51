package did

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Swap says what becomes of a document that breaks with the one before it. Until it is accepted, only keys that both
// documents have count. The zero value is SwapHold.
type Swap string

// The ways to treat a document that breaks with the one in force.
const (
	// SwapHold holds documents without any authentication key of the one in force. An owner rotates by listing the
	// old and the new key together for a while. It stops whoever takes over a name or host without looking, not one
	// who goes on listing the old public key.
	SwapHold Swap = "hold"
	// SwapPin holds every document that adds a key or lets one do or last more than before.
	SwapPin Swap = "pin"
	// SwapAccept takes every document: whoever has the host has the DID.
	SwapAccept Swap = "accept"
)

// ParseSwap reads hold, pin or accept.
func ParseSwap(s string) (Swap, error) {
	switch swap := Swap(s); swap {
	case SwapHold, SwapPin, SwapAccept:
		return swap, nil
	}
	return "", errors.New("must be hold, pin or accept")
}

// takes reports whether a document may replace the one in force at a moment.
func (s Swap) takes(e *entry, document Document, at time.Time) bool {
	switch s {
	case SwapAccept:
		return true
	case SwapPin:
		return !slices.ContainsFunc(document.Keys, func(key Key) bool { return !slices.ContainsFunc(e.InForce.Keys, key.within) })
	default:
		return e.continues(document, at)
	}
}

// continues reports whether a document has an authentication key of the one in force. A key that was refused or has
// ended vouches for nothing: it may be in wrong hands.
func (e *entry) continues(document Document, at time.Time) bool {
	for _, old := range e.InForce.Keys {
		if !old.Authentication || old.ended(at) || e.refuses(old) {
			continue
		}
		kept := func(key Key) bool { return key.Authentication && key.DID == old.DID }
		if slices.ContainsFunc(document.Keys, kept) {
			return true
		}
	}
	return false
}

// within reports whether a key may do nothing that the other may not.
func (k Key) within(other Key) bool {
	return k.same(other) && (other.Authentication || !k.Authentication) && (other.Assertion || !k.Assertion) &&
		(other.Until.IsZero() || !k.Until.IsZero() && !k.Until.After(other.Until))
}

// observation is what an attempt came to: a document or why there is none.
type observation struct {
	at       time.Time
	claim    uint64
	document Document
	err      error
}

// settle returns the entry after an attempt, and what became of the attempt. The entry given is not changed.
func settle(before *entry, seen observation, swap Swap) (*entry, Outcome, error) {
	after := *before
	after.counting = nil
	after.Attempted = seen.at
	if seen.err != nil {
		return after.lacking(seen.err)
	}
	after.Failures, after.Problem = 0, ""
	found, err := newVersion(seen.document, seen.at)
	if err != nil {
		return nil, Failed, err
	}
	after.Confirmed, after.Withdrawn, after.Held = seen.at, false, nil
	anew := seen.claim > before.Claim // a person registered it again, and so the document that it has now
	switch {
	case before.InForce != nil && before.InForce.Digest == found.Digest:
		after.Claim = max(before.Claim, seen.claim)
		return &after, Unchanged, nil
	case before.InForce == nil, anew, swap.takes(before, seen.document, seen.at):
		after.InForce, after.Claim = found, max(before.Claim, seen.claim)
		return &after, Fetched, nil
	}
	after.Held = found
	if before.Held != nil && before.Held.Digest == found.Digest {
		after.Held = before.Held // what a person may have looked at stays as it is
	}
	return &after, Held, nil
}

// lacking returns the entry after an attempt that gave no document. Keys outlive a host that fails, for a while, and
// not one that says that they are gone.
func (e *entry) lacking(err error) (*entry, Outcome, error) {
	outcome, problem := Failed, "the document could not be had"
	var why *ResolveError
	if errors.As(err, &why) {
		outcome, problem = why.Outcome, why.Problem
	}
	e.Failures++
	e.Problem = problem
	e.Withdrawn = e.Withdrawn || outcome == Withdrawn
	return e, outcome, nil
}

// accept puts the held document in force if it is the one of the digest.
func (e *entry) accept(digest string) error {
	if e.Held == nil || e.Held.Digest != digest {
		return fmt.Errorf("accepting a DID document: %w", ErrNotHeld)
	}
	e.InForce, e.Held = e.Held, nil
	return nil
}
