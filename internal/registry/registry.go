package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/cards"
	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/store"
)

// defaultAckTimeout bounds how long a stored write may take to show in the snapshot.
const defaultAckTimeout = 5 * time.Second

// Defaults are what a registration gets that does not say otherwise.
type Defaults struct {
	// Capabilities are granted to agents whose registration names none.
	Capabilities []agent.Capability
}

// StandardDefaults returns the defaults used where the operator sets none: every agent may call every other one,
// as far as rings and the callee's rules allow.
func StandardDefaults() Defaults { return Defaults{Capabilities: []agent.Capability{"call:*"}} }

// Config says what a Registry works with.
type Config struct {
	// Bucket holds the agents and nothing else.
	Bucket store.Bucket
	// Revoked holds what is revoked for ever and nothing else.
	Revoked store.Bucket
	// Now is the clock; records keep whole seconds.
	Now func() time.Time
	// Logger is told about entries that cannot be used and about lost watches.
	Logger *slog.Logger
	// Fetch finds the cards of registrations that give a URL; nil refuses them.
	Fetch CardFetcher
	// Content returns why the texts of a card may not stand in the mesh, as a sentence about the card; empty when they may.
	// Nil takes all.
	Content func(card []byte) string
	// Cards says which cards are taken and which changes of them wait for a person.
	Cards cards.Policy
	// CardsObserved is told what became of each refresh of a card and in what the card had changed; nil tells
	// nobody.
	CardsObserved func(outcome CardOutcome, changes []agent.CardChange)
	// AllowedNetworks are the private networks in which agents may live whose cards are fetched.
	AllowedNetworks []netip.Prefix
	// WebDID returns why the document of a did:web cannot be had, in a few words; nil checks the form alone.
	WebDID func(did string) error
	// Own reports whether a host and port are the mesh's own, to which no card may lead; nil knows none.
	Own func(host, port string) bool
	// Defaults fill what registrations leave out.
	Defaults Defaults
	// AckTimeout bounds how long a stored write may take to show in the snapshot; zero means 5 s.
	AckTimeout time.Duration
}

// Registry takes registrations and knows the agents. Every method may be called by many goroutines at once.
type Registry struct {
	config   Config
	snapshot atomic.Pointer[Snapshot]
	revoked  atomic.Pointer[mirror.Mirror[Revocation]] // nil until it is loaded
	lostAt   atomic.Int64                              // Unix nanoseconds since when agents are not followed; 0 while they are
	stop     context.CancelFunc
	done     chan struct{}

	versions cardVersions

	publishing sync.Mutex // held from reading a snapshot to storing its successor; taken before mu

	mu          sync.Mutex
	claims      map[string]*pendingClaim
	subscribers map[*subscriber]struct{}
	changed     chan struct{} // closed at the next change of the snapshot or of the watch
	watch       watchState
	closed      bool
}

// watchState counts watches, so that a writer can tell whether a listing is younger than its write.
type watchState struct {
	begun  uint64
	synced uint64 // the number of the last watch whose listing was published
	live   bool
}

// Open loads every agent from the bucket and follows its changes until Close. It returns when the agents stored at
// the moment are in the snapshot; ctx bounds that alone.
func Open(ctx context.Context, config Config) (*Registry, error) {
	if config.AckTimeout == 0 {
		config.AckTimeout = defaultAckTimeout
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &Registry{
		config: config, stop: stop, done: make(chan struct{}),
		claims: map[string]*pendingClaim{}, subscribers: map[*subscriber]struct{}{}, changed: make(chan struct{}),
	}
	r.snapshot.Store(NewSnapshot(0, nil))
	r.lostAt.Store(config.Now().UnixNano())
	if err := r.mirrorRevoked(ctx); err != nil {
		stop()
		return nil, err
	}
	go r.follow(background)
	if err := r.await(ctx, func() bool { return r.watch.synced > 0 }); err != nil {
		r.Close()
		return nil, fmt.Errorf("loading agents: %w", err)
	}
	return r, nil
}

// Close stops following the store and ends every subscription. The last snapshot stays readable.
func (r *Registry) Close() {
	r.stop()
	<-r.done
	r.revoked.Load().Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	for s := range r.subscribers {
		r.drop(s)
	}
	r.announce()
}

// Snapshot returns the agents as they are known now. It is never nil.
func (r *Registry) Snapshot() *Snapshot { return r.snapshot.Load() }

// Get returns the record of the named agent, or ErrNotFound.
func (r *Registry) Get(name agent.ID) (*agent.Record, error) {
	record, ok := r.Snapshot().Agent(name)
	if !ok {
		return nil, ErrNotFound
	}
	return record, nil
}

// Healthy returns nil while the snapshot follows the store.
func (r *Registry) Healthy() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || !r.watch.live {
		return fmt.Errorf("following agents: %w", store.ErrUnavailable)
	}
	return r.revoked.Load().Healthy()
}

// Behind returns for how long the snapshot may have missed changes at the moment now: zero while the store is followed.
func (r *Registry) Behind(now time.Time) time.Duration {
	behind := r.revoked.Load().Behind(now)
	if lost := r.lostAt.Load(); lost != 0 {
		behind = max(behind, now.Sub(time.Unix(0, lost)), 1)
	}
	return behind
}

// await returns nil as soon as reached does. It is called with r.mu held, first at once and then at every change.
func (r *Registry) await(ctx context.Context, reached func() bool) error {
	for {
		r.mu.Lock()
		ok, closed, changed := reached(), r.closed, r.changed
		r.mu.Unlock()
		switch {
		case ok:
			return nil
		case closed:
			return fmt.Errorf("the registry is closed: %w", store.ErrUnavailable)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
		}
	}
}

// announce wakes everybody in await. r.mu is held.
func (r *Registry) announce() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// awaitWrite returns when the snapshot reflects the write to the named agent at the revision: it shows the agent at
// it or later, or has moved past it.
func (r *Registry) awaitWrite(ctx context.Context, name agent.ID, revision uint64) error {
	err := r.awaitSnapshot(ctx, func(snapshot *Snapshot) bool {
		record, ok := snapshot.Agent(name)
		return ok && record.Revision >= revision || snapshot.Revision() >= revision
	})
	if err != nil {
		return fmt.Errorf("stored, but not yet visible: %w", err)
	}
	return nil
}

// awaitDelete returns when the snapshot no longer shows the named agent at the revision that was deleted.
func (r *Registry) awaitDelete(ctx context.Context, name agent.ID, revision uint64) error {
	err := r.awaitSnapshot(ctx, func(snapshot *Snapshot) bool {
		record, ok := snapshot.Agent(name)
		return !ok && snapshot.Revision() >= revision || ok && record.Revision > revision
	})
	if err != nil {
		return fmt.Errorf("deleted, but not yet visible: %w", err)
	}
	return nil
}

// awaitSnapshot returns when the snapshot reflects a write that the store has acknowledged. A listing that begins
// after the write reflects it in any case.
func (r *Registry) awaitSnapshot(ctx context.Context, reflects func(*Snapshot) bool) error {
	ctx, cancel := context.WithTimeout(ctx, r.config.AckTimeout)
	defer cancel()
	r.mu.Lock()
	begun := r.watch.begun
	r.mu.Unlock()
	return r.await(ctx, func() bool { return reflects(r.Snapshot()) || r.watch.synced > begun })
}

// storeError names what was being done and keeps what callers branch on.
func storeError(doing string, err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, store.ErrConflict):
		return ErrChanged
	case errors.Is(err, store.ErrTooLarge):
		return agent.FieldError{Path: "card", Problem: "is too large for the store"}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
