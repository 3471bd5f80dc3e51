// Package gate keeps the one amplification there is: an agent that acts for others may call on its own account, for
// declared operations of one other agent, where the owners of both said so. A gate is invoked by name and never found
// by looking for one, so that nobody is amplified by accident.
package gate

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
)

// Field is the name of the header by which a request invokes a gate. The request's signature covers it.
const Field = "agent-gate"

// Bounds of a gate.
const (
	// MaxLifetime is the longest time for which a gate may be declared.
	MaxLifetime = 366 * 24 * time.Hour
	// MaxOperations is the largest number of operations.
	MaxOperations = 32
	maxSkill      = 128
	maxPerson     = 256
)

// Declaration is what the owner of the calling agent says. The zero value opens nothing.
type Declaration struct {
	// ID names the gate.
	ID agent.ID `json:"id"`
	// From is the agent that calls through the gate, and Skill the one of its skills that needs to; what an agent is
	// about is its own claim, so Skill informs the people who accept and decides nothing.
	From  agent.ID `json:"from"`
	Skill string   `json:"skill,omitempty"`
	// To is the agent that is called.
	To agent.ID `json:"to"`
	// Operations are verbs of capabilities, such as read or SendMessage: all that may be asked of To.
	Operations []string `json:"operations"`
	// Ring is the most privileged ring that counts inside.
	Ring agent.Ring `json:"ring"`
	// Until is when the gate closes.
	Until time.Time `json:"until"`
}

// Consent is a person's word for one side of a gate.
type Consent struct {
	// By is who gave it, and At when, in UTC with second precision.
	By string    `json:"by"`
	At time.Time `json:"at"`
	// Digest is that of the declaration it was given to.
	Digest string `json:"digest"`
}

// Gate is a declaration with the consent of both sides. The zero value opens nothing.
type Gate struct {
	Declaration
	// Declared is the word of From's owner.
	Declared Consent `json:"declared"`
	// Accepted is the word of To's owner; nil until it was given.
	Accepted *Consent `json:"accepted,omitempty"`

	opening authority.Opening
	valid   bool
}

// Digest returns the base64url SHA-256 of the declaration. What was accepted is told by it, so that nobody accepts what
// they did not see.
func (d Declaration) Digest() string {
	d.Until = d.Until.UTC()
	// Every field can be written.
	text, _ := json.Marshal(d)
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Capabilities returns what the gate covers, as capabilities of the caller.
func (d Declaration) Capabilities() []agent.Capability {
	capabilities := make([]agent.Capability, len(d.Operations))
	for i, operation := range d.Operations {
		capabilities[i] = agent.Capability(operation + ":" + string(d.To))
	}
	return capabilities
}

// Validate returns every problem of the declaration, each an agent.FieldError.
func (d Declaration) Validate() error {
	var problems []error
	fail := func(path, problem string) {
		problems = append(problems, agent.FieldError{Path: path, Problem: problem})
	}
	for _, name := range []struct {
		path string
		id   agent.ID
	}{{"id", d.ID}, {"from", d.From}, {"to", d.To}} {
		if _, err := agent.ParseID(string(name.id)); err != nil {
			fail(name.path, err.Error())
		}
	}
	if d.From == d.To {
		fail("to", "must be another agent than from")
	}
	if len(d.Skill) > maxSkill {
		fail("skill", fmt.Sprintf("must have at most %d bytes", maxSkill))
	}
	if len(d.Operations) == 0 || len(d.Operations) > MaxOperations {
		fail("operations", fmt.Sprintf("must list 1 to %d verbs", MaxOperations))
	}
	for i, operation := range d.Operations {
		if err := checkOperation(operation, d.To); err != nil {
			fail(fmt.Sprintf("operations[%d]", i), err.Error())
		}
	}
	if d.Until.IsZero() {
		fail("until", "is required")
	}
	return errors.Join(problems...)
}

func checkOperation(operation string, to agent.ID) error {
	for _, c := range operation {
		if c == ':' {
			return errors.New("must be a verb such as read or SendMessage, without the resource: that is the agent in to")
		}
	}
	if _, err := agent.ParseCapability(operation + ":" + string(to)); err != nil {
		return errors.New("must be a verb such as read or SendMessage")
	}
	return nil
}

// compile makes the gate ready for decisions.
func (g *Gate) compile() {
	digest := g.Digest()
	g.opening = authority.Opening{Ring: g.Ring, Capabilities: g.Capabilities(), Until: g.Until}
	g.valid = g.Validate() == nil && g.Declared.Digest == digest && g.Accepted != nil && g.Accepted.Digest == digest
}

// Opening returns what the gate lets through, for authority.Through: nothing unless both sides have consented to the
// declaration as it is.
func (g Gate) Opening() authority.Opening {
	if !g.valid {
		return authority.Opening{}
	}
	return g.opening
}

// State is a word for people: declared, open or closed at the moment now.
func (g Gate) State(now time.Time) string {
	switch {
	case !now.Before(g.Until):
		return "closed"
	case g.valid:
		return "open"
	default:
		return "declared"
	}
}
