// Package mirror keeps what a bucket of the store holds in memory, decoded once, so that decisions read it without
// waiting: the mesh's processes write to the store, and every mirror has the news a moment later.
package mirror

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ringfence.dev/ringfence/internal/shards"
	"ringfence.dev/ringfence/internal/store"
)

// ackTimeout bounds how long a stored write, or a removal, may take to show in the mirror.
const ackTimeout = 5 * time.Second

// Config says what a Mirror reflects. All fields are required but Changed.
type Config[V any] struct {
	// Bucket is reflected.
	Bucket store.Bucket
	// Kind says what the values are, in the plural, for logs and errors.
	Kind string
	// Decode reads an entry. One that cannot be read counts as absent, and the log says so; where that would grant
	// something, Decode has to return a value that denies instead of an error.
	Decode func(store.Entry) (V, error)
	// Now is the clock.
	Now func() time.Time
	// Logger is told about entries that cannot be read and about lost watches.
	Logger *slog.Logger
	// Changed is told the keys of each change after the image has it. It must not block; nil tells nobody.
	Changed func(keys []string)
}

// Mirror is the image of a bucket. Every method may be called by many goroutines at once.
type Mirror[V any] struct {
	config Config[V]
	image  atomic.Pointer[Image[V]]
	stop   context.CancelFunc
	done   chan struct{}
	lostAt atomic.Int64 // Unix nanoseconds since when nothing is followed; 0 while the watch lives

	mu     sync.Mutex
	begun  uint64 // watches that began
	synced uint64 // the number of the last one whose listing is in the image
	closed bool
	news   chan struct{} // closed at the next change of the image or of the watch
}

// Image is what the bucket held at one moment. It is immutable. The zero value is that of an empty bucket.
type Image[V any] struct {
	values   shards.Table[Value[V]]
	revision uint64
}

// Value is one decoded entry.
type Value[V any] struct {
	// Value is what Decode returned.
	Value V
	// Revision is that of the entry's last write.
	Revision uint64
}

// Get returns the value of a key. A nil image has none.
func (i *Image[V]) Get(key string) (Value[V], bool) {
	if i == nil {
		return Value[V]{}, false
	}
	return i.values.Get(key)
}

// Table returns every value by its key.
func (i *Image[V]) Table() *shards.Table[Value[V]] {
	if i == nil {
		return &shards.Table[Value[V]]{}
	}
	return &i.values
}

// Revision is that of the last write which the image reflects.
func (i *Image[V]) Revision() uint64 {
	if i == nil {
		return 0
	}
	return i.revision
}

// Open loads the bucket and follows it until Close. It returns when what is stored at the moment is in the image; ctx
// bounds that alone.
func Open[V any](ctx context.Context, config Config[V]) (*Mirror[V], error) {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	m := &Mirror[V]{config: config, stop: stop, done: make(chan struct{}), news: make(chan struct{})}
	m.image.Store(&Image[V]{})
	m.lostAt.Store(config.Now().UnixNano())
	go m.follow(background)
	if err := m.await(ctx, func() bool { return m.synced > 0 }); err != nil {
		m.Close()
		return nil, fmt.Errorf("loading %s: %w", config.Kind, err)
	}
	return m, nil
}

// Close stops following the bucket. The last image stays readable.
func (m *Mirror[V]) Close() {
	m.stop()
	<-m.done
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		m.announce()
	}
}

// Image returns what the bucket holds, as far as it is known now. It is never nil.
func (m *Mirror[V]) Image() *Image[V] { return m.image.Load() }

// Behind returns for how long the image may have missed changes at the moment now: zero while the bucket is followed.
func (m *Mirror[V]) Behind(now time.Time) time.Duration {
	lost := m.lostAt.Load()
	if lost == 0 {
		return 0
	}
	return max(now.Sub(time.Unix(0, lost)), 1)
}

// Healthy returns nil while the image follows the store.
func (m *Mirror[V]) Healthy() error {
	if m.lostAt.Load() != 0 {
		return fmt.Errorf("following %s: %w", m.config.Kind, store.ErrUnavailable)
	}
	return nil
}

// Await returns when the image reflects the write of the revision.
func (m *Mirror[V]) Await(ctx context.Context, revision uint64) error {
	if err := m.acked(ctx, m.reflects(revision)); err != nil {
		return fmt.Errorf("%s stored, but not yet visible: %w", m.config.Kind, err)
	}
	return nil
}

// Gone returns when the image no longer has what the write of the revision made of the key, which was removed, or written
// anew, since.
func (m *Mirror[V]) Gone(ctx context.Context, key string, revision uint64) error {
	reflects := m.reflects(revision)
	err := m.acked(ctx, func() bool {
		value, ok := m.Image().Get(key)
		return reflects() && (!ok || value.Revision > revision)
	})
	if err != nil {
		return fmt.Errorf("%s removed, but still visible: %w", m.config.Kind, err)
	}
	return nil
}

// reflects returns whether the image has what was stored up to the revision. A listing that begins after this call has it
// in any case. What is returned is called with m.mu held.
func (m *Mirror[V]) reflects(revision uint64) func() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	begun := m.begun
	return func() bool { return m.Image().Revision() >= revision || m.synced > begun }
}

// acked is await for as long as a stored write may take to show.
func (m *Mirror[V]) acked(ctx context.Context, reached func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	return m.await(ctx, reached)
}

// await returns nil as soon as reached returns true. That is called with m.mu held, at once and at every change.
func (m *Mirror[V]) await(ctx context.Context, reached func() bool) error {
	for {
		m.mu.Lock()
		ok, closed, news := reached(), m.closed, m.news
		m.mu.Unlock()
		switch {
		case ok:
			return nil
		case closed:
			return fmt.Errorf("the mirror is closed: %w", store.ErrUnavailable)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
		}
	}
}

// announce wakes everybody in await. m.mu is held.
func (m *Mirror[V]) announce() {
	close(m.news)
	m.news = make(chan struct{})
}
