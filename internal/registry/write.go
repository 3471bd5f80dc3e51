package registry

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// writeAttempts bounds how often an unconditional write is tried against concurrent ones.
const writeAttempts = 8

// Register adds an agent. When it returns, the record is durable and in the snapshot. Bad input is returned as
// joined agent.FieldErrors; a name or a principal that is another agent's or revoked, as *ConflictError.
func (r *Registry) Register(ctx context.Context, g Registration) (*agent.Record, error) {
	record, err := r.prepare(ctx, g)
	if err != nil {
		return nil, err
	}
	if _, taken := r.Snapshot().Agent(record.Name); taken {
		return nil, nameTaken()
	}
	if _, revoked := r.Snapshot().Revoked(g.Name); revoked {
		return nil, nameRevoked()
	}
	release, err := r.claim(record.Name, g.principals())
	if err != nil {
		return nil, err
	}
	defer release()
	record.Created = r.now()
	record.Registered, record.Updated = record.Created, record.Created
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
	err = r.awaitWrite(ctx, record.Name, record.Revision)
	if _, revoked := r.Snapshot().Revoked(g.Name); revoked {
		// Another process deleted a revoked agent of this name a moment ago. Nobody sees the new one.
		return nil, errors.Join(nameRevoked(), r.config.Bucket.Delete(ctx, g.Name, record.Revision))
	}
	return record, err
}

// Replace registers the named agent anew when its revision is the given one, or whatever it is when revision is 0.
// The time of creation and the status stay, and a key that retires does so still. Errors are those of Register,
// ErrNotFound, ErrChanged and ErrRevoked.
func (r *Registry) Replace(ctx context.Context, name agent.ID, g Registration, revision uint64) (*agent.Record, error) {
	record, err := r.prepare(ctx, g)
	if err != nil {
		return nil, err
	}
	if record.Name != name {
		return nil, agent.FieldError{Path: "name", Problem: "must be the name in the path: agents are not renamed"}
	}
	release, err := r.claim(record.Name, g.principals())
	if err != nil {
		return nil, err
	}
	defer release()
	for range writeAttempts {
		current, err := r.current(ctx, name, revision)
		if err != nil {
			return nil, err
		}
		if current.Status == agent.Revoked {
			return nil, ErrRevoked
		}
		record.Created, record.Updated, record.Revision = current.Created, r.now(), current.Revision
		if record.Registered = current.Registered; namesWeb(record, current) {
			record.Registered = later(record.Updated, current.Registered.Add(time.Second))
		}
		record.Status, record.StatusChange = current.Status, current.StatusChange
		record.Retiring = retiringOf(record, current.Retiring)
		stored, err := r.replaceRecord(ctx, record)
		switch {
		case err == nil:
			r.config.Logger.Info("agent replaced", slog.String("agent", string(name)), slog.Uint64("revision", stored.Revision))
			return stored, r.awaitWrite(ctx, name, stored.Revision)
		case !errors.Is(err, ErrChanged) || revision != 0:
			return nil, err
		}
	}
	return nil, ErrChanged
}

// namesWeb reports whether a record has a did:web that the one before it has not. Only then did a person say that the
// document which it has now is the right one: one that is held waits on when something else is changed.
func namesWeb(record, before *agent.Record) bool {
	return slices.ContainsFunc(record.DIDs, func(did string) bool {
		return strings.HasPrefix(did, agent.WebMethod) && !slices.Contains(before.DIDs, did)
	})
}

// later returns the later of two moments.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// revise stores what change makes of the named agent's record, on whatever revision it is, and returns the record
// when the snapshot has it. A change that reports false leaves it as it is. The record that change is given is its own,
// but shares slices and maps with others: it has to copy what it writes into. A record comes with an error that says
// that it is stored, but not visible yet.
func (r *Registry) revise(ctx context.Context, name agent.ID, change func(next *agent.Record) (bool, error)) (*agent.Record, error) {
	for range writeAttempts {
		record, err := r.current(ctx, name, 0)
		if err != nil {
			return nil, err
		}
		if len(record.Card.Raw) == 0 {
			return nil, ErrNotFound // nobody can read the entry
		}
		next := *record
		changed, err := change(&next)
		if err != nil {
			return nil, err
		}
		if !changed {
			return record, r.awaitWrite(ctx, name, record.Revision)
		}
		stored, err := r.replaceRecord(ctx, &next)
		if errors.Is(err, ErrChanged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return stored, r.awaitWrite(ctx, name, stored.Revision)
	}
	return nil, ErrChanged
}

// replaceRecord stores the record over the revision it has, or returns ErrChanged. The snapshot shows it later.
func (r *Registry) replaceRecord(ctx context.Context, record *agent.Record) (*agent.Record, error) {
	encoded, err := record.Encode()
	if err != nil {
		return nil, err
	}
	revision, err := r.config.Bucket.CompareAndSet(ctx, string(record.Name), encoded, record.Revision)
	if err != nil {
		return nil, storeError("replacing agent", err)
	}
	stored := *record
	stored.Revision = revision
	return &stored, nil
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
		record = legible(entry.Value)
		record.Name, record.Created, record.Revision = name, r.now(), entry.Revision
	}
	return record, nil
}

// legible returns what is left of a record that cannot be read as a whole: that somebody took an agent out of the mesh
// counts as long as the entry says so, and so do the keys that go with it. It has no card.
func legible(value []byte) *agent.Record {
	var said struct {
		Status   agent.Status
		DIDs     []string
		Sidecars []string `json:"sidecarDids"`
	}
	_ = json.Unmarshal(value, &said) // what has the wrong type is left out
	if said.Status != agent.Quarantined && said.Status != agent.Revoked {
		said.Status = agent.Active
	}
	return &agent.Record{Status: said.Status, DIDs: said.DIDs, Sidecars: said.Sidecars}
}

// Delete removes the named agent when its revision is the given one, or whatever it is when revision is 0. When it
// returns, the removal is durable and the snapshot no longer has the agent. Nobody gets the name or a key of an agent
// that was revoked.
func (r *Registry) Delete(ctx context.Context, name agent.ID, revision uint64) error {
	for range writeAttempts {
		record, err := r.current(ctx, name, revision)
		if err != nil {
			return err
		}
		if record.Status == agent.Revoked {
			if err := r.revoke(ctx, r.remains(record)...); err != nil {
				return err
			}
		}
		err = r.config.Bucket.Delete(ctx, string(name), record.Revision)
		switch {
		case err == nil:
			r.config.Logger.Info("agent deleted", slog.String("agent", string(name)), slog.Uint64("revision", record.Revision))
			return r.awaitDelete(ctx, name, record.Revision)
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
	if err := r.checkWebDIDs(g.DIDs); err != nil {
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

func nameRevoked() error {
	return &ConflictError{[]agent.FieldError{{Path: "name", Problem: "is that of a revoked agent, and never given again"}}}
}
