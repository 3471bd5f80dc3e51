package approval

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

// How long approvals stay that have ended, and how often they are looked through.
const (
	// DefaultRetention is for those about which somebody voted, unless the configuration says otherwise.
	DefaultRetention = 7 * 24 * time.Hour
	// IgnoredRetention is for those about which nobody did, or as long as for the others if that is shorter.
	IgnoredRetention = 24 * time.Hour

	sweepEvery = 15 * time.Second
)

// kept returns how long an approval stays once it has ended.
func (l *Ledger) kept(a *Approval) time.Duration {
	if len(a.Votes) == 0 {
		return min(IgnoredRetention, l.config.Retention)
	}
	return l.config.Retention
}

// Run looks through the approvals every quarter of a minute until ctx ends. Every process does: they agree by comparing
// and setting, so that none has to be there for the others.
func (l *Ledger) Run(ctx context.Context) {
	for store.Pause(ctx, sweepEvery) {
		l.Sweep(ctx, l.config.Now())
	}
}

// Sweep notes which approvals' time is over at the moment now, and removes those that ended long ago.
func (l *Ledger) Sweep(ctx context.Context, now time.Time) {
	l.room.tidy(l.mirror.Image)
	for key, known := range l.mirror.Image().Table().All() {
		if ctx.Err() != nil {
			return
		}
		a, entry := known.Value, store.Entry{Key: key, Revision: known.Revision}
		var err error
		switch {
		case a.State.live():
			l.note(ctx, entry, a, now)
		case now.Sub(a.ended()) > l.kept(&a) && a.over(now):
			err = l.config.Bucket.Delete(ctx, key, known.Revision)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			l.config.Logger.Warn("an old approval cannot be removed", slog.String("approval", a.ID), slog.Any("error", err))
			return
		}
	}
}
