package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
)

// judge records what the signatures of the record's card are worth, and returns an error about the field when such
// a card may not be registered.
func (r *Registry) judge(ctx context.Context, record *agent.Record, field string) error {
	var err error
	if record.Verification, err = r.verify(ctx, record, record.Card.Raw); err != nil {
		r.config.Logger.Warn("verifying a card without keys that cannot be had", slog.String("agent", string(record.Name)), slog.Any("error", err))
	}
	if reason := r.config.Cards.Refuses(record.Verification); reason != "" {
		return agent.FieldError{Path: field, Problem: reason}
	}
	if reason := r.unwelcome(record.Card.Raw); reason != "" {
		return agent.FieldError{Path: field, Problem: reason}
	}
	if r.config.Cards.Mode == cards.Warn && !record.Verification.Verified() {
		r.config.Logger.Warn("taking a card that is not verified", slog.String("agent", string(record.Name)),
			slog.String("status", string(record.Verification.Status)), slog.String("reason", record.Verification.Reason))
	}
	return nil
}

// unwelcome returns why the texts of a card may not stand in the mesh; empty when they may.
func (r *Registry) unwelcome(card []byte) string {
	if r.config.Content == nil {
		return ""
	}
	return r.config.Content(card)
}

// verify returns what the signatures of one of the agent's cards are worth, fetching the key sets they name where
// the configuration believes those. An error says that one could not be had; the result is then without it.
func (r *Registry) verify(ctx context.Context, record *agent.Record, raw []byte) (agent.CardVerification, error) {
	verifier := r.config.Cards.Verifier
	if r.config.Cards.Mode == cards.Off || verifier == nil {
		return agent.CardVerification{}, nil
	}
	now := r.config.Now()
	keys := cards.KeysOf(r.signing(record, now))
	keys.Sets = map[string][]cards.Key{}
	var problems []error
	for _, url := range verifier.Wanted(raw, keys) {
		set, err := r.keySet(ctx, url)
		if err != nil {
			problems = append(problems, fmt.Errorf("fetching key set: %w", err))
			continue
		}
		keys.Sets[url] = set
	}
	return verifier.Verify(raw, keys, now), errors.Join(problems...)
}

// signing returns the record without those of its keys that are not accepted now.
func (r *Registry) signing(record *agent.Record, now time.Time) *agent.Record {
	e := newEntry(record)
	accepted := *record
	for i := range e.keys {
		if _, revoked := r.Snapshot().Revoked(e.keys[i].fragment); revoked || e.keys[i].retired(now) {
			accepted.DIDs = without(accepted.DIDs, e.keys[i].Key)
		}
	}
	return &accepted
}

func (r *Registry) keySet(ctx context.Context, url string) ([]cards.Key, error) {
	if r.config.Fetch == nil {
		return nil, errors.New("nothing is fetched here")
	}
	raw, err := r.config.Fetch.FetchKeySet(ctx, url)
	if err != nil {
		return nil, err
	}
	set, err := cards.ParseKeySet(raw)
	if err != nil {
		return nil, fmt.Errorf("%s %w", url, err)
	}
	return set, nil
}
