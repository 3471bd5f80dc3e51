package task

import "time"

// enqueue has an item written. It does nothing when the item waits already; when the queue is full, the item is tried
// again at its next use. l.mu is held.
func (l *Ledger) enqueue(it *item) {
	if it.queued || l.drained != nil {
		return
	}
	select {
	case l.queue <- it:
		it.queued = true
		l.memory.pending[it.key] = it
	default:
		l.counts.dropped.Add(1)
	}
}

// use has an item written that the store does not have, or that would end sooner after this use than promised. l.mu is
// held.
func (l *Ledger) use(it *item, now time.Time) {
	if it.revision == 0 || it.expires.Sub(now) < l.lifetime(it.state) {
		l.enqueue(it)
	}
}

// finish marks an item as finished. l.mu is held.
func (l *Ledger) finish(it *item, state State) {
	if state > it.state {
		it.state = state
		l.enqueue(it)
	}
}

// current returns the item unless it has expired. l.mu is held.
func (l *Ledger) current(k key, now time.Time) *item {
	it := l.memory.find(k)
	if it != nil && it.expired(now) && !it.queued {
		l.memory.remove(k)
		return nil
	}
	return it
}

// remember adds an item that is not in memory. l.mu is held.
func (l *Ledger) remember(it *item) {
	it.listing = l.listing
	evicted := l.memory.add(it)
	if evicted == nil {
		return
	}
	l.partial = true
	if evicted.revision == 0 && !evicted.queued {
		l.counts.lost.Add(1)
	}
}

// take returns the item for what the store has. l.mu is held.
func (l *Ledger) take(k key, found record) *item {
	it := l.memory.find(k)
	if it == nil {
		it = &item{key: k, record: found}
		l.remember(it)
		return it
	}
	l.merge(it, found)
	return it
}

// merge brings an item up to what the store has. l.mu is held.
func (l *Ledger) merge(it *item, found record) {
	it.listing = l.listing
	if found.revision <= it.revision {
		return
	}
	if found.owner.same(it.owner) {
		found.state = max(it.state, found.state)
	} else if it.revision == 0 {
		l.counts.conflicts.Add(1)
	}
	it.record = found
}
