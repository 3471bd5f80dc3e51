// Package rulebook keeps the set of policies that is in force: documents from a directory and documents that were written
// through the API, checked and compiled together. A set replaces the one before only as a whole and without a problem. It
// decides nothing about calls.
package rulebook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/mirror"
	"ringfence.dev/ringfence/internal/policy"
	"ringfence.dev/ringfence/internal/store"
)

// BucketName is the store's bucket that holds documents.
const BucketName = "policies"

// every is the time between two looks at the directory, unless the configuration says otherwise.
const every = time.Second

// Config says what a Book works with. Bucket, Agents, Now and Logger are required.
type Config struct {
	// Dir is the directory whose files *.yaml and *.yml hold documents; empty reads none.
	Dir string
	// Every is the time between two looks at it; 0 is a second.
	Every time.Duration
	// Bucket is the bucket BucketName.
	Bucket store.Bucket
	// Agents returns the agents there are at the moment. What it returns does not change.
	Agents func() policy.Agents
	// UnknownAgents lets documents name agents and owners that are not registered.
	UnknownAgents bool
	// Now is the clock of writes and of Status; ages of files are told by it too.
	Now func() time.Time
	// Logger is told of each set that comes into force, and of what is refused, once.
	Logger *slog.Logger
	// Doubts returns what is doubtful about a set that comes into force, and keeps it from nothing; nil has none.
	Doubts func(*policy.Set) []policy.Problem
	// Changed is called after each new set. It must not block; nil is not called.
	Changed func()
}

// Book holds the policies of the mesh, as this process has them. Every method may be called by many goroutines at once.
type Book struct {
	config Config
	mirror *mirror.Mirror[stored]
	dir    *directory             // run alone looks at it after Open
	pages  atomic.Pointer[[]page] // those of the directory
	live   atomic.Pointer[policy.Set]
	status atomic.Pointer[Status]
	counts counts
	wake   chan struct{}
	stop   context.CancelFunc
	done   chan struct{}

	// mu is held while a draft is judged and taken over.
	mu sync.Mutex
	// liveKey is the key of the live set's draft, wanted what came of the latest draft, trial of the latest write.
	liveKey       [32]byte
	wanted, trial *verdict
	// readPages and readImage are what wanted was made of.
	readPages *[]page
	readImage *mirror.Image[stored]
}

// Open reads what directory and store hold, and follows both until Close; ctx bounds the reading. It is no error if what is
// there is refused: then the book has no set, and Problem says why.
func Open(ctx context.Context, config Config) (*Book, error) {
	if config.Every == 0 {
		config.Every = every
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	b := &Book{
		config: config, dir: &directory{path: config.Dir, now: config.Now, patience: patience},
		wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{}),
	}
	b.pages.Store(&[]page{})
	b.status.Store(&Status{Dir: config.Dir})
	m, err := mirror.Open(ctx, mirror.Config[stored]{
		Bucket: config.Bucket, Kind: "policies", Now: config.Now, Logger: config.Logger,
		Decode:  func(e store.Entry) (stored, error) { return decode(e), nil },
		Changed: func([]string) { b.Recheck() },
	})
	if err != nil {
		stop()
		return nil, err
	}
	b.mirror = m
	if config.Dir != "" {
		b.look(ctx)
	}
	b.refresh()
	go b.run(background)
	return b, nil
}

// Close stops following directory and store. The last set stays readable.
func (b *Book) Close() {
	b.stop()
	<-b.done
	b.mirror.Close()
}

// Image returns the set that is in force, nil while there is none: a nil set denies every call.
func (b *Book) Image() *policy.Set { return b.live.Load() }

// Behind returns for how long the set may have missed writes at the moment now: zero while the store is followed.
func (b *Book) Behind(now time.Time) time.Duration { return b.mirror.Behind(now) }

// Healthy returns nil while a set is in force and the store is followed. That a later set was refused is told by Status
// alone: the set before it decides on.
func (b *Book) Healthy() error { return errors.Join(b.mirror.Healthy(), b.Problem()) }

// Problem returns nil once a set is in force, and before that why there is none.
func (b *Book) Problem() error {
	if b.live.Load() != nil {
		return nil
	}
	problems := b.Status().Problems
	if len(problems) == 0 {
		return errors.New("no policies are in force: they have not been read yet")
	}
	more := ""
	if len(problems) > 1 {
		more = fmt.Sprintf("; %d problems in all", len(problems))
	}
	return fmt.Errorf("no policies are in force, and every call is denied: %s%s", problems[0], more)
}

// Recheck has the documents judged again soon, as agents came or went.
func (b *Book) Recheck() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *Book) run(ctx context.Context) {
	defer close(b.done)
	var looks <-chan time.Time
	if b.config.Dir != "" {
		ticker := time.NewTicker(b.config.Every)
		defer ticker.Stop()
		looks = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		case <-looks:
			if !b.look(ctx) {
				continue
			}
		}
		b.refresh()
	}
}

// look takes over what the directory holds, and reports whether that is something else than before.
func (b *Book) look(ctx context.Context) bool {
	changed := b.dir.look(ctx)
	if changed {
		pages := b.dir.pages
		b.pages.Store(&pages)
	}
	return changed
}

// refresh takes over what directory and store hold, if it can be a set.
func (b *Book) refresh() {
	if b.takeOver() && b.config.Changed != nil {
		b.config.Changed()
	}
}

func (b *Book) takeOver() (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	pages, image := b.pages.Load(), b.mirror.Image()
	if pages == b.readPages && image == b.readImage && b.wanted.asked.holds(b.Agents()) {
		return false
	}
	b.readPages, b.readImage = pages, image
	return b.adopt(b.judge(newDraft(*pages, entriesOf(image)), &b.wanted))
}

func entriesOf(image *mirror.Image[stored]) map[string]stored {
	entries := make(map[string]stored, image.Table().Len())
	for name, value := range image.Table().All() {
		entries[name] = value.Value
	}
	return entries
}

// Agents returns the agents that documents are judged against.
func (b *Book) Agents() policy.Agents {
	if b.config.UnknownAgents {
		return AnyAgents{Known: b.config.Agents()}
	}
	return b.config.Agents()
}

// judge judges a draft, unless it knows from before what comes of it, and remembers that. b.mu is held.
func (b *Book) judge(d draft, remember **verdict) verdict {
	agents := b.Agents()
	for _, known := range []*verdict{b.wanted, b.trial} {
		if known != nil && known.key == d.key && known.asked.holds(agents) {
			*remember = known
			return *known
		}
	}
	b.counts.judged.Add(1)
	live := b.live.Load()
	accepted := acceptedIn(live)
	if live == nil {
		// What the store holds was accepted when it was written: agents that went since do not keep a start from it.
		accepted = func(document *policy.Document) bool { return d.stored[document.Name].document == document }
	}
	v := d.judge(agents, live, accepted)
	*remember = &v
	return v
}

// adopt makes the verdict known, and its set the live one, and reports whether there is a new one. b.mu is held.
func (b *Book) adopt(v verdict) bool {
	before := b.Status()
	next := *before
	next.Problems, next.Warnings = v.problems, v.warnings
	if v.set != nil && b.config.Doubts != nil {
		next.Warnings = slices.Concat(v.warnings, b.config.Doubts(v.set))
	}
	changed := len(v.problems) == 0 && (before.Generation == 0 || v.key != b.liveKey)
	if changed || !slices.Equal(before.Problems, next.Problems) {
		next.Tried++
	}
	switch {
	case changed:
		b.live.Store(v.set)
		b.liveKey, b.trial = v.key, nil
		next.Generation, next.Since = next.Tried, b.config.Now().UTC()
		next.Epoch, next.Documents = v.set.Epoch(), len(v.set.Documents())
		b.config.Logger.Info("policies are in force", slog.String("epoch", next.Epoch), slog.Int("documents", next.Documents))
	case len(v.problems) == 0:
		next.Generation = next.Tried
	}
	b.tell(before, &next)
	b.status.Store(&next)
	return changed
}
