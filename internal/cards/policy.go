package cards

import (
	"fmt"
	"slices"

	"ringfence.dev/ringfence/internal/agent"
)

// Mode says what the signatures of cards mean for agents. The zero value requires them.
type Mode uint8

// The modes. Require takes verified cards alone, Warn takes every card and tells what its signatures are worth, Off
// does not look at them.
const (
	Require Mode = iota
	Warn
	Off
)

var modeNames = []string{Require: "require", Warn: "warn", Off: "off"}

// ParseMode returns the mode of a name.
func ParseMode(name string) (Mode, error) {
	i := slices.Index(modeNames, name)
	if i < 0 {
		return Require, fmt.Errorf("mode must be require, warn or off, not %q", name)
	}
	return Mode(i), nil
}

// Policy says which cards the mesh takes. The zero value takes none.
type Policy struct {
	// Mode is what signatures mean.
	Mode Mode
	// Verifier verifies them; nil verifies none.
	Verifier *Verifier
	// Accepted are the classes of changes that a fetched card may bring without a person's approval.
	Accepted []agent.CardChange
}

// Refuses returns why a card with the verification may not be taken, as a sentence about the card; empty when it may.
func (p Policy) Refuses(v agent.CardVerification) string {
	if p.Mode == Require && !v.Verified() {
		reason := v.Reason
		if reason == "" {
			reason = "nothing verifies signatures here"
		}
		return "must be signed by a key that is pinned or trusted: " + reason
	}
	return ""
}

// Holds reports whether a card with the changes waits for approval: as soon as one of them is not accepted.
func (p Policy) Holds(changes []agent.CardChange) bool {
	return slices.ContainsFunc(changes, func(c agent.CardChange) bool { return !slices.Contains(p.Accepted, c) })
}
