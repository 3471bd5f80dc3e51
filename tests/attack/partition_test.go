package attack

import (
	"context"
	"sync"
	"time"

	"ringfence.dev/ringfence/internal/store"
)

// line is one process's way to the store that all share. Each bucket behind it can be cut off.
type line struct {
	store.Store

	mu   sync.Mutex
	cuts map[string]bool
	full map[string]bool
	ends map[string][]context.CancelFunc // those of the watches, by bucket
}

func newLine(s store.Store) *line {
	return &line{Store: s, cuts: map[string]bool{}, full: map[string]bool{}, ends: map[string][]context.CancelFunc{}}
}

// Bucket opens a durable bucket.
func (l *line) Bucket(ctx context.Context, name string) (store.Bucket, error) {
	b, err := l.Store.Bucket(ctx, name)
	return &reached{Bucket: b, line: l, name: name}, err
}

// Volatile opens a bucket in memory.
func (l *line) Volatile(ctx context.Context, name string) (store.Bucket, error) {
	b, err := l.Store.Volatile(ctx, name)
	return &reached{Bucket: b, line: l, name: name}, err
}

// cut makes a bucket unreachable: its watches break, and its calls fail.
func (l *line) cut(names ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		l.cuts[name] = true
		for _, end := range l.ends[name] {
			end()
		}
		l.ends[name] = nil
	}
}

// mend makes a bucket reachable again.
func (l *line) mend(names ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		delete(l.cuts, name)
		delete(l.full, name)
	}
}

// fill makes the writes of a bucket fail, as a full disk does: what is stored can still be read and followed.
func (l *line) fill(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full[name] = true
}

// reached is a bucket at the end of a line.
type reached struct {
	store.Bucket
	line *line
	name string
}

func (b *reached) err(write bool) error {
	b.line.mu.Lock()
	defer b.line.mu.Unlock()
	if b.line.cuts[b.name] || write && b.line.full[b.name] {
		return store.ErrUnavailable
	}
	return nil
}

func (b *reached) Get(ctx context.Context, key string) (store.Entry, error) {
	if err := b.err(false); err != nil {
		return store.Entry{}, err
	}
	return b.Bucket.Get(ctx, key)
}

func (b *reached) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	if err := b.err(true); err != nil {
		return 0, err
	}
	return b.Bucket.Put(ctx, key, value)
}

func (b *reached) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	if err := b.err(true); err != nil {
		return 0, err
	}
	return b.Bucket.Create(ctx, key, value, ttl)
}

func (b *reached) CompareAndSet(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if err := b.err(true); err != nil {
		return 0, err
	}
	return b.Bucket.CompareAndSet(ctx, key, value, revision)
}

func (b *reached) Delete(ctx context.Context, key string, revision uint64) error {
	if err := b.err(true); err != nil {
		return err
	}
	return b.Bucket.Delete(ctx, key, revision)
}

func (b *reached) Watch(ctx context.Context) (<-chan store.Event, error) {
	if err := b.err(false); err != nil {
		return nil, err
	}
	watching, end := context.WithCancel(ctx)
	b.line.mu.Lock()
	b.line.ends[b.name] = append(b.line.ends[b.name], end)
	b.line.mu.Unlock()
	return b.Bucket.Watch(watching)
}
