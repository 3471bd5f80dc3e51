package trust

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"ringfence.dev/ringfence/internal/agent"
)

// maxEvents bounds the events that are kept as such; the oldest half of more goes into the checkpoint.
const maxEvents = 128

// formatVersion names the form in which histories are stored.
const formatVersion = 1

// History is what the store has of one agent: a state, and the events since. All events are counted under the rules that
// stand with them, so that every replica comes to the same state whatever its own configuration. A history never changes
// once it is made. The zero value is that of an agent without any event.
type History struct {
	rules      Rules
	checkpoint State
	events     []Event
	state      State // after the last event
	broken     bool  // what the store has cannot be read
}

// storedHistory is the form in which a History is stored.
type storedHistory struct {
	Version    int     `json:"version"`
	Rules      Rules   `json:"rules"`
	Checkpoint State   `json:"checkpoint"`
	Events     []Event `json:"events"`
}

// broken is the history of an agent of which what is stored cannot be read. Nobody knows what it did, so it takes no part
// until a person has looked at it.
var broken = &History{broken: true}

// State returns the state after the last event.
func (h *History) State() State { return h.state }

// Checkpoint returns the state from which the events go on, and the rules they are counted under.
func (h *History) Checkpoint() (State, Rules) { return h.checkpoint, h.rules }

// Events returns the latest events, the oldest first. They must not be changed.
func (h *History) Events() []Event { return h.events }

// Readable reports whether what the store has could be read.
func (h *History) Readable() bool { return !h.broken }

// says reports whether the history has the registration as it is.
func (h *History) says(record *agent.Record) bool {
	return h.state.Seq > 0 && h.state.Owner == record.Owner && h.state.Base == record.Base
}

// append returns the history with the events behind it, numbered, counted under the rules.
func (h *History) append(rules Rules, events []Event) *History {
	next := &History{rules: rules, checkpoint: h.checkpoint, state: h.state}
	if h.rules == rules {
		next.events = h.events
	} else {
		// What was counted stays as it was counted.
		next.checkpoint = h.state
	}
	next.events = append(next.events[:len(next.events):len(next.events)], events...)
	for i := range events {
		e := &next.events[len(next.events)-len(events)+i]
		e.Seq = next.state.Seq + uint64(i) + 1
	}
	next.state = Replay(next.state, events, rules)
	if len(next.events) > maxEvents {
		folded := len(next.events) - maxEvents/2
		next.checkpoint = Replay(next.checkpoint, next.events[:folded], rules)
		next.events = next.events[folded:]
	}
	return next
}

// holds reports whether the history has the events that were numbered so: whether a write of which nothing was heard took
// place. Events that are in the checkpoint by now may have been others; to count them again would be worse than to lose
// them.
func (h *History) holds(events []Event) bool {
	if len(events) == 0 {
		return true
	}
	last := events[len(events)-1]
	switch {
	case last.Seq > h.state.Seq:
		return false
	case last.Seq <= h.checkpoint.Seq:
		return true
	}
	return h.events[last.Seq-h.checkpoint.Seq-1] == last
}

// clearedAfter reports whether a person cleared the agent after the moment, as far as events tell.
func (h *History) clearedAfter(at int64) bool {
	return slices.ContainsFunc(h.events, func(e Event) bool { return e.Kind == Cleared && e.At > at })
}

// encode returns the form in which the history is stored.
func (h *History) encode() ([]byte, error) {
	value, err := json.Marshal(storedHistory{formatVersion, h.rules, h.checkpoint, h.events})
	if err != nil {
		return nil, fmt.Errorf("encoding a trust history: %w", err)
	}
	return value, nil
}

// decodeHistory reads what encode wrote, and returns an error unless it is something that encode could have written.
func decodeHistory(value []byte) (*History, error) {
	var stored storedHistory
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&stored); err != nil {
		return nil, fmt.Errorf("decoding a trust history: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decoding a trust history: there is data behind it")
	}
	if err := stored.validate(); err != nil {
		return nil, fmt.Errorf("decoding a trust history: %w", err)
	}
	return &History{
		// The decoder has left room for more events, which most histories never have.
		rules: stored.Rules, checkpoint: stored.Checkpoint, events: slices.Clone(stored.Events),
		state: Replay(stored.Checkpoint, stored.Events, stored.Rules),
	}, nil
}

func (h *storedHistory) validate() error {
	if h.Version != formatVersion {
		return fmt.Errorf("it is of version %d, not %d", h.Version, formatVersion)
	}
	if err := h.Rules.Validate(); err != nil {
		return err
	}
	if err := h.Checkpoint.validate(); err != nil {
		return err
	}
	if len(h.Events) > maxEvents {
		return fmt.Errorf("it has %d events, more than %d", len(h.Events), maxEvents)
	}
	for i := range h.Events {
		if err := h.Events[i].validate(); err != nil {
			return err
		}
		if h.Events[i].Seq != h.Checkpoint.Seq+uint64(i)+1 {
			return fmt.Errorf("event %d has the number %d", i, h.Events[i].Seq)
		}
	}
	if h.Checkpoint.Seq == 0 && len(h.Events) == 0 {
		return errors.New("it has no event")
	}
	return nil
}

func (s *State) validate() error {
	switch {
	case s.Seq > math.MaxInt64:
		return errors.New("the number of the last event is out of range")
	case s.At < 0 || s.At > maxTime || s.Base < 0 || s.Base > agent.MaxTrust:
		return errors.New("the moment or the base score is out of range")
	case !inRange(s.Good, s.Bad):
		return errors.New("the evidence is out of range")
	case s.StrayHour < 0 || s.Strays < 0:
		return errors.New("the stray calls are out of range")
	case len(s.Peers) > maxPeers+1 || len(s.Framers) > maxPeers+1:
		return errors.New("there are too many counterparties")
	}
	for _, since := range s.Reached {
		if since < 0 || since > maxTime {
			return errors.New("a moment at which a ring was reached is out of range")
		}
	}
	return errors.Join(validatePeers(s.Peers, s.At), validatePeers(s.Framers, s.At))
}

func validatePeers(peers []Peer, at int64) error {
	for i, p := range peers {
		if i > 0 && peers[i-1].Name >= p.Name {
			return errors.New("the counterparties are not in order")
		}
		if p.At < 0 || p.At > at || !inRange(p.Good, p.Bad, p.GoodHour, p.BadHour) {
			return errors.New("the evidence of a counterparty is out of range")
		}
	}
	return nil
}

func (e *Event) validate() error {
	_, signal := traits[e.Kind]
	switch {
	case !signal && e.Kind != Registered && e.Kind != Cleared:
		return fmt.Errorf("event %d is of no known kind", e.Seq)
	case e.At < 0 || e.At > maxTime, e.Count < 0, e.Base < 0 || e.Base > agent.MaxTrust, !inRange(e.Weight, e.Inherited):
		return fmt.Errorf("a number of event %d is out of range", e.Seq)
	}
	return nil
}

func inRange(amounts ...Evidence) bool {
	for _, amount := range amounts {
		if amount < 0 || amount > MaxEvidence {
			return false
		}
	}
	return true
}
