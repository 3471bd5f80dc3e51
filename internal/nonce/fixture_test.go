package nonce

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/identity"
	"ringfence.dev/ringfence/internal/store"
)

// noon is when the tests begin.
var noon = time.Unix(1_795_000_000, 0).UTC()

// proof is one that is made at a moment and lives a minute.
func proof(id string, created time.Time) identity.Proof {
	created = created.Truncate(time.Second)
	return identity.Proof{Key: "key", Nonce: id, Created: created, Expires: created.Add(time.Minute)}
}

// outcome is ok, the reason of a refusal, or undecided.
func outcome(err error) string {
	var refusal *identity.Refusal
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &refusal):
		return refusal.Reason.String()
	default:
		return "undecided"
	}
}

// mesh is the store of several processes, and their clock.
type mesh struct {
	now    time.Time    // as the tests see it
	clock  atomic.Int64 // as the store does, Unix nanoseconds
	store  *store.Memory
	shared *losable
	ahead  store.Bucket
	lives  int
}

func newMesh(tb testing.TB) *mesh {
	tb.Helper()
	m := &mesh{shared: &losable{}}
	m.set(noon)
	m.store = store.NewMemory(func() time.Time { return time.Unix(0, m.clock.Load()) })
	tb.Cleanup(func() { _ = m.store.Close() })
	var err error
	if m.ahead, err = m.store.Bucket(context.Background(), "ahead"); err != nil {
		tb.Fatal(err)
	}
	m.lose(tb)
	return m
}

func (m *mesh) set(now time.Time) {
	m.now = now
	m.clock.Store(now.UnixNano())
}

// lose empties the shared memory, as when the servers that kept it are gone.
func (m *mesh) lose(tb testing.TB) {
	tb.Helper()
	m.lives++
	b, err := m.store.Volatile(context.Background(), "nonces-"+strconv.Itoa(m.lives))
	if err != nil {
		tb.Fatal(err)
	}
	m.shared.inner.Store(&b)
}

// start begins a process that knows both buckets.
func (m *mesh) start(tb testing.TB) *Guard {
	tb.Helper()
	return m.open(tb, Config{Shared: m.shared, Ahead: m.ahead})
}

// open begins a process. Its local memory knows nothing of any earlier one, and a busy machine does not hurry it.
func (m *mesh) open(tb testing.TB, config Config) *Guard {
	tb.Helper()
	config.Local, config.Timeout = identity.NewReplay(m.now, 1<<20), time.Minute
	g, err := Open(context.Background(), config, m.now)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// losable is a bucket that can turn into another one.
type losable struct {
	store.Bucket
	inner atomic.Pointer[store.Bucket]
}

func (l *losable) Get(ctx context.Context, key string) (store.Entry, error) {
	return (*l.inner.Load()).Get(ctx, key)
}

func (l *losable) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	return (*l.inner.Load()).Create(ctx, key, value, ttl)
}

// broken is a bucket that fails, or waits for as long as it may, when its time has come.
type broken struct {
	store.Bucket
	get, create error
	hangs       bool
}

func (b *broken) wait(ctx context.Context, err error) error {
	if b.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (b *broken) Get(ctx context.Context, key string) (store.Entry, error) {
	if err := b.wait(ctx, b.get); err != nil {
		return store.Entry{}, err
	}
	return b.Bucket.Get(ctx, key)
}

func (b *broken) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	if err := b.wait(ctx, b.create); err != nil {
		return 0, err
	}
	return b.Bucket.Create(ctx, key, value, ttl)
}
