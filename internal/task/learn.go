package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

// Learn says that an owner was seen to start a task, and returns the owner in force: the given one, unless the task
// had another. Call it before the answer that names the task is let through, and let that answer pass only to the
// owner that Learn returns: from then on the task is known in this process.
//
// With WaitForStore, Learn returns when the owner is durable, and an error when that cannot be reached. Else the write
// follows in the background, and a store that is away makes the given owner the one in force until it is back. The
// store is asked first whose the task is, unless everything it has is in memory.
//
// Learn is for tasks that an answer starts. Of a task that an answer merely mentions, Owner tells whose it is.
func (l *Ledger) Learn(ctx context.Context, ref Ref, owner Owner, state State) (Owner, error) {
	k, err := ref.key()
	if err != nil {
		return Owner{}, err
	}
	now := l.config.Now()
	current, decided, err := l.learnHere(k, owner, state, now)
	if decided || err != nil {
		return current, err
	}
	stored, err := l.establish(ctx, k, l.first(owner, state, now))
	if err != nil {
		l.counts.failed.Add(1)
		return Owner{}, fmt.Errorf("learning the owner of a task: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drained != nil && stored.revision == 0 {
		return Owner{}, errClosed // nobody would write it any more
	}
	return l.learned(l.take(k, stored), state, now), nil
}

var errClosed = fmt.Errorf("learning the owner of a task: the ledger is closed: %w", store.ErrUnavailable)

// learnHere learns from memory alone, if that can tell whose the task is.
func (l *Ledger) learnHere(k key, owner Owner, state State, now time.Time) (current Owner, decided bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drained != nil {
		return Owner{}, false, errClosed
	}
	it := l.current(k, now)
	if it == nil && !l.knowsAll() {
		return Owner{}, false, nil
	}
	if it == nil {
		it = l.take(k, l.first(owner, state, now))
	}
	return l.learned(it, state, now), true, nil
}

// learned notes how far an item is and that it is used, and returns its owner. l.mu is held.
func (l *Ledger) learned(it *item, state State, now time.Time) Owner {
	l.finish(it, state)
	l.use(it, now)
	return it.owner
}

// first returns the record that a task begins with.
func (l *Ledger) first(owner Owner, state State, now time.Time) record {
	if owner.Created.IsZero() {
		owner.Created = now
	}
	return record{owner: owner.kept(), state: state, expires: now.Add(l.term(state))}
}

// establish returns the record in force for a task that is not in memory: the stored one, else the given one.
func (l *Ledger) establish(ctx context.Context, k key, learned record) (record, error) {
	if l.config.WaitForStore {
		stored, err := l.claim(ctx, k, learned)
		if err == nil {
			l.counts.stored.Add(1)
		}
		return stored, err
	}
	if l.counts.down.Load() {
		return learned, nil
	}
	found, err := l.read(ctx, k)
	switch {
	case err == nil && !found.expired(l.config.Now()):
		return found, nil
	case err == nil, errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrUnavailable):
		return learned, nil
	}
	return record{}, err
}
