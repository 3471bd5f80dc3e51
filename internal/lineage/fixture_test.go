package lineage

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
)

// world is a mesh on a clock of its own: time passes only where the test lets it.
type world struct {
	*testing.T
	store  *store.Memory
	bucket *faulty
	count  int
}

func under(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, store: store.NewMemory(time.Now)}
		t.Cleanup(func() { _ = w.store.Close() })
		w.bucket = &faulty{}
		w.fresh()
		test(w)
	})
}

// fresh has the bucket be an empty one from now on, as when the servers that kept it are gone: what followed it is cut off.
func (w *world) fresh() {
	w.count++
	b, err := w.store.Volatile(w.Context(), fmt.Sprint("lineage-", w.count))
	if err != nil {
		w.Fatal(err)
	}
	w.bucket.inner.Store(&b)
	w.bucket.cut()
}

// start begins a process.
func (w *world) start(bucket store.Bucket) *Ledger {
	w.Helper()
	w.count++
	l, err := Open(w.Context(), Config{
		Bucket: bucket, Process: fmt.Sprint("p", w.count), Linger: time.Minute, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { kill(l) })
	return l
}

// kill ends the process at once.
func kill(l *Ledger) {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = l.Close(now) // says that something was left, where it was
}

func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// serve has the callee b serve a call at a process.
func (w *world) serve(l *Ledger, by agent.ID, trace string, limit time.Duration) *Call {
	w.Helper()
	c, err := l.Serve(w.Context(), "b", served(by, trace, agent.User), limit, time.Now())
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// sees checks whom b serves, as a process knows it.
func (w *world) sees(l *Ledger, want ...agent.ID) {
	w.Helper()
	synctest.Wait()
	if got := by(l.All("b", time.Now(), nil)); fmt.Sprint(got) != fmt.Sprint(want) {
		w.Errorf("b serves %v, want %v", got, want)
	}
}

// keys returns what stands in the bucket beside the epoch.
func (w *world) keys() (keys []string) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	events, err := (*w.bucket.inner.Load()).Watch(ctx)
	if err != nil {
		w.Fatal(err)
	}
	for e := range events {
		if e.Synced {
			return keys
		}
		if e.Key != epochKey {
			keys = append(keys, e.Key)
		}
	}
	return keys
}

// faulty is a bucket that can fail, hang, fall silent or turn into another one.
type faulty struct {
	store.Bucket
	inner         atomic.Pointer[store.Bucket]
	fails, silent atomic.Bool
	hangs         atomic.Bool
	watching      atomic.Pointer[context.CancelFunc]
}

// cut breaks what follows the bucket.
func (f *faulty) cut() {
	if end := f.watching.Swap(nil); end != nil {
		(*end)()
	}
}

func (f *faulty) err(ctx context.Context) error {
	if f.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if f.fails.Load() {
		return store.ErrUnavailable
	}
	return nil
}

func (f *faulty) Get(ctx context.Context, key string) (store.Entry, error) {
	if err := f.err(ctx); err != nil {
		return store.Entry{}, err
	}
	return (*f.inner.Load()).Get(ctx, key)
}

func (f *faulty) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	if err := f.err(ctx); err != nil {
		return 0, err
	}
	return (*f.inner.Load()).Create(ctx, key, value, ttl)
}

func (f *faulty) Delete(ctx context.Context, key string, revision uint64) error {
	if err := f.err(ctx); err != nil {
		return err
	}
	return (*f.inner.Load()).Delete(ctx, key, revision)
}

// Watch tells nothing while the bucket is silent. The last one can be cut.
func (f *faulty) Watch(ctx context.Context) (<-chan store.Event, error) {
	if f.fails.Load() || f.hangs.Load() {
		return nil, store.ErrUnavailable
	}
	ctx, end := context.WithCancel(ctx)
	f.watching.Store(&end)
	events, err := (*f.inner.Load()).Watch(ctx)
	if err != nil {
		return nil, err
	}
	out := make(chan store.Event)
	go func() {
		defer close(out)
		for e := range events {
			if f.silent.Load() {
				<-ctx.Done()
				return
			}
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}
