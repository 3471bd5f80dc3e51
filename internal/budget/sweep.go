package budget

import (
	"context"
	"log/slog"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

// sweepTimeout bounds reading all records once.
const sweepTimeout = time.Minute

// sightings tells when this process saw each record for the first time as it is now.
type sightings map[string]sighting

type sighting struct {
	revision uint64
	// at is a moment of this process, so that clocks which are apart do not matter; span is for how long from then on the
	// record says more than none would.
	at, span int64
}

// sweep removes the records that nobody has changed for as long as they say something, and returns what it saw. The store
// cannot let records expire by itself, as they are written again and again.
func (m *Meter) sweep(ctx context.Context, before sightings, at int64) sightings {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	events, err := m.config.Bucket.Watch(ctx)
	if err != nil {
		m.config.Logger.LogAttrs(ctx, slog.LevelWarn, "counts of limits that are over cannot be removed", slog.Any("error", err))
		return before
	}
	seen := sightings{}
	for event := range events {
		if event.Synced {
			break
		}
		m.sight(ctx, event, before, seen, at)
	}
	return seen
}

func (m *Meter) sight(ctx context.Context, event store.Event, before, seen sightings, at int64) {
	if event.Deleted {
		delete(seen, event.Key)
		return
	}
	r, err := decode(event.Value)
	if err != nil {
		return // of another version: it is not for this process to say what it is worth
	}
	now := sighting{revision: event.Revision, at: at, span: r.span()}
	if old, ok := before[event.Key]; ok && old.revision == now.revision {
		now.at = old.at
	}
	if at-now.at <= now.span {
		seen[event.Key] = now
		return
	}
	// Whoever was faster, or has written since, knows better.
	_ = m.config.Bucket.Delete(ctx, event.Key, event.Revision)
}
