// Package vouch answers whether an agent is one to call or to listen to: a peer asks before it talks, with what it
// requires, and learns everything that is missing. It decides from what the mesh knows at the moment and keeps nothing.
package vouch

import (
	"strconv"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/authority"
)

// MaxCapabilities is the largest number of capabilities that a question may require.
const MaxCapabilities = 32

// Question is what is required of an agent. The zero value requires that it is registered and active.
type Question struct {
	// Score is the lowest trust score, 0 to 1000.
	Score agent.Trust
	// Ring is the least privileged ring; ring 3 asks for none.
	Ring agent.Ring
	// Capabilities are what the agent must be allowed to ask of others, each in full.
	Capabilities []agent.Capability
}

// Subject is what the mesh knows of the agent that is asked about. The zero value is an agent nobody knows.
type Subject struct {
	// Record is the agent's registration; nil when no registered agent holds the DID.
	Record *agent.Record
	// Score and Ring are its standing at present.
	Score agent.Trust
	Ring  agent.Ring
	// Stopped reports that it may do nothing at present, whatever its record says: somebody switched it, its owner or the
	// mesh off, or what it did latched a quarantine that nobody has lifted.
	Stopped bool
}

// Answer says whether the agent meets a question. The zero value says that it does not.
type Answer struct {
	// Verified reports that every requirement is met.
	Verified bool
	// Agent is the agent's name; empty when nobody knows it.
	Agent agent.ID
	// Score, Ring and Status are what the answer rests on.
	Score  agent.Trust
	Ring   agent.Ring
	Status agent.Status
	// Reasons are the requirements that are not met, all of them, in a fixed order.
	Reasons []Reason
}

// Reason is one requirement that is not met.
type Reason struct {
	// Factor is agent, status, score, ring or capability.
	Factor string `json:"factor" enum:"agent,status,score,ring,capability" doc:"What is not met."`
	// Have is what the agent has, and Need what was asked for.
	Have string `json:"have" doc:"What the agent has."`
	Need string `json:"need" doc:"What is required."`
}

// Stopped is what an Answer says instead of the status of an agent that may do nothing at present.
const Stopped agent.Status = "stopped"

// Evaluate answers a question about an agent.
func Evaluate(q Question, s Subject) Answer {
	var a Answer
	lack := func(factor, have, need string) { a.Reasons = append(a.Reasons, Reason{factor, have, need}) }
	var capabilities []agent.Capability
	if s.Record == nil {
		s = Subject{}
		lack("agent", "unknown", "registered")
	} else {
		a.Agent, a.Status, capabilities = s.Record.Name, s.Record.Status, s.Record.Capabilities
		if s.Stopped {
			a.Status = Stopped
		}
		if a.Status != agent.Active {
			lack("status", string(a.Status), string(agent.Active))
		}
	}
	a.Score, a.Ring = s.Score, s.Ring
	if a.Score < q.Score {
		lack("score", strconv.Itoa(int(a.Score)), strconv.Itoa(int(q.Score)))
	}
	if a.Ring < q.Ring {
		lack("ring", a.Ring.String(), q.Ring.String())
	}
	for _, needed := range q.Capabilities {
		if !holds(capabilities, needed) {
			lack("capability", "none that covers it", string(needed))
		}
	}
	a.Verified = len(a.Reasons) == 0
	return a
}

// holds reports whether the capabilities grant all that the needed one does. One that grants nothing is held by nobody:
// whoever asks for it meant something else.
func holds(capabilities []agent.Capability, needed agent.Capability) bool {
	if _, err := agent.ParseCapability(string(needed)); err != nil {
		return false
	}
	return authority.ScopeWithin([]agent.Capability{needed}, capabilities)
}
