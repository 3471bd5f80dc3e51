package trust

import (
	"math"
	"slices"
	"time"
)

// phase is what becomes of an agent's events at the moment.
type phase uint8

const (
	idle    phase = iota // there are patient ones at most
	ready                // they wait for a writer
	writing              // a writer has some of them
	cooling              // they wait for the pause since the last write to end
)

// waiting is an event on its way to the queue.
type waiting struct {
	event Event
	// patient says that the event asks for no write: it goes along with the next one, or with another counterparty's.
	patient bool
	// severe is the number that stands for an event that quarantines.
	severe uint64
}

// batch is what waits of one agent.
type batch struct {
	events  []Event
	patient []Event
	severe  uint64 // the highest number of the events
	phase   phase
	timer   *time.Timer
}

// corroborates reports whether another counterparty's evidence waits.
func (b *batch) corroborates(event *Event) bool {
	return slices.ContainsFunc(b.patient, func(e Event) bool { return e.Counterparty != event.Counterparty })
}

// rest adds a patient event. Those that say the same count as of the first of them.
func (b *batch) rest(event Event) bool {
	for i := range b.patient {
		if e := &b.patient[i]; e.joins(&event) {
			e.Count = min(e.Count+1, math.MaxInt32)
			return true
		}
	}
	if len(b.patient) >= maxPatient {
		return false
	}
	b.patient = append(b.patient, event)
	return true
}

// add adds an event that asks for a write. displaced says that another one was dropped for it.
func (b *batch) add(event Event) (added, displaced bool) {
	full := len(b.events) >= maxWaiting
	for i := range slices.Backward(b.events) {
		e := &b.events[i]
		if e.joins(&event) && (e.At == event.At || full) && e.Count < math.MaxInt32 {
			e.Count++
			return true, false
		}
		if event.Kind == Registered && e.Kind == Registered {
			return true, false
		}
	}
	if full && !b.yield(&event) {
		return false, false
	}
	b.events = append(b.events, event)
	return true, full
}

// yield makes room for an event by giving up the lightest that waits, if that one weighs less: an agent must not be able to
// hide what it does behind many small things.
func (b *batch) yield(to *Event) bool {
	lightest := 0
	for i := range b.events {
		if b.events[i].gravity() < b.events[lightest].gravity() {
			lightest = i
		}
	}
	if b.events[lightest].gravity() >= to.gravity() {
		return false
	}
	b.events = slices.Delete(b.events, lightest, lightest+1)
	return true
}
