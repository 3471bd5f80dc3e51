package approval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// Decide counts a ballot at the moment now, and returns the approval as it is then. It returns ErrNotFound, ErrUnproven,
// ErrOther, ErrExcluded, ErrNotAsked or ErrEnded for a ballot that does not count.
func (l *Ledger) Decide(ctx context.Context, id string, b Ballot, now time.Time) (Approval, error) {
	if b.approver != nil && l.config.Acts != nil && l.config.Acts(*b.approver) {
		return Approval{}, fmt.Errorf("%w: an agent of the mesh acts with the same key or token", ErrNotAsked)
	}
	return l.edit(ctx, id, now, func(a Approval) (Approval, error) { return a.vote(b, now) })
}

// Withdraw takes an approval back for its caller, who has no further use for it.
func (l *Ledger) Withdraw(ctx context.Context, id string, caller agent.ID, now time.Time) (Approval, error) {
	return l.edit(ctx, id, now, func(a Approval) (Approval, error) {
		if caller == "" || a.Caller != caller {
			return Approval{}, ErrNotFound
		}
		return a.withdraw("", now)
	})
}

// Cancel takes an approval back for who looks after the mesh.
func (l *Ledger) Cancel(ctx context.Context, id, by string, now time.Time) (Approval, error) {
	return l.edit(ctx, id, now, func(a Approval) (Approval, error) { return a.withdraw(by, now) })
}

// withdraw returns the approval as it is when it is taken back. Doing that again changes nothing.
func (a Approval) withdraw(by string, now time.Time) (Approval, error) {
	switch {
	case a.State == Withdrawn:
		return a, nil
	case !a.At(now).State.live():
		return Approval{}, ErrEnded
	}
	return a.change(Withdrawn, by, now), nil
}

// edit stores what change makes of an approval, and returns it when this process sees it. Change is called anew when
// somebody else was faster.
func (l *Ledger) edit(ctx context.Context, id string, now time.Time, change func(Approval) (Approval, error)) (Approval, error) {
	for range attempts {
		entry, a, err := l.find(ctx, id)
		if err != nil {
			return Approval{}, err
		}
		next, err := change(a)
		if errors.Is(err, ErrEnded) {
			l.note(ctx, entry, a, now)
		}
		if err != nil {
			return Approval{}, err
		}
		if next.State == a.State && len(next.Votes) == len(a.Votes) {
			return next, nil
		}
		revision, err := l.write(ctx, entry, next)
		if errors.Is(err, errAgain) {
			continue
		}
		if err != nil {
			return Approval{}, fmt.Errorf("writing approval: %w", err)
		}
		// What is stored counts, whether or not it shows in time.
		_ = l.mirror.Await(ctx, revision)
		if next.State != a.State {
			l.told(next)
		}
		return next, nil
	}
	return Approval{}, fmt.Errorf("writing approval: %w", errAgain)
}

// note stores that an approval's time is over, so that a clock that is set back does not bring it back to life. Who
// cannot write it tells the same again.
func (l *Ledger) note(ctx context.Context, entry store.Entry, a Approval, now time.Time) {
	if a.State.live() && a.over(now) {
		expired := a.change(Expired, "", now)
		if _, err := l.write(ctx, entry, expired); err == nil {
			l.told(expired)
		}
	}
}
