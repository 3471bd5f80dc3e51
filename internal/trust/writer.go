package trust

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// errNothing says that there is nothing to store.
var errNothing = errors.New("there is nothing to store")

// write stores what is queued until ctx ends.
func (l *Ledger) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case name := <-l.queue.ready:
			events, severe := l.queue.take(name)
			l.save(ctx, name, events, severe)
			l.queue.done(name)
		}
	}
}

// save stores an agent's events, however long the store needs to come back. severe is the number of the latest one that
// quarantines, 0 for none.
func (l *Ledger) save(ctx context.Context, name agent.ID, events []Event, severe uint64) {
	revision, err := l.append(ctx, name, events, nil)
	l.backlog.ends(name)
	switch {
	case err == nil:
		l.held.stored(name, severe, revision)
		l.settle(name)
	case errors.Is(err, errNothing):
		l.held.release(name, severe)
	case ctx.Err() != nil:
		l.counts.dropped.Add(uint64(len(events)))
	default:
		l.counts.dropped.Add(uint64(len(events)))
		l.held.lost(name, severe)
		l.config.Logger.Error("storing trust events failed", slog.String("agent", string(name)),
			slog.Int("events", len(events)), slog.Any("error", err))
	}
}

// attempt is one try at appending events to a history.
type attempt struct {
	before   *History // nil for an agent without history
	after    *History
	added    []Event // as they were numbered
	revision uint64  // of before; 0 when the key has no value
}

// append adds the events to the agent's history, and returns the revision of the write. Only a person is refused at once:
// check may return an error for the history as it is, and is told nil for none; without a check, the store is waited for
// until ctx ends.
func (l *Ledger) append(ctx context.Context, name agent.ID, events []Event, check func(*History) error) (uint64, error) {
	known, _ := l.Image().histories.Get(string(name))
	before, revision := known.Value, known.Revision
	if check != nil {
		var err error
		if before, revision, err = l.load(ctx, name, 0, false); err != nil {
			return 0, err
		}
	}
	var doubtful *attempt
	for delay := time.Duration(0); ctx.Err() == nil; {
		if doubtful != nil && before != nil && !before.broken && before.holds(doubtful.added) {
			l.recorded(name, doubtful)
			return revision, nil
		}
		if check != nil {
			if err := check(before); err != nil {
				return 0, err
			}
		}
		try, err := l.prepare(name, before, revision, events)
		if err != nil {
			return 0, err
		}
		written, err := l.put(ctx, name, try)
		wait := time.Duration(0)
		switch {
		case err == nil:
			l.storeWorks()
			l.recorded(name, try)
			return written, nil
		case errors.Is(err, store.ErrConflict):
			l.counts.conflicts.Add(1)
		case errors.Is(err, store.ErrUnavailable) && check == nil:
			l.storeFails(ctx, name, err)
			delay = store.NextRetry(delay)
			doubtful, wait = try, delay
		default:
			return 0, err
		}
		if before, revision, err = l.load(ctx, name, wait, check == nil); err != nil {
			return 0, err
		}
	}
	return 0, errors.Join(store.ErrUnavailable, ctx.Err())
}

// load reads what the store has of an agent after a wait; nil for nothing. Patient, it goes on until ctx ends.
func (l *Ledger) load(ctx context.Context, name agent.ID, wait time.Duration, patient bool) (*History, uint64, error) {
	for store.Pause(ctx, wait) {
		entry, err := l.config.Bucket.Get(ctx, string(name))
		switch {
		case err == nil:
			h, err := l.decode(entry)
			return h, entry.Revision, err
		case errors.Is(err, store.ErrNotFound):
			return nil, 0, nil
		case !patient || !errors.Is(err, store.ErrUnavailable):
			return nil, 0, err
		}
		l.storeFails(ctx, name, err)
		wait = store.NextRetry(wait)
	}
	return nil, 0, errors.Join(store.ErrUnavailable, ctx.Err())
}

// prepare appends the events to a history, after what the registry says that is not in it yet.
func (l *Ledger) prepare(name agent.ID, before *History, revision uint64, events []Event) (*attempt, error) {
	try := &attempt{before: before, revision: revision}
	from := before
	if before == nil || before.broken && events[0].Kind == Cleared {
		from = &History{}
	}
	if from.broken {
		return nil, errors.New("the history cannot be read")
	}
	record, registered := l.config.Agent(name)
	if !registered && from.state.Seq == 0 && events[0].Kind != Cleared {
		return nil, errNothing
	}
	if registered && !from.says(record) {
		try.added = append(try.added, l.registration(from, record))
	}
	for _, e := range events {
		if e.Kind != Registered {
			e.Rules = l.version
			try.added = append(try.added, e)
		}
	}
	if len(try.added) == 0 {
		return nil, errNothing
	}
	try.after = from.append(l.config.Rules, try.added)
	// The numbers stand in the history alone so far.
	copy(try.added, try.after.events[len(try.after.events)-len(try.added):])
	return try, nil
}

// registration is the event that says how an agent is registered.
func (l *Ledger) registration(h *History, record *agent.Record) Event {
	e := Event{Kind: Registered, At: l.config.Now().Unix(), Rules: l.version, Owner: record.Owner, Base: record.Base}
	if h.state.Seq == 0 && record.Owner != "" {
		e.Inherited, e.From = l.heirs.inherits(l.Image().histories, record, e.At)
	}
	return e
}

func (l *Ledger) put(ctx context.Context, name agent.ID, try *attempt) (uint64, error) {
	value, err := try.after.encode()
	if err != nil {
		return 0, err
	}
	if try.revision == 0 {
		return l.config.Bucket.Create(ctx, string(name), value, 0)
	}
	return l.config.Bucket.CompareAndSet(ctx, string(name), value, try.revision)
}

// recorded tells of the events that were stored, each with what the agent had before and after it.
func (l *Ledger) recorded(name agent.ID, try *attempt) {
	l.counts.stored.Add(uint64(len(try.added)))
	if l.config.Recorded == nil {
		return
	}
	record, ok := l.config.Agent(name)
	if !ok {
		record = &agent.Record{Name: name, Base: try.after.state.Base}
	}
	state := State{}
	if try.before != nil {
		state = try.before.state
	}
	level := func(at int64) Level {
		s := state.Standing(time.Unix(at, 0), record.Base, record.Ceiling, l.config.Rules)
		return Level{s.Score, s.Ring, s.Latched}
	}
	for _, e := range try.added {
		entry := Entry{Agent: name, Event: e, Before: level(e.At)}
		state = state.Apply(e, l.config.Rules)
		entry.After = level(e.At)
		l.config.Recorded(entry)
	}
}

func (l *Ledger) storeFails(ctx context.Context, name agent.ID, err error) {
	l.counts.failed.Add(1)
	l.backlog.fails(name, l.config.Now())
	if ctx.Err() == nil && l.counts.down.CompareAndSwap(false, true) {
		l.config.Logger.Warn("trust events cannot be stored; they are kept in memory meanwhile", slog.Any("error", err))
	}
}

func (l *Ledger) storeWorks() {
	if l.counts.down.CompareAndSwap(true, false) {
		l.config.Logger.Info("trust events are stored again")
	}
}
