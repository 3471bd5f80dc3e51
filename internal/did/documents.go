package did

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/store"
)

// Defaults of Config.
const (
	DefaultRefresh = 5 * time.Minute
	DefaultStale   = time.Hour
	DefaultAtOnce  = 16
)

// writeAttempts bounds how often a write that others keep overtaking is tried.
const writeAttempts = 8

// Errors that callers branch on.
var (
	// ErrUnknown: nothing is known of the DID.
	ErrUnknown = errors.New("nothing is known of this DID")
	// ErrNotWeb: it is not a did:web in its one form.
	ErrNotWeb = errors.New("it is not a did:web")
	// ErrNotHeld: no document with this digest waits to be accepted.
	ErrNotHeld = errors.New("no document with this digest is held")
	// ErrForeignKey: a key to be refused is named by another DID.
	ErrForeignKey = errors.New("the key must be named by a DID URL of the DID or by a did:key")
)

// Resolver finds the document of a DID.
type Resolver interface {
	// Resolve returns the document, or a *ResolveError that says why there is none.
	Resolve(ctx context.Context, web Web) (Document, error)
}

// Config says what Documents work with. Fields without a default are required.
type Config struct {
	// Bucket holds DIDs and nothing else.
	Bucket store.Bucket
	// Resolver fetches documents.
	Resolver Resolver
	// Hosts are those whose documents count. What is stored of other hosts, which another process may have been
	// configured with, does not count in this one.
	Hosts Hosts
	// Wanted returns the claims in force. It is called often and must not block.
	Wanted func() []Claim
	// Swap says what becomes of documents that break with the one in force. The default is SwapHold.
	Swap Swap
	// Refresh is the time between two fetches of a document; 0 is DefaultRefresh.
	Refresh time.Duration
	// Stale is for how long keys count after their document was last found at its host; 0 is DefaultStale.
	Stale time.Duration
	// AtOnce bounds how many documents are fetched at the same time; 0 is DefaultAtOnce.
	AtOnce int
	// Seed differs between the processes of a mesh, so that they do not fetch in step.
	Seed uint64
	// Now is the clock.
	Now func() time.Time
	// Logger is told what changes about documents and when the store fails.
	Logger *slog.Logger
	// Observed is told the outcome of each attempt. It must not block; nil tells nobody.
	Observed func(Outcome)
}

// Documents knows the documents of all DIDs that agents claim. All processes of a mesh share them through the store:
// what one has fetched, the others need not fetch, and a key that one refuses counts in none a moment later. Every
// method may be called by many goroutines at once.
type Documents struct {
	config Config
	pace   pace
	mirror *mirror.Mirror[*entry]
	image  atomic.Pointer[Image]
	wake   chan struct{}

	mu    sync.Mutex
	view  view // its image is unused
	swept time.Time
}

// Open loads what is stored. Documents are fetched only while Follow runs. ctx bounds the loading alone.
func Open(ctx context.Context, config Config) (*Documents, error) {
	config.Refresh = cmp.Or(config.Refresh, DefaultRefresh)
	config.Stale = cmp.Or(config.Stale, DefaultStale)
	config.AtOnce = max(cmp.Or(config.AtOnce, DefaultAtOnce), 1)
	d := &Documents{
		config: config,
		pace:   pace{refresh: config.Refresh, stale: config.Stale, seed: config.Seed},
		wake:   make(chan struct{}, 1),
		view: view{
			wanted: map[string]wanted{}, hints: map[string]time.Time{}, busy: map[string]bool{}, rests: map[string]time.Time{},
		},
	}
	var err error
	d.mirror, err = mirror.Open(ctx, mirror.Config[*entry]{
		Bucket: config.Bucket, Kind: "DID documents", Now: config.Now, Logger: config.Logger,
		Decode: func(stored store.Entry) (*entry, error) { return decode(stored, config.Hosts) },
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Close stops following the store; Follow must have ended. The last image stays readable.
func (d *Documents) Close() { d.mirror.Close() }

// Image returns what is known at the moment.
func (d *Documents) Image() *Image {
	entries := d.mirror.Image()
	if image := d.image.Load(); image != nil && image.entries == entries {
		return image
	}
	image := &Image{entries: entries, stale: d.config.Stale}
	d.image.Store(image)
	return image
}

// Behind returns for how long the image may have missed what other processes stored, refusals of keys above all: zero
// while the store is followed.
func (d *Documents) Behind(now time.Time) time.Duration { return d.mirror.Behind(now) }

// Healthy returns nil while the image follows the store.
func (d *Documents) Healthy() error { return d.mirror.Healthy() }

// Miss says that a request named a key that the image does not have. The document is fetched again soon, at most once
// a minute for each DID, however many requests name unknown keys. It does not block.
func (d *Documents) Miss(didURL string) {
	did, _, _ := strings.Cut(didURL, "#")
	d.mu.Lock()
	_, claimed := d.view.wanted[did]
	_, known := d.view.hints[did]
	hint := claimed && !known
	if hint {
		d.view.hints[did] = d.config.Now()
	}
	d.mu.Unlock()
	if hint {
		d.poke()
	}
}

// ClaimsChanged says that Wanted may return something else, which is noticed within some seconds in any case. It does
// not block.
func (d *Documents) ClaimsChanged() { d.poke() }

func (d *Documents) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// load reads what the store has of a DID; it is an empty entry of revision 0 when there is nothing. An entry that
// cannot be read is an error, and nothing is written over it: it may have held what was believed or refused before.
func (d *Documents) load(ctx context.Context, did string) (*entry, uint64, error) {
	stored, err := d.config.Bucket.Get(ctx, keyOf(did))
	if errors.Is(err, store.ErrNotFound) {
		return &entry{DID: did}, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading a DID: %w", err)
	}
	e, err := decode(stored, d.config.Hosts)
	if err != nil {
		return nil, 0, err
	}
	return e, stored.Revision, nil
}

// save writes an entry over the revision, 0 where there must be none, or returns store.ErrConflict.
func (d *Documents) save(ctx context.Context, e *entry, revision uint64) (uint64, error) {
	value, err := e.encode()
	if err != nil {
		return 0, err
	}
	if revision == 0 {
		revision, err = d.config.Bucket.Create(ctx, keyOf(e.DID), value, 0)
	} else {
		revision, err = d.config.Bucket.CompareAndSet(ctx, keyOf(e.DID), value, revision)
	}
	if err != nil {
		return 0, fmt.Errorf("storing a DID: %w", err)
	}
	return revision, nil
}
