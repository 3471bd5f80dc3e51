package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Memory is a Store that lives and dies with the process. It is for tests and throw-away meshes.
type Memory struct {
	now     func() time.Time
	done    chan struct{}
	watches sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	buckets map[string]*memoryBucket
}

var (
	_ Store  = (*Memory)(nil)
	_ Bucket = (*memoryBucket)(nil)
)

// NewMemory returns an empty store whose expiries follow the given clock. They are noticed on the next call
// on the bucket, and at the latest when as much time has passed on the system's clock.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, done: make(chan struct{}), buckets: map[string]*memoryBucket{}}
}

// Bucket opens the named bucket.
func (m *Memory) Bucket(ctx context.Context, name string) (Bucket, error) {
	return m.bucket(ctx, name, false)
}

// Volatile opens the named bucket; here it lives as long as any other.
func (m *Memory) Volatile(ctx context.Context, name string) (Bucket, error) {
	return m.bucket(ctx, name, true)
}

func (m *Memory) bucket(ctx context.Context, name string, volatile bool) (Bucket, error) {
	if err := checkBucketName(name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, errClosed
	}
	b, ok := m.buckets[name]
	if !ok {
		b = &memoryBucket{store: m, volatile: volatile, entries: map[string]memoryEntry{}, watches: map[*memoryWatch]struct{}{}}
		m.buckets[name] = b
	}
	if b.volatile != volatile {
		return nil, fmt.Errorf("opening bucket %s: %w", name, errOtherKind)
	}
	return b, nil
}

// Healthy returns nil until the store is closed.
func (m *Memory) Healthy(context.Context) error {
	select {
	case <-m.done:
		return errClosed
	default:
		return nil
	}
}

// Close ends all watches and drops the data.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	close(m.done)
	for _, b := range m.buckets {
		b.close()
	}
	m.watches.Wait()
	return nil
}

type memoryEntry struct {
	value    []byte
	revision uint64
}

type memoryBucket struct {
	store    *Memory
	volatile bool

	mu      sync.Mutex
	closed  bool
	last    uint64
	entries map[string]memoryEntry
	expiry  expiryQueue
	timer   *time.Timer
	watches map[*memoryWatch]struct{}
}

// enter locks the bucket and brings it up to date with the clock. The caller unlocks when it returns nil.
func (b *memoryBucket) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return errClosed
	}
	b.expire()
	return nil
}

func (b *memoryBucket) Get(ctx context.Context, key string) (Entry, error) {
	if err := checkKey(key); err != nil {
		return Entry{}, err
	}
	if err := b.enter(ctx); err != nil {
		return Entry{}, err
	}
	defer b.mu.Unlock()
	e, ok := b.entries[key]
	if !ok {
		return Entry{}, fmt.Errorf("reading %s: %w", key, ErrNotFound)
	}
	return Entry{Key: key, Value: bytes.Clone(e.value), Revision: e.revision}, nil
}

func (b *memoryBucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return b.write(ctx, key, value, func(uint64) bool { return true })
}

func (b *memoryBucket) CompareAndSet(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return b.write(ctx, key, value, func(now uint64) bool { return now != 0 && now == revision })
}

func (b *memoryBucket) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	ttl, err := wholeSeconds(ttl)
	if err != nil {
		return 0, err
	}
	if err := checkWrite(key, value); err != nil {
		return 0, err
	}
	if err := b.enter(ctx); err != nil {
		return 0, err
	}
	defer b.mu.Unlock()
	if _, exists := b.entries[key]; exists {
		return 0, fmt.Errorf("creating %s: %w", key, ErrConflict)
	}
	revision := b.set(key, value)
	if ttl > 0 {
		b.expiry.add(expiry{at: b.store.now().Add(ttl), key: key, revision: revision})
		b.arm()
	}
	return revision, nil
}

func (b *memoryBucket) Delete(ctx context.Context, key string, revision uint64) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := b.enter(ctx); err != nil {
		return err
	}
	defer b.mu.Unlock()
	e, ok := b.entries[key]
	switch {
	case !ok:
		return fmt.Errorf("deleting %s: %w", key, ErrNotFound)
	case revision != 0 && revision != e.revision:
		return fmt.Errorf("deleting %s: %w", key, ErrConflict)
	}
	b.remove(key)
	return nil
}

// write sets the key when its revision, 0 without a value, is accepted.
func (b *memoryBucket) write(ctx context.Context, key string, value []byte, accept func(revision uint64) bool) (uint64, error) {
	if err := checkWrite(key, value); err != nil {
		return 0, err
	}
	if err := b.enter(ctx); err != nil {
		return 0, err
	}
	defer b.mu.Unlock()
	if !accept(b.entries[key].revision) {
		return 0, fmt.Errorf("writing %s: %w", key, ErrConflict)
	}
	return b.set(key, value), nil
}

func (b *memoryBucket) set(key string, value []byte) uint64 {
	b.last++
	e := memoryEntry{value: bytes.Clone(value), revision: b.last}
	b.entries[key] = e
	b.publish(Event{Entry: Entry{Key: key, Value: e.value, Revision: e.revision}})
	return e.revision
}

func (b *memoryBucket) remove(key string) {
	b.last++
	delete(b.entries, key)
	b.publish(Event{Entry: Entry{Key: key, Revision: b.last}, Deleted: true})
}

func (b *memoryBucket) publish(event Event) {
	for w := range b.watches {
		w.push(event)
	}
}

// expire removes what is overdue. A key written again since has another revision and stays.
func (b *memoryBucket) expire() {
	for {
		due, ok := b.expiry.due(b.store.now())
		if !ok {
			return
		}
		if e, exists := b.entries[due.key]; exists && e.revision == due.revision {
			b.remove(due.key)
		}
	}
}

// arm sets the timer for the earliest expiry, so that watchers hear of it without a further call.
func (b *memoryBucket) arm() {
	at, ok := b.expiry.next()
	if !ok || b.closed {
		return
	}
	wait := max(at.Sub(b.store.now()), time.Millisecond)
	if b.timer != nil {
		b.timer.Reset(wait)
		return
	}
	b.timer = time.AfterFunc(wait, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.closed {
			return
		}
		b.expire()
		b.arm()
	})
}

func (b *memoryBucket) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.timer != nil {
		b.timer.Stop()
	}
	clear(b.entries)
}

// Watch registers before it returns, so that no later change can be missed.
func (b *memoryBucket) Watch(ctx context.Context) (<-chan Event, error) {
	if err := b.enter(ctx); err != nil {
		return nil, err
	}
	defer b.mu.Unlock()
	present := make([]Event, 0, len(b.entries)+1)
	for key, e := range b.entries {
		present = append(present, Event{Entry: Entry{Key: key, Value: e.value, Revision: e.revision}})
	}
	slices.SortFunc(present, func(x, y Event) int { return cmp.Compare(x.Revision, y.Revision) })
	w := newMemoryWatch(append(present, Event{Synced: true}))
	b.watches[w] = struct{}{}
	b.store.watches.Go(func() {
		w.run(ctx, b.store.done)
		b.mu.Lock()
		delete(b.watches, w)
		b.mu.Unlock()
		close(w.out)
	})
	return w.out, nil
}
