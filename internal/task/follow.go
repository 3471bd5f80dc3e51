package task

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

// Bounds of the time between two listings of the store.
const (
	shortestRound = time.Minute
	longestRound  = 6 * time.Hour
)

// follow watches the store until ctx ends, and begins anew after each round, because a watch begins with a listing
// and the listing is when expired records are removed. The store removes a record by itself while its first term
// runs, but a record that was written again has no other end than this. So the store holds the tasks of one term and
// one round, and no more.
//
// A listing passes all records by and keeps those that fit into memory without displacing others. Nobody waits for
// it: until then, and for what did not fit, the store is asked.
func (l *Ledger) follow(ctx context.Context) {
	told := false
	delay := time.Duration(0)
	for store.Pause(ctx, delay) {
		delay = store.NextRetry(delay)
		round, cancel := context.WithTimeout(ctx, l.round())
		if l.watch(round) {
			delay, told = 0, false
		}
		if round.Err() == nil && !told {
			told = true
			l.config.Logger.Warn("tasks cannot be watched; those that other processes learn are read from the store")
		}
		cancel()
	}
}

// round is the time between two listings.
func (l *Ledger) round() time.Duration {
	return min(max(min(l.config.Retention, l.config.Finished)/4, shortestRound), longestRound)
}

// watch runs one round, and reports whether the store could be listed.
func (l *Ledger) watch(ctx context.Context) bool {
	l.mu.Lock()
	l.listing++
	l.partial = false
	l.mu.Unlock()
	events, err := l.config.Bucket.Watch(ctx)
	if err != nil {
		return false
	}
	sweeps := true
	for event := range events {
		if event.Synced {
			l.complete()
			for event := range events {
				l.apply(event)
			}
			l.mu.Lock()
			l.live = false
			l.mu.Unlock()
			return true
		}
		if found, ok := l.apply(event); ok && sweeps && found.expired(l.config.Now().Add(-maxSkew)) {
			sweeps = l.sweep(ctx, event)
		}
	}
	return false
}

// sweep removes a record that has expired, and reports whether it makes sense to go on.
func (l *Ledger) sweep(ctx context.Context, event store.Event) bool {
	err := l.config.Bucket.Delete(ctx, event.Key, event.Revision)
	switch {
	case err == nil:
		l.counts.swept.Add(1)
	case !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound):
		l.config.Logger.Warn("removing an expired task failed; it is tried again with the next listing", slog.Any("error", err))
		return false
	}
	return true
}

// apply takes over what an event says, and returns the record it carries.
func (l *Ledger) apply(event store.Event) (record, bool) {
	k, ok := parseKey(event.Key)
	if !ok {
		l.unreadable(event, errUnreadable)
		return record{}, false // no task can have this key
	}
	if event.Deleted {
		l.removed(k, event.Revision)
		return record{}, false
	}
	found, err := decodeRecord(event.Value, event.Revision)
	if err != nil {
		l.unreadable(event, err)
		l.hide(k)
		return record{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch it := l.memory.peek(k); {
	case it != nil:
		l.merge(it, found)
	case found.expired(l.config.Now()):
	case l.memory.full():
		l.partial = true
	default:
		l.remember(&item{key: k, record: found})
	}
	return found, true
}

// hide sees to it that the store is asked about an entry that cannot be read, which denies.
func (l *Ledger) hide(k key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = true
	if it := l.memory.peek(k); it != nil && !it.queued {
		l.memory.remove(k)
	}
}

// removed forgets a record that the store no longer has. One that is being written is settled by its writer.
func (l *Ledger) removed(k key, revision uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if it := l.memory.peek(k); it != nil && it.revision != 0 && it.revision < revision && !it.queued {
		l.memory.remove(k)
	}
}

// complete forgets what a complete listing did not show.
func (l *Ledger) complete() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live = true
	for k, it := range l.memory.items {
		if it.revision != 0 && it.listing < l.listing && !it.queued {
			l.memory.remove(k)
		}
	}
}

func (l *Ledger) unreadable(event store.Event, err error) {
	l.config.Logger.Error("skipping a task that cannot be read",
		slog.String("key", event.Key), slog.Uint64("revision", event.Revision), slog.Any("error", err))
}
