package registry

import (
	"context"

	"ringfence.dev/ringfence/internal/agent"
)

// subscriberBuffer is how many changes a subscriber may lag behind before it has to look at a snapshot instead.
const subscriberBuffer = 256

// ChangeKind says what happened to an agent. The zero value is no change.
type ChangeKind string

// The kinds of changes. Resync names no agent: it says that changes were left out, and that the snapshot taken
// from now on has them all.
const (
	Registered ChangeKind = "registered"
	Replaced   ChangeKind = "replaced"
	Deleted    ChangeKind = "deleted"
	Resync     ChangeKind = "resync"
)

// Change is one change of one agent. The snapshot has it before a subscriber is told.
type Change struct {
	Kind ChangeKind
	Name agent.ID
	// Revision is the record's revision; for Deleted, that of the snapshot without it.
	Revision uint64
}

type subscriber struct {
	changes chan Change
}

// Subscribe returns a channel of the changes from now on, until ctx ends or the registry closes; then the channel
// is closed. Nobody waits for a slow subscriber: when its buffer is full it gets one Resync in place of what it
// missed.
func (r *Registry) Subscribe(ctx context.Context) <-chan Change {
	// One slot more than changes may fill is kept for the Resync.
	s := &subscriber{changes: make(chan Change, subscriberBuffer+1)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		close(s.changes)
		return s.changes
	}
	r.subscribers[s] = struct{}{}
	context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.drop(s)
	})
	return s.changes
}

// drop ends a subscription, once. r.mu is held.
func (r *Registry) drop(s *subscriber) {
	if _, ok := r.subscribers[s]; ok {
		delete(r.subscribers, s)
		close(s.changes)
	}
}

// tell passes a change to every subscriber. r.mu is held, so nobody else fills the buffers. A buffer that is full
// up to the last slot ends in a Resync that its reader has yet to see, which covers this change too.
func (r *Registry) tell(c Change) {
	if c.Kind == "" {
		return
	}
	for s := range r.subscribers {
		switch len(s.changes) {
		case subscriberBuffer + 1:
		case subscriberBuffer:
			s.changes <- Change{Kind: Resync, Revision: c.Revision}
		default:
			s.changes <- c
		}
	}
}

// difference returns what happened to the named agent between two snapshots.
func difference(before, after *Snapshot, name agent.ID) Change {
	was, existed := before.Agent(name)
	is, exists := after.Agent(name)
	switch {
	case exists && !existed:
		return Change{Registered, name, is.Revision}
	case exists && was.Revision != is.Revision:
		return Change{Replaced, name, is.Revision}
	case existed && !exists:
		return Change{Deleted, name, after.Revision()}
	}
	return Change{}
}
