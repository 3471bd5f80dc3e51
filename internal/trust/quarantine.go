package trust

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/shards"
	"ringfence.dev/ringfence/internal/store"
)

// maxHeld bounds the agents that are held in quarantine before the store has what they did. When that many have done so
// while nothing can be stored, whom the next event is about cannot be kept, and so nobody takes part any more.
const maxHeld = 1 << 12

// held is an agent that this process has seen do what quarantines. It is immutable.
type held struct {
	// latch is the first such event, last the number of the latest one.
	latch Latch
	last  uint64
	// revision is that of the write which stored the latest event; 0 as long as it waits.
	revision uint64
	// lost says that an event will never be stored, and at is when the latest one happened.
	lost bool
	at   int64
}

// over reports whether what is known of the agent has the events, or a person's clearance of what could not be stored.
func (h *held) over(known mirror.Value[*History]) bool {
	if h.lost {
		return known.Value != nil && known.Value.clearedAfter(h.at)
	}
	return h.revision > 0 && known.Revision >= h.revision
}

// waits reports whether the events may still be stored.
func (h *held) waits() bool { return h.revision == 0 && !h.lost }

// holds is whom a process holds in quarantine at one moment. It is immutable.
type holds struct {
	agents shards.Table[*held]
	all    bool
}

// none reports whether nobody is held.
func (h *holds) none() bool { return h == nil || h.agents.Len() == 0 && !h.all }

// latch returns why the agent is held although what is known of it does not say so; false if it is not.
func (h *holds) latch(name agent.ID, known mirror.Value[*History]) (Latch, bool) {
	if h.none() {
		return Latch{}, false
	}
	if of, ok := h.agents.Get(string(name)); ok && !of.over(known) {
		return of.latch, true
	}
	return Latch{}, h.all
}

// quarantine has agents out from the moment in which this process sees them do what quarantines, however long the store
// takes to have it.
type quarantine struct {
	present atomic.Pointer[holds]

	mu   sync.Mutex
	last uint64
	news chan struct{} // closed when the next event is stored, or lost
}

func newQuarantine() *quarantine {
	q := &quarantine{news: make(chan struct{})}
	q.present.Store(&holds{})
	return q
}

// hold begins to hold an agent for the event, and returns the number that stands for it, above 0. It reports false when
// there was no room, and everybody is held from now on.
func (q *quarantine) hold(name agent.ID, e *Event) (number uint64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last++
	current := q.present.Load()
	next := held{latch: Latch{Kind: e.Kind, Class: e.Class, Counterparty: e.Counterparty, Exchange: e.Exchange, At: e.At}}
	before, known := current.agents.Get(string(name))
	if !known && current.agents.Len() >= maxHeld {
		q.present.Store(&holds{agents: current.agents, all: true})
		return q.last, false
	}
	if known {
		next.latch, next.lost, next.at = before.latch, before.lost, before.at
	}
	next.last, next.at = q.last, max(next.at, e.At)
	q.replace(name, &next)
	return q.last, true
}

// replace gives the agent another entry, or none. q.mu is held.
func (q *quarantine) replace(name agent.ID, entry *held) {
	current := q.present.Load()
	edit := shards.NewEdit(&current.agents)
	if entry == nil {
		edit.Remove(string(name))
	} else {
		edit.Set(string(name), entry)
	}
	q.present.Store(&holds{agents: *edit.Table(), all: current.all})
}

// change changes the agent's entry if it stands for no event after that of the number; a nil result removes it.
func (q *quarantine) change(name agent.ID, number uint64, change func(held) *held) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if entry, ok := q.present.Load().agents.Get(string(name)); ok && entry.last <= number {
		q.replace(name, change(*entry))
		close(q.news)
		q.news = make(chan struct{})
	}
}

// stored notes which write stored the events up to the number.
func (q *quarantine) stored(name agent.ID, number, revision uint64) {
	q.change(name, number, func(h held) *held {
		h.revision = revision
		return &h
	})
}

// lost notes that events up to the number will never be stored.
func (q *quarantine) lost(name agent.ID, number uint64) {
	q.change(name, number, func(h held) *held {
		h.lost = true
		return &h
	})
}

// release ends what the events up to the number began.
func (q *quarantine) release(name agent.ID, number uint64) {
	q.change(name, number, func(held) *held { return nil })
}

// settle releases the agent if what is known of it has the events.
func (q *quarantine) settle(name agent.ID, known mirror.Value[*History]) {
	if entry, ok := q.present.Load().agents.Get(string(name)); ok && entry.over(known) {
		q.release(name, entry.last)
	}
}

// settled returns the agent's entry, nil for none, as soon as no event of it waits to be stored.
func (q *quarantine) settled(ctx context.Context, name agent.ID) (*held, error) {
	for {
		q.mu.Lock()
		entry, ok := q.present.Load().agents.Get(string(name))
		news := q.news
		q.mu.Unlock()
		if !ok || !entry.waits() {
			return entry, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, errors.Join(store.ErrUnavailable, ctx.Err())
		}
	}
}
