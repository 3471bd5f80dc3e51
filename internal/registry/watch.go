package registry

import (
	"context"
	"log/slog"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// batchSize bounds how many waiting events become one snapshot.
const batchSize = 1024

// follow keeps the snapshot up to date until ctx ends.
func (r *Registry) follow(ctx context.Context) {
	defer close(r.done)
	delay := time.Duration(0)
	for store.Pause(ctx, delay) {
		delay = store.NextRetry(delay)
		r.mu.Lock()
		r.watch.begun++
		number := r.watch.begun
		r.mu.Unlock()
		events, err := r.config.Bucket.Watch(ctx)
		if err != nil {
			r.config.Logger.Error("watching agents failed", slog.Any("error", err))
			continue
		}
		if r.list(events, number) {
			delay = 0
			r.track(events)
		}
		r.lost(ctx)
	}
}

func (r *Registry) lost(ctx context.Context) {
	r.lostAt.CompareAndSwap(0, r.config.Now().UnixNano())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watch.live = false
	r.announce()
	if ctx.Err() == nil {
		r.config.Logger.Warn("the watch of agents was lost; the last known agents stay in force")
	}
}

// list reads everything present and publishes how it differs from the snapshot. It reports false when the watch
// was lost before that.
func (r *Registry) list(events <-chan store.Event, number uint64) bool {
	before := r.Snapshot()
	revision := before.Revision()
	var changes []change
	listed := map[agent.ID]bool{}
	for event := range events {
		if event.Synced {
			for _, record := range before.Agents() {
				if !listed[record.Name] {
					changes = append(changes, change{name: record.Name})
				}
			}
			r.publish(revision, changes, number)
			return true
		}
		revision = max(revision, event.Revision)
		c := r.read(event)
		if known, ok := before.byName.Get(event.Key); ok && c.entry != nil && known.record.Revision == event.Revision {
			c.entry = known
		}
		listed[c.name] = true
		changes = append(changes, c)
	}
	return false
}

// track publishes each change, those that wait together as one.
func (r *Registry) track(events <-chan store.Event) {
	for event := range events {
		revision, changes := event.Revision, []change{r.read(event)}
		for len(changes) < batchSize {
			more, ok := waiting(events)
			if !ok {
				break
			}
			revision = max(revision, more.Revision)
			changes = append(changes, r.read(more))
		}
		r.publish(max(revision, r.Snapshot().Revision()), changes, 0)
	}
}

func waiting(events <-chan store.Event) (store.Event, bool) {
	select {
	case event, ok := <-events:
		return event, ok
	default:
		return store.Event{}, false
	}
}

// read returns what an event says about an agent. An entry that cannot be used counts as absent: what cannot be
// read cannot be trusted.
func (r *Registry) read(event store.Event) change {
	c := change{name: agent.ID(event.Key)}
	if event.Deleted {
		return c
	}
	record, err := agent.DecodeRecord(event.Value, event.Revision)
	if err != nil || string(record.Name) != event.Key {
		r.config.Logger.Error("skipping an agent that cannot be read",
			slog.String("key", event.Key), slog.Uint64("revision", event.Revision), slog.Any("error", err))
		return c
	}
	c.entry = newEntry(record)
	return c
}

// publish makes the changes visible, then tells writers and subscribers. A number above zero says which watch's
// listing they complete.
func (r *Registry) publish(revision uint64, changes []change, number uint64) {
	r.publishing.Lock()
	defer r.publishing.Unlock()
	before := r.Snapshot()
	after := before.with(revision, changes)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshot.Store(after)
	if number > 0 {
		r.watch.synced, r.watch.live = number, true
		r.lostAt.Store(0)
	}
	told := map[agent.ID]bool{}
	for _, c := range changes {
		if !told[c.name] {
			told[c.name] = true
			r.tell(difference(before, after, c.name))
		}
	}
	r.announce()
}
