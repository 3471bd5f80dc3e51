package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/store"
)

// BucketName is the store's bucket that holds gates.
const BucketName = "gates"

// Errors that callers branch on.
var (
	// ErrNotFound: there is no gate of this name.
	ErrNotFound = errors.New("no such gate")
	// ErrChanged: the declaration is not, or no longer, the one that was meant.
	ErrChanged = errors.New("the gate's declaration has changed")
	// ErrClosed: the gate's time is over.
	ErrClosed = errors.New("the gate is closed")
)

// Config says what a Ledger works with. All fields are required but Changed.
type Config struct {
	// Bucket is the bucket BucketName.
	Bucket store.Bucket
	// Agent returns the record of a registered agent.
	Agent func(agent.ID) (*agent.Record, bool)
	// Now is the clock.
	Now func() time.Time
	// Logger is told about gates that cannot be read.
	Logger *slog.Logger
	// Changed is called after a gate has changed. It must not block; nil is not called.
	Changed func()
}

// Ledger holds the gates of the mesh. It is safe for concurrent use.
type Ledger struct {
	config Config
	mirror *mirror.Mirror[Gate]
}

// Open loads the gates and follows them until Close; ctx bounds the loading.
func Open(ctx context.Context, config Config) (*Ledger, error) {
	m, err := mirror.Open(ctx, mirror.Config[Gate]{
		Bucket: config.Bucket, Kind: "gates", Decode: decode, Now: config.Now, Logger: config.Logger,
		Changed: func([]string) {
			if config.Changed != nil {
				config.Changed()
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return &Ledger{config: config, mirror: m}, nil
}

// Close stops following the store.
func (l *Ledger) Close() { l.mirror.Close() }

// Healthy returns nil while the ledger follows the store.
func (l *Ledger) Healthy() error { return l.mirror.Healthy() }

// Behind returns for how long the image may have missed changes at the moment now.
func (l *Ledger) Behind(now time.Time) time.Duration { return l.mirror.Behind(now) }

// Image returns the gates as they are known now.
func (l *Ledger) Image() Image { return Image{l.mirror.Image()} }

func decode(e store.Entry) (Gate, error) {
	var g Gate
	if err := json.Unmarshal(e.Value, &g); err != nil {
		return Gate{}, fmt.Errorf("decoding gate: %w", err)
	}
	if string(g.ID) != e.Key {
		return Gate{}, errors.New("decoding gate: it has another name than its key")
	}
	g.compile()
	return g, nil
}

// Declare stores a declaration, given by a person for its calling agent. One that differs from what was declared before
// takes the acceptance away; the same one again changes nothing.
func (l *Ledger) Declare(ctx context.Context, d Declaration, by string) (Gate, error) {
	now := l.config.Now().UTC().Truncate(time.Second)
	d.Until = d.Until.UTC()
	if err := errors.Join(d.Validate(), checkPerson(by), l.checkAgents(d), checkUntil(d.Until, now)); err != nil {
		return Gate{}, err
	}
	present, err := l.config.Bucket.Get(ctx, string(d.ID))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Gate{}, fmt.Errorf("declaring gate: %w", err)
	}
	g := Gate{Declaration: d, Declared: Consent{By: by, At: now, Digest: d.Digest()}}
	if err == nil {
		if old, err := decode(present); err == nil && old.Declared.Digest == g.Declared.Digest && l.declaredForThese(old) {
			return old, nil
		}
	}
	return l.write(ctx, g, present.Revision)
}

// declaredForThese reports whether the gate's agents are still those that it was declared for.
func (l *Ledger) declaredForThese(g Gate) bool {
	for _, id := range []agent.ID{g.From, g.To} {
		if record, ok := l.config.Agent(id); !ok || record.Created.After(g.Declared.At) {
			return false
		}
	}
	return true
}

func (l *Ledger) checkAgents(d Declaration) error {
	var problems []error
	from, ok := l.config.Agent(d.From)
	switch {
	case !ok:
		problems = append(problems, agent.FieldError{Path: "from", Problem: "must be the name of a registered agent"})
	case d.Ring > from.Ceiling:
		problems = append(problems, agent.FieldError{Path: "ring", Problem: "must not be more privileged than the ring ceiling of the agent in from"})
	}
	if _, ok := l.config.Agent(d.To); !ok {
		problems = append(problems, agent.FieldError{Path: "to", Problem: "must be the name of a registered agent"})
	}
	return errors.Join(problems...)
}

func checkUntil(until, now time.Time) error {
	if until.IsZero() || until.After(now) && !until.After(now.Add(MaxLifetime)) {
		return nil
	}
	return agent.FieldError{Path: "until", Problem: "must be in the future, and at most a year away"}
}

func checkPerson(by string) error {
	if by == "" || len(by) > maxPerson || !utf8.ValidString(by) {
		return agent.FieldError{Path: "by", Problem: fmt.Sprintf("must name a person, in at most %d bytes", maxPerson)}
	}
	return nil
}

// Accept stores the acceptance of a declaration, given by a person for its called agent. Digest is that of the
// declaration the person has seen.
func (l *Ledger) Accept(ctx context.Context, id agent.ID, digest, by string) (Gate, error) {
	if err := checkPerson(by); err != nil {
		return Gate{}, err
	}
	entry, err := l.entry(ctx, id)
	if err != nil {
		return Gate{}, err
	}
	g, err := decode(entry)
	now := l.config.Now().UTC().Truncate(time.Second)
	switch {
	case err != nil:
		return Gate{}, err
	case digest != g.Digest():
		return Gate{}, ErrChanged
	case !now.Before(g.Until):
		return Gate{}, ErrClosed
	case !l.declaredForThese(g):
		return Gate{}, fmt.Errorf("%w: one of its agents was registered after it was declared; declare it again", ErrChanged)
	}
	g.Accepted = &Consent{By: by, At: now, Digest: digest}
	return l.write(ctx, g, entry.Revision)
}

// Remove deletes a gate: whoever's side it is, one is enough to close it.
func (l *Ledger) Remove(ctx context.Context, id agent.ID) error {
	entry, err := l.entry(ctx, id)
	if err != nil {
		return err
	}
	err = l.config.Bucket.Delete(ctx, entry.Key, entry.Revision)
	if errors.Is(err, store.ErrConflict) {
		return ErrChanged
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("removing gate: %w", err)
	}
	if err := l.mirror.Gone(ctx, entry.Key, entry.Revision); err != nil {
		return fmt.Errorf("removing gate: %w", err)
	}
	return nil
}

func (l *Ledger) entry(ctx context.Context, id agent.ID) (store.Entry, error) {
	if _, err := agent.ParseID(string(id)); err != nil {
		return store.Entry{}, ErrNotFound
	}
	entry, err := l.config.Bucket.Get(ctx, string(id))
	if errors.Is(err, store.ErrNotFound) {
		return store.Entry{}, ErrNotFound
	}
	if err != nil {
		return store.Entry{}, fmt.Errorf("reading gate: %w", err)
	}
	return entry, nil
}

// write stores the gate unless somebody else changed it meanwhile, and returns when this process sees it.
func (l *Ledger) write(ctx context.Context, g Gate, revision uint64) (Gate, error) {
	value, err := json.Marshal(g)
	if err != nil {
		return Gate{}, fmt.Errorf("writing gate: %w", err)
	}
	if revision == 0 {
		revision, err = l.config.Bucket.Create(ctx, string(g.ID), value, 0)
	} else {
		revision, err = l.config.Bucket.CompareAndSet(ctx, string(g.ID), value, revision)
	}
	if errors.Is(err, store.ErrConflict) {
		return Gate{}, ErrChanged
	}
	if err == nil {
		err = l.mirror.Await(ctx, revision)
	}
	if err != nil {
		return Gate{}, fmt.Errorf("writing gate: %w", err)
	}
	g.compile()
	return g, nil
}
