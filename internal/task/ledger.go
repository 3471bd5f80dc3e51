package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

const (
	// queueSize bounds how many tasks wait to be written, and so the memory that an unreachable store costs.
	queueSize = 1 << 14
	// writersCount is how many writes are under way at once.
	writersCount = 16
	// readersCount bounds how many look-ups are under way at once.
	readersCount = 64
	// readTimeout bounds one look-up, waiting for its turn included.
	readTimeout = 500 * time.Millisecond
)

// Config says what a Ledger works with. Every field is required but WaitForStore.
type Config struct {
	// Bucket holds the owners of tasks and nothing else.
	Bucket store.Bucket
	// Now is the clock.
	Now func() time.Time
	// Logger is told when the store fails and when it works again, and about entries that cannot be used.
	Logger *slog.Logger
	// Memory is how many tasks are known without asking the store, beside those that wait to be written.
	Memory int
	// Retention is how long a task is remembered, at least, after it was last used.
	Retention time.Duration
	// Finished takes the place of Retention once the task has reached a terminal state.
	Finished time.Duration
	// WaitForStore makes Learn return only when the owner is durable.
	WaitForStore bool
}

// Ledger knows the owners of tasks. It answers from memory; what is not there is read from the store, which all
// processes of the mesh share. Nothing is loaded before it can be used: a mesh may remember millions of tasks, and a
// process needs those that it is asked for. In the background it follows the store (see follow), which fills what
// room the memory has and brings news from other processes.
//
// The first to learn a task decides its owner, which never changes until the task expires or is forgotten. Where two
// processes learn one task with different owners before they know of each other, the one whose write reaches the
// store first wins and the other takes its owner over. WaitForStore rules that out, at the price of one write of the
// store for each new task.
//
// Every method may be called by many goroutines at once.
type Ledger struct {
	config  Config
	lookups lookups
	readers chan struct{}
	queue   chan *item
	counts  counts
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	memory  memory
	listing uint64        // the number of the latest listing of the store that began
	live    bool          // a watch follows the store since its listing was complete
	partial bool          // since the latest listing began, something that is stored was left out of memory
	drained chan struct{} // not nil once Close waits; closed when nothing is pending
}

// Open returns a ledger that works until Close. It does not wait for the store: a ledger whose store cannot be
// reached knows what it has learned itself, and answers everything else with an error.
func Open(ctx context.Context, config Config) *Ledger {
	l := newLedger(config)
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	for range writersCount {
		l.running.Go(func() { l.write(background) })
	}
	l.running.Go(func() { l.follow(background) })
	return l
}

func newLedger(config Config) *Ledger {
	return &Ledger{
		config: config, memory: newMemory(config.Memory),
		readers: make(chan struct{}, readersCount), queue: make(chan *item, queueSize),
	}
}

// Close waits until everything that was learned is stored, or ctx ends, then stops all work in the background. The
// error says how many owners the store does not have.
func (l *Ledger) Close(ctx context.Context) error {
	l.mu.Lock()
	if l.drained == nil {
		l.unstored()
		l.drained = make(chan struct{})
		l.settled()
	}
	drained := l.drained
	l.mu.Unlock()
	select {
	case <-drained:
	case <-ctx.Done():
	}
	l.stop()
	l.running.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if count := l.unstored(); count > 0 {
		return fmt.Errorf("storing the owners of tasks: %d were not stored: %w", count, store.ErrUnavailable)
	}
	return nil
}

// unstored counts what the store does not have yet, and queues what had found the queue full. l.mu is held.
func (l *Ledger) unstored() int {
	count := len(l.memory.pending)
	for _, it := range l.memory.items {
		if it.revision == 0 && !it.queued {
			l.enqueue(it)
			count++
		}
	}
	return count
}

// settled wakes Close when nothing is left to write. l.mu is held.
func (l *Ledger) settled() {
	if l.drained == nil || len(l.memory.pending) > 0 {
		return
	}
	select {
	case <-l.drained:
	default:
		close(l.drained)
	}
}

// Owner returns who started the task. Asker is the verified caller on whose behalf this is asked, empty for an
// anonymous one; it bounds how often the store is read for that caller. The error is ErrUnowned when nobody owns the
// task, and another one when that cannot be told.
func (l *Ledger) Owner(ctx context.Context, asker agent.ID, ref Ref) (Owner, error) {
	k, err := ref.key()
	if err != nil {
		return Owner{}, err
	}
	now := l.config.Now()
	if owner, err := l.recall(k, now); err != errElsewhere { //nolint:errorlint // recall wraps nothing, and this is the hot path
		return owner, err
	}
	if !l.lookups.take(asker, now) {
		l.counts.refused.Add(1)
		return Owner{}, ErrTooMany
	}
	found, err := l.read(ctx, k)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && found.expired(now):
		// The task may have been learned while the store was read.
		if owner, err := l.recall(k, now); err == nil {
			return owner, nil
		}
		return Owner{}, ErrUnowned
	case err != nil:
		return Owner{}, fmt.Errorf("reading the owner of a task: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	it := l.take(k, found)
	l.use(it, now)
	return it.owner, nil
}

// errElsewhere says that the store has to be asked.
var errElsewhere = errors.New("the task is not in memory")

// recall answers from memory, and sees to it that what is used stays.
func (l *Ledger) recall(k key, now time.Time) (Owner, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	it := l.current(k, now)
	switch {
	case it == nil && l.knowsAll():
		return Owner{}, ErrUnowned
	case it == nil:
		return Owner{}, errElsewhere
	}
	l.use(it, now)
	return it.owner, nil
}

// knowsAll reports whether a task that is not in memory is not in the store either. News from other processes arrive
// a moment late, so that is not enough where the store has the last word. l.mu is held.
func (l *Ledger) knowsAll() bool { return l.live && !l.partial && !l.config.WaitForStore }

// read asks the store.
func (l *Ledger) read(ctx context.Context, k key) (record, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	select {
	case l.readers <- struct{}{}:
		defer func() { <-l.readers }()
	case <-ctx.Done():
		return record{}, fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
	l.counts.reads.Add(1)
	return l.load(ctx, k)
}

// Finish says that a task was seen in a terminal state, after which it is remembered for a shorter time. A task that
// is not in memory keeps its time.
func (l *Ledger) Finish(ref Ref) {
	k, err := ref.key()
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if it := l.current(k, l.config.Now()); it != nil {
		l.finish(it, Finished)
	}
}

// Forget removes a task, so that the next one to learn it owns it: for agents that use ids again. It returns when the
// store no longer has the task; other processes of the mesh hear of that a moment later.
func (l *Ledger) Forget(ctx context.Context, ref Ref) error {
	k, err := ref.key()
	if err != nil {
		return err
	}
	l.mu.Lock()
	if it := l.memory.peek(k); it != nil {
		it.forgotten = true
	}
	l.memory.remove(k)
	l.settled()
	l.mu.Unlock()
	if err := l.config.Bucket.Delete(ctx, k.String(), 0); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("forgetting a task: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// A look-up that was under way may have brought the task back.
	if it := l.memory.peek(k); it != nil && it.revision != 0 && !it.queued {
		l.memory.remove(k)
	}
	return nil
}
