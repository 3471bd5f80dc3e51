package registry

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"time"

	"golang.org/x/sync/errgroup"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/store"
)

// CardOutcome says what became of a card that was fetched again.
type CardOutcome string

// The outcomes of a refresh. Only Accepted changes the card in force.
const (
	CardUnchanged CardOutcome = "unchanged"
	CardAccepted  CardOutcome = "accepted"
	CardHeld      CardOutcome = "held"
	CardRejected  CardOutcome = "rejected" // a person has rejected this very card
	CardRefused   CardOutcome = "refused"  // it may not be registered
	CardFailed    CardOutcome = "failed"   // it could not be had
)

// Refresh says how cards are fetched again.
type Refresh struct {
	// Every is the time from the end of one round to the beginning of the next.
	Every time.Duration
	// AtOnce bounds how many cards are fetched at the same time.
	AtOnce int
	// Jitter returns by how much one pause differs from Every, so that processes do not fetch in step.
	Jitter func() time.Duration
}

// FollowCards fetches the cards of all agents again, round after round, until ctx ends.
func (r *Registry) FollowCards(ctx context.Context, refresh Refresh) {
	for store.Pause(ctx, max(refresh.Every+refresh.Jitter(), time.Second)) {
		r.RefreshCards(ctx, refresh.AtOnce)
	}
}

// RefreshCards fetches the card of each agent that has a URL for it, at most atOnce at the same time. What goes
// wrong with one is logged and counted, and does not keep others from being fetched.
func (r *Registry) RefreshCards(ctx context.Context, atOnce int) {
	var round errgroup.Group
	round.SetLimit(max(atOnce, 1))
	for _, record := range r.Snapshot().Agents() {
		if record.CardURL == "" || record.Status == agent.Revoked || ctx.Err() != nil {
			continue
		}
		round.Go(func() error {
			if _, _, err := r.RefreshCard(ctx, record.Name); err != nil && ctx.Err() == nil {
				r.config.Logger.Warn("refreshing a card failed", slog.String("agent", string(record.Name)), slog.Any("error", err))
			}
			return nil
		})
	}
	_ = round.Wait() // each of them returns nil
	r.versions.prune(r.Snapshot())
}

// RefreshCard fetches the card of an agent again and applies the policy to what has changed: the card is put in
// force, or waits for approval. Errors are ErrNotFound, ErrNoCardURL, agent.FieldErrors about a card that could not
// be fetched or may not be registered, and those of the store. Several processes may refresh one agent at the same
// time: each decides on the record that it replaces.
func (r *Registry) RefreshCard(ctx context.Context, name agent.ID) (*agent.Record, CardOutcome, error) {
	record, d, err := r.refresh(ctx, name)
	if r.config.CardsObserved != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrNoCardURL) {
		r.config.CardsObserved(d.outcome, d.changes)
	}
	return record, d.outcome, err
}

func (r *Registry) refresh(ctx context.Context, name agent.ID) (*agent.Record, decision, error) {
	failed := decision{outcome: CardFailed}
	record, err := r.Get(name)
	if err != nil {
		return nil, failed, err
	}
	if record.CardURL == "" || r.config.Fetch == nil {
		return nil, failed, ErrNoCardURL
	}
	fetched, err := r.config.Fetch.FetchCard(ctx, record.CardURL, r.versions.of(record))
	if err != nil {
		return nil, failed, fetchProblems(err)
	}
	card := fetched.Card
	if fetched.Unchanged {
		if record.Rejected != "" {
			return record, decision{outcome: CardRejected}, nil
		}
		card = lastFetched(record)
	}
	decided, d, err := r.settle(ctx, record, card)
	if err == nil {
		r.versions.set(decided, fetched.Version)
	}
	return decided, d, err
}

// lastFetched is the card that was last decided about. What its signatures are worth may have changed since.
func lastFetched(record *agent.Record) agent.Card {
	if record.Pending != nil {
		return record.Pending.Card
	}
	return record.Card
}

// settle decides about a fetched card and stores the decision. It decides anew when the record changes meanwhile.
func (r *Registry) settle(ctx context.Context, fetchedFor *agent.Record, card agent.Card) (*agent.Record, decision, error) {
	failed := decision{outcome: CardFailed}
	for range writeAttempts {
		record, err := r.current(ctx, fetchedFor.Name, 0)
		if err != nil {
			return nil, failed, err
		}
		if record.CardURL != fetchedFor.CardURL {
			return nil, failed, ErrChanged // the card was fetched for another registration
		}
		d := r.decide(ctx, record, card)
		if reflect.DeepEqual(d.next, *record) {
			// Another process may have written what was to be written here, or an earlier fetch found the same: its
			// changes are no news.
			return record, decision{outcome: d.outcome}, errors.Join(d.problem, r.awaitWrite(ctx, record.Name, record.Revision))
		}
		stored, err := r.replaceRecord(ctx, &d.next)
		if errors.Is(err, ErrChanged) {
			continue
		}
		if err != nil {
			return nil, failed, err
		}
		r.report(stored, d)
		return stored, d, errors.Join(r.awaitWrite(ctx, stored.Name, stored.Revision), d.problem)
	}
	return nil, failed, ErrChanged
}

// decision is what becomes of a fetched card.
type decision struct {
	next    agent.Record // as it is stored then
	changes []agent.CardChange
	outcome CardOutcome
	problem error // why the card is refused
}

// decide returns what becomes of a fetched card. The record given is not changed.
func (r *Registry) decide(ctx context.Context, record *agent.Record, card agent.Card) decision {
	d := decision{next: *record, outcome: CardFailed}
	inForce, err := r.verify(ctx, record, record.Card.Raw)
	verification, problem := r.verify(ctx, record, card.Raw)
	if d.problem = errors.Join(err, problem); d.problem != nil {
		return d // without a key, a good card looks like one that lost its signature
	}
	d.outcome, d.next.Verification = CardUnchanged, inForce
	d.changes = cards.Changes(cards.Assessed{Card: record.Card, Verification: inForce}, cards.Assessed{Card: card, Verification: verification})
	if len(d.changes) == 0 {
		d.next.Pending, d.next.Rejected = nil, ""
		return d
	}
	if d.problem = r.unfit(record, card, verification); d.problem != nil {
		d.outcome, d.next.Pending = CardRefused, nil
		return d
	}
	digest, err := cards.Digest(card.Raw)
	switch {
	case err != nil:
		d.outcome, d.problem = CardFailed, err
	case digest == record.Rejected:
		d.outcome, d.next.Pending = CardRejected, nil
	case r.config.Cards.Holds(d.changes):
		d.outcome, d.next.Rejected = CardHeld, ""
		d.next.Pending = &agent.PendingCard{Digest: digest, Verification: verification, Found: r.now(), Card: card}
		if record.Pending != nil && record.Pending.Digest == digest {
			waiting := *record.Pending // what a person may have looked at stays as it is
			d.next.Pending = &waiting
		}
		d.next.Pending.Changes = d.changes
	default:
		d.outcome = CardAccepted
		r.putInForce(&d.next, agent.PendingCard{Card: card, Verification: verification, Changes: d.changes}, false)
	}
	return d
}

// unfit returns why a fetched card may not take the place of the record's.
func (r *Registry) unfit(record *agent.Record, card agent.Card, verification agent.CardVerification) error {
	candidate := *record
	candidate.Card = card
	if err := r.checkUpstreams(&candidate); err != nil {
		return err
	}
	if reason := r.config.Cards.Refuses(verification); reason != "" {
		return agent.FieldError{Path: "cardUrl", Problem: "leads to a card that " + reason}
	}
	if reason := r.unwelcome(card.Raw); reason != "" {
		return agent.FieldError{Path: "cardUrl", Problem: "leads to a card that " + reason}
	}
	return nil
}

// putInForce gives the record a card in place of its own.
func (r *Registry) putInForce(record *agent.Record, card agent.PendingCard, approved bool) {
	record.Card, record.Verification = card.Card, card.Verification
	record.Pending, record.Rejected = nil, ""
	record.Updated = r.now()
	record.CardUpdate = &agent.CardUpdate{At: record.Updated, Changes: card.Changes, Approved: approved}
}

// report logs a change that was decided about, once: what is found again and again is only counted.
func (r *Registry) report(record *agent.Record, d decision) {
	if len(d.changes) == 0 {
		return
	}
	attributes := []any{
		slog.String("agent", string(record.Name)), slog.String("outcome", string(d.outcome)), slog.Any("changes", d.changes),
	}
	if record.Pending != nil {
		attributes = append(attributes, slog.String("digest", record.Pending.Digest))
	}
	r.config.Logger.Warn("the card of an agent has changed", attributes...)
}
