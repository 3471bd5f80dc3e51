package task

import (
	"context"
	"errors"
	"log/slog"

	"ringfence.dev/ringfence/internal/store"
)

// claimAttempts bounds how often a write that others keep overtaking is tried.
const claimAttempts = 8

// errGone says that a record that was to be changed is no longer there.
var errGone = errors.New("the task has expired or was forgotten")

// write stores what is queued until ctx ends.
func (l *Ledger) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case it := <-l.queue:
			l.save(ctx, it)
		}
	}
}

// save stores one item, however long the store needs to come back.
func (l *Ledger) save(ctx context.Context, it *item) {
	for delay := store.FirstRetry; ; delay = store.NextRetry(delay) {
		l.mu.Lock()
		want, forgotten := it.record, it.forgotten
		l.mu.Unlock()
		if forgotten {
			return
		}
		want.expires = l.config.Now().Add(l.term(want.state))
		have, err := l.put(ctx, it.key, want)
		if err == nil || !errors.Is(err, store.ErrUnavailable) {
			l.storeWorks()
			l.settle(ctx, it, want, have, err)
			return
		}
		l.counts.failed.Add(1)
		l.storeFails(ctx, err)
		if !store.Pause(ctx, delay) {
			return
		}
	}
}

func (l *Ledger) put(ctx context.Context, k key, want record) (record, error) {
	if want.revision == 0 {
		return l.claim(ctx, k, want)
	}
	return l.renew(ctx, k, want)
}

// claim stores a record for a task that has none, and returns the record in force, which is that of another owner
// when the task had one.
func (l *Ledger) claim(ctx context.Context, k key, want record) (record, error) {
	value, err := want.encode()
	if err != nil {
		return record{}, err
	}
	name := k.String()
	for range claimAttempts {
		want.revision, err = l.config.Bucket.Create(ctx, name, value, want.expires.Sub(l.config.Now()))
		if !errors.Is(err, store.ErrConflict) {
			return want, err
		}
		have, err := l.load(ctx, k)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return record{}, err
		case !have.expired(l.config.Now()):
			return have, nil
		}
		// What has expired may still be there. The revision makes sure that nobody else replaces it too.
		want.revision, err = l.config.Bucket.CompareAndSet(ctx, name, value, have.revision)
		if !errors.Is(err, store.ErrConflict) {
			return want, err
		}
	}
	return record{}, store.ErrConflict
}

// renew stores a later end, or the terminal state, of a task that is stored. It returns the record in force, or
// errGone: what has ended is not brought back.
func (l *Ledger) renew(ctx context.Context, k key, want record) (record, error) {
	value, err := want.encode()
	if err != nil {
		return record{}, err
	}
	for range claimAttempts {
		revision, err := l.config.Bucket.CompareAndSet(ctx, k.String(), value, want.revision)
		if err == nil {
			want.revision = revision
			return want, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return record{}, err
		}
		have, err := l.load(ctx, k)
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && have.expired(l.config.Now()):
			return record{}, errGone
		case err != nil:
			return record{}, err
		case !have.owner.same(want.owner), have.state >= want.state && have.revision > want.revision:
			// Another owner after the task expired here, or the same news from another process.
			return have, nil
		}
		want.revision = have.revision
	}
	return record{}, store.ErrConflict
}

// load reads what the store has.
func (l *Ledger) load(ctx context.Context, k key) (record, error) {
	entry, err := l.config.Bucket.Get(ctx, k.String())
	if err != nil {
		return record{}, err
	}
	return decodeRecord(entry.Value, entry.Revision)
}

// settle takes over what a write came to.
func (l *Ledger) settle(ctx context.Context, it *item, want, have record, err error) {
	l.mu.Lock()
	forgotten := it.forgotten
	it.queued = false
	if l.memory.pending[it.key] == it {
		delete(l.memory.pending, it.key)
		l.partial = l.partial || l.memory.items[it.key] == nil
	}
	if !forgotten {
		l.conclude(it, have, err)
	}
	l.settled()
	l.mu.Unlock()
	if forgotten && err == nil && have.owner.same(want.owner) {
		// The task was forgotten while it was being written. The revision spares what somebody wrote since.
		if err := l.config.Bucket.Delete(ctx, it.key.String(), have.revision); err != nil {
			l.config.Logger.Warn("a forgotten task may be remembered", slog.String("key", it.key.String()), slog.Any("error", err))
		}
	}
}

// conclude brings an item in line with the outcome of its write. l.mu is held.
func (l *Ledger) conclude(it *item, have record, err error) {
	if err != nil {
		// Nobody can say whose the task is now; the store is asked when somebody wants to know.
		l.memory.remove(it.key)
		l.partial = true
		if !errors.Is(err, errGone) {
			l.counts.failed.Add(1)
			l.config.Logger.Error("storing the owner of a task failed", slog.String("key", it.key.String()), slog.Any("error", err))
		}
		return
	}
	l.counts.stored.Add(1)
	l.merge(it, have)
	if it.state > have.state {
		l.enqueue(it)
	}
}

func (l *Ledger) storeFails(ctx context.Context, err error) {
	if ctx.Err() == nil && l.counts.down.CompareAndSwap(false, true) {
		l.config.Logger.Warn("the owners of tasks cannot be stored; they are kept in memory meanwhile", slog.Any("error", err))
	}
}

func (l *Ledger) storeWorks() {
	if l.counts.down.CompareAndSwap(true, false) {
		l.config.Logger.Info("the owners of tasks are stored again")
	}
}
