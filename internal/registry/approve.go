package registry

import (
	"context"
	"log/slog"

	"ringfence.dev/ringfence/internal/agent"
)

// ApproveCard puts the changed card that waits in force, when it is the one of the digest: one approves what one has
// seen. Errors are ErrNotFound, ErrNotPending, agent.FieldErrors about a card that may no longer be registered, and
// those of the store.
func (r *Registry) ApproveCard(ctx context.Context, name agent.ID, digest string) (*agent.Record, error) {
	return r.resolve(ctx, name, digest, "approved", func(next *agent.Record) error {
		waiting := *next.Pending
		var err error
		if waiting.Verification, err = r.verify(ctx, next, waiting.Card.Raw); err != nil {
			return agent.FieldError{Path: "card", Problem: "cannot be verified now: " + err.Error()}
		}
		if err := r.unfit(next, waiting.Card, waiting.Verification); err != nil {
			return err
		}
		r.putInForce(next, waiting, true)
		return nil
	})
}

// RejectCard forgets the changed card that waits, when it is the one of the digest. The card in force stays, and
// nobody is asked about the rejected one again until the agent has served another. Errors are those of ApproveCard.
func (r *Registry) RejectCard(ctx context.Context, name agent.ID, digest string) (*agent.Record, error) {
	return r.resolve(ctx, name, digest, "rejected", func(next *agent.Record) error {
		next.Pending, next.Rejected = nil, next.Pending.Digest
		return nil
	})
}

// resolve changes a record whose pending card has the digest, on whatever revision it is.
func (r *Registry) resolve(ctx context.Context, name agent.ID, digest, word string, change func(*agent.Record) error) (*agent.Record, error) {
	stored, err := r.revise(ctx, name, func(next *agent.Record) (bool, error) {
		if next.Pending == nil || next.Pending.Digest != digest {
			return false, ErrNotPending
		}
		return true, change(next)
	})
	if stored != nil {
		r.config.Logger.Info("a changed card was "+word, slog.String("agent", string(name)), slog.String("digest", digest))
	}
	return stored, err
}
