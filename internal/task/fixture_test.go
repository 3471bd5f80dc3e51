package task_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const day = 24 * time.Hour

var (
	first  = task.Ref{Callee: "booking", Task: "t-1"}
	second = task.Ref{Callee: "booking", Task: "t-2"}
)

// bubble runs a test on a clock of its own, on which time passes only when every goroutine waits.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// failing is a bucket whose calls can be made to fail, and are counted.
type failing struct {
	store.Bucket
	gate chan struct{} // not nil: Create waits for it

	mu            sync.Mutex
	down          bool
	gets, creates int
}

func (f *failing) enter(count *int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if count != nil {
		*count++
	}
	if f.down {
		return store.ErrUnavailable
	}
	return nil
}

func (f *failing) set(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

func (f *failing) count() (gets, creates int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gets, f.creates
}

func (f *failing) Get(ctx context.Context, key string) (store.Entry, error) {
	if err := f.enter(&f.gets); err != nil {
		return store.Entry{}, err
	}
	return f.Bucket.Get(ctx, key)
}

func (f *failing) Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error) {
	if err := f.enter(&f.creates); err != nil {
		return 0, err
	}
	if f.gate != nil {
		<-f.gate
	}
	return f.Bucket.Create(ctx, key, value, ttl)
}

func (f *failing) CompareAndSet(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if err := f.enter(nil); err != nil {
		return 0, err
	}
	return f.Bucket.CompareAndSet(ctx, key, value, revision)
}

func (f *failing) Watch(ctx context.Context) (<-chan store.Event, error) {
	if err := f.enter(nil); err != nil {
		return nil, err
	}
	return f.Bucket.Watch(ctx)
}

// unwatched is a bucket that tells nothing by itself.
type unwatched struct{ store.Bucket }

func (unwatched) Watch(context.Context) (<-chan store.Event, error) {
	return nil, store.ErrUnavailable
}

// newBucket returns a bucket whose expiries follow the bubble's clock.
func newBucket(t *testing.T) *failing {
	t.Helper()
	memory := store.NewMemory(time.Now)
	t.Cleanup(func() {
		if err := memory.Close(); err != nil {
			t.Error(err)
		}
	})
	bucket, err := memory.Bucket(t.Context(), "tasks")
	if err != nil {
		t.Fatal(err)
	}
	return &failing{Bucket: bucket}
}

func settings(bucket store.Bucket) task.Config {
	return task.Config{
		Bucket: bucket, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Memory: 100, Retention: 30 * day, Finished: day,
	}
}

// open returns a ledger that is closed at the end of the test; what it could not store then is no error.
func open(t *testing.T, config task.Config) *task.Ledger {
	t.Helper()
	ledger := task.Open(t.Context(), config)
	t.Cleanup(func() { closeWithin(ledger, time.Second) }) //nolint:errcheck // tests of Close look at its error themselves
	return ledger
}

func closeWithin(ledger *task.Ledger, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return ledger.Close(ctx)
}

func by(name agent.ID) task.Owner {
	return task.Owner{Agent: name, DID: "did:mesh:" + string(name), Context: "c-1"}
}

func learn(t *testing.T, ledger *task.Ledger, ref task.Ref, owner task.Owner) agent.ID {
	t.Helper()
	got, err := ledger.Learn(t.Context(), ref, owner, task.Running)
	if err != nil {
		t.Fatalf("Learn(%v) = %v", ref, err)
	}
	return got.Agent
}

// wantOwner fails unless the task belongs to the named agent, to nobody when the name is empty.
func wantOwner(t *testing.T, ledger *task.Ledger, ref task.Ref, want agent.ID) {
	t.Helper()
	got, err := ledger.Owner(t.Context(), "asker", ref)
	switch {
	case want == "" && err != task.ErrUnowned: //nolint:errorlint // the sentinel itself is the promise
		t.Errorf("Owner(%v) = %v, %v, want nobody", ref, got.Agent, err)
	case want != "" && (err != nil || got.Agent != want):
		t.Errorf("Owner(%v) = %q, %v, want %s", ref, got.Agent, err, want)
	}
}
