package trust

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

const (
	// maxBatches bounds the agents of which events wait, maxWaiting the events of each: together the memory that an
	// unreachable store costs.
	maxBatches = 1 << 14
	maxWaiting = maxEvents / 4
	// pause is the least time between two writes of one agent's events. What happens meanwhile becomes one write.
	pause = time.Second / 2
)

// phase is what becomes of an agent's events at the moment.
type phase uint8

const (
	ready   phase = iota // they wait for a writer
	writing              // a writer has some of them
	cooling              // they wait for the pause since the last write to end
)

// batch is what waits of one agent.
type batch struct {
	events []Event
	phase  phase
	timer  *time.Timer
}

// queue is the events that wait to be stored, by agent. Each agent stands in ready once at most, so that sending never
// blocks.
type queue struct {
	ready chan agent.ID

	mu      sync.Mutex
	batches map[agent.ID]*batch
	closed  bool
	idle    chan struct{} // closed when nothing waits any more, once the queue is closed
}

func newQueue() *queue {
	return &queue{ready: make(chan agent.ID, maxBatches), batches: make(map[agent.ID]*batch), idle: make(chan struct{})}
}

// push adds an event of the agent, and reports whether there was room for it. An event counts with an earlier one of the
// same second, and where there is no room for another, with any that says the same.
func (q *queue) push(name agent.ID, event Event) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	b := q.batches[name]
	switch {
	case b == nil && len(q.batches) >= maxBatches:
		return false
	case b == nil:
		q.batches[name] = &batch{events: []Event{event}}
		q.ready <- name
		return true
	case !b.add(event):
		return false
	}
	// What quarantines does not wait.
	if b.phase == cooling && event.Severe {
		q.release(name, b)
	}
	return true
}

func (b *batch) add(event Event) bool {
	full := len(b.events) >= maxWaiting
	for i := range slices.Backward(b.events) {
		e := &b.events[i]
		if e.joins(&event) && (e.At == event.At || full) && e.Count < math.MaxInt32 {
			e.Count++
			return true
		}
		if event.Kind == Registered && e.Kind == Registered {
			return true
		}
	}
	if full {
		return false
	}
	b.events = append(b.events, event)
	return true
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

// take returns the agent's events for writing.
func (q *queue) take(name agent.ID) []Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.batches[name]
	events := b.events
	b.events, b.phase = nil, writing
	return events
}

// done ends what take began.
func (q *queue) done(name agent.ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.batches[name]
	switch {
	case len(b.events) > 0 && (q.closed || slices.ContainsFunc(b.events, func(e Event) bool { return e.Severe })):
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
	default:
		q.forget(name)
	}
}

// forget removes an agent of which nothing waits. q.mu is held.
func (q *queue) forget(name agent.ID) {
	delete(q.batches, name)
	if q.closed && len(q.batches) == 0 {
		close(q.idle)
	}
}

// drain takes no more events, and returns when all that waited are stored, or ctx ends.
func (q *queue) drain(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		for name, b := range q.batches {
			switch {
			case b.phase != cooling:
			case len(b.events) > 0:
				q.release(name, b)
			default:
				b.timer.Stop()
				delete(q.batches, name)
			}
		}
		if len(q.batches) == 0 {
			close(q.idle)
		}
	}
	q.mu.Unlock()
	select {
	case <-q.idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d agents' events wait: %w", q.waiting(), ctx.Err())
	}
}

// waiting is the number of agents of which events wait.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	count := 0
	for _, b := range q.batches {
		if len(b.events) > 0 || b.phase == writing {
			count++
		}
	}
	return count
}
