package trust

import (
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/mirror"
)

// Image is what was known of all agents' trust at one moment. A nil Image knows of nobody that it may take part.
type Image struct {
	histories *mirror.Image[*History]
	held      *holds
	rules     Rules
	heirs     *heirs
}

// Silent returns an Image that knows of no event.
func Silent(rules Rules) *Image { return &Image{rules: rules} }

// Standing returns what a registered agent has at the moment now. An agent without history stands where its registration
// puts it, with what it takes over from agents that left its owner. One whose history cannot be read, and one that is not
// registered, is quarantined with score 0. What this process has seen quarantines before the store has it.
func (i *Image) Standing(record *agent.Record, now time.Time) Standing {
	if i == nil || record == nil {
		return Standing{Latched: true}
	}
	known, ok := i.histories.Get(string(record.Name))
	if ok && known.Value.broken {
		return Standing{Latched: true}
	}
	if !i.held.none() {
		if _, held := i.held.latch(record.Name, known); held {
			return Standing{Score: i.earned(record, known.Value, now).Score, Latched: true}
		}
	}
	return i.earned(record, known.Value, now)
}

// earned returns what the agent has by its history; nil for none.
func (i *Image) earned(record *agent.Record, h *History, now time.Time) Standing {
	if h != nil {
		return h.state.Standing(now, record.Base, record.Ceiling, i.rules)
	}
	fresh := State{}
	if record.Owner != "" && i.heirs != nil {
		fresh.Bad, _ = i.heirs.inherits(i.histories, record, now.Unix())
		fresh.At = now.Unix()
	}
	return fresh.Standing(now, record.Base, record.Ceiling, i.rules)
}

// History returns what is known of the named agent, and false if that is nothing.
func (i *Image) History(name agent.ID) (*History, bool) {
	if i == nil {
		return nil, false
	}
	known, ok := i.histories.Get(string(name))
	return known.Value, ok
}

// State returns the state of the named agent after its last event, and false if it has none that can be read.
func (i *Image) State(name agent.ID) (State, bool) {
	h, ok := i.History(name)
	if !ok || h.broken {
		return State{}, false
	}
	return h.state, true
}

// Latch returns the event for which the named agent is quarantined, and false if it is not, or for no event that is
// known: the history may not be readable.
func (i *Image) Latch(name agent.ID) (Latch, bool) {
	if i == nil {
		return Latch{}, false
	}
	known, ok := i.histories.Get(string(name))
	if ok && known.Value.state.Latch != nil {
		return *known.Value.state.Latch, true
	}
	latch, _ := i.held.latch(name, known)
	return latch, latch != Latch{}
}

// Rules returns the rules under which standings are computed.
func (i *Image) Rules() Rules {
	if i == nil {
		return Rules{}
	}
	return i.rules
}
