package mirror

import (
	"context"
	"log/slog"
	"time"

	"ringfence.dev/ringfence/internal/shards"
	"ringfence.dev/ringfence/internal/store"
)

// batchSize bounds how many waiting events become one image.
const batchSize = 1024

// follow keeps the image up to date until ctx ends.
func (m *Mirror[V]) follow(ctx context.Context) {
	defer close(m.done)
	delay := time.Duration(0)
	for store.Pause(ctx, delay) {
		delay = store.NextRetry(delay)
		m.mu.Lock()
		m.begun++
		number := m.begun
		m.mu.Unlock()
		events, err := m.config.Bucket.Watch(ctx)
		if err != nil {
			m.config.Logger.Error("watching the store failed", slog.String("of", m.config.Kind), slog.Any("error", err))
			continue
		}
		if m.list(events, number) {
			delay = 0
			m.track(events)
			m.lost(ctx)
		}
	}
}

func (m *Mirror[V]) lost(ctx context.Context) {
	m.lostAt.CompareAndSwap(0, m.config.Now().UnixNano())
	m.mu.Lock()
	m.announce()
	m.mu.Unlock()
	if ctx.Err() == nil {
		m.config.Logger.Warn("a watch of the store was lost; what was known last stays in force", slog.String("of", m.config.Kind))
	}
}

// list reads everything present and publishes how it differs from the image. It reports false when the watch was lost
// before that.
func (m *Mirror[V]) list(events <-chan store.Event, number uint64) bool {
	before := m.Image()
	listed := map[string]bool{}
	var changes []store.Event
	for event := range events {
		if !event.Synced {
			listed[event.Key] = true
			if known, ok := before.Get(event.Key); !ok || event.Deleted || known.Revision != event.Revision {
				changes = append(changes, event)
			}
			continue
		}
		for key := range before.values.All() {
			if !listed[key] {
				changes = append(changes, store.Event{Entry: store.Entry{Key: key}, Deleted: true})
			}
		}
		m.publish(changes, number)
		return true
	}
	return false
}

// track publishes each change, those that wait together as one.
func (m *Mirror[V]) track(events <-chan store.Event) {
	for event := range events {
		changes := []store.Event{event}
		for more := true; more && len(changes) < batchSize; {
			select {
			case next, ok := <-events:
				if more = ok; ok {
					changes = append(changes, next)
				}
			default:
				more = false
			}
		}
		m.publish(changes, 0)
	}
}

// publish makes the changes visible, then tells of them. A number above zero says which watch's listing they complete.
func (m *Mirror[V]) publish(changes []store.Event, number uint64) {
	before := m.Image()
	edit := shards.NewEdit(&before.values)
	revision := before.revision
	keys := make([]string, 0, len(changes))
	for _, event := range changes {
		revision = max(revision, event.Revision)
		keys = append(keys, event.Key)
		value, ok := m.read(event)
		if !ok {
			edit.Remove(event.Key)
			continue
		}
		edit.Set(event.Key, value)
	}
	m.image.Store(&Image[V]{values: *edit.Table(), revision: revision})
	if number > 0 {
		m.lostAt.Store(0)
	}
	m.mu.Lock()
	if number > 0 {
		m.synced = number
	}
	m.announce()
	m.mu.Unlock()
	if m.config.Changed != nil && len(keys) > 0 {
		m.config.Changed(keys)
	}
}

func (m *Mirror[V]) read(event store.Event) (Value[V], bool) {
	if event.Deleted {
		return Value[V]{}, false
	}
	value, err := m.config.Decode(event.Entry)
	if err != nil {
		m.config.Logger.Error("skipping an entry that cannot be read", slog.String("of", m.config.Kind),
			slog.String("key", event.Key), slog.Uint64("revision", event.Revision), slog.Any("error", err))
		return Value[V]{}, false
	}
	return Value[V]{value, event.Revision}, true
}
