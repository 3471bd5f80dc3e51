package trust

import (
	"context"
	"fmt"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

const (
	// maxBatches bounds the agents of which events wait, maxWaiting the events of each: together the memory that an
	// unreachable store costs.
	maxBatches = 1 << 14
	maxWaiting = maxEvents / 4
	// maxPatient bounds the events of an agent that wait without asking for a write.
	maxPatient = 8
	// pause is the least time between two writes of one agent's events. What happens meanwhile becomes one write.
	pause = time.Second / 2
)

// queue is the events that wait to be stored, by agent. Each agent stands in ready once at most, so that sending never
// blocks.
type queue struct {
	ready chan agent.ID

	mu      sync.Mutex
	batches map[agent.ID]*batch
	// displaced counts events that were dropped for others.
	displaced uint64
	closed    bool
	empty     chan struct{} // closed when nothing waits any more, once the queue is closed
}

func newQueue() *queue {
	return &queue{
		ready: make(chan agent.ID, maxBatches+maxHeld), batches: make(map[agent.ID]*batch), empty: make(chan struct{}),
	}
}

// push adds an event of the agent, and reports whether there was room for it. An event counts with an earlier one of the
// same second, and where there is no room for another, with any that says the same. What quarantines takes the place of
// something else if it has to.
func (q *queue) push(name agent.ID, w waiting) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.batches[name]
	if q.closed || b == nil && len(q.batches) >= room(w) {
		return false
	}
	if b == nil {
		b = &batch{}
		q.batches[name] = b
	}
	if w.patient && !b.corroborates(&w.event) {
		return b.rest(w.event)
	}
	added, displaced := b.add(w.event)
	if displaced {
		q.displaced++
	}
	if !added {
		return false
	}
	b.severe = max(b.severe, w.severe)
	// What quarantines does not wait.
	if b.phase == idle || b.phase == cooling && w.event.Severe {
		q.release(name, b)
	}
	return true
}

// room is how many agents may have events in the queue when another one gets its first: patient events leave half of the
// room to others, and there is always some for what quarantines.
func room(w waiting) int {
	switch {
	case w.patient:
		return maxBatches / 2
	case w.event.Severe:
		return maxBatches + maxHeld
	}
	return maxBatches
}

// release hands the agent's events to a writer. q.mu is held.
func (q *queue) release(name agent.ID, b *batch) {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	b.phase = ready
	q.ready <- name
}

// take returns the agent's events for writing, and the highest number of those that quarantine.
func (q *queue) take(name agent.ID) (events []Event, severe uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.batches[name]
	events, severe = append(b.patient, b.events...), b.severe
	*b = batch{phase: writing}
	return events, severe
}

// done ends what take began.
func (q *queue) done(name agent.ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.batches[name]
	switch {
	case len(b.events) > 0 && (q.closed || b.severe > 0), len(b.patient) > 0 && q.closed:
		q.release(name, b)
	case q.closed:
		q.forget(name)
	default:
		b.phase = cooling
		b.timer = time.AfterFunc(pause, func() { q.wake(name, b) })
	}
}

// wake ends the pause of an agent.
func (q *queue) wake(name agent.ID, b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.batches[name] != b || b.phase != cooling:
	case len(b.events) > 0:
		q.release(name, b)
	case len(b.patient) > 0:
		b.phase, b.timer = idle, nil
	default:
		q.forget(name)
	}
}

// forget removes an agent of which nothing waits. q.mu is held.
func (q *queue) forget(name agent.ID) {
	delete(q.batches, name)
	if q.closed && len(q.batches) == 0 {
		close(q.empty)
	}
}

// drain takes no more events, and returns when all that waited are stored, or ctx ends.
func (q *queue) drain(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		for name, b := range q.batches {
			switch {
			case b.phase != cooling && b.phase != idle:
			case len(b.events)+len(b.patient) > 0:
				q.release(name, b)
			default:
				b.timer.Stop()
				delete(q.batches, name)
			}
		}
		if len(q.batches) == 0 {
			close(q.empty)
		}
	}
	q.mu.Unlock()
	select {
	case <-q.empty:
		return nil
	case <-ctx.Done():
		agents, patient, _ := q.waiting()
		return fmt.Errorf("%d agents' events wait: %w", agents+patient, ctx.Err())
	}
}

// waiting is the number of agents of which events wait, and that of agents of which patient ones alone do. dropped is how
// many events were dropped for others.
func (q *queue) waiting() (agents, patient int, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range q.batches {
		switch {
		case len(b.events) > 0 || b.phase == writing || b.phase == ready:
			agents++
		case len(b.patient) > 0:
			patient++
		}
	}
	return agents, patient, q.displaced
}
