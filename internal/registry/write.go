package registry

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// writeAttempts bounds how often an unconditional write is tried against concurrent ones.
const writeAttempts = 8

// Register adds an agent. When it returns, the record is durable and in the snapshot. Bad input is returned as
// joined agent.FieldErrors, a name or DID of another agent as *ConflictError.
func (r *Registry) Register(ctx context.Context, g Registration) (*agent.Record, error) {
	record, err := r.prepare(ctx, g)
	if err != nil {
		return nil, err
	}
	if _, taken := r.Snapshot().Agent(record.Name); taken {
		return nil, nameTaken()
	}
	release, err := r.claim(record.Name, g.DIDs)
	if err != nil {
		return nil, err
	}
	defer release()
	record.Created, record.Updated = r.now(), r.now()
	encoded, err := record.Encode()
	if err != nil {
		return nil, err
	}
	record.Revision, err = r.config.Bucket.Create(ctx, string(record.Name), encoded, 0)
	if errors.Is(err, store.ErrConflict) {
		return nil, nameTaken()
	}
	if err != nil {
		return nil, storeError("registering agent", err)
	}
	r.config.Logger.Info("agent registered", slog.String("agent", string(record.Name)), slog.Uint64("revision", record.Revision))
	return record, r.awaitWrite(ctx, record.Name, record.Revision)
}

// Replace registers the named agent anew when its revision is the given one, or whatever it is when revision is 0.
// The time of creation and the status stay. Errors are those of Register, ErrNotFound and ErrChanged.
func (r *Registry) Replace(ctx context.Context, name agent.ID, g Registration, revision uint64) (*agent.Record, error) {
	record, err := r.prepare(ctx, g)
	if err != nil {
		return nil, err
	}
	if record.Name != name {
		return nil, agent.FieldError{Path: "name", Problem: "must be the name in the path: agents are not renamed"}
	}
	release, err := r.claim(record.Name, g.DIDs)
	if err != nil {
		return nil, err
	}
	defer release()
	for range writeAttempts {
		current, err := r.current(ctx, name, revision)
		if err != nil {
			return nil, err
		}
		record.Created, record.Updated, record.Status = current.Created, r.now(), current.Status
		encoded, err := record.Encode()
		if err != nil {
			return nil, err
		}
		record.Revision, err = r.config.Bucket.CompareAndSet(ctx, string(name), encoded, current.Revision)
		switch {
		case err == nil:
			r.config.Logger.Info("agent replaced", slog.String("agent", string(name)), slog.Uint64("revision", record.Revision))
			return record, r.awaitWrite(ctx, name, record.Revision)
		case !errors.Is(err, store.ErrConflict) || revision != 0:
			return nil, storeError("replacing agent", err)
		}
	}
	return nil, ErrChanged
}

// current returns the stored record to replace. It reads the store, not the snapshot, so that a retry after a lost
// race sees what won.
func (r *Registry) current(ctx context.Context, name agent.ID, revision uint64) (*agent.Record, error) {
	entry, err := r.config.Bucket.Get(ctx, string(name))
	if err != nil {
		return nil, storeError("reading agent", err)
	}
	if revision != 0 && entry.Revision != revision {
		return nil, ErrChanged
	}
	record, err := agent.DecodeRecord(entry.Value, entry.Revision)
	if err != nil {
		// An entry that nobody can read is replaced like a new agent; its revision still guards the write.
		return &agent.Record{Name: name, Status: agent.Active, Created: r.now(), Revision: entry.Revision}, nil
	}
	return record, nil
}

// Delete removes the named agent when its revision is the given one, or whatever it is when revision is 0. When it
// returns, the removal is durable and the snapshot no longer has the agent.
func (r *Registry) Delete(ctx context.Context, name agent.ID, revision uint64) error {
	for range writeAttempts {
		entry, err := r.config.Bucket.Get(ctx, string(name))
		if err != nil {
			return storeError("reading agent", err)
		}
		if revision != 0 && entry.Revision != revision {
			return ErrChanged
		}
		err = r.config.Bucket.Delete(ctx, string(name), entry.Revision)
		switch {
		case err == nil:
			r.config.Logger.Info("agent deleted", slog.String("agent", string(name)), slog.Uint64("revision", entry.Revision))
			return r.awaitDelete(ctx, name, entry.Revision)
		case !errors.Is(err, store.ErrConflict) || revision != 0:
			return storeError("deleting agent", err)
		}
	}
	return ErrChanged
}

// prepare validates everything about a registration but its claims, fetching the card when needed.
func (r *Registry) prepare(ctx context.Context, g Registration) (*agent.Record, error) {
	record, err := g.record(r.config.Defaults)
	if err != nil {
		return nil, err
	}
	if g.CardURL == "" {
		if err := r.checkUpstreams(record); err != nil {
			return nil, err
		}
		return record, r.judge(ctx, record, "card")
	}
	if r.config.Fetch == nil {
		return nil, agent.FieldError{Path: "cardUrl", Problem: "is not supported here: give the card itself"}
	}
	fetched, err := r.config.Fetch.FetchCard(ctx, g.CardURL, CardVersion{})
	if err != nil {
		return nil, fetchProblems(err)
	}
	record.Card = fetched.Card
	if err := errors.Join(append(skillProblems(record), r.checkUpstreams(record))...); err != nil {
		return nil, err
	}
	return record, r.judge(ctx, record, "cardUrl")
}

// fetchProblems makes one problem of the field cardUrl out of each thing that went wrong.
func fetchProblems(err error) error {
	parts := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		parts = joined.Unwrap()
	}
	problems := make([]error, len(parts))
	for i, part := range parts {
		problems[i] = agent.FieldError{Path: "cardUrl", Problem: "leads to no card: " + part.Error()}
	}
	return errors.Join(problems...)
}

func (r *Registry) now() time.Time { return r.config.Now().UTC().Truncate(time.Second) }

func nameTaken() error {
	return &ConflictError{[]agent.FieldError{{Path: "name", Problem: "is taken by another agent"}}}
}
