package approval

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/store"
)

// BucketName is the store's bucket that holds approvals.
const BucketName = "approvals"

// DefaultPending is how many approvals of one caller wait at a time unless the configuration says otherwise.
const DefaultPending = 100

// attempts bounds how often a write is tried that other writers keep overtaking.
const attempts = 32

// errAgain says that the place has changed meanwhile: look again.
var errAgain = errors.New("the approval was written by somebody else meanwhile")

// Config says what a Ledger works with. All fields are required but Pending, Retention and Acts.
type Config struct {
	// Bucket is the bucket BucketName. It has to be durable.
	Bucket store.Bucket
	// Random gives ids.
	Random io.Reader
	// Now is the clock by which the mirror and the sweeps work.
	Now func() time.Time
	// Logger is told about approvals that cannot be read, and about what ends.
	Logger *slog.Logger
	// Pending is how many approvals of one caller wait at a time, 0 for DefaultPending. Each process lets no more begin than
	// it knows there is room for.
	Pending int
	// Retention is for how long approvals stay that have ended, 0 for DefaultRetention.
	Retention time.Duration
	// Acts reports whether an agent of the mesh acts with the approver's key or token: such a one does not vote. Nil knows
	// none.
	Acts func(Approver) bool
}

// Ledger holds the approvals of the mesh. It is safe for concurrent use.
type Ledger struct {
	config Config
	mirror *mirror.Mirror[Approval]
	room   *room
	random sync.Mutex // guards config.Random

	mu   sync.Mutex
	news chan struct{} // closed at the next change
}

// Open loads the approvals and follows them until Close; ctx bounds the loading.
func Open(ctx context.Context, config Config) (*Ledger, error) {
	if config.Pending == 0 {
		config.Pending = DefaultPending
	}
	if config.Retention == 0 {
		config.Retention = DefaultRetention
	}
	l := &Ledger{config: config, room: newRoom(config.Pending), news: make(chan struct{})}
	m, err := mirror.Open(ctx, mirror.Config[Approval]{
		Bucket: config.Bucket, Kind: "approvals", Decode: decode, Now: config.Now, Logger: config.Logger,
		Changed: func(keys []string) {
			l.room.changed(keys)
			l.mu.Lock()
			defer l.mu.Unlock()
			close(l.news)
			l.news = make(chan struct{})
		},
	})
	if err != nil {
		return nil, err
	}
	l.mirror = m
	return l, nil
}

// Close stops following the store.
func (l *Ledger) Close() { l.mirror.Close() }

// Healthy returns nil while the ledger follows the store.
func (l *Ledger) Healthy() error { return l.mirror.Healthy() }

// Changes returns a channel that is closed at the next change of any approval that this process hears of.
func (l *Ledger) Changes() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.news
}

func decode(e store.Entry) (Approval, error) {
	var a Approval
	if err := json.Unmarshal(e.Value, &a); err != nil {
		return Approval{}, fmt.Errorf("decoding approval: %w", err)
	}
	at, ok := placeOf(a.ID)
	switch {
	case !ok || at != place(a.Digest) || e.Key != at && e.Key != a.ID:
		return Approval{}, errors.New("decoding approval: it is not where it belongs")
	case !slices.Contains(States, a.State) || len(a.History) == 0 || a.History[len(a.History)-1].State != a.State || a.Expires.IsZero():
		return Approval{}, errors.New("decoding approval: it is in no state")
	}
	return a, nil
}

// Ask returns how the approval of a case stands at the moment now. Where nobody was asked yet, or what was said is over,
// people are asked now. Granted of what it returns is true exactly once for an approval, for one of all that ask at the
// same time in any process: that call may go on. A call that resumes an approval which was used is returned that one.
// Every error denies.
func (l *Ledger) Ask(ctx context.Context, c Case, now time.Time) (Approval, error) {
	fresh, err := begin(c, now)
	if err != nil {
		return Approval{}, fmt.Errorf("asking for approval: %w", err)
	}
	if a, ok := l.waiting(&fresh, now); ok {
		return a, nil
	}
	for range attempts {
		a, err := l.ask(ctx, fresh, c.Resumes, now)
		if errors.Is(err, errAgain) {
			continue
		}
		if err != nil {
			return Approval{}, fmt.Errorf("asking for approval: %w", err)
		}
		return a, nil
	}
	return Approval{}, fmt.Errorf("asking for approval: %w", errAgain)
}

// waiting answers from memory where nothing but to wait is to be said, so that callers who repeat a call again and again
// do not load the store.
func (l *Ledger) waiting(fresh *Approval, now time.Time) (Approval, bool) {
	known, ok := l.mirror.Image().Get(place(fresh.Digest))
	a := known.Value
	if !ok || l.mirror.Healthy() != nil || a.Digest != fresh.Digest {
		return Approval{}, false
	}
	return a, a.asked(fresh, now) == stays
}

func (l *Ledger) ask(ctx context.Context, fresh Approval, resumes string, now time.Time) (Approval, error) {
	at := place(fresh.Digest)
	entry, err := l.config.Bucket.Get(ctx, at)
	if errors.Is(err, store.ErrNotFound) {
		return l.begin(ctx, fresh, 0, now)
	}
	if err != nil {
		return Approval{}, err
	}
	present, err := decode(entry)
	if err != nil {
		return Approval{}, err
	}
	switch present.asked(&fresh, now) {
	case stays:
		if present.Digest != fresh.Digest {
			return Approval{}, errors.New("another call waits in its place")
		}
		return present, nil
	case expires:
		if _, err := l.write(ctx, entry, present.change(Expired, "", now)); err != nil {
			return Approval{}, err
		}
		return Approval{}, errAgain
	case goesOn:
		consumed := present.change(Consumed, "", now)
		if _, err := l.write(ctx, entry, consumed); err != nil {
			return Approval{}, err
		}
		l.told(consumed)
		consumed.Granted = true
		return consumed, nil
	}
	if present.State == Consumed && present.ID == resumes {
		return present, nil
	}
	if err := l.archive(ctx, entry.Value, &present); err != nil {
		return Approval{}, err
	}
	return l.begin(ctx, fresh, entry.Revision, now)
}

// begin stores a new approval in its place: in that of what the revision wrote, or in an empty one for 0.
func (l *Ledger) begin(ctx context.Context, fresh Approval, revision uint64, now time.Time) (Approval, error) {
	leave, ok := l.room.enter(fresh.Caller, l.mirror.Image, now)
	if !ok {
		return Approval{}, ErrTooMany
	}
	defer leave()
	at := place(fresh.Digest)
	var nonce [nonceBytes]byte
	l.random.Lock()
	_, err := io.ReadFull(l.config.Random, nonce[:])
	l.random.Unlock()
	if err != nil {
		return Approval{}, fmt.Errorf("drawing an id: %w", err)
	}
	fresh.ID = at + "." + writing.EncodeToString(nonce[:])
	value, err := json.Marshal(fresh)
	if err != nil {
		return Approval{}, err
	}
	if revision == 0 {
		revision, err = l.config.Bucket.Create(ctx, at, value, 0)
	} else {
		revision, err = l.config.Bucket.CompareAndSet(ctx, at, value, revision)
	}
	if errors.Is(err, store.ErrConflict) {
		return Approval{}, errAgain
	}
	if err != nil {
		return Approval{}, err
	}
	// The approval waits, whether or not it shows in time.
	_ = l.mirror.Await(ctx, revision)
	l.told(fresh)
	return fresh, nil
}

// archive keeps what ended under its id, when its place is needed. It can change no more.
func (l *Ledger) archive(ctx context.Context, value []byte, a *Approval) error {
	_, err := l.config.Bucket.Create(ctx, a.ID, value, l.kept(a))
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// write replaces what an entry holds, unless somebody else did meanwhile: then it returns errAgain.
func (l *Ledger) write(ctx context.Context, entry store.Entry, a Approval) (uint64, error) {
	value, err := json.Marshal(a)
	if err != nil {
		return 0, err
	}
	revision, err := l.config.Bucket.CompareAndSet(ctx, entry.Key, value, entry.Revision)
	if errors.Is(err, store.ErrConflict) {
		return 0, errAgain
	}
	return revision, err
}

func (l *Ledger) told(a Approval) {
	l.config.Logger.Info("approval "+string(a.State), slog.String("approval", a.ID), slog.String("caller", string(a.Caller)),
		slog.String("callee", string(a.Callee)), slog.String("digest", a.Digest))
}

// Get returns the approval of an id at the moment now.
func (l *Ledger) Get(ctx context.Context, id string, now time.Time) (Approval, error) {
	_, a, err := l.find(ctx, id)
	if err != nil {
		return Approval{}, err
	}
	return a.At(now), nil
}

// find returns an approval and where it is stored: in its place, or under its id when another took that.
func (l *Ledger) find(ctx context.Context, id string) (store.Entry, Approval, error) {
	at, ok := placeOf(id)
	if !ok {
		return store.Entry{}, Approval{}, ErrNotFound
	}
	for _, key := range [...]string{at, id} {
		entry, err := l.config.Bucket.Get(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return store.Entry{}, Approval{}, fmt.Errorf("reading approval: %w", err)
		}
		if a, err := decode(entry); err == nil && a.ID == id {
			return entry, a, nil
		}
	}
	return store.Entry{}, Approval{}, ErrNotFound
}

// Filter says which approvals are wanted. Empty fields want all.
type Filter struct {
	State          State
	Caller, Callee agent.ID
}

// Counts returns how many approvals are in each state at the moment now.
func (l *Ledger) Counts(now time.Time) map[State]int {
	image, counts := l.mirror.Image(), map[State]int{}
	for key, known := range image.Table().All() {
		a := &known.Value
		// What is being archived is there twice, and stays under its id.
		if _, archived := image.Get(a.ID); archived && key != a.ID {
			continue
		}
		state := a.State
		if state.live() && a.over(now) {
			state = Expired
		}
		counts[state]++
	}
	return counts
}

// List returns approvals as they are known at the moment now, the latest first.
func (l *Ledger) List(f Filter, now time.Time) []Approval {
	var list []Approval
	listed := map[string]bool{}
	for _, value := range l.mirror.Image().Table().All() {
		a := value.Value.At(now)
		// What is being archived is there twice, and ended in both.
		if listed[a.ID] || f.State != "" && a.State != f.State || f.Caller != "" && a.Caller != f.Caller || f.Callee != "" && a.Callee != f.Callee {
			continue
		}
		listed[a.ID] = true
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b Approval) int {
		return cmp.Or(b.Asked.Compare(a.Asked), cmp.Compare(a.ID, b.ID))
	})
	return list
}
